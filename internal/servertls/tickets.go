package servertls

import (
	"crypto/tls"
	"encoding/binary"
	"time"
)

// limitTickets has sessions taken up again for some time only; the library's
// own bound is a week. What is sealed in a ticket, the client cannot change.
func limitTickets(c *tls.Config, lifetime time.Duration) {
	if lifetime == 0 {
		c.SessionTicketsDisabled = true
		return
	}
	c.WrapSession = func(cs tls.ConnectionState, s *tls.SessionState) ([]byte, error) {
		s.Extra = append(s.Extra, binary.BigEndian.AppendUint64([]byte(stampLabel), uint64(time.Now().Unix())))
		return c.EncryptTicket(cs, s)
	}
	c.UnwrapSession = func(ticket []byte, cs tls.ConnectionState) (*tls.SessionState, error) {
		s, err := c.DecryptTicket(ticket, cs)
		if err != nil || s == nil {
			return s, err
		}
		if made, ok := stampOf(s); !ok || time.Since(made) > lifetime {
			return nil, nil // a full handshake, then
		}
		return s, nil
	}
}

// stampLabel stands before the time at which a session began.
const stampLabel = "yubin "

func stampOf(s *tls.SessionState) (time.Time, bool) {
	for _, e := range s.Extra {
		if len(e) == len(stampLabel)+8 && string(e[:len(stampLabel)]) == stampLabel {
			return time.Unix(int64(binary.BigEndian.Uint64(e[len(stampLabel):])), 0), true
		}
	}
	return time.Time{}, false
}
