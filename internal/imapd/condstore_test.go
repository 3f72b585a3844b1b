package imapd

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// A script is a dialogue with numbers that are the server's: <a> in an expected
// line is a number, the same one each time, and $a in a later line sends it.
type script struct {
	*user
	numbers map[string]string
}

var number = regexp.MustCompile(`<(\w+)>`)

func (s *script) play(dialogue string) {
	s.t.Helper()
	for l := range strings.Lines(dialogue) {
		l = strings.TrimSpace(l)
		for name, n := range s.numbers {
			l = strings.ReplaceAll(strings.ReplaceAll(l, "$"+name, n), "<"+name+">", n)
		}
		if text, ok := strings.CutPrefix(l, "C:"); ok {
			s.send(strings.TrimPrefix(text, " ") + "\r\n")
		}
		want, ok := strings.CutPrefix(l, "S: ")
		until, skips := strings.CutPrefix(l, "S~ ")
		if skips {
			want = until
		}
		pattern := strings.ReplaceAll(regexp.QuoteMeta(want), `\.\.\.`, ".*")
		var names []string
		for _, m := range number.FindAllStringSubmatch(want, -1) {
			names = append(names, m[1])
			pattern = strings.ReplaceAll(pattern, m[0], `(\d+)`)
		}
		re := regexp.MustCompile("^" + pattern + "$")
		for ok || skips {
			got := s.line()
			m := re.FindStringSubmatch(got)
			for i, name := range names {
				if m != nil {
					s.numbers[name] = m[i+1]
				}
			}
			if m != nil {
				break
			}
			if ok || !strings.HasPrefix(got, "* ") {
				s.t.Fatalf("got  %q\nwant %q", got, want)
			}
		}
	}
}

// Dialogues in a mailbox with three letters; @ is another session that does
// something.
var modSeqDialogues = []struct{ name, text string }{
	{"what enables", `
		C: a SELECT INBOX
		S~ * OK [HIGHESTMODSEQ <h>] Highest
		S~ a OK [READ-WRITE] Select completed.
		C: b STORE 1 +FLAGS (\Flagged)
		S: * 1 FETCH (FLAGS (\Flagged \Recent))
		S: b OK Store completed.
		C: c FETCH 1:2 (UID MODSEQ)
		S: * 1 FETCH (UID 1 MODSEQ (<m>))
		S: * 2 FETCH (UID 2 MODSEQ (<h>))
		S: c OK Fetch completed.
		C: d STORE 1 -FLAGS (\Flagged)
		S: * 1 FETCH (FLAGS (\Recent) MODSEQ (<n>))
		S: d OK Store completed.
		C: e STORE 2 +FLAGS.SILENT (\Seen)
		S: * 2 FETCH (MODSEQ (<o>))
		S: e OK Store completed.
		C: f FETCH 3 BODY[TEXT]
		S: * 3 FETCH (BODY[TEXT] {14}
		S: Hello
		S: there
		S:  FLAGS (\Seen \Recent))
		S: * 3 FETCH (FLAGS (\Seen \Recent) MODSEQ (<p>))
		S: f OK Fetch completed.`},
	{"status enables", `
		C: a STATUS INBOX (HIGHESTMODSEQ MAILBOXID MESSAGES)
		S: * STATUS INBOX (HIGHESTMODSEQ <h> MAILBOXID (F...) MESSAGES 3)
		S: a OK Status completed.
		C: b SELECT INBOX
		S~ * OK [HIGHESTMODSEQ <h>] Highest
		S~ b OK ...
		C: c UID STORE 3 +FLAGS (\Seen)
		S: * 3 FETCH (UID 3 FLAGS (\Seen \Recent) MODSEQ (<m>))
		S: c OK Store completed.
		C: d STATUS INBOX (HIGHESTMODSEQ)
		S: * STATUS INBOX (HIGHESTMODSEQ <m>)
		S: d OK Status completed.`},
	{"changedsince", `
		C: a SELECT INBOX (CONDSTORE)
		S~ * OK [HIGHESTMODSEQ <h>] Highest
		S~ a OK ...
		C: b STORE 2 +FLAGS (\Seen)
		S: * 2 FETCH (FLAGS (\Seen \Recent) MODSEQ (<m>))
		S: b OK Store completed.
		C: c FETCH 1:* (FLAGS) (CHANGEDSINCE $h)
		S: * 2 FETCH (FLAGS (\Seen \Recent) MODSEQ (<m>))
		S: c OK Fetch completed.
		C: d UID FETCH 1:* (FLAGS MODSEQ) (CHANGEDSINCE 1)
		S: * 1 FETCH (UID 1 FLAGS (\Recent) MODSEQ (<h>))
		S: * 2 FETCH (UID 2 FLAGS (\Seen \Recent) MODSEQ (<m>))
		S: * 3 FETCH (UID 3 FLAGS (\Recent) MODSEQ (<h>))
		S: d OK Fetch completed.
		C: e FETCH 1,3 FLAGS (CHANGEDSINCE $h)
		S: e OK Fetch completed.
		C: f FETCH 1 FLAGS (CHANGEDSINCE 0)
		S: f BAD Expected a mod-sequence above 0
		C: g UID FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)
		S: g BAD QRESYNC is not enabled
		C: h SEARCH MODSEQ $m
		S: * SEARCH 2 (MODSEQ <m>)
		S: h OK Search completed.
		C: i SEARCH NOT MODSEQ "/flags/\\seen" all $m
		S: * SEARCH 1 3 (MODSEQ <h>)
		S: i OK Search completed.
		C: j SEARCH MODSEQ 9000000000000000000
		S: * SEARCH
		S: j OK Search completed.
		C: k UID SEARCH RETURN (MIN) MODSEQ 1
		S: * ESEARCH (TAG "k") UID MIN 1 MODSEQ <h>
		S: k OK Search completed.
		C: l SEARCH RETURN (MIN COUNT) MODSEQ 1
		S: * ESEARCH (TAG "l") MIN 1 COUNT 3 MODSEQ <m>
		S: l OK Search completed.
		C: m SORT (REVERSE ARRIVAL) UTF-8 MODSEQ $h
		S: * SORT 3 2 1 (MODSEQ <m>)
		S: m OK Sort completed.
		C: n SORT RETURN (MAX) (ARRIVAL) UTF-8 MODSEQ 1
		S: * ESEARCH (TAG "n") MAX 3 MODSEQ <h>
		S: n OK Sort completed.
		C: o SEARCH MODSEQ 0 UNSEEN
		S: * SEARCH 1 3 (MODSEQ <h>)
		S: o OK Search completed.`},
	{"unchangedsince", `
		C: a SELECT INBOX
		S~ * OK [HIGHESTMODSEQ <h>] Highest
		S~ a OK ...
		C: b STORE 1 (UNCHANGEDSINCE $h) +FLAGS.SILENT (\Seen)
		S: * 1 FETCH (MODSEQ (<m>))
		S: b OK Store completed.
		C: c STORE 1:3 (UNCHANGEDSINCE $h) +FLAGS (\Flagged)
		S: * 2 FETCH (FLAGS (\Flagged \Recent) MODSEQ (<n>))
		S: * 3 FETCH (FLAGS (\Flagged \Recent) MODSEQ (<n>))
		S: c OK [MODIFIED 1] Conditional Store failed.
		C: d UID STORE 1:3 (UNCHANGEDSINCE $m) FLAGS ()
		S: * 1 FETCH (UID 1 FLAGS (\Recent) MODSEQ (<o>))
		S: d OK [MODIFIED 2:3] Conditional Store failed.
		C: e STORE 1 (UNCHANGEDSINCE 0) FLAGS ()
		S: e OK [MODIFIED 1] Conditional Store failed.
		C: f STORE 2 (FOO 1) FLAGS ()
		S: f BAD ...`},
	{"qresync", `
		C: a SELECT INBOX (QRESYNC (1 1))
		S: a BAD QRESYNC is not enabled
		C: b ENABLE QRESYNC
		S: * ENABLED QRESYNC
		S: b OK Enabled.
		C: c SELECT INBOX
		S~ * OK [UIDVALIDITY <v>] UIDs valid
		S~ * OK [HIGHESTMODSEQ <h>] Highest
		S~ c OK ...
		C: d STORE 1 +FLAGS (\Deleted)
		S: * 1 FETCH (UID 1 FLAGS (\Deleted \Recent) MODSEQ (<m>))
		S: d OK Store completed.
		C: e EXPUNGE
		S: * VANISHED 1
		S: e OK [HIGHESTMODSEQ <n>] Expunge completed.
		C: f STORE 2 +FLAGS (\Seen)
		S: * 2 FETCH (UID 3 FLAGS (\Seen \Recent) MODSEQ (<o>))
		S: f OK Store completed.
		C: g UID FETCH 1:* (FLAGS) (CHANGEDSINCE $h VANISHED)
		S: * VANISHED (EARLIER) 1
		S: * 2 FETCH (UID 3 FLAGS (\Seen \Recent) MODSEQ (<o>))
		S: g OK Fetch completed.
		C: h UID FETCH 2:* (FLAGS) (CHANGEDSINCE $n VANISHED)
		S: * 2 FETCH (UID 3 FLAGS (\Seen \Recent) MODSEQ (<o>))
		S: h OK Fetch completed.
		C: i FETCH 1:* (FLAGS) (CHANGEDSINCE $h VANISHED)
		S: i BAD VANISHED belongs to UID FETCH with CHANGEDSINCE
		C: j UID STORE 3 +FLAGS (\Deleted)
		S~ j OK ...
		C: k CREATE x
		S: k OK [MAILBOXID (F...)] Create completed.
		C: l UID MOVE 3 x
		S: * OK [COPYUID ... 3 1] Moved UIDs.
		S: * VANISHED 3
		S: l OK [HIGHESTMODSEQ <p>] Move completed.
		C: m UID FETCH 1:* (FLAGS) (CHANGEDSINCE $h VANISHED)
		S: * VANISHED (EARLIER) 1,3
		S: m OK Fetch completed.
		C: n SELECT INBOX (QRESYNC ($v $h))
		S: * OK [CLOSED] Previous mailbox closed.
		S~ * OK [HIGHESTMODSEQ <p>] Highest
		S: * OK [MAILBOXID (F...)] Identity
		S: * VANISHED (EARLIER) 1,3
		S: n OK [READ-WRITE] Select completed.
		C: o EXAMINE INBOX (QRESYNC ($v 1 2:4))
		S: * OK [CLOSED] Previous mailbox closed.
		S~ * VANISHED (EARLIER) 3
		S: * 1 FETCH (UID 2 FLAGS () MODSEQ (<h>))
		S: o OK [READ-ONLY] Examine completed.
		C: p SELECT INBOX (QRESYNC (1 1 1:4))
		S: * OK [CLOSED] Previous mailbox closed.
		S~ * OK [MAILBOXID (F...)] Identity
		S: p OK [READ-WRITE] Select completed.
		C: q SELECT INBOX (QRESYNC ($v $p (1 2)))
		S: * OK [CLOSED] Previous mailbox closed.
		S~ * OK [MAILBOXID (F...)] Identity
		S: q OK [READ-WRITE] Select completed.
		C: r SELECT INBOX (QRESYNC ($v 9000000000000000000 1:4))
		S: * OK [CLOSED] Previous mailbox closed.
		S~ * VANISHED (EARLIER) 1,3
		S: * 1 FETCH (UID 2 FLAGS () MODSEQ (<h>))
		S: r OK [READ-WRITE] Select completed.
		C: s SELECT INBOX (QRESYNC ($v))
		S: s BAD ...`},
	{"rev2", `
		C: a ENABLE IMAP4rev2 QRESYNC CONDSTORE
		S: * ENABLED IMAP4rev2 QRESYNC CONDSTORE
		S: a OK Enabled.
		C: b SELECT INBOX
		S~ * OK [HIGHESTMODSEQ <h>] Highest
		S~ b OK ...
		C: c UID SEARCH MODSEQ 1
		S: * ESEARCH (TAG "c") UID ALL 1:3 MODSEQ <h>
		S: c OK Search completed.
		C: d UID STORE 1:2 +FLAGS.SILENT (\Deleted)
		S: * 1 FETCH (UID 1 MODSEQ (<m>))
		S: * 2 FETCH (UID 2 MODSEQ (<m>))
		S: d OK Store completed.
		C: e UID EXPUNGE 2
		S: * VANISHED 2
		S: e OK [HIGHESTMODSEQ <n>] Expunge completed.
		C: f APPEND INBOX {6+}
		C: A: b
		C:
		S: * 3 EXISTS
		S: * OK [HIGHESTMODSEQ <o>] Highest
		S: f OK [APPENDUID ... 4] Append completed.
		C: g CLOSE
		S: g OK Close completed.`},
	{"objects", `
		C: a EXAMINE INBOX
		S~ * OK [MAILBOXID (F...)] Identity
		S: a OK ...
		C: b FETCH 1 (EMAILID THREADID SAVEDATE)
		S: * 1 FETCH (EMAILID (M...) THREADID NIL SAVEDATE " 1-Jan-2024 ...")
		S: b OK Fetch completed.
		C: c SEARCH SAVEDBEFORE 2-Jan-2024
		S: * SEARCH 1
		S: c OK Search completed.
		C: d SEARCH SAVEDON 1-Jan-2024 SAVEDATESUPPORTED
		S: * SEARCH 1
		S: d OK Search completed.
		C: e SEARCH SAVEDSINCE 3-Jan-2024 NOT THREADID Tx
		S: * SEARCH 3
		S: e OK Search completed.
		C: f SEARCH EMAILID Mx
		S: * SEARCH
		S: f OK Search completed.
		C: g SEARCH THREADID Tx
		S: * SEARCH
		S: g OK Search completed.`},
}

// Mod-sequences, VANISHED and identities (RFC 7162, 8474, 8514), as one client
// sees them.
func TestModSeqDialogues(t *testing.T) {
	t.Parallel()
	for _, d := range modSeqDialogues {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			for n := range 3 {
				arrival := time.Date(2024, 1, 1+n, 12, 0, 0, 0, time.UTC)
				name := fmt.Sprintf("%d.%d.h", arrival.Unix(), n+1)
				r.deliver("", name, letter)
				if err := os.Chtimes(filepath.Join(r.dir, "new", name), arrival, arrival); err != nil {
					t.Fatal(err)
				}
			}
			(&script{r.connect(), map[string]string{}}).play(d.text)
		})
	}
}

// A client hears a mod-sequence above one that is held back: what it is told at the
// end of the command lets it come back without missing the removal.
func TestHeldBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, n := range []string{"1.h", "2.h", "3.h"} {
		r.deliver("", n, letter)
	}
	a, b := &script{r.connect(), map[string]string{}}, r.connect()
	a.play(`
		C: a ENABLE QRESYNC
		S: * ENABLED QRESYNC
		S: a OK Enabled.
		C: b SELECT INBOX
		S~ * OK [UIDVALIDITY <v>] UIDs valid
		S~ * OK [HIGHESTMODSEQ <h>] Highest
		S~ b OK ...`)
	b.cmd("SELECT INBOX")
	b.cmd(`STORE 1 +FLAGS (\Deleted)`)
	b.cmd("EXPUNGE")
	a.play(`
		C: c STORE 3 +FLAGS (\Seen)
		S: * 3 FETCH (UID 3 FLAGS (\Seen \Recent) MODSEQ (<m>))
		S: c OK [HIGHESTMODSEQ <h>] Store completed.
		C: d FETCH 1 MODSEQ
		S: d NO [EXPUNGEISSUED] Some of the requested messages no longer exist.
		C: e STORE 1:2 (UNCHANGEDSINCE $h) +FLAGS (\Seen)
		S: * 2 FETCH (UID 2 FLAGS (\Seen \Recent) MODSEQ (<n>))
		S: * OK [HIGHESTMODSEQ <h>] Highest
		S: e NO [EXPUNGEISSUED] Some of the requested messages no longer exist.
		C: f STORE 1:3 (UNCHANGEDSINCE $h) +FLAGS (\Seen)
		S: f NO [MODIFIED 2:3] Some of the messages no longer exist.
		C: g UID FETCH 1:* (FLAGS) (CHANGEDSINCE $h VANISHED)
		S: * 2 FETCH (UID 2 FLAGS (\Seen \Recent) MODSEQ (<n>))
		S: * 3 FETCH (UID 3 FLAGS (\Seen \Recent) MODSEQ (<m>))
		S: * VANISHED 1
		S: g OK [HIGHESTMODSEQ <n>] Fetch completed.
		C: h SELECT INBOX (QRESYNC ($v $h))
		S~ * VANISHED (EARLIER) 1
		S: * 1 FETCH (UID 2 FLAGS (\Seen) MODSEQ (<n>))
		S: * 2 FETCH (UID 3 FLAGS (\Seen) MODSEQ (<m>))
		S: h OK ...`)
}

// What asks for mod-sequences is told them from then on, and nobody else is (RFC
// 7162, 3.1).
func TestCondStoreEnabled(t *testing.T) {
	t.Parallel()
	for command, enables := range map[string]bool{
		"SELECT INBOX (CONDSTORE)":                      true,
		"EXAMINE INBOX (CONDSTORE)":                     true,
		"STATUS INBOX (HIGHESTMODSEQ)":                  true,
		`LIST "" INBOX RETURN (STATUS (HIGHESTMODSEQ))`: true,
		"FETCH 1 MODSEQ":                                true,
		"UID FETCH 1 (FLAGS) (CHANGEDSINCE 1)":          true,
		"STORE 1 (UNCHANGEDSINCE 1) FLAGS ()":           true,
		"SEARCH OR SEEN NOT MODSEQ 1":                   true,
		"UID SORT (ARRIVAL) UTF-8 MODSEQ 1":             true,
		"THREAD REFS UTF-8 MODSEQ 1":                    true,
		"SELECT INBOX":                                  false,
		"STATUS INBOX (MESSAGES)":                       false,
		"FETCH 1 (EMAILID FLAGS)":                       false,
		"SEARCH ALL":                                    false,
		"FETCH 1 FLAGS (CHANGEDSINCE x)":                false,
	} {
		r := newRig(t)
		r.deliver("", "1.h", letter)
		u := r.connect()
		u.cmd("SELECT INBOX")
		u.cmd("%s", command)
		u.cmd("SELECT INBOX")
		if got := strings.Join(u.cmd(`STORE 1 +FLAGS (\Seen)`), "\n"); strings.Contains(got, " MODSEQ (") != enables {
			t.Errorf("%s: then STORE is answered by %q", command, got)
		}
	}
}

// IDLE tells what went, and up to where all is told.
func TestIdleVanished(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.deliver("", "1.h", letter)
	r.deliver("", "2.h", letter)
	a, b := &script{r.connect(), map[string]string{}}, r.connect()
	a.cmd("ENABLE QRESYNC")
	a.cmd("SELECT INBOX")
	b.cmd("SELECT INBOX")
	a.play(`
		C: a IDLE
		S: + idling`)
	b.cmd(`STORE 1 +FLAGS (\Deleted)`)
	a.play(`S: * 1 FETCH (UID 1 FLAGS (\Deleted \Recent) MODSEQ (<m>))`)
	b.cmd("EXPUNGE")
	a.play(`
		S: * VANISHED 1
		S: * OK [HIGHESTMODSEQ <n>] Highest
		C: DONE
		S: a OK Idle completed.
		C: b UID FETCH 1:* FLAGS (CHANGEDSINCE $n VANISHED)
		S: b OK Fetch completed.`)
}

// A keyword that gets its name later is news of the messages that have it, also
// for a client without mod-sequences.
func TestKeywordNamed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.deliver("", "1.h", letter)
	if err := os.Rename(filepath.Join(r.dir, "new/1.h"), filepath.Join(r.dir, "cur/1.h:2,a")); err != nil {
		t.Fatal(err)
	}
	u := r.connect()
	u.cmd("SELECT INBOX")
	u.play(`
		C: a FETCH 1 FLAGS
		S: * 1 FETCH (FLAGS (...unknown-0))
		S: a OK Fetch completed.`)
	if err := os.WriteFile(filepath.Join(r.dir, "dovecot-keywords"), []byte("0 later\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	u.play(`
		C: b NOOP
		S: * FLAGS (... later)
		S: * OK [PERMANENTFLAGS (... later \*)] Flags permitted.
		S: * 1 FETCH (FLAGS (...later))
		S: b OK NOOP completed.`)
}

// Whoever is not told of flags (NOTIFY) is not told either that it knows all.
func TestNotifyWithoutFlags(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.deliver("", "1.h", letter)
	a, b := &script{r.connect(), map[string]string{}}, r.connect()
	a.play(`
		C: a ENABLE QRESYNC
		S: * ENABLED QRESYNC
		S: a OK Enabled.
		C: b SELECT INBOX
		S~ * OK [UIDVALIDITY <v>] UIDs valid
		S~ * OK [HIGHESTMODSEQ <h>] Highest
		S~ b OK ...
		C: c NOTIFY SET (SELECTED (MessageNew (UID) MessageExpunge))
		S: c OK Notify completed.`)
	b.cmd("SELECT INBOX")
	b.cmd(`STORE 1 +FLAGS (\Seen)`)
	r.deliver("", "2.h", letter)
	a.play(`
		S: * 2 EXISTS
		S: * ... RECENT
		S: * 2 FETCH (UID 2 MODSEQ (<n>))
		S: * OK [HIGHESTMODSEQ <h>] Highest
		C: d NOTIFY NONE
		S: d OK Notify completed.
		C: e SELECT INBOX (QRESYNC ($v $h))
		S: * OK [CLOSED] Previous mailbox closed.
		S~ * 1 FETCH (UID 1 FLAGS (\Seen) MODSEQ (<m>))
		S~ e OK ...`)
}

// Removed and put back messages may leave a sequence number the UID that it had:
// that proves nothing of those below.
func TestNumbersThatFit(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, n := range []string{"1.h", "2.h", "3.h", "4.h"} {
		r.deliver("", n, letter)
	}
	a := &script{r.connect(), map[string]string{}}
	a.play(`
		C: a ENABLE QRESYNC
		S: * ENABLED QRESYNC
		S: a OK Enabled.
		C: b SELECT INBOX
		S~ b OK ...`)
	away, back := filepath.Join(t.TempDir(), "1"), filepath.Join(r.dir, "cur", "1.h:2,")
	move := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	move(back, away)
	a.play(`
		C: c NOOP
		S: * VANISHED 1
		S: c OK [HIGHESTMODSEQ <h>] NOOP completed.
		C: d SELECT INBOX (QRESYNC (1 1))
		S~ * OK [UIDVALIDITY <v>] UIDs valid
		S~ d OK ...`)
	move(away, back)
	if err := os.Remove(filepath.Join(r.dir, "cur", "2.h:2,")); err != nil {
		t.Fatal(err)
	}
	a.play(`
		C: e SELECT INBOX (QRESYNC ($v $h 1:4 (2:3 3:4)))
		S: * OK [CLOSED] Previous mailbox closed.
		S~ * VANISHED (EARLIER) 2
		S: * 1 FETCH (UID 1 FLAGS () MODSEQ (<n>))
		S: e OK [READ-WRITE] Select completed.`)
}
