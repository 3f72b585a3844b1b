//go:build interop

package interop

import (
	"fmt"
	"strings"
	"testing"

	"yubin/test/instance"
)

const (
	alice = "alice@" + instance.Domain
	bob   = "bob@" + instance.Domain
)

// swaks is its command line up to what a test wants of it.
func swaks(i *instance.Instance, t *testing.T, args ...string) []string {
	host, port := port(t, i)
	return append([]string{"swaks", "--server", host, "--port", port, "--helo", "peer.test", "--from", "ann@peer.test"}, args...)
}

// Letters that swaks sends arrive as they were sent.
func TestSwaksLetters(t *testing.T) {
	t.Parallel()
	need(t, "swaks")
	const header = "From: ann@peer.test\nTo: " + alice + "\nSubject: letter\n\n"
	for _, c := range []struct {
		name string
		body string
		args []string
	}{
		{"plain", "Hello Alice,\n\nas promised.\n", nil},
		{"pipelined", "Hello again.\n", []string{"--pipeline"}},
		{"8-bit", "Gr\xfc\xdfe, Latin-1 and 日本語 in one letter\n", nil},
		{"dots", ".\n..\n.leading\ntrailing.\n", nil},
		{"no body", "", nil},
		{"a long line", strings.Repeat("0123456789", 99) + "\n", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			i := start(t)
			data := writeFile(t, "letter", header+c.body)
			succeed(t, "", swaks(i, t, append(c.args, "--to", alice, "--data", "@"+data)...)...)
			m := one(t, i, "alice")
			wantText(t, m, "Return-Path: <ann@peer.test>\n", "Delivered-To: "+alice+"\n",
				"Received: from peer.test (", "Subject: letter\n")
			// swaks itself adds an empty line to what it reads.
			wantBody(t, strings.TrimSuffix(m, "\n"), c.body)
			i.WaitLog("status=sent", "to=<"+alice+">")
			wantEmpty(t, i)
		})
	}
}

// One letter to two people reaches each once.
func TestSwaksRecipients(t *testing.T) {
	t.Parallel()
	need(t, "swaks")
	i := start(t)
	succeed(t, "", swaks(i, t, "--to", alice+","+bob, "--header", "Subject: for both")...)
	for _, box := range []string{"alice", "bob"} {
		wantText(t, one(t, i, box), "Subject: for both\n", "Delivered-To: "+box+"@"+instance.Domain+"\n")
	}
}

// What must be refused is refused with the words that people look for, and
// leaves nothing behind.
func TestSwaksRefused(t *testing.T) {
	t.Parallel()
	need(t, "swaks")
	i := start(t)
	for _, c := range []struct {
		name, reply string
		args        []string
	}{
		{"unknown user", "550 5.1.1 <carol@example.test>", []string{"--to", "carol@" + instance.Domain}},
		{"relay for a stranger", "554 5.7.1 <dave@elsewhere.example>: Relay access denied",
			[]string{"--local-interface", "127.0.0.2", "--to", "dave@elsewhere.example"}},
		{"percent hack of a stranger", "550 5.1.1",
			[]string{"--local-interface", "127.0.0.2", "--to", "dave%elsewhere.example@" + instance.Domain}},
		{"no such address", "501", []string{"--to", "alice@@" + instance.Domain}},
	} {
		o := peer(t, "", swaks(i, t, c.args...)...)
		if o.code == 0 || !strings.Contains(o.output, "<** "+c.reply) {
			t.Errorf("%s: exit status %d; want a refusal with %q:\n%s", c.name, o.code, c.reply, o.output)
		}
	}
	wantEmpty(t, i)
	if n := len(i.Mail("alice")) + len(i.Mail("bob")); n != 0 {
		t.Errorf("%d messages were delivered; want none", n)
	}
}

// A stranger may write to our users.
func TestSwaksStranger(t *testing.T) {
	t.Parallel()
	need(t, "swaks")
	i := start(t)
	succeed(t, "", swaks(i, t, "--local-interface", "127.0.0.2", "--to", alice)...)
	wantText(t, one(t, i, "alice"), "[127.0.0.2]")
}

func TestMsmtp(t *testing.T) {
	t.Parallel()
	need(t, "msmtp")
	i := start(t)
	host, port := port(t, i)
	const letter = "From: Ann <ann@peer.test>\nTo: " + alice + "\nBcc: " + bob + "\nSubject: by msmtp\n\nHello.\n.\nThe end.\n"
	msmtp := []string{"msmtp", "--host=" + host, "--port=" + port, "--from=ann@peer.test"}
	succeed(t, letter, append(msmtp, "-t")...)
	for _, box := range []string{"alice", "bob"} {
		m := one(t, i, box)
		wantText(t, m, "Return-Path: <ann@peer.test>\n", "Subject: by msmtp\n")
		wantBody(t, m, "Hello.\n.\nThe end.\n")
	}
	o := peer(t, letter, append(msmtp, "carol@"+instance.Domain)...)
	const exDataErr = 65
	if o.code != exDataErr || !strings.Contains(o.output, "550 5.1.1") {
		t.Errorf("unknown user: exit status %d, want %d and 550 5.1.1:\n%s", o.code, exDataErr, o.output)
	}
	wantEmpty(t, i)
}

// Postfix's load generator: every message is found, with one connection each
// and with connections that are used again.
func TestSMTPSource(t *testing.T) {
	t.Parallel()
	need(t, "smtp-source")
	i := start(t)
	const each = 500
	for n, reuse := range [][]string{nil, {"-d"}} {
		argv := append([]string{"smtp-source", "-4", "-s", "20", "-m", fmt.Sprint(each), "-l", "4096"}, reuse...)
		succeed(t, "", append(argv, "-f", "ann@peer.test", "-t", alice, "-M", "peer.test", i.Addr)...)
		i.WaitMail("alice", each*(n+1))
	}
	wantEmpty(t, i) // then everything is logged
	ids := map[string]bool{}
	for line := range strings.Lines(i.Log()) {
		if strings.Contains(line, "status=sent") {
			_, rest, _ := strings.Cut(line, "]: ")
			id, _, _ := strings.Cut(rest, ":")
			if ids[id] {
				t.Errorf("%s is logged as sent twice", id)
			}
			ids[id] = true
		}
	}
	if len(ids) != 2*each {
		t.Errorf("%d messages are logged as sent, want %d", len(ids), 2*each)
	}
}
