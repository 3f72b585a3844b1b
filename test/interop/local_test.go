//go:build interop

package interop

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"yubin/test/instance"
)

// A localUser is a user of the system with a directory where programs that
// deliver mail put it.
const localUser = "games"

// startLocal starts an instance that delivers to localUser, with further lines of
// main.cf in which OUT is that directory, and files there.
func startLocal(t *testing.T, files map[string]string, main ...string) (i *instance.Instance, out string) {
	t.Helper()
	u, err := user.Lookup(localUser)
	if err != nil {
		t.Fatal(err)
	}
	var uid, gid int
	fmt.Sscan(u.Uid, &uid)
	fmt.Sscan(u.Gid, &gid)
	i = instance.New(t, instance.Options{Stopped: true, Main: []string{"forward_path =", "home_mailbox ="}})
	out = i.Path("out")
	if err := os.Mkdir(out, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(out, name), []byte(strings.ReplaceAll(text, "OUT", out)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range append([]string{""}, keys(files)...) {
		if err := os.Chown(filepath.Join(out, name), uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	for _, line := range main {
		i.AppendMain(strings.ReplaceAll(line, "OUT", out))
	}
	i.Start()
	return i, out
}

func keys(m map[string]string) (list []string) {
	for k := range m {
		list = append(list, k)
	}
	return list
}

func send(i *instance.Instance, to, subject string) {
	i.T.Helper()
	i.Submit("ann@peer.test", to+"@localhost", "From: Ann <ann@peer.test>\nSubject: "+subject+"\nMessage-ID: <"+subject+"@peer.test>\n\nhello\nFrom the sea\n")
}

// procmail sorts mail by its subject, refuses some, and is told who it is for.
func TestProcmail(t *testing.T) {
	t.Parallel()
	need(t, "procmail")
	i, out := startLocal(t, map[string]string{"rc": `DEFAULT=OUT/default
SHELL=/bin/sh
EXT=$1
:0
* ^Subject: refuse
{ EXITCODE=67 HOST }
:0
* ^Subject: later
{ EXITCODE=75 HOST }
:0
* ^Subject: dir
OUT/dir/
:0 fhw
| /bin/sed "1,/^$/s/^Subject: /Subject: [$LOGNAME,$EXT] /"
`}, "mailbox_command = /usr/bin/procmail -a \"$EXTENSION\" OUT/rc", "recipient_delimiter = +")
	for _, s := range []string{"dir", "other", "refuse", "later"} {
		send(i, localUser+"+x", s)
	}
	i.WaitLog("status=sent (delivered to command: /usr/bin/procmail")
	i.WaitLog("dsn=5.1.1, status=bounced (user unknown")
	i.WaitLog("dsn=4.3.0, status=deferred (temporary failure")
	i.Until("the letter is in the Maildir", func() bool {
		found, _ := filepath.Glob(filepath.Join(out, "dir/new/*"))
		return len(found) == 1
	})
	i.Until("the letter is in the mbox", func() bool {
		b, _ := os.ReadFile(filepath.Join(out, "default"))
		return strings.Contains(string(b), "Subject: ["+localUser+",x] other\n") && strings.Contains(string(b), "Delivered-To: "+localUser+"+x@localhost\n") &&
			strings.HasPrefix(string(b), "From ann@peer.test ")
	})
}

// maildrop delivers by a filter of its own.
func TestMaildrop(t *testing.T) {
	t.Parallel()
	need(t, "maildrop")
	i, out := startLocal(t, map[string]string{"filter": `logfile "OUT/log"
if (/^Subject: refuse/)
{
	EXITCODE=77
	exit
}
to "OUT/box"
`}, "mailbox_command_maps = inline:{ { "+localUser+" = /usr/bin/maildrop OUT/filter } }")
	send(i, localUser, "keep")
	send(i, localUser, "refuse")
	i.WaitLog("dsn=5.7.0, status=bounced (permission denied")
	i.Until("the letter is in the mbox", func() bool {
		b, _ := os.ReadFile(filepath.Join(out, "box"))
		return strings.Contains(string(b), "\nSubject: keep\n")
	})
}

// An mbox file with several letters is read as these by mutt, and by Dovecot.
func TestMboxReaders(t *testing.T) {
	t.Parallel()
	need(t, "mutt")
	need(t, "script")
	i, out := startLocal(t, nil, "mail_spool_directory = OUT")
	for n := range 3 {
		send(i, localUser, fmt.Sprint("letter-", n))
	}
	box := filepath.Join(out, localUser)
	i.Until("three letters are there", func() bool {
		b, _ := os.ReadFile(box)
		return strings.Count(string(b), "\nSubject: letter-") == 3 && i.Drained()
	})
	before, err := os.ReadFile(box)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "copied")
	mutt := fmt.Sprintf(`exec mutt -n -F %s -m Maildir -f %s -e 'push "<tag-pattern>~A<enter><tag-prefix><copy-message>%s<enter><exit>"'`,
		muttrc(t, i), box, copied)
	output := succeed(t, "", "script", "-q", "-e", "-c", mutt, "/dev/null")
	if copies := instance.ReadMaildir(t, copied); len(copies) != 3 {
		t.Errorf("mutt read %d letters; it printed\n%s", len(copies), output)
	}

	s := &shared{t: t, dir: serverDir(t, "mbox", nil)}
	mail := filepath.Join(s.dir, "inbox")
	if err := os.WriteFile(mail, before, 0o600); err != nil {
		t.Fatal(err)
	}
	further := fmt.Sprintf("mail_location = mbox:%s/folders:INBOX=%s\n", s.dir, mail)
	if err := os.WriteFile(filepath.Join(s.dir, "further"), []byte(further), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{s.dir, mail} {
		if err := os.Chown(name, mailOwner, mailOwner); err != nil {
			t.Fatal(err)
		}
	}
	view := s.dovecot("imap", "EXAMINE INBOX", "FETCH 1:* (BODY[HEADER.FIELDS (SUBJECT)])", "FETCH 3 (BODY[TEXT])", "LOGOUT")
	for _, want := range []string{"* 3 EXISTS", "Subject: letter-0", "Subject: letter-2", "hello\r\n>From the sea\r\n"} {
		if !strings.Contains(view, want) {
			t.Errorf("Dovecot does not show %q:\n%s", want, view)
		}
	}
}
