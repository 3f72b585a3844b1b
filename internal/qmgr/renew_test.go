package qmgr

import (
	"fmt"
	"strings"
	"testing"

	"yubin/internal/ipc"
)

// Members that are in their list no more have it expanded anew once for all of
// them, and not without end.
func TestRenew(t *testing.T) {
	t.Parallel()
	const members = 40
	r := newRig(t)
	r.answer(func(q *ipc.Request, content string) *ipc.Reply {
		p := &ipc.Reply{N: q.N}
		for _, rc := range q.Recipients {
			if rc.Address != "list@example.org" {
				p.Results = append(p.Results, deliverAll(&ipc.Request{Recipients: []ipc.Recipient{rc}}, content).Results...)
				continue
			}
			// What stands in the list is another command in each message.
			res := ipc.Result{Index: rc.Index, Status: ipc.Expanded, Anew: rc.Member != "", To: []ipc.Target{{Address: "ann@example.org"}}}
			for n := range members {
				res.To = append(res.To, ipc.Target{Address: "list@example.org", Member: fmt.Sprintf("|%s-%d", q.ID, n)})
			}
			p.Results = append(p.Results, res)
		}
		return p
	})
	r.start()
	r.writer().commit(envelope("eve@example.com", "list@example.org"), "x\n")
	r.settled()
	r.stopAll()
	if got := len(r.got("ann@example.org")); got != 1+maxAnew {
		t.Errorf("ann has %d copies, want %d", got, 1+maxAnew)
	}
	if n := strings.Count(r.lines(), "the list has changed too often while the message waited"); n != members {
		t.Errorf("%d members have bounced, want %d", n, members)
	}
}
