package imapmime

import "strings"

// local reads the part before "@"; dots may be anywhere.
func (p *addresses) local(a *Address) (st state) {
	p.b = p.b[:0]
	for !p.end() {
		st = more
		for p.at('.') {
			p.b = append(p.b, '.')
			p.i++
			st = p.skip()
		}
		if st != more || p.at('@') && len(p.b) > 0 {
			break
		}
		if p.at('"') {
			st = p.quoted()
		} else {
			st = p.atom(false)
		}
		if st != more || !p.at('.') {
			break
		}
	}
	if st == bad && !p.at('@') {
		p.b = p.b[:0]
	}
	a.Mailbox = string(p.b)
	return st
}

// domain reads "@domain".
func (p *addresses) domain(a *Address) state {
	p.i++
	if st := p.skip(); st != more {
		return st
	}
	keep := p.b
	p.b = nil
	var st state
	if p.at('[') {
		st = p.literal()
	} else {
		for st = p.atom(false); st == more && p.at('.'); st = p.atom(false) {
			p.b = append(p.b, '.')
			p.i++
			if st = p.skip(); st != more {
				break
			}
		}
	}
	if st != bad {
		a.Domain = string(p.b)
	}
	p.b = keep
	return st
}

func (p *addresses) literal() state {
	for !p.end() {
		c := p.s[p.i]
		p.i++
		p.b = append(p.b, c)
		if c == ']' {
			return p.skip()
		}
	}
	return bad
}

// phrase reads words into p.b.
func (p *addresses) phrase() state {
	p.b = p.b[:0]
	if p.end() {
		return end
	}
	if p.at('.') {
		return bad
	}
	return p.words()
}

func (p *addresses) words() state {
	for {
		var st state
		switch {
		case p.end():
			return end
		case p.at('"'):
			st = p.quoted()
		default:
			st = p.atom(true)
		}
		if st != more {
			return st
		}
		if c := p.s[p.i]; !isAtext(c) && c != '"' && c != '.' {
			return more
		}
		if n := len(p.b); n > 0 && p.b[n-1] != ' ' {
			p.b = append(p.b, ' ')
		}
	}
}

func isAtext(c byte) bool {
	switch {
	case c >= 0x80, 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return c != 0 && strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0
}

// atom reads an atom, with dots if dots, and the white space behind it.
func (p *addresses) atom(dots bool) state {
	from := p.i
	for !p.end() && (isAtext(p.s[p.i]) || dots && p.s[p.i] == '.') {
		p.i++
	}
	if p.i == from {
		return bad
	}
	p.b = append(p.b, p.s[from:p.i]...)
	return p.skip()
}

// quoted reads a quoted string.
func (p *addresses) quoted() state {
	p.i++
	for ; !p.end(); p.i++ {
		switch c := p.s[p.i]; c {
		case '"':
			p.i++
			return p.skip()
		case '\\':
			if p.i++; p.end() {
				return bad
			}
			p.b = append(p.b, p.s[p.i])
		default:
			p.b = append(p.b, c)
		}
	}
	return bad
}

// skip passes over white space and comments.
func (p *addresses) skip() state {
	for ; !p.end(); p.i++ {
		switch p.s[p.i] {
		case ' ', '\t', '\r', '\n':
		case '(':
			if !p.skipComment() {
				return bad
			}
		default:
			return more
		}
	}
	return end
}

// skipComment passes over a comment up to its parenthesis and remembers its text.
func (p *addresses) skipComment() bool {
	var b []byte
	for depth := 0; !p.end(); p.i++ {
		c := p.s[p.i]
		switch c {
		case '(':
			if depth++; depth == 1 {
				continue
			}
		case ')':
			if depth--; depth == 0 {
				p.comment = string(b)
				return true
			}
		case '\\':
			if p.i++; p.end() {
				return false
			}
			c = p.s[p.i]
		}
		b = append(b, c)
	}
	return false
}
