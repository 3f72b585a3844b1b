package dsn

import (
	"strings"
	"testing"
)

// Words of an administrator's stand in place of ours, but not in what goes to the
// postmaster.
func TestWordsOfAdministrators(t *testing.T) {
	t.Parallel()
	words := &Words{From: "Post Office <post>", Subject: "Came back", PostmasterSubject: "Copy: came back", Text: "Grüße.\n"}
	for _, c := range []struct {
		name        string
		change      func(*Notice)
		has, hasNot []string
	}{
		{"all", func(n *Notice) { n.Words = words },
			[]string{"From: Post Office <post@mx.example.com>\n", "Subject: Came back\n", "\n\nGrüße.\n\n<bob@example.com>: unknown"}, []string{"This is the mail system"}},
		{"for the postmaster", func(n *Notice) { n.Words, n.Postmaster = words, true },
			[]string{"Subject: Copy: came back\n", "This is the mail system"}, []string{"Grüße"}},
		{"text alone", func(n *Notice) { n.Words = &Words{Text: "x\n"} },
			[]string{"From: MAILER-DAEMON@mx.example.com (Mail Delivery System)\n", "Subject: Undelivered Mail Returned to Sender\n", "\nx\n\n<bob@"}, nil},
		{"an address", func(n *Notice) { n.Words = &Words{From: "MAILER-DAEMON (Mail Delivery System)", Text: "x\n"} },
			[]string{"From: MAILER-DAEMON@mx.example.com (Mail Delivery System)\n"}, nil},
	} {
		n := notice("A: b\n\nbody\n")
		c.change(&n)
		b, err := Write(n)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range c.has {
			if !strings.Contains(string(b), s) {
				t.Errorf("%s: no %q in\n%s", c.name, s, b)
			}
		}
		for _, s := range c.hasNot {
			if strings.Contains(string(b), s) {
				t.Errorf("%s: %q in\n%s", c.name, s, b)
			}
		}
	}
}
