package system

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"yubin/test/instance"
	"yubin/test/peer"
)

// A content filter behind the queue, as FILTER_README of Postfix has the advanced
// one: SMTP there, and SMTP back at another port, where nothing is done twice.
func TestContentFilter(t *testing.T) {
	t.Parallel()
	filter := peer.Start(t, peer.Options{Ehlo: []string{"XFORWARD NAME ADDR PROTO HELO", "8BITMIME"}})
	far := peer.Start(t, peer.Options{})
	i := instance.New(t, instance.Options{
		Stopped: true, Mailboxes: []string{"alice", "bob", "kept"},
		Master: []string{
			"scan unix - - n - 10 smtp", "  -o smtp_send_xforward_command=yes -o smtp_tls_security_level=none",
		},
		Main: []string{
			fmt.Sprintf("content_filter = scan:[127.0.0.1]:%d", filter.Port()),
			"virtual_alias_maps = inline:{ {both@example.test=alice@example.test, dave@far.test} }", "recipient_bcc_maps = inline:{ bob@example.test=kept@example.test }",
			fmt.Sprintf("transport_maps = inline:{ far.test=smtp:[127.0.0.1]:%d }", far.Port()),
			"smtp_tls_security_level = none",
		},
	})
	host, _, _ := net.SplitHostPort(i.Addr)
	back := net.JoinHostPort(host, "2526")
	i.WriteFile("etc/master.cf", []string{strings.TrimSpace(read(t, i.Path("etc", "master.cf"))), back + " inet n - n - 10 smtpd",
		"  -o content_filter= -o receive_override_options=no_unknown_recipient_checks,no_header_body_checks,no_milters,no_address_mappings",
		"  -o smtpd_authorized_xforward_hosts=127.0.0.0/8"})
	i.Start()

	// Everyone is in one letter for the filter, wherever he is.
	id := i.Submit("carol@example.com", "both@example.test", "Subject: one\n\nbody\n")
	i.WaitLog(id+": to=<alice@example.test>, orig_to=<both@example.test>, relay=127.0.0.1[127.0.0.1]", "status=sent")
	i.WaitLog(id+": to=<dave@far.test>, orig_to=<both@example.test>, relay=127.0.0.1[127.0.0.1]", "status=sent")
	m := filter.Messages()
	if len(m) != 1 || len(m[0].Rcpt) != 2 || !strings.Contains(m[0].Data, "Subject: one\r\n") {
		t.Fatalf("the filter has %+v, want one message for two", m)
	}
	if len(far.Messages()) != 0 {
		t.Error("the letter has left past the filter")
	}
	// sendmail's letters are filtered, too, and automatic copies with them.
	i.Sendmail("Subject: two\n\nbody\n", "-f", "alice@example.test", "bob@example.test")
	i.Until("the second letter is with the filter", func() bool { return len(filter.Messages()) == 2 })
	if m = filter.Messages(); len(m[1].Rcpt) != 2 {
		t.Errorf("the filter has %+v, want bob's letter and the copy in one", m[1])
	}

	s, err := instance.Dial(t, back)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.Want("250", "EHLO filter.test")
	s.Want("250", "XFORWARD NAME=client.test ADDR=192.0.2.7")
	if _, err := s.Deliver("carol@example.com", []string{"alice@example.test", "dave@far.test", "both@example.test", "bob@example.test"},
		"X-Scanned: yes\n"+strings.ReplaceAll(m[0].Data, "\r\n", "\n")); err != nil {
		t.Fatal(err)
	}
	if got := instance.One(t, i.WaitMail("alice", 1)); !strings.Contains(got, "X-Scanned: yes\n") || !strings.Contains(got, "Subject: one\n") {
		t.Errorf("alice has\n%s", got)
	}
	i.WaitMail("bob", 1)
	i.Until("the letter for far.test has left", func() bool { return len(far.Messages()) == 1 })
	// no_address_mappings: both@ has no alias here, and bob's letter no copy.
	i.WaitLog("to=<both@example.test>", "status=bounced")
	i.WaitLog("to=<carol@example.com>", "status=deferred") // the notice
	if n := len(i.Mail("kept")); n != 0 {
		t.Errorf("%d copies were made after the filter", n)
	}
	if n := len(filter.Messages()); n != 2 {
		t.Errorf("the filter has had %d messages, want 2: no notice and nothing twice", n)
	}
	i.WaitLog("orig_client=client.test[192.0.2.7]")
}

// FILTER in an access table: for what a table has, in place of content_filter; to
// the recipient's domain where no next hop is named. Probes are not filtered.
func TestFilterAction(t *testing.T) {
	t.Parallel()
	filter := peer.Start(t, peer.Options{})
	i := instance.New(t, instance.Options{Main: []string{
		"content_filter = discard:", "smtp_tls_security_level = none",
		fmt.Sprintf("smtpd_sender_restrictions = check_sender_access inline:{ {ann@example.com=FILTER smtp:[127.0.0.1]:%d} {ben@example.com=FILTER retry:} {cat@example.com=FILTER nonsense} {dan@example.com=FILTER virtual:} }", filter.Port()),
	}})
	id := i.Submit("ann@example.com", "bob@example.test", "Subject: x\n\ny\n")
	i.WaitLog(id+": to=<bob@example.test>, relay=127.0.0.1[127.0.0.1]", "status=sent")
	id = i.Submit("eve@example.com", "bob@example.test", "Subject: x\n\ny\n")
	i.WaitLog(id+": to=<bob@example.test>", "status=sent (discarded)")
	id = i.Submit("dan@example.com", "bob@example.test", "Subject: x\n\ny\n")
	i.WaitLog(id+": to=<bob@example.test>, relay=virtual", "status=sent (delivered to maildir)")
	id = i.Submit("ben@example.com", "bob@example.test", "Subject: x\n\ny\n")
	i.WaitLog(id+": to=<bob@example.test>", "status=deferred")
	if r := i.Mailctl("queue", "show", id); !strings.Contains(r.Stdout, "content_filter") {
		t.Errorf("queue show does not say why:\n%s%s", r.Stdout, r.Stderr)
	}
	s := i.Dial()
	defer s.Close()
	s.Want("250", "EHLO x.test")
	s.Want("250", "MAIL FROM:<cat@example.com>")
	s.Want("451 4.3.5", "RCPT TO:<bob@example.test>")
	i.WaitLog("warning: access table ", " of Sender address: action \"FILTER nonsense\" is not known")
	if r := i.Mailctl("route", "bob@example.test"); !strings.HasPrefix(r.Stdout, "filter     discard:: by content_filter") {
		t.Errorf("mailctl route: %+v", r)
	}
	if r := i.Run("", "sendmail", "-C", i.Etc(), "-bv", "-f", "alice@example.test", "bob@example.test"); r.Code != 0 {
		t.Errorf("sendmail -bv: %+v", r)
	}
	i.WaitLog("to=<bob@example.test>", "status=deliverable")
}
