//go:build interop

package interop

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// interimapConfig has interimap bring Dovecot's Maildir (near) and imapd's
// together.
func interimapConfig(t *testing.T, dir, near, host string, w way) (path string) {
	t.Helper()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	root := os.Getenv("YUBIN_SERVERS")
	if root == "" {
		t.Fatal("YUBIN_SERVERS is not set; make interop sets it")
	}
	kind, starttls := "imap", "NO"
	if w.tls {
		kind = "imaps"
	}
	if w.stls {
		starttls = "YES"
	}
	return popFile(t, dir, "interimap", fmt.Sprintf(`database = %[1]s/state.db
logfile = %[1]s/log
[local]
type = tunnel
command = %[2]s/server.sh imap %[3]s %[4]s
null-stderr = YES
[remote]
type = %[5]s
host = %[6]s
port = %[7]s
STARTTLS = %[8]s
SSL_CAfile = %[9]s
username = %[10]s
password = %[11]s
`, dir, here, root, near, kind, host, w.port, starttls, serverCertificate(t, dir, host), popUser, popSecret))
}

// A client of QRESYNC: interimap keeps a Maildir of Dovecot's and one of imapd's
// the same, both ways, by what each tells of the time since it was there last.
func TestInterimap(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"interimap", "openssl"} {
		need(t, program)
	}
	for _, w := range imapWays {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			far, near := newShared(t), newShared(t)
			near.n = 100 // letters have numbers of their own
			_, host := mailServer(t, far.dir, "imapd", ":1143", ":1993")
			far.asOwner(func() {
				for range 6 {
					far.deliver()
				}
				far.must(far.tree.Create("Work/Höhe"))
			})
			near.asOwner(near.deliver)
			dir := t.TempDir()
			config := interimapConfig(t, dir, near.dir, host, w)
			local := t.TempDir()
			if err := os.Symlink(filepath.Join(near.dir, "Maildir"), filepath.Join(local, "INBOX")); err != nil {
				t.Fatal(err)
			}
			sync := func() (said string) {
				t.Helper()
				os.Remove(filepath.Join(dir, "log"))
				succeed(t, "", "interimap", "--config="+config, "--debug")
				log, err := os.ReadFile(filepath.Join(dir, "log"))
				if err != nil {
					t.Fatal(err)
				}
				return string(log)
			}
			sync()
			sync() // Dovecot keeps mod-sequences from when somebody has asked for them
			far.sameAs(local, "1 ", "101 ", "2 ", "3 ", "4 ", "5 ", "6 ")
			if _, err := os.Stat(filepath.Join(near.dir, "Maildir/.Work.H&APY-he/cur")); err != nil {
				t.Error(err)
			}

			ours := loginOurs(t, host, popUser)
			ours.ask("a", "SELECT INBOX")
			ours.ask("a", `UID STORE 1 +FLAGS (\Seen)`)
			ours.ask("a", `UID STORE 2:3 +FLAGS (\Deleted)`)
			ours.ask("a", "UID EXPUNGE 2")
			near.dovecot("imap", "SELECT INBOX", `UID STORE 1 +FLAGS (\Flagged)`, `UID STORE 4 +FLAGS (\Answered)`, "LOGOUT")
			said := sync()
			for _, want := range []string{"QRESYNC (", "VANISHED (EARLIER) 2"} {
				if !strings.Contains(said, want) {
					t.Errorf("no %s in the session:\n%s", want, said)
				}
			}
			far.haveSame(near)

			rnd := rand.New(rand.NewPCG(7, 7))
			for range 5 {
				far.asOwner(far.deliver)
				near.asOwner(near.deliver)
				theirs := []string{"SELECT INBOX"}
				for n := range 3 {
					change := fmt.Sprintf("%cFLAGS (%s)", "+-"[rnd.IntN(2)], []string{`\Seen`, `\Flagged`, `\Answered`}[rnd.IntN(3)])
					ours.ask("a", fmt.Sprintf("STORE %d %s", 1+n, change))
					theirs = append(theirs, fmt.Sprintf("STORE %d %s", 5+n, change))
				}
				near.dovecot("imap", append(theirs, "LOGOUT")...)
				ours.ask("a", fmt.Sprintf(`STORE %d +FLAGS (\Deleted)`, 1+rnd.IntN(4)))
				if rnd.IntN(2) == 0 {
					ours.ask("a", "EXPUNGE")
				}
				sync()
				far.haveSame(near)
			}
			if said := sync(); strings.Contains(said, " SELECT ") || strings.Contains(said, " APPEND ") {
				t.Errorf("a sync without news:\n%s", said)
			}
		})
	}
}

// haveSame checks that two INBOXes have the same letters with the same flags.
func (s *shared) haveSame(o *shared) {
	s.t.Helper()
	local := s.t.TempDir()
	if err := os.Symlink(filepath.Join(o.dir, "Maildir"), filepath.Join(local, "INBOX")); err != nil {
		s.t.Fatal(err)
	}
	s.sameAs(local, lettersOf(s.t, filepath.Join(s.dir, "Maildir"))...)
}
