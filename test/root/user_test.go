//go:build root

package root

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"yubin/test/instance"
)

// What `mailctl user add` makes on a host: mailboxes that belong to vmail alone,
// accounts that root alone can read; smtpd, qmgr and local, each under its own
// account, know the user by authd.
func TestUserAdd(t *testing.T) {
	i := newSystem(t, instance.Options{Main: []string{"virtual_mailbox_domains =", "virtual_mailbox_maps =", "virtual_uid_maps =",
		"virtual_gid_maps =", "virtual_minimum_uid = 100"}})
	if err := os.RemoveAll(i.Path("mail")); err != nil {
		t.Fatal(err)
	}
	const secret = "seven-of-nine-horses"
	r := i.Run(secret+"\n", "mailctl", "-c", i.Etc(), "user", "add", "ann@users.test")
	if r.Code != 0 {
		t.Fatalf("user add: %+v", r)
	}
	i.Until("smtpd knows the domain", func() bool {
		s := i.Dial()
		defer s.Close()
		s.Want("250", "EHLO client.test")
		s.Want("250", "MAIL FROM:<carol@client.test>")
		reply, err := s.Cmd("RCPT TO:<ann@users.test>")
		return err == nil && strings.HasPrefix(reply, "250 ")
	})
	i.Submit("carol@client.test", "ann@users.test", "Subject: one\r\n\r\nhello\r\n")
	i.Until("the letter is in the Maildir", func() bool {
		found, _ := filepath.Glob(i.Path("mail/users.test/ann/Maildir/new/*"))
		return len(found) == 1
	})
	err := filepath.WalkDir(i.Path("mail"), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if st := info.Sys().(*syscall.Stat_t); st.Uid != vmailUID || st.Gid != vmailUID || info.Mode().Perm()&0o077 != 0 {
			return fmt.Errorf("%s: owner %d:%d mode %v, want vmail's alone", path, st.Uid, st.Gid, info.Mode())
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	info, err := os.Stat(i.Path("etc/users"))
	if err != nil || info.Mode() != 0o600 || info.Sys().(*syscall.Stat_t).Uid != 0 {
		t.Errorf("users: %+v, %v", info, err)
	}
	for _, args := range [][]string{{"user", "list"}, {"user", "show", "ann@users.test"}, {"user", "passwd", "ann@users.test"}, {"user", "delete", "ann@users.test"}} {
		if r := as(i, annUID, "x\n", "mailctl", append([]string{"-c", i.Etc()}, args...)...); r.Code == 0 {
			t.Errorf("ann may %v: %+v", args, r)
		}
	}
	// A link in a place where vmail can make one leads root nowhere.
	outside := t.TempDir()
	if err := os.Symlink(outside, i.Path("mail/trap.test")); err != nil {
		t.Fatal(err)
	}
	if r := i.Run(secret+"\n", "mailctl", "-c", i.Etc(), "user", "add", "ben@trap.test"); r.Code == 0 {
		t.Errorf("a link was followed: %+v", r)
	}
	if names, err := os.ReadDir(outside); err != nil || len(names) > 0 {
		t.Errorf("made outside: %v, %v", names, err)
	}
	i.KeepsSecret("ann@users.test", secret, r)
}
