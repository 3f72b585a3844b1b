//go:build interop

package interop

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// everything is what a transfer has to keep.
const everything = "FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY.PEEK[])"

// view is what a server shows of a mailbox that it opens anew: a second time, so
// that nothing is recent.
func (s *imapTalk) view(mailbox string) string {
	s.t.Helper()
	for range 2 {
		if got := s.ask("a", "SELECT "+mailbox); !strings.Contains(got, "\nt OK") {
			s.t.Fatalf("%s, SELECT %s: %s", s.name, mailbox, got)
		}
	}
	return s.ask("a", everything)
}

var transferred = regexp.MustCompile(`(?s)^\* \d+ FETCH \(FLAGS \(([^)]*)\) INTERNALDATE ("[^"]*") BODY\[\] \{\d+\}\r\n(.*)\)\r\n$`)

// transfer puts the messages of a mailbox into another server's, with their flags
// and dates, as programs that move accounts do.
func transfer(from *imapTalk, mailbox string, to *imapTalk, target string) {
	to.t.Helper()
	from.ask("a", "EXAMINE "+mailbox)
	from.send("a", "FETCH 1:* (FLAGS INTERNALDATE BODY.PEEK[])")
	var messages []string
	for {
		r := string(from.response())
		if strings.HasPrefix(r, "a ") {
			break
		}
		m := transferred.FindStringSubmatch(r)
		if m == nil {
			to.t.Fatalf("%s, FETCH: %q", from.name, r)
		}
		flags := strings.Join(strings.Fields(strings.ReplaceAll(m[1], `\Recent`, "")), " ")
		messages = append(messages, fmt.Sprintf("(%s) %s {%d+}\r\n%s", flags, m[2], len(m[3]), m[3]))
	}
	if got := to.ask("a", "CREATE "+target); !strings.HasPrefix(got, "t OK") {
		to.t.Fatalf("%s, CREATE: %s", to.name, got)
	}
	for n, m := range messages {
		if got, want := to.ask("a", "APPEND "+target+" "+m), fmt.Sprintf("t OK [APPENDUID V %d]", n+1); got != want {
			to.t.Errorf("%s, APPEND: %s, want %s", to.name, got, want)
		}
	}
}

// What goes over IMAP from Dovecot to imapd, and back, and from imapd to Dovecot
// keeps its text, flags, keywords and dates; UIDs are 1, 2, 3.
func TestIMAPTransfer(t *testing.T) {
	t.Parallel()
	s := newTwoServers(t, "transfer")["transfer"]
	s.begin()
	for _, server := range []*imapTalk{s.ours, s.theirs} {
		server.ask("a", "SELECT INBOX")
		server.ask("a", `STORE 2,4 +FLAGS (work $Forwarded)`)
		server.ask("a", `STORE 3 +FLAGS ($Junk)`)
	}
	transfer(s.theirs, "INBOX", s.ours, "fromdovecot")
	transfer(s.ours, "fromdovecot", s.theirs, "back")
	transfer(s.ours, "INBOX", s.theirs, "fromimapd")
	want := s.theirs.view("INBOX")
	if strings.Count(want, "* ") != len(seedLetters) || !strings.Contains(want, "work") {
		t.Fatalf("Dovecot's INBOX: %s", want)
	}
	for _, c := range []struct {
		server  *imapTalk
		mailbox string
	}{{s.ours, "INBOX"}, {s.ours, "fromdovecot"}, {s.theirs, "back"}, {s.theirs, "fromimapd"}} {
		if got := c.server.view(c.mailbox); got != want {
			t.Errorf("%s, %s: got\n%s\nDovecot's INBOX\n%s", c.server.name, c.mailbox, got, want)
		}
	}
}

// Dovecot and imapd take turns on one Maildir: each shows what the other has made of
// it, dates and UIDVALIDITY included.
func TestIMAPInTurns(t *testing.T) {
	t.Parallel()
	s := newShared(t)
	_, host := mailServer(t, s.dir, "imapd", ":1143", ":1993")
	s.asOwner(func() {
		for range 4 {
			s.deliver()
		}
	})
	// One does something, and then each shows INBOX and a folder.
	show := func(u *imapTalk, folder string, commands ...string) (shown []string) {
		for _, c := range commands {
			if got := u.ask("a", c); !strings.Contains("\n"+got, "\nt OK") {
				t.Fatalf("%s, %.60s: %s", u.name, c, got)
			}
		}
		for _, mailbox := range []string{"INBOX", folder} {
			shown = append(shown, u.view(mailbox))
			u.ask("a", "UNSELECT")
			_, counts, _ := strings.Cut(u.ask("a", "STATUS "+mailbox+" (UIDNEXT MESSAGES)"), " (")
			shown = append(shown, counts)
		}
		u.ask("a", "LOGOUT")
		return shown
	}
	ours := func(commands ...string) []string { return show(loginOurs(t, host, popUser), "a/b", commands...) }
	theirs := func(commands ...string) []string { return show(dovecotTalk(t, s.dir), "a.b", commands...) }
	const date = `"07-Feb-1994 21:52:25 -0800"`
	text := "Subject: appended\r\n\r\ntext\r\n"
	appended := func(mailbox, flags string) string {
		return fmt.Sprintf("APPEND %s (%s) %s {%d+}\r\n%s", mailbox, flags, date, len(text), text)
	}
	ours("CREATE a/b")
	validity := s.ourView("INBOX")[0]
	for round := range 3 {
		same := func(who string, got, want []string) {
			t.Helper()
			if !slices.Equal(got, want) {
				t.Fatalf("round %d, after %s: got\n%s\nwant\n%s", round, who, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
		did := ours("SELECT INBOX", appended("INBOX", `\Seen ours`), appended("a/b", `\Flagged $Junk`), fmt.Sprintf(`STORE 1:2 +FLAGS (\Answered Ours%d)`, round), "COPY 2:3 a/b",
			`STORE 2 +FLAGS (\Deleted)`, "EXPUNGE")
		same("imapd", theirs(), did)
		s.asOwner(s.deliver)
		did = theirs("SELECT INBOX", appended("INBOX", `\Draft theirs`), appended("a.b", `\Answered`), fmt.Sprintf(`STORE 1:2 FLAGS (\Seen Theirs%d)`, round), "COPY 1:2 a.b",
			`STORE 3 +FLAGS (\Deleted)`, "EXPUNGE")
		same("Dovecot", ours(), did)
	}
	if now := s.ourView("INBOX")[0]; now != validity {
		t.Errorf("UIDVALIDITY: %s, at first %s", now, validity)
	}
}
