package imaptest

import (
	"strings"
	"testing"
)

// Responses that are right, each in a mailbox of 9 messages while a NOOP waits for
// its answer; and below them what is wrong, for one reason each.
var right = []string{
	"t OK Done.",
	"t NO [UNKNOWN-CTE] No.",
	"t OK [COPYUID 1 3:5,9 7:10] Done.",
	"t OK [APPENDUID 17 4] Done.",
	"t BAD [BADCHARSET (US-ASCII {5}\r\nUTF-8)] No.",
	"+ idling",
	"+ ",
	"* OK [PERMANENTFLAGS (\\Seen \\* $Junk)] Flags.",
	"* OK [HIGHESTMODSEQ 9223372036854775807] High.",
	"* OK [MAILBOXID (M-9_a)] Id.",
	"* CAPABILITY IMAP4rev1 AUTH=PLAIN APPENDLIMIT=5",
	"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft a[b)",
	"* LIST (\\HasNoChildren \\Sent) \"/\" \"Entw&APw-rfe\"",
	"* LIST (\\Noselect) \"/\" \"\"",
	"* LIST () NIL {3}\r\na\"b (\"CHILDINFO\" (\"SUBSCRIBED\") X-Y 5)",
	"* LSUB () \"/\" INBOX",
	"* SEARCH",
	"* SEARCH 1 9 (MODSEQ 12)",
	"* SORT 2 1",
	"* THREAD (1)(2 3 (4)(5 6))((7)(8))",
	"* THREAD",
	"* ESEARCH (TAG \"a\") UID MIN 1 MAX 9 ALL 1:3,9 COUNT 4 MODSEQ 3",
	"* STATUS \"a b\" (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 4294967295 SIZE 9223372036854775807 HIGHESTMODSEQ 0 APPENDLIMIT NIL MAILBOXID (F1))",
	"* NAMESPACE ((\"\" \"/\")) NIL ((\"#p\" \"/\")(\"#q\" NIL))",
	"* ID (\"name\" \"x\" \"version\" NIL)",
	"* ID NIL",
	"* VANISHED 1:2,9",
	"* VANISHED (EARLIER) 41:300",
	"* QUOTA \"\" (STORAGE 10 512)",
	"* QUOTAROOT INBOX \"\"",
	"* ENABLED",
	"* 9 EXPUNGE",
	"* 11 EXISTS",
	"* 9 RECENT",
	"* BYE Go.",
	"* 3 FETCH (UID 7 FLAGS (\\Seen \\Recent) MODSEQ (5))",
	"* 3 FETCH (INTERNALDATE \" 7-Feb-1994 21:52:25 -0800\" RFC822.SIZE 12 SAVEDATE NIL EMAILID (M1) THREADID NIL PREVIEW \"x\")",
	"* 3 FETCH (BODY[1.2.HEADER.FIELDS (A \"B c\")]<5> {3}\r\na\r\n BODY[] NIL BODY[1.MIME] \"x\" BINARY[1] ~{1}\r\n\x00 BINARY.SIZE[1.2] 5 RFC822.TEXT \"\")",
	"* 3 FETCH (ENVELOPE (NIL NIL ((\"A\" NIL \"a\" \"b\")) ((NIL NIL \"a\" \"b\")(NIL NIL \"c\" \"d\")) ((NIL NIL \"a\" \"b\")) ((NIL NIL \"g\" NIL)(NIL NIL \"a\" \"b\")(NIL NIL NIL NIL)) NIL NIL NIL \"<i>\"))",
	"* 3 FETCH (BODY (\"TEXT\" \"PLAIN\" (\"charset\" \"utf-8\") NIL NIL \"7BIT\" 3 1))",
	"* 3 FETCH (BODYSTRUCTURE ((\"text\" \"html\" NIL \"<i>\" \"d\" \"7BIT\" 3 1 NIL (\"inline\" NIL) (\"de\" \"en\") NIL)(\"application\" \"pdf\" NIL NIL NIL \"base64\" 4 NIL) \"mixed\" (\"boundary\" \"b\") NIL \"de\" \"loc\"))",
	"* 3 FETCH (BODYSTRUCTURE (\"message\" \"rfc822\" NIL NIL NIL \"7BIT\" 30 (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) (\"text\" \"plain\" NIL NIL NIL \"7BIT\" 3 1) 2))",
}

var wrong = []string{
	"u OK Done.",
	"t PERHAPS Done.",
	"t OK",
	"t OK [COPYUID 1 3:5 7:8] Done.",
	"t NO [WHATEVER] No.",
	"* OK [UIDNEXT 0] Next.",
	"* OK \xe4",
	"* WHAT 5",
	"* CAPABILITY AUTH=PLAIN",
	"* CAPABILITY IMAP4rev1 IDLE IDLE",
	"* FLAGS (\\Seen)",
	"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft a a)",
	"* LIST (\\HasChildren \\HasNoChildren) \"/\" a",
	"* LIST () \"/\" Entwürfe",
	"* LIST () \"/\" \"R&D\"",
	"* SEARCH 0",
	"* SEARCH  1",
	"* SEARCH 4294967296",
	"* THREAD ((1))",
	"* THREAD (1)(2",
	"* ESEARCH (TAG \"a\") ALL 1:*",
	"* STATUS a (MESSAGES 1 MESSAGES 1)",
	"* STATUS a (UIDVALIDITY 0)",
	"* VANISHED 1:30",
	"* 10 EXPUNGE",
	"* 0 EXPUNGE",
	"* 8 EXISTS",
	"* 10 RECENT",
	"* 10 FETCH (UID 3)",
	"* 3 FETCH ()",
	"* 3 FETCH (UID 03)",
	"* 3 FETCH (UID 3 FLAGS (\\Seen)) ",
	"* 3 FETCH (FLAGS (a b)c))",
	"* 3 FETCH (INTERNALDATE \"7-Feb-1994 21:52:25 -0800\")",
	"* 3 FETCH (BODY[] \"\xe4\")",
	"* 3 FETCH (BODY[] {3}\r\na\x00b)",
	"* 3 FETCH (BODY[MIME] NIL)",
	"* 3 FETCH (BODY[HEADER.FIELDS ()] NIL)",
	"* 3 FETCH (BINARY[TEXT] NIL)",
	"* 3 FETCH (ENVELOPE (NIL NIL () NIL NIL NIL NIL NIL NIL NIL))",
	"* 3 FETCH (ENVELOPE (NIL NIL ((NIL NIL \"a\" \"b\")) NIL NIL NIL NIL NIL NIL NIL))",
	"* 3 FETCH (ENVELOPE (NIL NIL NIL NIL NIL ((NIL NIL \"g\" NIL)) NIL NIL NIL NIL))",
	"* 3 FETCH (ENVELOPE (NIL NIL NIL NIL NIL ((NIL NIL \"a\" \"b\") (NIL NIL \"a\" \"b\")) NIL NIL NIL NIL))",
	"* 3 FETCH (BODY (\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 3))",
	"* 3 FETCH (BODY (\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 3 1 NIL))",
	"* 3 FETCH (BODY (\"TEXT\" \"PLAIN\" () NIL NIL \"7BIT\" 3 1))",
	"* 3 FETCH (BODY (\"TEXT\" \"PLAIN\" (\"charset\") NIL NIL \"7BIT\" 3 1))",
	"* 3 FETCH (BODY (\"TEXT\" \"PLAIN\" NIL NIL NIL NIL 3 1))",
	"* 3 FETCH (BODYSTRUCTURE (\"message\" \"rfc822\" NIL NIL NIL \"7BIT\" 30))",
}

// judged gives a response to a client, and returns what it complains of.
func judged(command, response string, before ...string) (complaints []string) {
	s := &Strict{Complain: func(err error) { complaints = append(complaints, err.Error()) }}
	s.Sent(command)
	for _, b := range append(before, "* 9 EXISTS\r\n", response+"\r\n") {
		for i := range b { // in pieces, as networks have them
			s.Write([]byte(b[i : i+1]))
		}
	}
	if len(s.in) > 0 {
		complaints = append(complaints, "not read to its end")
	}
	return complaints
}

func TestStrict(t *testing.T) {
	t.Parallel()
	for _, response := range right {
		if c := judged("t NOOP\r\n", response); len(c) > 0 {
			t.Errorf("%q: %s", response, strings.Join(c, "; "))
		}
	}
	for _, response := range wrong {
		if c := judged("t NOOP\r\n", response); len(c) != 1 {
			t.Errorf("%q: complaints %q, want one", response, c)
		}
	}
	for _, c := range []struct {
		command, before, response string
		right                     bool
	}{
		{"t FETCH 1 FLAGS\r\n", "", "* 1 EXPUNGE", false},
		{"t UID FETCH 1 FLAGS\r\n", "", "* 1 EXPUNGE", true},
		{"", "", "* 1 EXPUNGE", false},
		{"t SELECT INBOX\r\n", "", "* 1 EXISTS", true},
		{"t NOOP\r\n", "", "* LIST () \"/\" \"Entwürfe\"", false},
		{"t NOOP\r\n", "* ENABLED IMAP4rev2\r\n", "* LIST () \"/\" \"Entwürfe\"", true},
		{"t DELETE a\r\n", "", "* OK [CLOSED] Closed.\r\n* 1 EXISTS", true},
	} {
		if got := judged(c.command, c.response, c.before); (len(got) == 0) != c.right {
			t.Errorf("%q, %q: %q, complaints %q", c.command, c.before, c.response, got)
		}
	}
}
