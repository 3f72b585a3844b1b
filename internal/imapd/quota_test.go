package imapd

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"yubin/internal/durable"
	"yubin/internal/mailbox"
	"yubin/internal/quota"
)

// limited is a rig whose mailbox has a quota.
func limited(t *testing.T, rules ...string) *rig {
	t.Helper()
	q, err := quota.Parse(rules)
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t)
	r.srv.store = mailbox.New(mailbox.Options{Flush: durable.New(durable.Options{}), Quota: q})
	t.Cleanup(r.srv.store.Close)
	r.srv.overQuota = "Quota exceeded"
	return r
}

// sized is a message of n octets in CRLF form.
func sized(n int) string { return "Subject: x\r\n\r\n" + strings.Repeat("y", n-14) }

func (u *user) appendTo(folder string, sizes ...int) string {
	u.t.Helper()
	u.send("x APPEND " + folder)
	for _, n := range sizes {
		u.send(fmt.Sprintf(" {%d+}\r\n%s", n, sized(n)))
	}
	u.send("\r\n")
	return u.line()
}

func (u *user) want(text string, got string) {
	u.t.Helper()
	if !strings.Contains(got, text) {
		u.t.Fatalf("got %q, want %q", got, text)
	}
}

func (r *rig) maildirsize(want string) {
	r.t.Helper()
	b, err := os.ReadFile(filepath.Join(r.dir, quota.File))
	if err != nil && want != "" || string(b) != want {
		r.t.Fatalf("maildirsize is %q, %v, want %q", b, err, want)
	}
}

// What a client is told of a quota, what it may not do, and how it gets room again.
func TestQuota(t *testing.T) {
	t.Parallel()
	r := limited(t, "*:bytes=5000:messages=5", "Trash:bytes=+1000", "Spam:ignore")
	u := r.connect()
	u.play(`C: a CREATE Trash
		S: a OK ...
		C: b CREATE Spam
		S: b OK ...
		C: c GETQUOTAROOT INBOX
		S: * QUOTAROOT INBOX "User quota"
		S: * QUOTA "User quota" (STORAGE 0 5 MESSAGE 0 5)
		S: c OK ...
		C: d GETQUOTAROOT "not there"
		S: * QUOTAROOT "not there" "User quota"
		S: * QUOTA "User quota" (STORAGE 0 5 MESSAGE 0 5)
		S: d OK ...
		C: e GETQUOTAROOT Spam
		S: * QUOTAROOT Spam
		S: e OK ...
		C: f GETQUOTA "User quota"
		S: * QUOTA "User quota" (STORAGE 0 5 MESSAGE 0 5)
		S: f OK ...
		C: g GETQUOTA ""
		S: * QUOTA "" (STORAGE 0 5 MESSAGE 0 5)
		S: g OK ...
		C: h GETQUOTA other
		S: h NO [NONEXISTENT] ...
		C: i SETQUOTA "User quota" (STORAGE 100 MESSAGE 1000)
		S: i NO [NOPERM] ...
		C: j SETQUOTA "User quota" STORAGE
		S: j BAD ...
		C: k SETQUOTA "" ()
		S: k NO [NOPERM] ...
		C: l GETQUOTA
		S: l BAD ...
		`)
	u.want("* CAPABILITY ", u.cmd("CAPABILITY")[0])
	u.want(" QUOTA QUOTA=RES-STORAGE QUOTA=RES-MESSAGE ", u.cmd("CAPABILITY")[0])
	// Lines end in LF on the disk: two octets less.
	u.want("x OK [APPENDUID", u.appendTo("INBOX", 3002))
	r.maildirsize("5000S,5C\n0 0\n3000 1\n")
	u.want("x NO [OVERQUOTA] Quota exceeded", u.appendTo("INBOX", 2003)) // found out when it is there
	u.want("x NO [OVERQUOTA] Quota exceeded", u.appendTo("INBOX", 1002, 1003))
	u.want("x NO [OVERQUOTA] Quota exceeded", u.appendTo("INBOX", 9000)) // before it comes
	u.want("x OK [APPENDUID", u.appendTo("Trash", 2003))
	u.want("x OK [APPENDUID", u.appendTo("Spam", 9000))
	u.want("x NO [OVERQUOTA]", u.appendTo("INBOX", 20))
	u.want("x OK", strings.Join(u.cmd("SELECT INBOX"), " "))
	u.play(`C: a COPY 1 Trash
		S: a NO [OVERQUOTA] Quota exceeded
		C: b MOVE 1 Trash
		S: * OK [COPYUID ...
		S: * 1 EXPUNGE
		S: b OK ...
		`)
	u.want("EXISTS", strings.Join(u.cmd("SELECT Spam"), " "))
	u.play(`
		C: d MOVE 1 Trash
		S: d NO [OVERQUOTA] Quota exceeded
		C: e COPY 1 Spam
		S: ...
		S: ...
		S: e OK ...
		`)
	u.want("EXISTS", strings.Join(u.cmd("SELECT Trash"), " "))
	u.play(`
		C: g STORE 2 +FLAGS.SILENT (\Deleted)
		S: g OK ...
		C: h STATUS Trash (DELETED DELETED-STORAGE)
		S: * STATUS Trash (DELETED 1 DELETED-STORAGE 3000)
		S: h OK ...
		C: i EXPUNGE
		S: * 2 EXPUNGE
		S: i OK ...
		C: j GETQUOTA "User quota"
		S: * QUOTA "User quota" (STORAGE 2 5 MESSAGE 1 5)
		S: j OK ...
		`)
	u.want("x OK [APPENDUID", u.appendTo("INBOX", 2003))
	u.want("x OK", u.cmd("UNSELECT")[0])
	u.want("x OK", u.cmd("DELETE Trash")[0])
	u.play(`C: a GETQUOTA "User quota"
		S: * QUOTA "User quota" (STORAGE 2 5 MESSAGE 1 5)
		S: a OK ...
		C: b CREATE Work
		S: b OK ...
		C: c RENAME Spam More
		S: c OK ...
		C: d GETQUOTA "User quota"
		S: * QUOTA "User quota" (STORAGE 20 5 MESSAGE 3 5)
		S: d OK ...
		`)
}

// Without limits there is no quota root, and no file; with a file of another
// program's there is.
func TestNoQuota(t *testing.T) {
	t.Parallel()
	r := limited(t)
	u := r.connect()
	u.play(`C: a GETQUOTAROOT INBOX
		S: * QUOTAROOT INBOX
		S: a OK ...
		C: b GETQUOTA "User quota"
		S: b NO [NONEXISTENT] ...
		`)
	u.want("x OK", u.appendTo("INBOX", 100))
	r.maildirsize("")
	if err := os.WriteFile(filepath.Join(r.dir, quota.File), []byte("3C\n99 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	u.play(`C: a GETQUOTAROOT INBOX
		S: * QUOTAROOT INBOX "User quota"
		S: * QUOTA "User quota" (MESSAGE 1 3)
		S: a OK ...
		`)
	u.want("x OK", u.appendTo("INBOX", 100, 100))
	u.want("x NO [OVERQUOTA]", u.appendTo("INBOX", 100))
	r.maildirsize("3C\n294 3\n")
}

// RENAME of INBOX moves its messages and needs no room.
func TestQuotaRenameInbox(t *testing.T) {
	t.Parallel()
	r := limited(t, "*:messages=1")
	u := r.connect()
	u.want("x OK", u.appendTo("INBOX", 100))
	u.want("x OK", u.cmd("RENAME INBOX Old")[0])
	u.want("x NO [OVERQUOTA]", u.appendTo("INBOX", 100))
	r.maildirsize("1C\n98 1\n")
}

// REPLACE in a full mailbox needs room for the difference only.
func TestQuotaReplace(t *testing.T) {
	t.Parallel()
	r := limited(t, "*:messages=1:bytes=1000", "Spam:ignore")
	u := r.connect()
	u.want("x OK", u.appendTo("INBOX", 502))
	u.want("EXISTS", strings.Join(u.cmd("SELECT INBOX"), " "))
	replace := func(folder string, n int) string {
		u.send(fmt.Sprintf("x REPLACE 1 %s {%d+}\r\n%s\r\n", folder, n, sized(n)))
		said := u.line()
		for !strings.HasPrefix(said, "x ") {
			said = u.line()
		}
		return said
	}
	u.want("x OK", replace("INBOX", 902))
	r.maildirsize("1000S,1C\n0 0\n500 1\n-500 -1\n900 1\n")
	u.want("x NO [OVERQUOTA]", replace("INBOX", 1500))
	u.want("x NO [OVERQUOTA]", replace("INBOX", 5000))
	r.maildirsize("1000S,1C\n900 1\n")
}
