package smtp

import (
	"net/netip"
	"strings"
)

// ParseMail reads the arguments of MAIL ("FROM:<path> params"). The path comes
// in internal form, "" for the null path. It is lenient as Postfix is: white
// space around the path and a path without angle brackets are taken, a source
// route is dropped (RFC 5321, 4.1.1.3 and F.2); strict refuses both. Whether an
// address may have letters beyond ASCII (RFC 6531) is for the caller to say.
// Errors are *Error, ready to be sent.
func ParseMail(args string, strict bool) (path string, params []Param, err error) {
	rest, ok := cutPrefixFold(args, "FROM:")
	if !ok {
		return "", nil, Refuse(501, BadArguments, "Syntax: MAIL FROM:<address>")
	}
	p := scanner{s: rest, strict: strict}
	if path, err = p.path(true); err != nil {
		return "", nil, Refuse(501, BadSenderSyntax, "Bad sender address syntax")
	}
	params, err = p.params()
	return path, params, err
}

// ParseRcpt reads the arguments of RCPT ("TO:<path> params"), as ParseMail
// does. The null path is refused; <postmaster> needs no domain (RFC 5321,
// 4.1.1.3).
func ParseRcpt(args string, strict bool) (path string, params []Param, err error) {
	rest, ok := cutPrefixFold(args, "TO:")
	if !ok {
		return "", nil, Refuse(501, BadArguments, "Syntax: RCPT TO:<address>")
	}
	p := scanner{s: rest, strict: strict}
	if path, err = p.path(false); err != nil {
		return "", nil, Refuse(501, BadRecipientSyntax, "Bad recipient address syntax")
	}
	params, err = p.params()
	return path, params, err
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

// A scanner walks s once, left to right.
type scanner struct {
	s      string
	i      int
	strict bool
}

type syntaxError struct{}

func (syntaxError) Error() string { return "bad address syntax" }

func (p *scanner) peek() byte {
	if p.i < len(p.s) {
		return p.s[p.i]
	}
	return 0
}

func (p *scanner) accept(c byte) bool {
	if p.i < len(p.s) && p.s[p.i] == c {
		p.i++
		return true
	}
	return false
}

func (p *scanner) spaces() {
	for p.peek() == ' ' || p.peek() == '\t' {
		p.i++
	}
}

// path reads a forward or reverse path.
func (p *scanner) path(null bool) (string, error) {
	start := p.i
	p.spaces()
	if p.strict && p.i != start {
		return "", syntaxError{}
	}
	bracket := p.accept('<')
	if !bracket && (p.strict || p.i == len(p.s)) {
		return "", syntaxError{}
	}
	if bracket {
		p.lenientSpaces()
		if null && p.accept('>') {
			return "", p.atEnd()
		}
	}
	addr, err := p.mailbox()
	if err != nil {
		return "", err
	}
	if bracket {
		p.lenientSpaces()
		if !p.accept('>') {
			return "", syntaxError{}
		}
	}
	return addr, p.atEnd()
}

func (p *scanner) lenientSpaces() {
	if !p.strict {
		p.spaces()
	}
}

// atEnd wants the end of the arguments or white space before parameters.
func (p *scanner) atEnd() error {
	if c := p.peek(); p.i < len(p.s) && c != ' ' && c != '\t' {
		return syntaxError{}
	}
	return nil
}

// mailbox reads [route] local ["@" domain] and returns the internal form.
func (p *scanner) mailbox() (string, error) {
	if err := p.route(); err != nil {
		return "", err
	}
	start := p.i
	local, err := p.local()
	if err != nil {
		return "", err
	}
	addr := local
	if p.accept('@') {
		domain, err := p.domain()
		if err != nil {
			return "", err
		}
		addr = local + "@" + domain
		if p.strict && (len(local) > MaxLocal || p.i-start > MaxPath) {
			return "", errLong
		}
	} else if strings.IndexByte(local, '@') >= 0 {
		// The internal form of "a@b" without a domain would be another address.
		return "", syntaxError{}
	}
	return addr, Check(addr)
}

// route skips a source route: "@a,@b:" (RFC 5321, F.2).
func (p *scanner) route() error {
	if p.peek() != '@' {
		return nil
	}
	if p.strict {
		return syntaxError{}
	}
	for {
		if !p.accept('@') {
			return syntaxError{}
		}
		if _, err := p.domain(); err != nil {
			return err
		}
		if p.accept(':') {
			return nil
		}
		if !p.accept(',') {
			return syntaxError{}
		}
	}
}

// local reads a local part: atoms, quoted strings and dots in any order, since
// the world has addresses such as "a..b." (strict: a dot string or one quoted
// string).
func (p *scanner) local() (string, error) {
	var b strings.Builder
	start, quoted := p.i, false
	for p.i < len(p.s) {
		c := p.s[p.i]
		if c == '"' {
			quoted = true
			if err := p.quoted(&b); err != nil {
				return "", err
			}
			continue
		}
		if c != '.' && !atext(c) {
			break
		}
		b.WriteByte(c)
		p.i++
	}
	local := b.String()
	if p.i == start || local == "" {
		return "", syntaxError{}
	}
	if raw := p.s[start:p.i]; p.strict && !dotString(raw) && !(quoted && oneQuoted(raw)) {
		return "", syntaxError{}
	}
	return local, nil
}

// quoted reads a quoted string into b, without quotes and backslashes.
func (p *scanner) quoted(b *strings.Builder) error {
	for p.i++; p.i < len(p.s); p.i++ {
		switch c := p.s[p.i]; {
		case c == '"':
			p.i++
			return nil
		case c == '\\':
			if p.i++; p.i == len(p.s) {
				return syntaxError{}
			}
			b.WriteByte(p.s[p.i])
		default:
			b.WriteByte(c)
		}
	}
	return syntaxError{}
}

// oneQuoted tells whether raw, which is made of whole quoted strings and atoms,
// is one quoted string.
func oneQuoted(raw string) bool {
	if raw[0] != '"' {
		return false
	}
	for i := 1; i < len(raw); i++ {
		switch raw[i] {
		case '\\':
			i++
		case '"':
			return i == len(raw)-1
		}
	}
	return false
}

// domain reads a host name or an address literal.
func (p *scanner) domain() (string, error) {
	start := p.i
	if p.peek() == '[' {
		return p.literal()
	}
	for p.i < len(p.s) && (p.s[p.i] == '.' || domainByte(p.s[p.i])) {
		p.i++
	}
	// The root's dot is not part of a mail domain (RFC 5321, 2.3.5).
	d := p.s[start:p.i]
	if !p.strict {
		d = strings.TrimSuffix(d, ".")
	}
	if !ValidDomain(d) {
		return "", syntaxError{}
	}
	return d, nil
}

func domainByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c >= 0x80
}

// ValidDomain tells whether d has the form of a domain: labels of 1 to 63
// letters, digits, hyphens and (lenient: they exist) underscores with dots
// between, 255 octets at most (RFC 1035, 2.3.4). Non-ASCII letters are taken.
func ValidDomain(d string) bool {
	if d == "" || len(d) > MaxDomain {
		return false
	}
	label := 0
	for i := range len(d) {
		if d[i] == '.' {
			if label == 0 {
				return false
			}
			label = 0
			continue
		}
		if label++; label > 63 || !domainByte(d[i]) {
			return false
		}
	}
	return label > 0
}

// literal reads "[192.0.2.1]" or "[IPv6:2001:db8::1]" (RFC 5321, 4.1.3).
func (p *scanner) literal() (string, error) {
	end := strings.IndexByte(p.s[p.i:], ']')
	if end < 0 {
		return "", syntaxError{}
	}
	text := p.s[p.i : p.i+end+1]
	p.i += end + 1
	if _, ok := ParseLiteral(text); !ok {
		return "", syntaxError{}
	}
	return text, nil
}

// ParseLiteral reads an address literal with its brackets.
func ParseLiteral(domain string) (netip.Addr, bool) {
	inner, ok1 := strings.CutPrefix(domain, "[")
	inner, ok2 := strings.CutSuffix(inner, "]")
	six, isSix := cutPrefixFold(inner, "IPv6:")
	a, err := netip.ParseAddr(six)
	if !ok1 || !ok2 || err != nil || a.Zone() != "" || isSix != a.Is6() {
		return netip.Addr{}, false
	}
	return a, true
}
