package login

import (
	"context"
	"encoding/base64"
	"errors"

	"yubin/internal/talk"
)

// MaxResponse is the longest line that answers a challenge, octets. RFC 5034, 4,
// has 12,288 at least.
const MaxResponse = 16 << 10

// InitialResponse reads the initial response of AUTH and AUTHENTICATE: base64, or
// "=", which is there and empty. The result is not nil.
func InitialResponse(s string) (b []byte, ok bool) {
	if s == "=" {
		return []byte{}, true
	}
	b, err := base64.StdEncoding.AppendDecode([]byte{}, []byte(s))
	return b, err == nil
}

// Ask is what Login asks the client with, where challenges and responses are
// lines of base64, as in POP3 and IMAP: "+ " comes before a challenge, and "*",
// or what is no base64, gives up. A line that is too long gives up too, and its
// error is talk.ErrLong as well.
func (c *Client) Ask(ctx context.Context) func(challenge []byte) ([]byte, error) {
	return func(challenge []byte) ([]byte, error) {
		if err := c.Printf("+ %s\r\n", base64.StdEncoding.EncodeToString(challenge)); err != nil {
			return nil, err
		}
		line, err := c.Next(ctx, MaxResponse)
		if errors.Is(err, talk.ErrLong) {
			return nil, errors.Join(ErrCancelled, err)
		}
		if err != nil {
			return nil, err
		}
		if response, ok := InitialResponse(string(line)); ok && string(line) != "=" {
			return response, nil
		}
		return nil, ErrCancelled
	}
}
