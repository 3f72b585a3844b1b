package smtpc

import (
	"fmt"
	"strings"
	"testing"

	"yubin/internal/ipc"
	"yubin/internal/queue"
	"yubin/test/peer"
)

// Mail leaves with other addresses, in the envelope and the header, however
// large it is; the size that is announced is that of what is sent.
func TestGenericMaps(t *testing.T) {
	t.Parallel()
	const head = "From: Ann <ann@own.test>\nTo: bob@far.test,\n zoe@own.test\nSubject: from ann@own.test\n"
	const want = "From: Ann <ann@example.com>\r\nTo: bob@far.test,\r\n zoe.longer.name@example.com\r\nSubject: from ann@own.test\r\n"
	for name, body := range map[string]string{
		"small": "\nFrom: ann@own.test\n",
		"large": "\n" + strings.Repeat(strings.Repeat("x", 70)+"\n", maxHeld/64),
		"none":  "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := peer.Start(t, peer.Options{})
			r := newRig(t, rigOptions{main: []string{
				"smtp_generic_maps = inline:{ {ann@own.test=ann@example.com}, {zoe@own.test=zoe.longer.name@example.com}, {bob@own.test=robert@far.test} }",
			}})
			got := r.deliver(fmt.Sprintf("[127.0.0.1]:%d", p.Port()), head+body, "bob@own.test", "zoe@far.test")
			if got[0].Status != ipc.Sent || got[1].Status != ipc.Sent {
				t.Fatalf("got %+v", got)
			}
			m := p.Messages()[0]
			if data := want + strings.ReplaceAll(body, "\n", "\r\n"); m.Data != data {
				t.Errorf("DATA of %d octets begins\n%.300q\nwant %d\n%.300q", len(m.Data), m.Data, len(data), data)
			}
			if want := fmt.Sprintf("<ann@example.com> SIZE=%d", len(m.Data)); m.Mail != want {
				t.Errorf("MAIL %q, want %q", m.Mail, want)
			}
			if rcpt := strings.Join(m.Rcpt, " "); rcpt != "<robert@far.test> <zoe@far.test>" {
				t.Errorf("RCPT %s", rcpt)
			}
		})
	}
}

// A table that cannot be read has the mail wait.
func TestGenericMapsUnreadable(t *testing.T) {
	t.Parallel()
	p := peer.Start(t, peer.Options{})
	r := newRig(t, rigOptions{main: []string{"smtp_generic_maps = hash:/nowhere/generic"}})
	got := say(r.deliver(fmt.Sprintf("[127.0.0.1]:%d", p.Port()), "From: a@b.test\n\nx\n", "bob@far.test")[0])
	if want := "deferred 4.3.0 address mapping failed"; got != want || p.Conns() != 0 {
		t.Errorf("got %s over %d connections, want %s", got, p.Conns(), want)
	}
	if !strings.Contains(r.log(), "smtp_generic_maps: ") {
		t.Error("the log does not say which table")
	}
}

// The header of a binary message has CRLF, where a line becomes too long as well.
func TestGenericMapsBinary(t *testing.T) {
	t.Parallel()
	p := peer.Start(t, peer.Options{Ehlo: []string{"CHUNKING", "BINARYMIME"}})
	r := newRig(t, rigOptions{main: []string{"smtp_generic_maps = inline:{ann@own.test=ann.with.a.longer.name@example.com}"}})
	r.flags = queue.FlagBinary
	got := r.deliver(fmt.Sprintf("[127.0.0.1]:%d", p.Port()), "To: "+strings.Repeat("ann@own.test, ", 60)+"bob@far.test\r\n\r\n\x00\n", "bob@far.test")
	if got[0].Status != ipc.Sent {
		t.Fatalf("got %+v", got)
	}
	head, body, _ := strings.Cut(p.Messages()[0].Data, "\r\n\r\n")
	if n := strings.Count(head, "\n"); n == 0 || n != strings.Count(head, "\r\n") || strings.Count(head, "ann.with.a.longer.name") != 60 || body != "\x00\n" {
		t.Errorf("header %q, body %q", head, body)
	}
}
