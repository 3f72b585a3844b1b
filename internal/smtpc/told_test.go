package smtpc

import (
	"fmt"
	"strings"
	"testing"

	"yubin/test/peer"
)

// Which sessions go to the postmaster, with the result that they brought.
func TestSessionsTold(t *testing.T) {
	t.Parallel()
	const protocol = "notify_classes = protocol"
	for _, c := range []struct {
		name   string
		main   string
		script peer.Script
		want   string // texts apart by "|"; "": it is not told
	}{
		{"all is well", protocol, nil, ""},
		{"no such user", protocol, peer.Script{"RCPT": "550 5.1.1 no"}, ""},
		{"put off", protocol, peer.Script{"MAIL": "451 4.7.1 later"}, ""},
		{"syntax", protocol, peer.Script{"RCPT": "501 5.5.4 bad address"}, "Out: MAIL FROM:<ann@own.test>|Out: RCPT TO:<bob@far.test>\n|In:  501 5.5.4 bad address\n"},
		{"parameters", protocol, peer.Script{"MAIL": "555 5.5.4 what is SIZE"}, "In:  555 5.5.4 what is SIZE\n"},
		{"what follows from a refusal", protocol, peer.Script{"RCPT": "450 4.2.0 later", "DATA": "503 5.5.1 what"}, ""},
		{"no EHLO", protocol, peer.Script{"EHLO": "502 5.5.1 what"}, ""},
		{"garbled", protocol, peer.Script{"MAIL": "hello\x1b"}, "Out: MAIL|reason: host 127.0.0.1[127.0.0.1] sent a garbled reply while sending MAIL FROM"},
		{"not wanted", "notify_classes = resource, software, bounce", peer.Script{"RCPT": "501 5.5.4 bad address"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := peer.Start(t, peer.Options{Script: c.script})
			r := newRig(t, rigOptions{main: []string{c.main}})
			res := r.deliver(fmt.Sprintf("[127.0.0.1]:%d", p.Port()), "a: b\n\nsecret\n", "bob@far.test")
			said := res[0].Session
			if (said != nil) != (c.want != "") {
				t.Fatalf("told: %+v, want %q", said, c.want)
			}
			if said == nil {
				return
			}
			text := said.Text + "reason: " + said.Reason
			for want := range strings.SplitSeq(c.want, "|") {
				if !strings.Contains(text, want) {
					t.Errorf("no %q in\n%s", want, text)
				}
			}
			if said.Peer != "127.0.0.1[127.0.0.1]" || strings.Contains(text, "secret") {
				t.Errorf("%s: %s", said.Peer, text)
			}
		})
	}
}
