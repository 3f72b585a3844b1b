package qmgr

import (
	"strings"
	"sync"
	"testing"

	"yubin/internal/ipc"
)

// A recipient that an agent hands on goes to the other transport in the same
// attempt; a circle ends in a deferral.
func TestRedirect(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		says map[string]ipc.Result // by transport
		path string                // transports and next hops, in turn
		log  string
	}{
		"another transport": {map[string]ipc.Result{
			"local": {Status: ipc.Redirected, Transport: "lmtp", Nexthop: "unix:x"},
		}, "local:here lmtp:unix:x", "status=sent"},
		"the same next hop": {map[string]ipc.Result{
			"local": {Status: ipc.Redirected, Transport: "virtual"},
		}, "local:here virtual:here", "status=sent"},
		"error": {map[string]ipc.Result{
			"local": {Status: ipc.Redirected, Transport: "error", Nexthop: "5.2.1 closed"},
		}, "local:here local:here", "dsn=5.2.1, status=bounced (closed)"}, // and so is the notice
		"discard": {map[string]ipc.Result{
			"local": {Status: ipc.Redirected, Transport: "discard"},
		}, "local:here", "status=sent (discarded)"},
		"itself": {map[string]ipc.Result{
			"local": {Status: ipc.Redirected, Transport: "local"},
		}, "local:here", "dsn=4.3.5, status=deferred (mail transports hand the recipient on in a circle)"},
		"a circle": {map[string]ipc.Result{
			"local": {Status: ipc.Redirected, Transport: "lmtp"}, "lmtp": {Status: ipc.Redirected, Transport: "local"},
		}, "local:here lmtp:here local:here lmtp:here", "in a circle"},
		"without a transport": {map[string]ipc.Result{"local": {Status: ipc.Redirected}}, "local:here", "status=deferred"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			var mu sync.Mutex
			var path []string
			r.answer(func(q *ipc.Request, content string) *ipc.Reply {
				mu.Lock()
				path = append(path, q.Transport+":"+q.Nexthop)
				mu.Unlock()
				res, ok := c.says[q.Transport]
				if !ok {
					return deliverAll(q, content)
				}
				p := &ipc.Reply{N: q.N}
				for _, rc := range q.Recipients {
					res.Index = rc.Index
					p.Results = append(p.Results, res)
				}
				return p
			})
			r.start()
			r.writer().commit(envelope("ann@mx.example", "bob@mx.example"), "x\n")
			r.wait("the attempt has ended", func(s *scheduler) bool { return s.atRest() })
			r.stopAll()
			r.logged(c.log)
			mu.Lock()
			defer mu.Unlock()
			if got := strings.Join(path, " "); got != c.path {
				t.Errorf("went %s, want %s", got, c.path)
			}
		})
	}
}
