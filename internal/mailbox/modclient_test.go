package mailbox

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"yubin/internal/durable"
)

// A client is one that does QRESYNC: what it knows of a folder.
type client struct {
	validity uint32
	highest  uint64
	known    map[uint32]string
}

func newClient(s *Snapshot) *client {
	c := &client{validity: s.UIDValidity(), highest: s.HighestModSeq(), known: map[uint32]string{}}
	for i := range s.Len() {
		c.known[s.Message(i).UID] = shown(s, i)
	}
	return c
}

func shown(s *Snapshot, i int) string {
	m := s.Message(i)
	text := fmt.Sprintf("%s %v", s.Base(i), m.Flags)
	for k := range maxKeywords {
		if m.Keywords&(1<<k) != 0 {
			text += " " + s.Keyword(k)
		}
	}
	return text
}

// resync applies what a QRESYNC SELECT tells, and wants the client to know
// then what there is (RFC 7162, 3.2.5).
func (c *client) resync(t *testing.T, when string, s *Snapshot) {
	t.Helper()
	if c.validity != s.UIDValidity() {
		return
	}
	if s.HighestModSeq() < c.highest {
		t.Errorf("%s: HIGHESTMODSEQ %d, was %d", when, s.HighestModSeq(), c.highest)
	}
	known := map[uint32]string{}
	for uid, text := range c.known {
		if !slices.ContainsFunc(s.VanishedSince(c.highest), func(r UIDRange) bool { return r.First <= uid && uid <= r.Last }) {
			known[uid] = text
		}
	}
	for _, i := range s.ChangedSince(c.highest) {
		known[s.Message(i).UID] = shown(s, i)
	}
	truth := newClient(s).known
	for uid := range s.UIDNext() {
		if known[uid] != truth[uid] {
			t.Errorf("%s, since %d: UID %d: the client has %q, there is %q", when, c.highest, uid, known[uid], truth[uid])
		}
	}
}

// flushes keeps the file as it was flushed last: what a power failure leaves at least.
func flushes(to *[]byte) *durable.Flusher {
	return durable.New(durable.Options{
		Fsync: func(f *os.File) error {
			if strings.Contains(f.Name(), modFile) {
				data, err := os.ReadFile(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
				*to = bytes.Clone(data)
				return err
			}
			return nil
		},
		Syncfs: func(*os.File) error { return nil },
	})
}
