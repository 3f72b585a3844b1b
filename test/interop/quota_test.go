//go:build interop

package interop

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"yubin/internal/durable"
	"yubin/internal/ipc"
	"yubin/internal/mailbox"
	"yubin/internal/maildir"
	"yubin/internal/quota"
)

// quotaWords are the rules that both have.
var quotaWords = []string{"*:bytes=20000:messages=40", "Trash:bytes=+3000", "Spam:ignore"}

// newQuotaShared is a Maildir on which Dovecot has the maildir quota, and the store
// the same rules.
func newQuotaShared(t *testing.T, rules ...string) (*shared, *quota.Rules) {
	t.Helper()
	s := newShared(t)
	conf := "mail_plugins = quota imap_quota\nplugin {\n  quota = maildir:User quota\n"
	for i, w := range rules {
		n := ""
		if i > 0 {
			n = fmt.Sprint(i + 1)
		}
		conf += "  quota_rule" + n + " = " + w + "\n"
	}
	if err := os.WriteFile(filepath.Join(s.dir, "further"), []byte(conf+"}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := quota.Parse(rules)
	if err != nil {
		t.Fatal(err)
	}
	s.tree.Close()
	s.asOwner(func() {
		store := mailbox.New(mailbox.Options{Flush: durable.New(durable.Options{}), Quota: r})
		s.tree, err = store.Tree(&ipc.Account{Base: s.dir, Mailbox: "Maildir", Beneath: true})
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, r
}

func (s *shared) maildirsize() string {
	b, err := os.ReadFile(filepath.Join(s.dir, "Maildir", quota.File))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.t.Fatal(err)
	}
	return string(b)
}

// real is what lies in the folders that count.
func (s *shared) real() (u quota.Usage) {
	s.t.Helper()
	err := filepath.WalkDir(filepath.Join(s.dir, "Maildir"), func(path string, e fs.DirEntry, err error) error {
		in := filepath.Base(filepath.Dir(path))
		if err == nil && e.Type().IsRegular() && (in == "cur" || in == "new") && !strings.Contains(path, "/.Spam/") {
			var info fs.FileInfo
			if info, err = e.Info(); err == nil {
				u.Bytes += info.Size()
				u.Count++
			}
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return u
}

var quotaLine = regexp.MustCompile(`\* QUOTA "User quota" \((?:STORAGE (\d+) (\d+))? ?(?:MESSAGE (\d+) (\d+))?\)`)

// sameUsage wants both to say what is there, and neither to count anew.
func (s *shared) sameUsage(when string) {
	s.t.Helper()
	before, real := s.maildirsize(), s.real()
	m := quotaLine.FindStringSubmatch(s.dovecot("imap", "GETQUOTAROOT INBOX", "LOGOUT"))
	var ours quota.Status
	s.asOwner(func() {
		var err error
		if ours, err = s.tree.Quota(); err != nil {
			s.t.Error(err)
		}
	})
	want := fmt.Sprint(real.Count)
	if m == nil || m[3] != want || fmt.Sprint(ours.Used.Count) != want || ours.Used.Bytes != real.Bytes {
		s.t.Fatalf("%s: Dovecot says %q, we say %+v, there is %+v; %q", when, m, ours, real, before)
	}
	if after := s.maildirsize(); after != before {
		s.t.Fatalf("%s: somebody counted anew: %q, before %q", when, after, before)
	}
}

// fill is a delivery of n octets, by what local does.
func (s *shared) fill(r *quota.Rules, n int) error {
	s.n++
	boxes := maildir.NewBoxes(1)
	defer boxes.Close()
	text := "Subject: x\n\n" + strings.Repeat("y", n-12)
	d, err := boxes.Deliver(&maildir.Place{Base: s.dir, Path: "Maildir/", Beneath: true}, &maildir.Message{
		Name:    maildir.Name(time.Unix(1700000000+int64(s.n), 0), fmt.Sprintf("%014X", s.n), 0, "mx.example"),
		Content: strings.NewReader(text), Length: int64(len(text)), Quota: r,
	})
	if err == nil {
		d.Close()
	}
	return err
}

// Dovecot and we keep one maildirsize in turn: each believes what the other has
// written, and both are right.
func TestQuotaInTurns(t *testing.T) {
	t.Parallel()
	s, r := newQuotaShared(t, quotaWords...)
	deliver := func(n int) (err error) {
		s.asOwner(func() { err = s.fill(r, n) })
		return err
	}
	s.dovecot("imap", "CREATE Trash", "CREATE Spam", "LOGOUT")
	for range 3 {
		if err := deliver(1000); err != nil {
			t.Fatal(err)
		}
	}
	s.sameUsage("after deliveries")
	for round := range 3 {
		s.dovecot("imap", "SELECT INBOX", "COPY 1 Trash", "COPY 1 Spam", `STORE 1 +FLAGS (\Deleted)`, "EXPUNGE", "LOGOUT")
		s.sameUsage("after Dovecot's turn")
		s.asOwner(func() {
			v, err := s.tree.Open("INBOX", mailbox.ReadWrite)
			s.must(err)
			defer v.Close()
			for _, to := range []string{"Trash", "Spam", "INBOX"} {
				a, err := s.tree.Append(to)
				s.must(err)
				s.must(a.Copy(v, 0))
				s.must(a.Message(strings.NewReader("Subject: lf\r\n\r\ntext\r\n"), mailbox.Attributes{}))
				_, _, err = a.Commit()
				s.must(err)
			}
			_, err = v.Expunge([]uint32{v.Snapshot().Message(0).UID})
			s.must(err)
		})
		s.sameUsage("after ours")
		if err := deliver(200 * (round + 1)); err != nil {
			t.Fatal(err)
		}
		s.sameUsage("after a delivery")
	}
	// Full for both: what lies in Spam does not count, and Trash takes a little more.
	for deliver(1000) == nil {
	}
	if err := deliver(1000); !errors.Is(err, quota.ErrFull) {
		t.Fatalf("a full mailbox: %v", err)
	}
	if out := s.say("imap", "SELECT INBOX", "COPY 1 INBOX", "LOGOUT"); !strings.Contains(out, "t1 NO [OVERQUOTA]") {
		t.Errorf("Dovecot has room:\n%s", out)
	}
	s.sameUsage("full")
	s.dovecot("imap", "SELECT INBOX", `STORE 1:* +FLAGS (\Deleted)`, "EXPUNGE", "LOGOUT")
	if err := deliver(1000); err != nil {
		t.Errorf("emptied by Dovecot: %v", err)
	}
	s.sameUsage("emptied")
}

// Limits that are in the file alone hold for both; and one's count of what the other
// left damaged is the other's.
func TestQuotaOfTheFile(t *testing.T) {
	t.Parallel()
	s, r := newQuotaShared(t)
	path := filepath.Join(s.dir, "Maildir", quota.File)
	write := func(text string) {
		t.Helper()
		err := os.WriteFile(path, []byte(text), 0o600)
		if err == nil {
			err = os.Chown(path, mailOwner, mailOwner)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	write("5000S,3C\n0 0\n")
	s.asOwner(func() {
		for range 3 {
			s.must(s.fill(r, 1000))
		}
		if err := s.fill(r, 1000); !errors.Is(err, quota.ErrFull) {
			t.Errorf("beyond the file's limit: %v", err)
		}
	})
	s.sameUsage("limits of the file")
	for _, damaged := range []string{"5000S,3C\n1 1\nx\n", "5000S,3C\n-1 -1\n", "5000S,3C\n" + strings.Repeat("0 0\n", 1500)} {
		write(damaged)
		s.dovecot("imap", "GETQUOTAROOT INBOX", "LOGOUT")
		theirs := s.maildirsize()
		write(damaged)
		s.asOwner(func() { _, err := s.tree.Quota(); s.must(err) })
		if ours := s.maildirsize(); ours != theirs {
			t.Errorf("%.30q: we wrote %q, Dovecot %q", damaged, ours, theirs)
		}
	}
}
