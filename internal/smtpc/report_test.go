package smtpc

import (
	"fmt"
	"testing"

	"yubin/internal/ipc"
	"yubin/test/peer"
)

// What qmgr is told to tell senders, by what the server can do.
func TestReport(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		lmtp bool
		ehlo []string
		main []string
		want string
	}{
		{"DSN", false, []string{"DSN"}, nil, ""},
		{"no DSN", false, []string{"8BITMIME"}, nil, ipc.Relayed},
		{"DSN that is not used", false, []string{"DSN"}, []string{"smtp_discard_ehlo_keywords = dsn"}, ipc.Relayed},
		{"LMTP", true, []string{"8BITMIME"}, nil, ipc.Relayed},
		{"LMTP, the mailboxes", true, []string{"8BITMIME"}, []string{"lmtp_assume_final = yes"}, ipc.Delivered},
		{"LMTP with DSN", true, []string{"DSN"}, []string{"lmtp_assume_final = yes"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := peer.Start(t, peer.Options{LMTP: c.lmtp, Ehlo: c.ehlo})
			r := newRig(t, rigOptions{lmtp: c.lmtp, main: c.main})
			hop := fmt.Sprintf("[127.0.0.1]:%d", p.Port())
			if c.lmtp {
				hop = "inet:" + hop
			}
			if got := r.deliver(hop, "a: b\n", "bob@far.test")[0]; got.Status != ipc.Sent || got.Report != c.want {
				t.Errorf("got %+v, want report %q", got, c.want)
			}
		})
	}
}
