package mailbox

import (
	"errors"
	"strings"
	"testing"
)

// A message comes in place of another: both happen, or neither, and who looks
// on sees one change.
func TestCommitInPlaceOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, to string
		hinder   func(b *box, v *View) // what happens while the message comes
		want     error
		inbox    int // messages afterwards
		sent     int
	}{
		{"same folder", Inbox, func(*box, *View) {}, nil, 2, 0},
		{"another folder", "Sent", func(*box, *View) {}, nil, 1, 1},
		{"gone before", Inbox, func(b *box, _ *View) { b.rm("cur/1.h:2,") }, ErrGone, 1, 0},
		{"gone before, another folder", "Sent", func(b *box, _ *View) { b.rm("cur/1.h:2,") }, ErrGone, 1, 0},
		{"renamed before", Inbox, func(b *box, _ *View) { b.mv("cur/1.h:2,", "cur/1.h:2,S") }, nil, 2, 0},
		{"it cannot be removed", Inbox, func(b *box, v *View) { setFault(b, v, keepOld) }, errCrashed, 2, 0},
		{"it cannot be removed, another folder", "Sent", func(b *box, v *View) { setFault(b, v, keepOld) }, errCrashed, 2, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, "cur/1.h:2,", "cur/2.h:2,")
			if err := b.tree.Create("Sent"); err != nil {
				t.Fatal(err)
			}
			v, other := b.view(ReadWrite), b.view(Peek)
			a, err := b.tree.Append(c.to)
			if err != nil {
				t.Fatal(err)
			}
			if err := a.Message(strings.NewReader("A: b\n"), Attributes{}); err != nil {
				t.Fatal(err)
			}
			c.hinder(b, v)
			_, uids, err := a.CommitInPlaceOf(v, 1)
			if !errors.Is(err, c.want) || c.want == nil && (err != nil || len(uids) != 1) {
				t.Errorf("UIDs %v, %v; want %v", uids, err, c.want)
			}
			setFault(b, v, nil)
			if _, err := other.Refresh(); err != nil || other.Snapshot().Len() != c.inbox {
				t.Errorf("%d messages in INBOX, %v; want %d", other.Snapshot().Len(), err, c.inbox)
			}
			w, err := b.tree.Open("Sent", Peek)
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			if n := w.Snapshot().Len(); n != c.sent {
				t.Errorf("%d messages in Sent, want %d", n, c.sent)
			}
		})
	}
}

// keepOld lets nobody remove message 1.
func keepOld(op, name string) error {
	if op == "remove" && strings.HasPrefix(name, "1.h") {
		return errCrashed
	}
	return nil
}
