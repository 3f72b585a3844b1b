package imaptest

import (
	"slices"
	"strings"
)

// respText is what a person may read, and before it a code for programs.
func (r *reader) respText() {
	if r.take("[") {
		r.code()
		r.want("]")
		r.sp()
	}
	r.run("text", func(c byte) bool { return c != 0 && c != '\r' && c != '\n' && (c < 0x80 || r.utf8) })
}

// codes are those of responses with arguments (RFC 9051, 7.1, and extensions).
var codes = map[string]func(*reader){
	"BADCHARSET":     func(r *reader) { r.sp(); r.list(1, func() { r.atext() }) },
	"CAPABILITY":     func(r *reader) { r.sp(); r.capabilities() },
	"PERMANENTFLAGS": func(r *reader) { r.sp(); r.flags() },
	"UIDNEXT":        func(r *reader) { r.sp(); r.positive() },
	"UIDVALIDITY":    func(r *reader) { r.sp(); r.positive() },
	"UNSEEN":         func(r *reader) { r.sp(); r.positive() },
	"APPENDUID":      func(r *reader) { r.sp(); r.positive(); r.sp(); r.set() },
	"COPYUID":        (*reader).copyUID,
	"HIGHESTMODSEQ":  func(r *reader) { r.sp(); r.modSeq() },
	"MODIFIED":       func(r *reader) { r.sp(); r.set() },
	"MAILBOXID":      func(r *reader) { r.sp(); r.list(1, func() { r.objectID() }) },
	"BADEVENT":       func(r *reader) { r.sp(); r.list(1, func() { r.atom() }) },
	"BADURL":         func(r *reader) { r.sp(); r.codeText() },
}

// plainCodes have none.
var plainCodes = strings.Fields(`ALERT PARSE READ-ONLY READ-WRITE TRYCREATE UIDNOTSTICKY CLOSED NOMODSEQ UNAVAILABLE
AUTHENTICATIONFAILED AUTHORIZATIONFAILED EXPIRED PRIVACYREQUIRED CONTACTADMIN NOPERM INUSE EXPUNGEISSUED
CORRUPTION SERVERBUG CLIENTBUG CANNOT LIMIT OVERQUOTA ALREADYEXISTS NONEXISTENT NOTSAVED HASCHILDREN
UNKNOWN-CTE TOOBIG USEATTR COMPRESSIONACTIVE NOTIFICATIONOVERFLOW HASSUBFOLDERS`)

func (r *reader) code() {
	name := r.word()
	if read := codes[name]; read != nil {
		read(r)
	} else if !slices.Contains(plainCodes, name) {
		r.fail("%q is no code", name)
	}
}

func (r *reader) codeText() {
	r.run("text", func(c byte) bool { return c > 0 && c < 0x80 && c != '\r' && c != '\n' && c != ']' })
}

// copyUID names as many messages here as there.
func (r *reader) copyUID() {
	r.sp()
	r.positive()
	r.sp()
	from := r.set()
	r.sp()
	if to := r.set(); from != to {
		r.fail("COPYUID of %d messages and %d", from, to)
	}
}

// capabilities are atoms, one of which names the protocol, and each is said once.
func (r *reader) capabilities() {
	var list []string
	for {
		name := r.word()
		if slices.Contains(list, name) {
			r.fail("%s is said twice", name)
		}
		if list = append(list, name); !r.take(" ") {
			break
		}
	}
	if !slices.Contains(list, "IMAP4REV1") && !slices.Contains(list, "IMAP4REV2") {
		r.fail("no capability IMAP4rev1 or IMAP4rev2")
	}
}

// flags are some; those of must are among them.
func (r *reader) flags(must ...string) {
	var list []string
	r.list(0, func() {
		name := ""
		if r.take(`\`) {
			name = `\`
			if r.take("*") {
				name += "*"
			} else {
				name += r.atom()
			}
		} else {
			name = r.atom()
		}
		if slices.ContainsFunc(list, func(w string) bool { return strings.EqualFold(w, name) }) {
			r.fail("%s is said twice", name)
		}
		list = append(list, name)
	})
	for _, name := range must {
		if !slices.Contains(list, name) {
			r.fail("%s is missing", name)
		}
	}
}

// contrary are attributes that cannot both be a mailbox's (RFC 9051, 7.3.1).
var contrary = [][2]string{
	{`\HasChildren`, `\HasNoChildren`}, {`\HasChildren`, `\Noinferiors`}, {`\Marked`, `\Unmarked`},
}

func (r *reader) listResponse() {
	var list []string
	r.list(0, func() {
		r.want(`\`)
		name := `\` + r.atom()
		if slices.Contains(list, name) {
			r.fail("%s is said twice", name)
		}
		list = append(list, name)
	})
	for _, c := range contrary {
		if slices.Contains(list, c[0]) && slices.Contains(list, c[1]) {
			r.fail("%s and %s", c[0], c[1])
		}
	}
	r.sp()
	if r.nilOr(func() { r.text() }); r.err != nil {
		return
	}
	r.sp()
	r.mailbox()
	if r.take(" ") {
		r.list(0, func() {
			r.atext()
			r.sp()
			r.listValue()
		})
	}
}

// listValue is what an extension tells of a mailbox (RFC 9051, 9: tagged-ext-val).
func (r *reader) listValue() {
	if !r.at("(") {
		r.atext()
		return
	}
	r.list(0, r.listValue)
}

func (r *reader) numbers() {
	for r.at(" ") && !r.at(" (") {
		r.sp()
		r.positive()
	}
}

// searchModSeq is the largest of those found (RFC 7162, 3.1.5).
func (r *reader) searchModSeq() {
	if r.take(" (MODSEQ ") {
		r.modSeq()
		r.want(")")
	}
}

func (r *reader) esearch() {
	if r.take(" (TAG ") {
		r.text()
		r.want(")")
	}
	r.take(" UID")
	var said []string
	for r.take(" ") {
		name := r.word()
		if slices.Contains(said, name) {
			r.fail("%s is said twice", name)
		}
		said = append(said, name)
		r.sp()
		switch name {
		case "MIN", "MAX":
			r.positive()
		case "COUNT":
			r.number(32)
		case "ALL":
			r.set()
		case "MODSEQ":
			r.modSeq()
		default:
			r.fail("ESEARCH has no %s", name)
		}
	}
}

// threads are those of RFC 5256, 4.
func (r *reader) threads() {
	if !r.take(" ") {
		return
	}
	for r.at("(") {
		r.thread()
	}
}

func (r *reader) thread() {
	r.want("(")
	if !r.at("(") {
		r.positive()
		for r.take(" ") {
			if r.at("(") {
				break
			}
			r.positive()
		}
	}
	branches := 0
	for r.at("(") {
		r.thread()
		branches++
	}
	if branches == 1 {
		r.fail("a thread of one branch")
	}
	r.want(")")
}

func (r *reader) status() {
	r.mailbox()
	r.sp()
	var said []string
	r.list(0, func() {
		name := r.word()
		if slices.Contains(said, name) {
			r.fail("%s is said twice", name)
		}
		said = append(said, name)
		r.sp()
		switch name {
		case "MESSAGES", "RECENT", "UNSEEN", "DELETED":
			r.number(32)
		case "UIDNEXT", "UIDVALIDITY":
			r.positive()
		case "SIZE", "DELETED-STORAGE":
			r.number(63)
		case "HIGHESTMODSEQ":
			r.modSeq()
		case "APPENDLIMIT":
			r.nilOr(func() { r.number(32) })
		case "MAILBOXID":
			r.list(1, func() { r.objectID() })
		default:
			r.fail("STATUS has no %s", name)
		}
	})
}

func (r *reader) namespaces() {
	for range 3 {
		r.sp()
		r.nilOr(func() {
			r.want("(")
			for r.at("(") {
				r.want("(")
				r.text()
				r.sp()
				r.ntext()
				r.want(")")
			}
			r.want(")")
		})
	}
}

// id is for statistics (RFC 2971, 3.2).
func (r *reader) id() {
	r.nilOr(func() {
		r.list(0, func() {
			r.text()
			r.sp()
			r.ntext()
		})
	})
}

// quota is what is used of a root (RFC 9208, 4.1).
func (r *reader) quota() {
	r.atext()
	r.sp()
	r.list(0, func() {
		r.atom()
		r.sp()
		r.number(63)
		r.sp()
		r.number(63)
	})
}

func (r *reader) quotaRoots() {
	for r.take(" ") {
		r.atext()
	}
}

// objectID is one of RFC 8474, 4.
func (r *reader) objectID() {
	id := r.run("an identifier", func(c byte) bool {
		return isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '-'
	})
	if len(id) > 255 {
		r.fail("an identifier of %d octets", len(id))
	}
}
