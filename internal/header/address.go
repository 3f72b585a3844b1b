package header

import (
	"fmt"
	"strings"

	"yubin/internal/smtp"
)

// An Address is one mailbox of an address list. Addr is in internal form (see
// package smtp), "" for "<>"; it may lack a domain.
type Address struct {
	Name string // display name or comment, as it stands; may be ""
	Addr string
}

// ParseAddressList reads the value of an address field (RFC 5322, 3.4, and the
// obsolete forms of 4.4). It is lenient on what the world sends: empty elements,
// semicolons for commas, groups, words around a bracketed address, brackets,
// quotes and comments that do not close. Words without @ and brackets are one
// local part. It returns every address that can be one, and an error that tells
// of the first that cannot.
func ParseAddressList(value string) ([]Address, error) {
	p := listParser{s: value}
	p.all()
	return p.list, p.err
}

// ParseTargets reads a list of addresses that an administrator has written, as
// ParseAddressList does, but of several @ the last one counts: the address
// user@domain@autoreply.domain leads to a service, with the address that the
// letter was for as its local part (Postfix's VIRTUAL_README).
func ParseTargets(value string) ([]Address, error) {
	p := listParser{s: value, last: true}
	p.all()
	return p.list, p.err
}

// A part is a word or an @ of an element.
type part struct {
	text  string
	at    bool // the special @
	space bool // white space or a comment stands before it

	from, to int // where it stands in the value
}

type listParser struct {
	s    string
	i    int
	list []Address
	err  error
	last bool // of several @ the last counts; else they are no address
	// seen is told of each address and where it stands; nil: nobody asks.
	seen func(addr string, from, to int)

	parts   []part
	phrase  []part // what stood before <
	comment string
	space   bool
	angle   bool // inside < >
	after   bool // behind > of this element: stray words are not an address

	noQuote, noComment bool // one that does not close has been met: no other closes either
}

// maxLiteral is more than an address literal takes. It bounds the search for its
// end, so that a list of unclosed ones takes linear time.
const maxLiteral = 64

const specials = "<>,;:@\"()\\ \t\r\n"

// all reads the list.
func (p *listParser) all() {
	for p.next() {
	}
	p.element()
}

// next reads one token.
func (p *listParser) next() bool {
	if p.i >= len(p.s) {
		return false
	}
	c := p.s[p.i]
	switch c {
	case ' ', '\t', '\r', '\n':
		p.space = true
	case '"':
		p.quoted()
		return true
	case '(':
		p.skipComment()
		return true
	case ')':
		p.space = true
	case '<':
		p.open()
	case '>':
		p.shut()
	case ',':
		// The commas of an obsolete route stand inside the brackets.
		if !p.angle || !p.route() {
			p.element()
		}
	case ';':
		p.element()
	case ':':
		p.colon()
	case '@':
		p.add("@", true, p.i, p.i+1)
	default:
		p.word()
		return true
	}
	p.i++
	return true
}

func (p *listParser) add(text string, at bool, from, to int) {
	p.parts = append(p.parts, part{text, at, p.space, from, to})
	p.space = false
}

// word reads an atom, a domain literal, or a quoted pair of the obsolete kind.
func (p *listParser) word() {
	if p.s[p.i] == '[' && len(p.parts) > 0 && p.parts[len(p.parts)-1].at {
		if end := strings.IndexByte(p.s[p.i:min(len(p.s), p.i+maxLiteral)], ']'); end > 0 {
			p.add(p.s[p.i:p.i+end+1], false, p.i, p.i+end+1)
			p.i += end + 1
			return
		}
	}
	var b strings.Builder
	from := p.i
	for p.i < len(p.s) {
		c := p.s[p.i]
		if c == '\\' && p.i+1 < len(p.s) {
			p.i++
			b.WriteByte(p.s[p.i])
			p.i++
			continue
		}
		if c != '\\' && strings.IndexByte(specials, c) >= 0 {
			break
		}
		b.WriteByte(c)
		p.i++
	}
	p.add(b.String(), false, from, p.i)
}

// quoted reads a quoted string. One that does not close is not one: its quote
// is white space.
func (p *listParser) quoted() {
	var b strings.Builder
	for i := p.i + 1; i < len(p.s) && !p.noQuote; i++ {
		switch c := p.s[i]; {
		case c == '"':
			p.add(b.String(), false, p.i, i+1)
			p.i = i + 1
			return
		case c == '\\' && i+1 < len(p.s):
			i++
			b.WriteByte(p.s[i])
		case c == '\r' || c == '\n':
			// RFC 5322, 3.2.4: folding inside is not part of the text.
		default:
			b.WriteByte(c)
		}
	}
	p.noQuote, p.space = true, true
	p.i++
}

// skipComment skips a comment and those nested in it.
func (p *listParser) skipComment() {
	depth := 0
	for i := p.i; i < len(p.s) && !p.noComment; i++ {
		switch p.s[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				p.comment = p.s[p.i+1 : i]
				p.i, p.space = i+1, true
				return
			}
		}
	}
	p.noComment, p.space = true, true
	p.i++
}

func (p *listParser) open() {
	if p.angle {
		return // <<a@b>>
	}
	if p.after {
		p.element() // <a@b> <c@d>
	}
	p.phrase, p.parts, p.angle, p.space = p.parts, nil, true, false
}

func (p *listParser) shut() {
	if !p.angle {
		return
	}
	p.bracketed()
	p.angle, p.after, p.parts, p.space = false, true, nil, false
}

// colon ends a route inside brackets, and a group's name outside.
func (p *listParser) colon() {
	if p.angle {
		p.parts = nil
		return
	}
	if hasAt(p.parts) {
		p.element()
	}
	p.parts, p.after, p.comment = nil, false, ""
}

// route tells whether the parts between brackets are a source route so far.
func (p *listParser) route() bool { return len(p.parts) > 0 && p.parts[0].at }

// element ends an element of the list.
func (p *listParser) element() {
	switch {
	case p.angle:
		p.bracketed()
	case hasAt(p.parts):
		p.bare()
	case len(p.parts) > 0 && !p.after:
		p.emit(name(nil, p.comment), p.parts)
	}
	p.parts, p.phrase, p.comment = nil, nil, ""
	p.angle, p.after, p.space = false, false, false
}

// bracketed emits what stands between angle brackets.
func (p *listParser) bracketed() {
	if p.route() {
		p.fail("@") // a route without an address
		return
	}
	if len(p.parts) == 0 {
		p.list = append(p.list, Address{Name: name(p.phrase, p.comment)})
		return
	}
	p.emit(name(p.phrase, p.comment), p.parts)
}

// bare emits the addresses among words without brackets: each run of parts
// without white space that holds an @.
func (p *listParser) bare() {
	start := 0
	var words []part
	for i := 1; i <= len(p.parts); i++ {
		if i < len(p.parts) && !breaks(p.parts[i-1], p.parts[i]) {
			continue
		}
		run := p.parts[start:i]
		start = i
		if !hasAt(run) {
			words = append(words, run...)
			continue
		}
		p.emit(name(words, p.comment), run)
		words = nil
	}
}

// breaks tells whether white space between a and b parts them. Around @ and
// dots it does not (RFC 5322, 4.4).
func breaks(a, b part) bool {
	return b.space && !a.at && !b.at && !strings.HasSuffix(a.text, ".") && !strings.HasPrefix(b.text, ".")
}

func hasAt(parts []part) bool {
	for i := range parts {
		if parts[i].at {
			return true
		}
	}
	return false
}

func name(words []part, comment string) string {
	if len(words) == 0 {
		return strings.TrimSpace(comment)
	}
	return join(words)
}

// join writes words as one string, with a space where white space parts them.
func join(words []part) string {
	var b strings.Builder
	for i := range words {
		if i > 0 && breaks(words[i-1], words[i]) {
			b.WriteByte(' ')
		}
		b.WriteString(words[i].text)
	}
	return b.String()
}

// emit adds the address that parts make.
func (p *listParser) emit(name string, parts []part) {
	at := -1
	for i := range parts {
		if !parts[i].at {
			continue
		}
		if at >= 0 && !p.last {
			p.fail(join(parts))
			return
		}
		at = i
	}
	addr := ""
	if at < 0 {
		addr = join(parts)
	} else {
		addr = join(parts[:at]) + "@" + strings.TrimSuffix(join(parts[at+1:]), ".")
	}
	if !usable(addr, at >= 0) {
		p.fail(join(parts))
		return
	}
	p.list = append(p.list, Address{Name: name, Addr: addr})
	if p.seen != nil {
		p.seen(addr, parts[0].from, parts[len(parts)-1].to)
	}
}

// usable tells whether addr can be an address in internal form.
func usable(addr string, at bool) bool {
	local, domain := smtp.SplitAddress(addr)
	if local == "" || smtp.Check(addr) != nil {
		return false
	}
	if !at {
		return domain == "" && !strings.Contains(addr, "@")
	}
	_, literal := smtp.ParseLiteral(domain)
	return literal || smtp.ValidDomain(domain)
}

func (p *listParser) fail(what string) {
	if p.err == nil {
		const enough = 100
		p.err = fmt.Errorf("bad address %q", what[:min(len(what), enough)])
	}
}
