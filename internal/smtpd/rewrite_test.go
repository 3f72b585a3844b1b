package smtpd

import (
	"fmt"
	"strings"
	"testing"
)

// What addresses become between a client and the queue, in envelope and header.
func TestAddresses(t *testing.T) {
	t.Parallel()
	const tables = "canonical_maps = inline:{ {ann@y.example=Ann.Smith@y.example} }\n" +
		"virtual_alias_maps = inline:{ {ann@example.org=bob@example.org carol@z.example} }\nalways_bcc = log@example.org\n" +
		"virtual_alias_domains =\n"
	const letter = "From: ann@y.example\nTo: Ann <ann>\nDate: x\nMessage-ID: <1@x>\n\nFrom: ann@y.example\n"
	const envelope = "Ann.Smith@y.example bob@example.org[ann@example.org] carol@z.example[ann@example.org] log@example.org[]"
	for _, c := range []struct {
		name, main         string
		who                peer
		envelope, from, to string
	}{
		{"stranger", tables, stranger, envelope, "ann@y.example", "Ann <ann>"},
		{"our own", tables, insider, envelope, "Ann.Smith@y.example", "Ann <ann@mx.example>"},
		{"stranger, with a domain", tables + "remote_header_rewrite_domain = domain.invalid", stranger, envelope, "Ann.Smith@y.example", "Ann <ann@domain.invalid>"},
		{"from a filter", tables + "receive_override_options = no_address_mappings", insider,
			"ann@y.example ann@example.org[]", "ann@y.example", "Ann <ann@mx.example>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, strings.Split(c.main, "\n")...)
			cl := r.connect(c.who)
			cl.reply()
			for _, line := range []string{"EHLO h", "MAIL FROM:<ann@y.example>", "RCPT TO:<ann@example.org>", "RCPT TO:<ann@example.org>", "DATA"} {
				if got := cl.say(line); got[0] > '3' {
					t.Fatalf("%s: %s", line, got)
				}
			}
			cl.send(strings.ReplaceAll(letter, "\n", "\r\n") + ".\r\n")
			if got := cl.reply(); got[0] != '2' {
				t.Fatal(got)
			}
			cl.say("QUIT")
			cl.close()
			m := r.taken()[0]
			got := m.env.Sender
			for _, rc := range m.env.Recipients {
				got += " " + rc.Address + "[" + rc.Original + "]"
			}
			if got != c.envelope {
				t.Errorf("envelope %s, want %s", got, c.envelope)
			}
			if want := fmt.Sprintf("From: %s\nTo: %s\nDate: x\nMessage-ID: <1@x>\n\nFrom: ann@y.example\n", c.from, c.to); m.body() != want {
				t.Errorf("got\n%s\nwant\n%s", m.body(), want)
			}
		})
	}
}

// Addresses that cannot be rewritten now are a temporary failure, and the trace
// field tells nobody what an address stands for.
func TestAddressesFail(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ main, want string }{
		{"virtual_alias_maps = inline:{ {ann@example.org=bob@example.org}, {bob@example.org=ann@example.org} }", "451 4.6.0 <ann@example.org>: Alias expansion error"},
		{"sender_canonical_maps = fail:x", "451 4.3.0 <ann@y.example>: Temporary lookup failure"},
		{"sender_bcc_maps = fail:x", "451 4.3.0 <ann@y.example>: Temporary lookup failure"},
	} {
		r := newRig(t, c.main)
		cl := r.connect(stranger)
		cl.reply()
		for _, line := range []string{"EHLO h", "MAIL FROM:<ann@y.example>", "RCPT TO:<ann@example.org>"} {
			if got := cl.say(line); got[0] != '2' {
				t.Fatalf("%s: %s: %s", c.main, line, got)
			}
		}
		if got := cl.say("DATA"); got != c.want {
			t.Errorf("%s: got %s, want %s", c.main, got, c.want)
		}
		cl.say("QUIT")
		cl.close()
	}
	// In a header: known only when it comes.
	r := newRig(t, "canonical_maps = fail:x", "canonical_classes = header_sender", "smtpd_reject_unlisted_recipient = no")
	cl := r.connect(insider)
	cl.reply()
	for _, line := range []string{"EHLO h", "MAIL FROM:<ann@y.example>", "RCPT TO:<ann@example.org>", "DATA"} {
		cl.say(line)
	}
	cl.send("From: ann@y.example\r\n\r\n.\r\n")
	if got := cl.reply(); got != "451 4.3.0 Error: queue file write error" {
		t.Errorf("got %s", got)
	}
	cl.say("QUIT")
	cl.close()

	r = newRig(t, "virtual_alias_maps = inline:{ {ann@example.org=secret@z.example} }")
	cl = r.connect(stranger)
	cl.reply()
	for _, line := range []string{"EHLO h", "MAIL FROM:<ann@y.example>", "RCPT TO:<ann@example.org>", "DATA"} {
		cl.say(line)
	}
	cl.send("\r\nx\r\n.\r\n")
	cl.reply()
	cl.say("QUIT")
	cl.close()
	if m := r.taken()[0]; !strings.Contains(m.content, "for <ann@example.org>;") || strings.Contains(m.content, "secret") {
		t.Errorf("content\n%s", m.content)
	}
}
