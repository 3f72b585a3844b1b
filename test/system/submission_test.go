package system

import (
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"yubin/internal/sasl"
	"yubin/test/instance"
)

const (
	annSecret = "vier Birnen & 12 Aepfel"
	annMail   = "ann@" + instance.Domain
)

// newDesk makes a desk where ann has an account.
func newDesk(t *testing.T, main ...string) *desk {
	t.Helper()
	d := &desk{instance.NewDesk(t, main...)}
	d.AddUser(annMail, annSecret)
	d.Start()
	return d
}

// A desk is instance.Desk with what these tests do there.
type desk struct{ *instance.Desk }

// door is one of the ways in: clear, STARTTLS or TLS at once. The client has the
// address from.
func (d *desk) door(name, from string) *instance.Session {
	d.T.Helper()
	ports := map[string]string{"submission": instance.SubmissionPort, "submissions": instance.SubmissionsPort}
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: instance.Wait}
	raw, err := dialer.Dial("tcp", net.JoinHostPort(d.Host, ports[name]))
	if err != nil {
		d.T.Fatal(err)
	}
	if name == "submissions" {
		inside := tls.Client(raw, anyCert(instance.Host))
		if err := inside.Handshake(); err != nil {
			d.T.Fatal(err)
		}
		raw = inside
	}
	s, err := instance.Greeted(d.T, raw)
	if err != nil {
		d.T.Fatal(err)
	}
	if name == "submission" {
		s.Want("250", "EHLO client.test")
		s = s.StartTLS(anyCert(instance.Host))
	}
	s.Want("250", "EHLO client.test")
	return s
}

// login logs in by a mechanism and returns the last reply.
func (d *desk) login(s *instance.Session, mechanism, user, password string) string {
	d.T.Helper()
	state := s.TLS()
	exporter, err := state.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32)
	if err != nil {
		d.T.Fatal(err)
	}
	m, err := sasl.Choose([]string{mechanism}, 0, sasl.Credentials{User: user, Secret: password}, sasl.Channel{Host: d.Host, Exporter: exporter},
		func(string) (bool, error) { return true, nil })
	if err != nil {
		d.T.Fatalf("%s: %v", mechanism, err)
	}
	party := m.Client(sasl.Credentials{User: user, Secret: password}, sasl.Channel{Host: d.Host, Exporter: exporter})
	line := "AUTH " + mechanism
	if first, _, err := party.Next(nil); err == nil && first != nil {
		line += " " + base64.StdEncoding.EncodeToString(first)
	}
	for {
		reply, err := s.Cmd(line)
		if err != nil {
			d.T.Fatal(err)
		}
		text, more := strings.CutPrefix(reply, "334 ")
		if !more {
			return reply
		}
		challenge, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			d.T.Fatalf("%s: challenge %q", mechanism, text)
		}
		answer, _, err := party.Next(challenge)
		if err != nil {
			answer, line = nil, "*"
			continue
		}
		line = base64.StdEncoding.EncodeToString(answer)
	}
}

var mechanisms = []string{
	"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN",
}

// Every mechanism lets in who knows the password, and nobody else, by both
// doors; the password is nowhere to be seen.
func TestSubmissionLogin(t *testing.T) {
	t.Parallel()
	d := &desk{instance.NewDesk(t)}
	d.KeepPlain(annMail, annSecret)
	d.Start()
	for n, door := range []string{"submission", "submissions"} {
		for k, mechanism := range mechanisms {
			// Each has an address of its own: who has failed waits.
			from := func(who int) string { return fmt.Sprintf("127.0.%d.%d", 100+10*n+k, 1+who) }
			s := d.door(door, from(2))
			if got := d.login(s, mechanism, annMail, annSecret); got != "235 2.7.0 Authentication successful" {
				t.Errorf("%s, %s: %s", door, mechanism, got)
			}
			s.Close()
			for who, wrong := range [][2]string{{annMail, "wrong"}, {"nobody@" + instance.Domain, annSecret}} {
				s = d.door(door, from(who))
				if got := d.login(s, mechanism, wrong[0], wrong[1]); !strings.HasPrefix(got, "535 5.7.8 Error: authentication failed") {
					t.Errorf("%s, %s, %s: %s", door, mechanism, wrong[0], got)
				}
				s.Close()
			}
			d.WaitLog("postfix/"+door, "warning: localhost["+from(0)+"]: SASL "+mechanism+" authentication failed: ", ", sasl_username="+annMail)
			d.WaitLog("postfix/"+door, "disconnect from localhost["+from(0)+"]", " auth=0/1 ")
		}
	}
	d.KeepsSecret(annMail, annSecret)
}

// In the clear there is neither AUTH nor mail.
func TestSubmissionInTheClear(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	s, err := instance.Dial(t, d.Host+":"+instance.SubmissionPort)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if ehlo := s.Want("250", "EHLO client.test"); strings.Contains(ehlo, "AUTH") || !strings.Contains(ehlo, "STARTTLS") {
		t.Errorf("EHLO: %s", ehlo)
	}
	s.Want("530 5.7.0 Must issue a STARTTLS command first", "AUTH PLAIN "+base64.StdEncoding.EncodeToString([]byte("\x00"+annMail+"\x00"+annSecret)))
	s.Want("530 5.7.0 Must issue a STARTTLS command first", "MAIL FROM:<"+annMail+">")
	// And port 25 has no AUTH at all.
	plain := d.Dial()
	defer plain.Close()
	if ehlo := plain.Want("250", "EHLO client.test"); strings.Contains(ehlo, "AUTH") {
		t.Errorf("EHLO at port 25: %s", ehlo)
	}
}

// A user's letter is completed, does not tell where the user is, and relays;
// who has not logged in does nothing.
func TestSubmissionLetter(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for n, door := range []string{"submission", "submissions"} {
		s := d.door(door, fmt.Sprintf("127.0.120.%d", 1+n))
		s.Want("250", "MAIL FROM:<"+annMail+">")
		s.Want("554 5.7.1 <bob@"+instance.Domain+">: Recipient address rejected: Access denied", "RCPT TO:<bob@"+instance.Domain+">")
		s.Want("250", "RSET")
		if got := d.login(s, "PLAIN", annMail, annSecret); !strings.HasPrefix(got, "235 ") {
			t.Fatal(got)
		}
		id, err := s.Deliver(annMail, []string{"bob@" + instance.Domain, "dave@elsewhere.test"}, "Subject: "+door+"\r\nBcc: eve@elsewhere.test\r\n\r\nhello\r\n")
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		d.WaitLog("postfix/"+door+"/smtpd[", id+": client=localhost[127.0.120.", ", sasl_method=PLAIN, sasl_username="+annMail)
		d.WaitLog(id+": to=<dave@elsewhere.test>", "status=sent")
	}
	for _, text := range d.WaitMail("bob", 2) {
		for _, want := range []string{"\nReceived: by " + instance.Host + " (Yubin) id ", "\nFrom: " + annMail + "\n", "\nDate: ", "\nMessage-Id: <"} {
			if !strings.Contains(text, want) {
				t.Errorf("the letter lacks %q:\n%s", want, text)
			}
		}
		if strings.Contains(text, "Bcc:") || strings.Contains(text, "127.0.120.") {
			t.Errorf("the letter tells too much:\n%s", text)
		}
	}
}

// Nobody sends as somebody else, and nobody sends too much.
func TestSubmissionPolicy(t *testing.T) {
	t.Parallel()
	d := newDesk(t,
		"mua_sender_restrictions = reject_sender_login_mismatch",
		"smtpd_sender_login_maps = inline:{"+annMail+"="+annMail+", bob@"+instance.Domain+"=bob@"+instance.Domain+"}",
		"smtpd_user_message_rate_limit = 4",
	)
	s := d.door("submission", "127.0.130.1")
	defer s.Close()
	d.login(s, "PLAIN", annMail, annSecret)
	for _, sender := range []string{"bob@" + instance.Domain, "stranger@elsewhere.test"} {
		s.Want("250", "MAIL FROM:<"+sender+">")
		s.Want("553 5.7.1 <"+sender+">: Sender address rejected: not owned by user "+annMail, "RCPT TO:<bob@"+instance.Domain+">")
		s.Want("250", "RSET")
	}
	for range 2 {
		s.Want("250", "MAIL FROM:<"+annMail+">")
		s.Want("250", "RCPT TO:<bob@"+instance.Domain+">")
		s.Want("250", "RSET")
	}
	s.Want("450 4.7.1 Error: too much mail from "+annMail, "MAIL FROM:<"+annMail+">")
	d.WaitLog("warning: Message delivery request rate limit of the user exceeded: 5 from localhost[127.0.130.1]", "sasl_username="+annMail)
}

// A letter waits for its release, mailq says so, and it goes when the time has
// come; one with a deadline comes back.
func TestSubmissionTiming(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "defer_transports = slow", "transport_maps = inline:{never.test=slow:}")
	s := d.door("submissions", "127.0.140.1")
	defer s.Close()
	d.login(s, "PLAIN", annMail, annSecret)
	send := func(params, to string) {
		t.Helper()
		s.Want("250", "MAIL FROM:<"+annMail+"> "+params)
		s.Want("250", "RCPT TO:<"+to+">")
		s.Want("354", "DATA")
		s.Want("250", "Subject: "+params+"\r\n\r\nx\r\n.")
	}
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	send("HOLDUNTIL="+until.Format(time.RFC3339), "alice@"+instance.Domain)
	send("HOLDFOR=1", "bob@"+instance.Domain)
	send("BY=1;R", "dave@never.test")
	if text := instance.One(t, d.WaitMail("bob", 1)); !strings.Contains(text, "Subject: HOLDFOR=1\n") {
		t.Errorf("bob has\n%s", text)
	}
	if text := instance.One(t, d.WaitMail("ann", 1)); !strings.Contains(text, "Status: 5.4.7\n") {
		t.Errorf("ann has\n%s", text)
	}
	want := "(waits for its release at " + until.Local().Format(time.RFC1123Z) + ")"
	d.Until("mailq says that one waits", func() bool { return strings.Contains(d.Mailq(), want) })
	if n := len(d.Mail("alice")); n != 0 {
		t.Errorf("alice has %d letters", n)
	}
}

// A load balancer says who the client is.
func TestProxyProtocol(t *testing.T) {
	t.Parallel()
	host := fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(254), rand.IntN(255), 1+rand.IntN(254))
	i := instance.New(t, instance.Options{Addr: host + ":2525", Main: []string{"smtpd_tls_security_level = may"}, Master: []string{
		host + ":2526 inet n - n - - smtpd -o smtpd_upstream_proxy_protocol=haproxy",
		host + ":4650 inet n - n - - smtpd -o smtpd_upstream_proxy_protocol=haproxy -o smtpd_tls_wrappermode=yes",
	}})
	for _, head := range []string{
		"PROXY TCP4 192.0.2.7 198.51.100.1 40000 25\r\n",
		"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x07\xc6\x33\x64\x01\x9c\x40\x00\x19",
	} {
		for _, port := range []string{":2526", ":4650"} {
			raw, err := net.Dial("tcp", host+port)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := raw.Write([]byte(head)); err != nil {
				t.Fatal(err)
			}
			if port == ":4650" {
				raw = tls.Client(raw, anyCert(instance.Host))
			}
			s, err := instance.Greeted(t, raw)
			if err != nil {
				t.Fatal(err)
			}
			s.Want("250", "EHLO client.test")
			s.Want("250", "MAIL FROM:<carol@elsewhere.test>")
			s.Want("554 5.7.1 <dave@elsewhere.test>: Relay access denied", "RCPT TO:<dave@elsewhere.test>") // not mynetworks any more
			if _, err := s.Deliver("carol@elsewhere.test", []string{"bob@" + instance.Domain}, "Subject: x\r\n\r\ny\r\n"); err == nil {
				t.Error("a second MAIL was taken")
			}
			s.Want("250", "RSET")
			s.Want("250", "MAIL FROM:<carol@elsewhere.test>")
			s.Want("250", "RCPT TO:<bob@"+instance.Domain+">")
			s.Close()
		}
	}
	i.WaitLog("NOQUEUE: reject: RCPT from unknown[192.0.2.7]: 554 5.7.1 <dave@elsewhere.test>: Relay access denied")
	// Who does not speak it hears nothing.
	raw, err := net.Dial("tcp", host+":2526")
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	fmt.Fprint(raw, "EHLO client.test\r\n")
	if n, err := raw.Read(make([]byte, 1)); err == nil {
		t.Errorf("%d octets for a client without a header", n)
	}
	i.WaitLog("warning: PROXY protocol header from ", "no PROXY protocol header")
}
