package imapd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Dialogues in a mailbox with two letters, one of which was seen before.
var dialogues = []struct{ name, text string }{
	{"select", `
		C: a SELECT INBOX
		S: * FLAGS (\Answered \Flagged \Deleted \Seen \Draft)
		S: * OK [PERMANENTFLAGS (\Answered \Flagged \Deleted \Seen \Draft \*)] Flags permitted.
		S: * 2 EXISTS
		S: * 2 RECENT
		S: * OK [UNSEEN 1] First unseen.
		S: * OK [UIDVALIDITY ...] UIDs valid
		S: * OK [UIDNEXT 3] Predicted next UID
		S: * OK [HIGHESTMODSEQ ...] Highest
		S: * OK [MAILBOXID (F...)] Identity
		S: a OK [READ-WRITE] Select completed.
		C: b EXAMINE inbox
		S: * OK [CLOSED] Previous mailbox closed.
		S: * FLAGS (...)
		S: * OK [PERMANENTFLAGS ()] Read-only mailbox.
		S: * 2 EXISTS
		S: * 0 RECENT
		S: * OK [UNSEEN 1] First unseen.
		S: * OK [UIDVALIDITY ...
		S: * OK [UIDNEXT 3] Predicted next UID
		S: * OK [HIGHESTMODSEQ ...] Highest
		S: * OK [MAILBOXID (F...)] Identity
		S: b OK [READ-ONLY] Examine completed.
		C: c STORE 1 +FLAGS (\Seen)
		S: c NO [READ-ONLY] Mailbox is read-only.
		C: d UNSELECT
		S: d OK Unselect completed.
		C: e FETCH 1 FLAGS
		S: e BAD No mailbox selected
		C: f SELECT nowhere
		S: f NO [NONEXISTENT] Mailbox doesn't exist.`},
	{"fetch", `
		C: a EXAMINE INBOX
		S~ a OK ...
		C: b FETCH 1:* (UID FLAGS RFC822.SIZE)
		S: * 1 FETCH (UID 1 FLAGS (\Recent) RFC822.SIZE 139)
		S: * 2 FETCH (UID 2 FLAGS (\Recent) RFC822.SIZE 23)
		S: b OK Fetch completed.
		C: c FETCH 2 BODY[]
		S: * 2 FETCH (BODY[] {23}
		S: Subject: two
		S:
		S: three
		S: )
		S: c OK Fetch completed.
		C: d UID FETCH 1 (BODY.PEEK[HEADER.FIELDS (Subject)] BODY.PEEK[TEXT]<0.5>)
		S: * 1 FETCH (UID 1 BODY[HEADER.FIELDS (Subject)] {16}
		S: Subject: one
		S:
		S:  BODY[TEXT]<0> {5}
		S: Hello)
		S: d OK Fetch completed.
		C: e FETCH 1 ENVELOPE
		S: * 1 FETCH (ENVELOPE ("Mon, 7 Feb 1994 21:52:25 -0800" "one" (("Ann" NIL "ann" "example.test")) (("Ann" NIL "ann" "example.test")) (("Ann" NIL "ann" "example.test")) ((NIL NIL "bob" "example.test")) NIL NIL NIL "<1@x>"))
		S: e OK Fetch completed.
		C: f FETCH 1 BODY
		S: * 1 FETCH (BODY ("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 14 2))
		S: f OK Fetch completed.
		C: g FETCH 3 FLAGS
		S: g BAD Invalid messageset
		C: h UID FETCH 3:4 FLAGS
		S: h OK Fetch completed.
		C: i UID FETCH 9:* UID
		S: * 2 FETCH (UID 2)
		S: i OK Fetch completed.
		C: k FETCH 1 INTERNALDATE
		S: * 1 FETCH (INTERNALDATE "...")
		S: k OK Fetch completed.
		C: l FETCH 2 (RFC822.HEADER RFC822.TEXT)
		S: * 2 FETCH (RFC822.HEADER {16}
		S: Subject: two
		S:
		S:  RFC822.TEXT {7}
		S: three
		S: )
		S: l OK Fetch completed.`},
	{"flags", `
		C: a SELECT INBOX
		S~ a OK ...
		C: b STORE 1 +FLAGS (\Deleted work)
		S: * FLAGS (\Answered \Flagged \Deleted \Seen \Draft work)
		S: * OK [PERMANENTFLAGS (\Answered \Flagged \Deleted \Seen \Draft work \*)] Flags permitted.
		S: * 1 FETCH (FLAGS (\Deleted \Recent work))
		S: b OK Store completed.
		C: c UID STORE 2 FLAGS.SILENT \Flagged
		S: c OK Store completed.
		C: d FETCH 2 BODY[TEXT]
		S: * 2 FETCH (BODY[TEXT] {7}
		S: three
		S:  FLAGS (\Flagged \Seen \Recent))
		S: d OK Fetch completed.
		C: e SEARCH FLAGGED SEEN
		S: * SEARCH 2
		S: e OK Search completed.
		C: f SEARCH KEYWORD work
		S: * SEARCH 1
		S: f OK Search completed.
		C: g UID SEARCH RETURN (MIN MAX COUNT ALL) OR DELETED LARGER 20
		S: * ESEARCH (TAG "g") UID MIN 1 MAX 2 ALL 1:2 COUNT 2
		S: g OK Search completed.
		C: h SEARCH RETURN (SAVE) DELETED
		S: h OK Search completed.
		C: i UID FETCH $ FLAGS
		S: * 1 FETCH (UID 1 FLAGS (\Deleted \Recent work))
		S: i OK Fetch completed.
		C: j EXPUNGE
		S: * 1 EXPUNGE
		S: j OK Expunge completed.
		C: k SEARCH RETURN () ALL
		S: * ESEARCH (TAG "k") ALL 1
		S: k OK Search completed.
		C: l STORE 1 -FLAGS (\Seen \Flagged)
		S: * 1 FETCH (FLAGS (\Recent))
		S: l OK Store completed.
		C: m SEARCH CHARSET x ALL
		S: m NO [BADCHARSET (US-ASCII UTF-8)] Unknown charset.
		C: n SEARCH YOUNGER 1000 NOT OLDER 1000 SINCE 1-Jan-2000 NOT BEFORE 1-Jan-2000
		S: * SEARCH 1
		S: n OK Search completed.
		C: o STORE 1 +FLAGS $Forwarded
		S: * FLAGS ...
		S: * OK ...
		S: * 1 FETCH (FLAGS (\Recent $Forwarded))
		S: o OK Store completed.
		C: p STORE 1 +FLAGS.SILENT \Deleted
		S: p OK Store completed.
		C: q CLOSE
		S: q OK Close completed.
		C: r STATUS INBOX (MESSAGES UIDNEXT UNSEEN DELETED SIZE RECENT)
		S: * STATUS INBOX (MESSAGES 0 UIDNEXT 3 UNSEEN 0 DELETED 0 SIZE 0 RECENT 0)
		S: r OK Status completed.`},
	{"search text", `
		C: a EXAMINE INBOX
		S~ a OK ...
		C: b SEARCH FROM ANN@
		S: * SEARCH 1
		S: b OK Search completed.
		C: c SEARCH TEXT subject
		S: * SEARCH 1 2
		S: c OK Search completed.
		C: d SEARCH BODY hello NOT BODY Subject
		S: * SEARCH 1
		S: d OK Search completed.
		C: e SEARCH HEADER Message-ID ""
		S: * SEARCH 1
		S: e OK Search completed.
		C: f SEARCH SENTON 7-Feb-1994
		S: * SEARCH 1
		S: f OK Search completed.
		C: g SEARCH CHARSET ISO-8859-1 BODY {2}
		S: + OK
		C+ t\e9
		C:
		S: * SEARCH
		S: g OK Search completed.
		C: h SEARCH FUZZY ALL
		S: h BAD Unknown search key
		C: j SORT (REVERSE SUBJECT) UTF-8 ALL
		S: * SORT 2 1
		S: j OK Sort completed.
		C: k UID SORT RETURN (COUNT ALL) (SIZE) UTF-8 ALL
		S: * ESEARCH (TAG "k") UID ALL 2,1 COUNT 2
		S: k OK Sort completed.
		C: l THREAD REFERENCES UTF-8 ALL
		S: * THREAD (1)(2)
		S: l OK Thread completed.
		C: m THREAD X UTF-8 ALL
		S: m BAD Unknown thread algorithm
		C: i FETCH 2 (PREVIEW BINARY.SIZE[1] BINARY.PEEK[1]<1.3>)
		S: * 2 FETCH (PREVIEW "three" BINARY.SIZE[1] 7 BINARY[1]<1> ~{3}
		S: hre)
		S: i OK Fetch completed.`},
	{"rev2", `
		C: a ENABLE IMAP4rev2
		S: * ENABLED IMAP4rev2
		S: a OK Enabled.
		C: b CREATE "Entwürfe"
		S: b OK [MAILBOXID (F...)] Create completed.
		C: c LIST "" "Entw*"
		S: * LIST (\HasNoChildren) "/" "Entwürfe"
		S: c OK List completed.
		C: d SELECT INBOX
		S: * FLAGS (\Answered \Flagged \Deleted \Seen \Draft)
		S: * OK [PERMANENTFLAGS (...)] Flags permitted.
		S: * 2 EXISTS
		S: * OK [UIDVALIDITY ...
		S: * OK [UIDNEXT 3] ...
		S: * OK [HIGHESTMODSEQ ...] Highest
		S: * OK [MAILBOXID (F...)] Identity
		S: * LIST () "/" "INBOX"
		S: d OK [READ-WRITE] Select completed.
		C: e SEARCH ALL
		S: * ESEARCH (TAG "e") ALL 1:2
		S: e OK Search completed.
		C: f STORE 1 +FLAGS (\Seen)
		S: * 1 FETCH (UID 1 FLAGS (\Seen))
		S: f OK Store completed.
		C: g ENABLE IMAP4rev2
		S: g BAD ENABLE is for the time before a mailbox is selected
		C: h APPEND INBOX ~{3}
		S: + OK
		C+ a\0b
		C:
		S: h NO [UNKNOWN-CTE] A message with NUL octets is not taken.
		C: i APPEND INBOX UTF8 (~{6+}
		C: a: b
		C: )
		S: * 3 EXISTS
		S: i OK [APPENDUID ... 3] Append completed.`},
	{"append", `
		C: a APPEND nowhere {3}
		S: a NO [TRYCREATE] Mailbox doesn't exist.
		C: b APPEND nowhere {3+}
		C: xyz
		S: b NO [TRYCREATE] Mailbox doesn't exist.
		C: c APPEND INBOX (\Seen) "02-Jan-2006 15:04:05 +0100" {9}
		S: + OK
		C: A: b
		C:
		C+ x
		C:
		S: c OK [APPENDUID ... 3] Append completed.
		C: d APPEND INBOX {6+}
		C: A: b
		C:  (\Flagged) {6+}
		C: C: d
		C:
		S: d OK [APPENDUID ... 4:5] Append completed.
		C: e APPEND INBOX {99999999}
		S: e NO [TOOBIG] A message may have 1048576 octets.
		C: f APPEND INBOX {0}
		S: f NO APPEND was given up: a message of no octets.
		C: g STATUS INBOX (MESSAGES UNSEEN APPENDLIMIT)
		S: * STATUS INBOX (MESSAGES 5 UNSEEN 4 APPENDLIMIT 1048576)
		S: g OK Status completed.`},
	{"copy", `
		C: a CREATE Sent
		S: a OK [MAILBOXID (F...)] Create completed.
		C: b SELECT INBOX
		S~ b OK ...
		C: c COPY 1:2 nowhere
		S: c NO [TRYCREATE] Mailbox doesn't exist.
		C: d COPY 2 Sent
		S: d OK [COPYUID ... 2 1] Copy completed.
		C: e UID MOVE 1 Sent
		S: * OK [COPYUID ... 1 2] Moved UIDs.
		S: * 1 EXPUNGE
		S: e OK Move completed.
		C: f STATUS Sent (MESSAGES)
		S: * STATUS Sent (MESSAGES 2)
		S: f OK Status completed.
		C: g UID COPY 77 Sent
		S: g OK Copy completed.
		C: h RENAME INBOX Old
		S: * 1 EXPUNGE
		S: h OK Rename completed.
		C: i STATUS Old (MESSAGES)
		S: * STATUS Old (MESSAGES 1)
		S: i OK Status completed.`},
	{"mailboxes", `
		C: a CREATE a/b/c
		S: a OK [MAILBOXID (F...)] Create completed.
		C: b CREATE a/b/c
		S: b NO [ALREADYEXISTS] Mailbox already exists.
		C: c LIST "" *
		S: * LIST (\HasNoChildren) "/" INBOX
		S: * LIST (\Noselect \HasChildren) "/" a
		S: * LIST (\Noselect \HasChildren) "/" a/b
		S: * LIST (\HasNoChildren) "/" a/b/c
		S: c OK List completed.
		C: d LIST "" %
		S: * LIST (\HasNoChildren) "/" INBOX
		S: * LIST (\Noselect \HasChildren) "/" a
		S: d OK List completed.
		C: e SUBSCRIBE a/b/c
		S: e OK Subscribe completed.
		C: f LSUB "" %
		S: * LSUB (\Noselect) "/" a
		S: f OK Lsub completed.
		C: g LSUB "" *
		S: * LSUB () "/" a/b/c
		S: g OK Lsub completed.
		C: h LIST (SUBSCRIBED RECURSIVEMATCH) "" %
		S: * LIST (\NonExistent \HasChildren) "/" a ("CHILDINFO" ("SUBSCRIBED"))
		S: h OK List completed.
		C: i CREATE Trash (USE (\Sent))
		S: i OK [MAILBOXID (F...)] Create completed.
		C: j CREATE x (USE (\All))
		S: j NO [USEATTR] A mailbox cannot be used for \All here.
		C: k LIST (SPECIAL-USE) "" * RETURN (STATUS (MESSAGES))
		S: * LIST (\HasNoChildren \Sent \Trash) "/" Trash
		S: * STATUS Trash (MESSAGES 0)
		S: k OK List completed.
		C: l RENAME a z
		S: l OK Rename completed.
		C: m LIST z/ %
		S: * LIST (\Noselect \HasChildren) "/" z/b
		S: m OK List completed.
		C: n DELETE z/b/c
		S: n OK Delete completed.
		C: o DELETE INBOX
		S: o NO [CANNOT] INBOX can't be deleted.
		C: p DELETE z
		S: p NO [NONEXISTENT] Mailbox doesn't exist.
		C: q LIST "" ""
		S: * LIST (\Noselect) "/" ""
		S: q OK List completed.
		C: r CREATE Entw&APw-rfe
		S: r OK [MAILBOXID (F...)] Create completed.
		C: s LIST "" Entw*
		S: * LIST (\HasNoChildren) "/" Entw&APw-rfe
		S: s OK List completed.
		C: t CREATE &x
		S: t NO [CANNOT] Mailbox name is not valid modified UTF-7.
		C: u NAMESPACE
		S: * NAMESPACE (("" "/")) NIL NIL
		S: u OK Namespace completed.
		C: v UNSUBSCRIBE a/b/c
		S: v OK Unsubscribe completed.
		C: w LIST "" inbox
		S: * LIST (\HasNoChildren) "/" INBOX
		S: w OK List completed.
		C: x CREATE a.b
		S: x NO [CANNOT] Invalid mailbox name.`},
	{"others", `
		C: a NOOP
		S: a OK NOOP completed.
		C: b ID NIL
		S: * ID ("name" "Yubin")
		S: b OK ID completed.
		C: c ID ("name" "x" "version" NIL)
		S: * ID ("name" "Yubin")
		S: c OK ID completed.
		C: d ENABLE XYZ
		S: * ENABLED
		S: d OK Enabled.
		C: e FOO
		S: e BAD Unknown command
		C:
		S: * BAD Expected a tag
		C: f LOGIN a {1000000}
		S: f BAD You are already logged in
		C: g NOOP x
		S: g BAD Unexpected text behind the command's arguments
		C: h CAPABILITY
		S: * CAPABILITY IMAP4rev1 ...
		S: h OK Capability completed.
		C: i SELECT {70000}
		S: i BAD [TOOBIG] Literal too long
		C: j LOGOUT
		S: * BYE Logging out
		S: j OK Logout completed.
		S: ended: ...`},
}

func TestDialogues(t *testing.T) {
	t.Parallel()
	for _, d := range dialogues {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.deliver("", "1.h", letter)
			r.deliver("", "2.h", "Subject: two\n\nthree\n")
			r.connect().play(d.text)
		})
	}
}

// A mailbox that others use: what they do is told, and when it may be.
func TestOthers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.deliver("", "1.h", letter)
	r.deliver("", "2.h", letter)
	r.deliver("", "3.h", letter)
	a, b := r.connect(), r.connect()
	a.cmd("SELECT INBOX")
	b.cmd("SELECT INBOX")
	b.play(`
		C: 1 STORE 1 +FLAGS (\Deleted)
		S: * 1 FETCH (FLAGS (\Deleted))
		S: 1 OK Store completed.
		C: 2 EXPUNGE
		S: * 1 EXPUNGE
		S: 2 OK Expunge completed.
		C: 3 STORE 2 +FLAGS.SILENT (\Seen)
		S: 3 OK Store completed.`)
	r.deliver("", "4.h", letter)
	// No EXPUNGE in FETCH, STORE and SEARCH; numbers stay.
	a.play(`
		C: 1 FETCH 1 BODY.PEEK[]
		S: 1 NO [EXPUNGEISSUED] Some of the requested messages no longer exist.
		C: 2 SEARCH ALL
		S: * SEARCH 1 2 3
		S: 2 OK Search completed.
		C: 3 STORE 3 +FLAGS (\Flagged)
		S: * 3 FETCH (FLAGS (\Flagged \Seen \Recent))
		S: 3 OK Store completed.
		C: 4 UID FETCH 2 FLAGS
		S: * 2 FETCH (UID 2 FLAGS (\Recent))
		S: * 1 EXPUNGE
		S: * 3 EXISTS
		S: * 3 RECENT
		S: 4 OK Fetch completed.`)
	b.play(`
		C: 4 NOOP
		S: * 3 EXISTS
		S: * 0 RECENT
		S: * 2 FETCH (FLAGS (\Flagged \Seen))
		S: 4 OK NOOP completed.`)
}

// Everything has gone, and the client does not know yet: SEARCH finds what it
// knows.
func TestSearchOfWhatIsGone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.deliver("", "1.h", letter)
	a, b := r.connect(), r.connect()
	a.cmd("SELECT INBOX")
	b.cmd("SELECT INBOX")
	b.cmd(`STORE 1 +FLAGS.SILENT (\Deleted)`)
	b.cmd("EXPUNGE")
	a.play(`
		C: 1 FETCH 1 BODY.PEEK[]
		S: 1 NO [EXPUNGEISSUED] Some of the requested messages no longer exist.
		C: 2 SEARCH ALL
		S: * SEARCH 1
		S: 2 OK Search completed.
		C: 3 SORT (DATE) UTF-8 SUBJECT one
		S: * SORT
		S: 3 OK Sort completed.
		C: 4 THREAD REFERENCES UTF-8 ALL
		S: * THREAD (1)
		S: 4 OK Thread completed.
		C: 5 NOOP
		S: * 1 EXPUNGE
		S: 5 OK NOOP completed.`)
}

// RENAME of INBOX that fails leaves no mailbox, or it could not be tried again.
func TestRenameInboxFails(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.deliver("", "1.h", letter)
	list := filepath.Join(r.dir, "dovecot-uidlist")
	if err := os.Mkdir(list, 0o700); err != nil {
		t.Fatal(err)
	}
	u := r.connect()
	u.play(`
		C: 1 RENAME INBOX old
		S: 1 NO [SERVERBUG] ...`)
	if err := os.Remove(list); err != nil {
		t.Fatal(err)
	}
	u.play(`
		C: 2 RENAME INBOX old
		S: 2 OK Rename completed.
		C: 3 STATUS old (MESSAGES)
		S: * STATUS old (MESSAGES 1)
		S: 3 OK Status completed.`)
}

// IDLE tells of a delivery when it happens.
func TestIdle(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	u := r.connect()
	u.cmd("SELECT INBOX")
	u.play("C: i IDLE\nS: + idling")
	r.deliver("", "1.h", letter)
	u.play("S: * 1 EXISTS\nS: * 1 RECENT")
	r.deliver("", "2.h", letter)
	r.deliver("", "3.h", letter)
	for l := ""; l != "* 3 EXISTS"; l = u.line() {
		if strings.HasPrefix(l, "ended") {
			t.Fatal(l)
		}
	}
	u.play("S: * 3 RECENT\nC: DONE\nS: i OK Idle completed.\nC: j IDLE\nS: + idling\nC: xx\nS: j BAD Expected DONE.")
}
