package system

import (
	"fmt"
	"strings"
	"testing"

	"yubin/test/instance"
)

// setQuota limits ann's mailbox, and waits until authd says so.
func setQuota(i *instance.Instance, limit string) {
	i.T.Helper()
	if r := i.Mailctl("user", "quota", "ann@users.test", limit); r.Code != 0 {
		i.T.Fatalf("user quota: %+v", r)
	}
	i.Until("authd knows the quota", func() bool {
		return strings.Contains(i.Mailctl("lookup", "userdb:quota", "ann@users.test").Stdout, limit)
	})
}

func usage(i *instance.Instance) string { return i.Mailctl("user", "quota", "ann@users.test").Stdout }

// A mailbox is filled by deliveries, refuses them for good or for now, refuses what its
// owner puts into it, and takes mail again when there is room.
func TestQuota(t *testing.T) {
	t.Parallel()
	i, plain, _ := readersBy(t, instance.Options{}, "imapd")
	setQuota(i, "*:storage=1M:messages=2")
	submit := func(n int) {
		i.Submit("carol@client.test", "ann@users.test", fmt.Sprintf("Subject: %d\r\n\r\nx\r\n", n))
	}
	submit(1)
	submit(2)
	i.Until("two letters are in the Maildir", func() bool { return letters(i, "users.test/ann") == 2 })
	submit(3)
	i.WaitLog("to=<ann@users.test>", "dsn=5.2.2, status=bounced (Quota exceeded (mailbox for user is full))")

	p := imap(i, plain, nil).login("ann@users.test")
	p.want(" QUOTA QUOTA=RES-STORAGE QUOTA=RES-MESSAGE ", p.cmd("CAPABILITY"))
	p.want(" MESSAGE 2 2)\nt OK", p.cmd("GETQUOTAROOT INBOX"))
	p.want("t NO [OVERQUOTA] Quota exceeded (mailbox for user is full)", p.cmd("APPEND INBOX {3+}\r\nabc"))
	p.want("2 EXISTS", p.cmd("SELECT INBOX"))
	p.want("t NO [OVERQUOTA]", p.cmd("COPY 1 INBOX"))

	// For now only: the letter waits for room.
	i.AppendMain("quota_full_tempfail = yes")
	i.Reload()
	i.Until("local has read main.cf again", func() bool {
		submit(4)
		return strings.Contains(i.Log(), "dsn=4.2.2, status=deferred (Quota exceeded (mailbox for user is full))")
	})
	i.Until("none of them is under way", func() bool { return queued(t, i, "incoming") == 0 })
	p.want("t OK", p.cmd(`STORE 1:2 +FLAGS (\Deleted)`))
	p.want("t OK", p.cmd("EXPUNGE"))
	p.want(" MESSAGE 0 2)\nt OK", p.cmd("GETQUOTAROOT INBOX"))
	i.Mailctl("queue", "flush")
	i.Until("the letter that waited is there", func() bool { return letters(i, "users.test/ann") > 0 })
	i.Until("it counts", func() bool { // a moment later
		said := usage(i)
		return strings.Contains(said, "1 of 2 (50%) messages") || strings.Contains(said, "2 of 2 (100%) messages")
	})
}
