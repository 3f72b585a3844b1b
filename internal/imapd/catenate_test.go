package imapd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

const mixed = "From: ann@example.test\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nfirst\n--b\nContent-Type: text/x\n\nsecond\n--b--\n"

// What APPEND and REPLACE make of parts.
var catenations = []struct{ name, text string }{
	{"catenate", `
		C: a APPEND INBOX (\Seen) CATENATE (TEXT {6+}
		C: A: b
		C:  URL "/INBOX/;UID=1/;SECTION=2.MIME" URL /inbox;uidvalidity=VALIDITY/;uid=1/;section=2 TEXT {5}
		S: + OK
		C:
		C: x
		C+ )
		C:
		S: a OK [APPENDUID ... 2] Append completed.
		C: b EXAMINE INBOX
		S~ * 2 EXISTS
		S~ b OK ...
		C: c FETCH 2 (FLAGS BODY.PEEK[])
		S: * 2 FETCH (FLAGS (\Seen \Recent) BODY[] {41}
		S: A: b
		S: Content-Type: text/x
		S:
		S: second
		S: x
		S: )
		S: c OK ...
		C: d FETCH 1 FLAGS
		S: * 1 FETCH (FLAGS (\Recent))
		S: d OK ...
		C: e APPEND INBOX CATENATE (URL ";UID=1/;SECTION=TEXT/;PARTIAL=0.3" URL "/INBOX/;UID=1")
		S: * 3 EXISTS
		S: * 3 RECENT
		S: e OK [APPENDUID ... 3] Append completed.
		C: f FETCH 3 BODY.PEEK[]<0.9>
		S: * 3 FETCH (BODY[]<0> {9}
		S: --bFrom: )
		S: f OK ...`},
	{"bad urls", `
		C: a APPEND INBOX CATENATE (TEXT {6+}
		C: A: b
		C:  URL "/INBOX/;UID=7" TEXT {3}
		S: a NO [BADURL /INBOX/;UID=7] There is no such message.
		C: b APPEND INBOX CATENATE (URL "/INBOX;uidvalidity=1/;UID=1")
		S: b NO [BADURL /INBOX;uidvalidity=1/;UID=1] There is no such message.
		C: c APPEND INBOX CATENATE (URL "/INBOX/;UID=1/;SECTION=9" TEXT {3+}
		C: xyz)
		S: c NO [BADURL /INBOX/;UID=1/;SECTION=9] The message has no such part.
		C: d APPEND INBOX CATENATE (URL "imap://x/INBOX/;UID=1]")
		S: d NO [BADURL imap://x/INBOX/;UID=1%5D] It is no URL of a message here.
		C: e APPEND INBOX CATENATE (URL "/../../etc/;UID=1")
		S: e NO [BADURL /../../etc/;UID=1] There is no such mailbox.
		C: f APPEND INBOX CATENATE (URL ";UID=1")
		S: f NO [BADURL ;UID=1] No mailbox is selected.
		C: g APPEND INBOX CATENATE ()
		S: g BAD Expected TEXT or URL
		C: h APPEND INBOX CATENATE (FILE x)
		S: h BAD Expected TEXT or URL
		C: i APPEND nowhere CATENATE (URL "/INBOX/;UID=1")
		S: i NO [TRYCREATE] Mailbox doesn't exist.
		C: j APPEND INBOX CATENATE (TEXT {0+}
		C: )
		S: j NO APPEND was given up: a message of no octets.
		C: k APPEND INBOX CATENATE (TEXT {3+}
		C+ a\0b
		C: )
		S: k NO [UNKNOWN-CTE] A message with NUL octets is not taken.
		C: l APPEND INBOX CATENATE (TEXT {9500+}
		C+ HUGE0
		C:  TEXT {1000}
		S: l NO [TOOBIG] A message may have 10000 octets.
		C: m APPEND INBOX CATENATE (TEXT {9950+}
		C+ HUGE5
		C:  URL "/INBOX/;UID=1" TEXT {3+}
		C: x
		C: )
		S: m NO [TOOBIG] A message may have 10000 octets.
		C: n APPEND INBOX CATENATE (UTF8 (~{3+}
		C: abc))
		S: n BAD Expected TEXT or URL
		C: o STATUS INBOX (MESSAGES)
		S: * STATUS INBOX (MESSAGES 1)
		S: o OK ...`},
	{"utf8", `
		C: a ENABLE UTF8=ACCEPT
		S: * ENABLED UTF8=ACCEPT
		S: a OK ...
		C: c APPEND INBOX CATENATE (UTF8 (~{6+}
		C: A: e
		C: ) URL "/INBOX/;UID=1")
		S: c OK [APPENDUID ... 2] Append completed.`},
	{"replace", `
		C: a REPLACE 1 INBOX {3}
		S: a BAD No mailbox selected
		C: b SELECT INBOX
		S~ b OK ...
		C: c REPLACE 1 INBOX (\Draft) {6}
		S: + OK
		C: A: b
		C:
		S: * OK [APPENDUID VALIDITY 2] Replacement message ready.
		S: * 1 EXPUNGE
		S: * 1 EXISTS
		S: * 1 RECENT
		S: c OK Replace completed.
		C: d UID REPLACE 2 INBOX CATENATE (TEXT {6+}
		C: C: d
		C:  URL "/INBOX/;UID=2")
		S: * OK [APPENDUID VALIDITY 3] Replacement message ready.
		S: * 1 EXPUNGE
		S: * 1 EXISTS
		S: * 1 RECENT
		S: d OK Replace completed.
		C: e FETCH 1 (UID FLAGS BODY.PEEK[])
		S: * 1 FETCH (UID 3 FLAGS (\Recent) BODY[] {12}
		S: C: d
		S: A: b
		S: )
		S: e OK ...
		C: f UID REPLACE 2 INBOX {6}
		S: f NO [NONEXISTENT] There is no such message.
		C: g REPLACE 2 INBOX {6+}
		C: A: b
		C:
		S: g BAD Invalid messageset
		C: h REPLACE * nowhere {6}
		S: h NO [TRYCREATE] Mailbox doesn't exist.
		C: i CREATE Sent
		S: i OK ...
		C: j REPLACE * Sent {6+}
		C: A: b
		C:  {6+}
		C: A: b
		C:
		S: j BAD Unexpected text behind the command's arguments
		C: k REPLACE * Sent {9999999}
		S: k NO [TOOBIG] ...
		C: l REPLACE 1 INBOX CATENATE (URL "/INBOX/;UID=99")
		S: l NO [BADURL /INBOX/;UID=99] There is no such message.
		C: m STATUS INBOX (MESSAGES)
		S: * STATUS INBOX (MESSAGES 1)
		S: m OK ...
		C: n REPLACE * Sent {6+}
		C: A: b
		C:
		S: * OK [APPENDUID ... 1] Replacement message ready.
		S: * 1 EXPUNGE
		S: n OK Replace completed.`},
}

func TestCatenate(t *testing.T) {
	t.Parallel()
	for _, d := range catenations {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.srv.appendLimit = 10000
			r.deliver("", "1.h", mixed)
			u := r.connect()
			var validity string
			for _, l := range u.cmd("STATUS INBOX (UIDVALIDITY)") {
				fmt.Sscanf(l, "* STATUS INBOX (UIDVALIDITY %s", &validity)
			}
			u.play(strings.NewReplacer("VALIDITY", strings.TrimSuffix(validity, ")"),
				"HUGE0", strings.Repeat("x", 9500), "HUGE5", strings.Repeat("x", 9950)).Replace(d.text))
			// Nothing is left in tmp/ but the file of the lock.
			if files, _ := filepath.Glob(filepath.Join(r.dir, "tmp", "[^l]*")); len(files) > 0 {
				t.Errorf("in tmp/: %v", files)
			}
			if files, _ := os.ReadDir(filepath.Join(r.dir, "new")); len(files) > 1 {
				t.Errorf("in new/: %v", files)
			}
		})
	}
}

// A part that cannot be read to its end is refused, and the session goes on.
func TestCatenateReadFails(t *testing.T) {
	t.Parallel()
	v := &visit{srv: &server{}, complain: func(string, ...any) {}}
	c := &catenation{visit: v, part: iotest.ErrReader(errors.New("input/output error")), close: func() {}}
	if _, err := c.Read(make([]byte, 10)); !isRefusal(err) {
		t.Errorf("got %v, want a NO", err)
	}
}
