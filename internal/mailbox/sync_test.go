package mailbox

import "testing"

// A message that another program moves from cur/ to new/ between the readings of
// the two is in neither, and has not gone: it keeps its UID.
func TestMovedBetweenReadings(t *testing.T) {
	t.Parallel()
	b := newBox(t, "cur/1.h:2,", "cur/2.h:2,S")
	v := b.view(Peek)
	b.want(v, "1 1.h:2,", "2 2.h:2,S")
	b.settle()
	moved := false
	setFault(b, v, func(op, name string) error {
		if op == "read" && name == "cur" && !moved {
			moved = true
			b.mv("cur/2.h:2,S", "new/2.h")
			b.settle() // the machine was busy for a while
		}
		return nil
	})
	if _, err := v.refresh(true); err != nil {
		t.Fatal(err)
	}
	if !moved {
		t.Fatal("cur/ was not read")
	}
	b.want(v, "1 1.h:2,", "2 2.h:2,")
	b.mv("new/2.h", "cur/2.h:2,S")
	refresh(t, v)
	b.want(v, "1 1.h:2,", "2 2.h:2,S")
}
