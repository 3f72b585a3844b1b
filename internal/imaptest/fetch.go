package imaptest

import (
	"slices"
	"strings"
)

// fetchItems are what FETCH tells of a message, but for the sections.
var fetchItems = map[string]func(*reader){
	"FLAGS":         func(r *reader) { r.flags() },
	"UID":           func(r *reader) { r.positive() },
	"INTERNALDATE":  (*reader).dateTime,
	"RFC822.SIZE":   func(r *reader) { r.number(63) },
	"ENVELOPE":      (*reader).envelope,
	"BODY":          func(r *reader) { r.body(false) },
	"BODYSTRUCTURE": func(r *reader) { r.body(true) },
	"RFC822":        func(r *reader) { r.ntext() },
	"RFC822.HEADER": func(r *reader) { r.ntext() },
	"RFC822.TEXT":   func(r *reader) { r.ntext() },
	"MODSEQ":        func(r *reader) { r.want("("); r.modSeq(); r.want(")") },
	"PREVIEW":       func(r *reader) { r.ntext() },
	"SAVEDATE":      func(r *reader) { r.nilOr(r.dateTime) },
	"EMAILID":       func(r *reader) { r.want("("); r.objectID(); r.want(")") },
	"THREADID":      func(r *reader) { r.nilOr(func() { r.want("("); r.objectID(); r.want(")") }) },
}

func (r *reader) fetch() {
	r.list(1, func() {
		name := strings.ToUpper(r.run("an item", func(c byte) bool { return isAtom(c) && c != '[' }))
		switch {
		case r.at("["):
			r.section(name)
		case fetchItems[name] == nil:
			r.fail("FETCH has no %s", name)
		default:
			r.sp()
			fetchItems[name](r)
		}
	})
}

// section is the text of a part.
func (r *reader) section(name string) {
	r.want("[")
	part := false
	for len(r.b) > 0 && isDigit(r.b[0]) && r.err == nil {
		part = true
		if r.positive(); !r.take(".") {
			break
		}
	}
	if !r.at("]") {
		of := r.word()
		switch {
		case name != "BODY" || of == "MIME" && !part:
			r.fail("%s has no %s", name, of)
		case of == "HEADER.FIELDS" || of == "HEADER.FIELDS.NOT":
			r.sp()
			r.list(1, func() { r.atext() })
		case !slices.Contains([]string{"HEADER", "TEXT", "MIME"}, of):
			r.fail("there is no section %s", of)
		}
	}
	r.want("]")
	if name != "BINARY.SIZE" && r.take("<") {
		r.number(32)
		r.want(">")
	}
	r.sp()
	switch {
	case name == "BINARY.SIZE":
		r.number(32)
	case name == "BINARY" && r.at("~"):
		r.literal("~{")
	case name == "BINARY" || name == "BODY":
		r.ntext()
	default:
		r.fail("FETCH has no %s", name)
	}
}

// envelope is that of a message; who sent it, and whom answers go to, is who wrote
// it where nobody is named (RFC 9051, 7.5.2).
func (r *reader) envelope() {
	r.want("(")
	r.ntext() // date
	r.sp()
	r.ntext() // subject
	var some [6]bool
	for i := range some {
		r.sp()
		some[i] = r.addresses()
	}
	if some[0] && (!some[1] || !some[2]) {
		r.fail("an envelope with an author and no sender or nobody to answer")
	}
	r.sp()
	r.ntext() // in-reply-to
	r.sp()
	r.ntext() // message-id
	r.want(")")
}

// addresses stand without spaces between them; groups begin and end.
func (r *reader) addresses() bool {
	return r.nilOr(func() {
		r.want("(")
		group, n := false, 0
		for ; r.take("("); n++ {
			r.ntext() // name
			r.sp()
			r.ntext() // route
			r.sp()
			_, mailbox := r.ntext()
			r.sp()
			_, host := r.ntext()
			r.want(")")
			switch {
			case !host && mailbox == group:
				r.fail("a group that begins in a group, or ends outside")
			case !host:
				group = mailbox
			case !mailbox:
				r.fail("an address of a host alone")
			}
		}
		if group || n == 0 {
			r.fail("a group that does not end, or no address")
		}
		r.want(")")
	})
}

// body is a part; extended: it may have extension data.
func (r *reader) body(extended bool) {
	r.want("(")
	if r.at("(") {
		r.multipart(extended)
	} else {
		r.single(extended)
	}
	r.want(")")
}

func (r *reader) multipart(extended bool) {
	for r.at("(") {
		r.body(extended)
	}
	r.sp()
	r.text()
	if extended && r.take(" ") {
		r.params()
		r.extension()
	}
}

func (r *reader) single(extended bool) {
	kind := strings.ToUpper(r.text())
	r.sp()
	kind += "/" + strings.ToUpper(r.text())
	r.sp()
	r.params()
	r.sp()
	r.ntext() // id
	r.sp()
	r.ntext() // description
	r.sp()
	r.text() // encoding
	r.sp()
	r.number(32)
	switch {
	case strings.HasPrefix(kind, "TEXT/"):
		r.sp()
		r.number(63)
	case kind == "MESSAGE/RFC822" || kind == "MESSAGE/GLOBAL":
		r.sp()
		r.envelope()
		r.sp()
		r.body(extended)
		r.sp()
		r.number(63)
	}
	if extended && r.take(" ") {
		r.ntext() // MD5
		r.extension()
	}
}

// extension is what both kinds end in: disposition, language, location and what is
// not known yet, each of which may be missing with all behind it.
func (r *reader) extension() {
	if !r.take(" ") {
		return
	}
	r.nilOr(func() {
		r.want("(")
		r.text()
		r.sp()
		r.params()
		r.want(")")
	})
	if !r.take(" ") {
		return
	}
	if r.at("(") {
		r.list(1, func() { r.text() })
	} else {
		r.ntext()
	}
	if !r.take(" ") {
		return
	}
	r.ntext()
}

func (r *reader) params() {
	r.nilOr(func() {
		r.list(1, func() {
			r.text()
			r.sp()
			r.text()
		})
	})
}
