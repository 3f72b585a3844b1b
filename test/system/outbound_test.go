package system

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"yubin/test/dns"
	"yubin/test/instance"
	"yubin/test/peer"
)

// outbound is an instance whose mail for far.test goes to a peer, by its MX.
func outbound(t *testing.T, o peer.Options, main ...string) (*instance.Instance, *peer.Peer) {
	t.Helper()
	p := peer.Start(t, o)
	d := dns.Start(t)
	d.Zone("far.test", "@ MX 10 mx\nmx A 127.0.0.1")
	return instance.New(t, instance.Options{Main: append([]string{
		"resolver_addresses = " + d.Addr(), fmt.Sprintf("smtp_tcp_port = %d", p.Port()),
	}, main...)}), p
}

// A letter leaves for another domain, byte for byte, and its story is in the log.
func TestOutbound(t *testing.T) {
	t.Parallel()
	i, p := outbound(t, peer.Options{Name: "mx.far.test"})
	sent := "From: alice@example.test\nTo: dave@far.test\nSubject: far\nDate: Wed, 25 Nov 2026 12:00:00 +0000\nMessage-ID: <1@example.test>\n\n.dots\n..\nn\xc3\xa4chste Zeile\n"
	i.Sendmail(sent, "-i", "-f", "alice@example.test", "dave@far.test", "erin@far.test")
	i.WaitLog("qmgr[", ": removed")
	m := p.Messages()
	if len(m) != 1 || len(m[0].Rcpt) != 2 {
		t.Fatalf("the peer has %+v, want one message for two", m)
	}
	if !strings.HasPrefix(m[0].Mail, "<alice@example.test> SIZE=") || !strings.HasSuffix(m[0].Mail, " BODY=8BITMIME") {
		t.Errorf("MAIL %q", m[0].Mail)
	}
	if got := body(t, "\n"+strings.ReplaceAll(m[0].Data, "\r\n", "\n")); got != sent {
		t.Errorf("got\n%q\nwant\n%q", got, sent)
	}
	for _, who := range []string{"dave", "erin"} {
		line := regexp.MustCompile(fmt.Sprintf(`postfix/smtp\[\d+\]: [0-9A-F]+: to=<%s@far\.test>, relay=mx\.far\.test\[127\.0\.0\.1\]:%d, delay=[0-9.]+, delays=[0-9./]+, dsn=2\.0\.0, status=sent \(250 2\.0\.0 Ok: queued as 4711\)\n`, who, p.Port()))
		if !line.MatchString(i.Log()) {
			t.Errorf("log has no line like %s", line)
		}
	}
}

// A recipient put off waits with the server's words, and goes with the next
// attempt; the others are not troubled again.
func TestOutboundDeferred(t *testing.T) {
	t.Parallel()
	i, p := outbound(t, peer.Options{Script: peer.Script{"RCPT dave@far.test": "450 4.2.0 <dave@far.test>: greylisted||"}})
	i.Sendmail("Subject: x\n\ny\n", "-f", "alice@example.test", "dave@far.test", "erin@far.test")
	const reason = "host mx.far.test[127.0.0.1] said: 450 4.2.0 <dave@far.test>: greylisted (in reply to RCPT TO command)"
	i.WaitLog("to=<dave@far.test>, relay=mx.far.test[127.0.0.1]:", "dsn=4.2.0, status=deferred ("+reason+")")
	i.WaitLog("to=<erin@far.test>", "status=sent")
	i.Until("mailq has the reason", func() bool { return strings.Contains(i.Mailq(), "("+reason+")") })
	if q := i.Mailq(); strings.Contains(q, "erin@far.test") {
		t.Errorf("mailq has a recipient who is done:\n%s", q)
	}
	if r := i.Mailctl("queue", "flush"); r.Code != 0 {
		t.Fatalf("flush: %+v", r)
	}
	i.WaitLog("to=<dave@far.test>", "status=sent")
	i.WaitLog("qmgr[", ": removed")
	m := p.Messages()
	if len(m) != 2 || m[1].Rcpt[0] != "<dave@far.test>" || len(m[1].Rcpt) != 1 {
		t.Errorf("the peer has %+v", m)
	}
}

// What cannot be delivered comes back to its sender, with what the other side
// said.
func TestOutboundBounced(t *testing.T) {
	t.Parallel()
	i, _ := outbound(t, peer.Options{Script: peer.Script{"RCPT": "550 5.1.1 <dave@far.test>: no such user"}})
	i.Sendmail("Subject: lost\n\ny\n", "-f", "alice@example.test", "dave@far.test")
	i.WaitLog("to=<dave@far.test>", "dsn=5.1.1, status=bounced (host mx.far.test[127.0.0.1] said: 550 5.1.1 <dave@far.test>: no such user (in reply to RCPT TO command))")
	notice := instance.One(t, i.WaitMail("alice", 1))
	flat := regexp.MustCompile(`\s+`).ReplaceAllString(notice, " ")
	for _, want := range []string{
		"<dave@far.test>: host mx.far.test[127.0.0.1] said: 550 5.1.1 <dave@far.test>: no such user (in reply to RCPT TO command)",
		"Remote-MTA: dns; mx.far.test ", "Diagnostic-Code: smtp; 550 5.1.1 <dave@far.test>: no such user ", "Status: 5.1.1 ",
	} {
		if !strings.Contains(flat, want) {
			t.Errorf("the notice lacks %q:\n%s", want, notice)
		}
	}
	i.Sendmail("Subject: lost\n\ny\n", "-f", "bob@example.test", "dave@gone.far.test")
	i.WaitLog("to=<dave@gone.far.test>, relay=none", "dsn=5.4.4, status=bounced (Host or domain name not found.")
	i.WaitMail("bob", 1)
}

// Two systems exchange mail by MX.
func TestTwoSystems(t *testing.T) {
	t.Parallel()
	d := dns.Start(t)
	main := []string{"resolver_addresses = " + d.Addr(), "smtp_tcp_port = 2525"}
	here := instance.New(t, instance.Options{Main: main})
	there := instance.New(t, instance.Options{Main: append(main,
		"myhostname = mx.there.test", "virtual_mailbox_domains = there.test",
		"virtual_mailbox_maps = inline:{ { zoe@there.test = zoe/ } }")})
	address := func(i *instance.Instance) string { return strings.TrimSuffix(i.Addr, ":2525") }
	d.Zone("example.test", "@ MX 10 mx\nmx A "+address(here))
	d.Zone("there.test", "@ MX 10 mx\nmx A "+address(there))

	for n := range 20 {
		here.Sendmail(fmt.Sprintf("Subject: %d\n\nthere\n", n), "-f", "alice@example.test", "zoe@there.test")
	}
	for _, m := range there.WaitMail("zoe", 20) {
		if !strings.Contains(m, "\nthere\n") || !strings.Contains(m, "by mx.there.test (Yubin) with ESMTP") {
			t.Errorf("got\n%s", m)
		}
	}
	there.Sendmail("Subject: back\n\nhere\n", "-f", "zoe@there.test", "alice@example.test")
	here.WaitMail("alice", 1)
	// An unknown recipient over there: the notice comes from here.
	here.Sendmail("Subject: x\n\ny\n", "-f", "bob@example.test", "nobody@there.test")
	here.WaitLog("to=<nobody@there.test>", "status=bounced (host mx.there.test["+address(there)+"] said: 550 5.1.1 <nobody@there.test>: Recipient address rejected")
	here.WaitMail("bob", 1)
	// It is down, and comes back.
	there.Stop()
	here.Sendmail("Subject: later\n\nz\n", "-f", "alice@example.test", "zoe@there.test")
	here.WaitLog("to=<zoe@there.test>", "status=deferred (connect to mx.there.test["+address(there)+"]:2525: Connection refused)")
	there.Start()
	here.Mailctl("queue", "flush")
	there.WaitMail("zoe", 21)
	here.Until("the queue is empty", here.Drained)
}

// The agent dies while the peer has the message: the message stays, and goes
// again.
func TestOutboundAgentDies(t *testing.T) {
	t.Parallel()
	i, p := outbound(t, peer.Options{Script: peer.Script{"END": peer.Stall + "||"}})
	i.Sendmail("Subject: x\n\ny\n", "-f", "alice@example.test", "dave@far.test")
	i.Until("the peer has the message", func() bool {
		return len(p.Said()) > 0 && p.Said()[len(p.Said())-1] == "DATA"
	})
	for _, pid := range i.Processes("smtp") {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	i.WaitLog("to=<dave@far.test>", "status=sent")
	i.Until("the queue is empty", i.Drained)
	if n := len(p.Messages()); n != 1 {
		t.Errorf("%d messages arrived", n)
	}
}

// Mailboxes behind LMTP, at a Unix socket.
func TestOutboundLMTP(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "lmtp")
	p := peer.Start(t, peer.Options{LMTP: true, Addr: socket, Script: peer.Script{"END bob@example.test": "552 5.2.2 over quota"}})
	i := instance.New(t, instance.Options{
		Main:   []string{"virtual_transport = lmtp:unix:" + socket},
		Master: []string{"lmtp unix - - n - - lmtp"},
	})
	i.Submit("carol@client.test", "alice@example.test", "Subject: x\n\ny\n")
	i.WaitLog("postfix/lmtp[", "to=<alice@example.test>, relay=mx.example.test["+socket+"], delay=", "dsn=2.1.5, status=sent (250 2.1.5 Saved)")
	i.Submit("alice@example.test", "bob@example.test", "Subject: x\n\ny\n")
	i.WaitLog("to=<bob@example.test>", "dsn=5.2.2, status=bounced (host mx.example.test["+socket+"] said: 552 5.2.2 over quota (in reply to end of DATA command))")
	i.Until("the notice is there", func() bool { return len(p.Messages()) == 2 })
}
