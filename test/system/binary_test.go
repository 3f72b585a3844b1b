package system

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"yubin/test/dns"
	"yubin/test/instance"
	"yubin/test/peer"
)

// A binary letter (RFC 3030, 3) goes as it came to a host that takes such, and
// as text with base64 to others, into mailboxes, by an alias, and back.
func TestBinaryMIME(t *testing.T) {
	t.Parallel()
	plain := peer.Start(t, peer.Options{Name: "mx.far.test", Ehlo: []string{"PIPELINING", "8BITMIME"}, Script: peer.Script{"RCPT no@far.test": "550 5.1.1 no such user"}})
	binary := peer.Start(t, peer.Options{Name: "mx.whole.test", Ehlo: []string{"8BITMIME", "CHUNKING", "BINARYMIME"}})
	d := dns.Start(t)
	d.Zone("far.test", "@ MX 10 mx\nmx A 127.0.0.1")
	i := instance.New(t, instance.Options{
		Main: []string{
			"bounce_size_limit = 2000000", "resolver_addresses = " + d.Addr(), fmt.Sprintf("smtp_tcp_port = %d", plain.Port()),
			fmt.Sprintf("transport_maps = inline:{whole.test=smtp:[127.0.0.1]:%d}", binary.Port()),
		},
		Aliases: []string{"two: bob@example.test, erin@whole.test", "owner-two: alice@example.test"},
	})
	const head = "Subject: binary\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: binary\n\n--b\n\ntext\n--b\nContent-Type: image/x\nContent-Transfer-Encoding: binary\n\n"
	image := strings.Repeat("\x00\xff\n--b--\n\r.\r\nBDAT 3\r\n", 20000) // larger than what is held in memory at once
	wire := strings.ReplaceAll(head, "\n", "\r\n") + image + "\r\n--b--\r\n"
	s := i.Dial()
	defer s.Close()
	if reply := s.Want("250-", "EHLO client.test"); !strings.Contains(reply, "250-BINARYMIME") {
		t.Errorf("EHLO: %s", reply)
	}
	s.Want("250 ", "MAIL FROM:<alice@example.test> BODY=BINARYMIME")
	for _, to := range []string{"bob@example.test", "dave@far.test", "no@far.test", "two@mx.example.test"} {
		s.Want("250 ", "RCPT TO:<"+to+">")
	}
	const cut = 70001
	for _, chunk := range []string{fmt.Sprintf("BDAT %d\r\n%s", cut, wire[:cut]), fmt.Sprintf("BDAT %d LAST\r\n%s", len(wire)-cut, wire[cut:])} {
		if err := s.Send(chunk); err != nil {
			t.Fatal(err)
		}
		if reply, err := s.Reply(); err != nil || !strings.HasPrefix(reply, "250 ") {
			t.Fatalf("BDAT: %s, %v", reply, err)
		}
	}
	s.Want("221 ", "QUIT")

	isText := func(who, message, eol string) {
		t.Helper()
		message = strings.ReplaceAll(message, eol, "\n")
		if strings.ContainsAny(message, "\x00\r") || strings.IndexByte(message, 0xff) >= 0 || strings.Contains(message, "Encoding: binary") {
			t.Errorf("%s has binary octets", who)
		}
		_, part, _ := strings.Cut(message, "Content-Type: image/x\nContent-Transfer-Encoding: base64\n\n")
		part, _, _ = strings.Cut(part, "\n--b--")
		got, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(part, "\n", ""))
		if err != nil || string(got) != image {
			t.Errorf("%s has an image of %d octets (%v), want %d; it begins\n%.1500q", who, len(got), err, len(image), message)
		}
	}
	for name, m := range i.WaitMail("bob", 2) {
		isText("bob ("+name+")", m, "\n")
	}
	notice := instance.One(t, i.WaitMail("alice", 1))
	isText("the notice", notice, "\n")
	i.WaitLog("to=<dave@far.test>", "status=sent")
	i.WaitLog("to=<erin@whole.test>", "status=sent")
	i.Until("the queue is empty", i.Drained)
	if m := plain.Messages(); len(m) != 1 {
		t.Errorf("%d messages at the host that takes text only", len(m))
	} else {
		isText("dave", m[0].Data, "\r\n")
	}
	m := binary.Messages()
	if len(m) != 1 || !strings.HasSuffix(m[0].Mail, " BODY=BINARYMIME") {
		t.Fatalf("the host that takes BINARYMIME has %d messages", len(m))
	}
	if got := m[0].Data; !strings.HasSuffix(got, "\r\n\r\n"+image+"\r\n--b--\r\n") {
		t.Errorf("it has %d octets, which begin\n%.1500q", len(got), got)
	}
	if top, _, _ := strings.Cut(m[0].Data, "\r\n\r\n"); strings.Count(top, "\n") != strings.Count(top, "\r\n") {
		t.Errorf("header %q", top)
	}
}
