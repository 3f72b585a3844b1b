package imapmime

import "strings"

// An Address is one of an address list, not decoded. A group begins with one that
// has a Mailbox but no Domain, and ends with one that is empty (RFC 9051, 7.5.2).
type Address struct {
	Name, Route, Mailbox, Domain string
	Group                        bool // begins or ends a group
}

// What stands where a broken address lacks something (as in Dovecot).
const (
	missingMailbox = "MISSING_MAILBOX"
	missingDomain  = "MISSING_DOMAIN"
	invalidRoute   = "INVALID_ROUTE"
	syntaxError    = "SYNTAX_ERROR"
)

// ParseAddresses reads an address list (RFC 5322, 3.4 and 4.4): groups, routes,
// comments as names; up to limit of them. A broken list gives what can be made out
// of it, up to the place where it makes no sense any more.
func ParseAddresses(value string, limit int) []Address {
	p := &addresses{s: value, limit: limit}
	if p.skip() != more {
		return nil
	}
	for {
		if p.address() == end || p.end() || p.s[p.i] != ',' || p.full() {
			return p.list
		}
		p.i++
		switch p.skip() {
		case end:
			return p.list
		case bad:
			p.add(Address{})
			return p.list
		}
	}
}

// A state is how reading a token ended.
type state int8

const (
	bad  state = iota - 1
	end        // of the value
	more       // something follows
)

type addresses struct {
	s       string
	i       int
	comment string // the last one
	list    []Address
	limit   int
	b       []byte // of the phrase or local part that is being read
}

func (p *addresses) end() bool { return p.i >= len(p.s) }

func (p *addresses) at(c byte) bool { return p.i < len(p.s) && p.s[p.i] == c }

// full tells whether there are as many addresses as are wanted.
func (p *addresses) full() bool { return len(p.list) >= p.limit }

// add adds a mailbox; what it lacks is filled in.
func (p *addresses) add(a Address) {
	if a.Mailbox == "" {
		a.Mailbox = missingMailbox
	}
	if a.Domain == "" {
		a.Domain = missingDomain
	}
	p.list = append(p.list, a)
}

func (p *addresses) address() state {
	start := p.i
	if st := p.phrase(); st == more && p.at(':') {
		return p.group(string(p.b))
	}
	p.i = start
	return p.mailbox()
}

// group reads a group from the colon on.
func (p *addresses) group(name string) state {
	p.i++
	st := p.skip()
	p.list = append(p.list, Address{Mailbox: name, Group: true})
	for st == more && !p.at(';') {
		p.mailbox()
		if !p.at(',') || p.full() {
			break
		}
		p.i++
		if p.skip() != more {
			st = bad
		}
	}
	if st != bad && p.at(';') {
		p.i++
		st = p.skip()
	} else {
		st = bad
	}
	p.list = append(p.list, Address{Group: true})
	if st == end {
		return end
	}
	return more
}

// mailbox reads "name <address>" or an address.
func (p *addresses) mailbox() state {
	if p.end() {
		p.add(Address{})
		return bad
	}
	start := p.i
	if st := p.phrase(); st == more && p.at('<') || p.at('<') && len(p.b) == 0 && p.i == start {
		a := Address{Name: string(p.b)}
		st := p.angle(&a)
		p.add(a)
		return st
	}
	p.i = start
	var a Address
	st := p.bare(&a)
	p.add(a)
	return st
}

// angle reads "<[@route:]local@domain>".
func (p *addresses) angle(a *Address) state {
	p.i++
	if !p.inside(a) {
		a.Domain = syntaxError
	}
	return p.rest()
}

func (p *addresses) inside(a *Address) bool {
	if p.skip() != more {
		return false
	}
	if p.at('@') && !p.route(a) {
		a.Route = invalidRoute
	}
	if !p.at('>') {
		if p.local(a) != more || p.at('@') && p.domain(a) != more || !p.at('>') {
			return false
		}
	}
	p.i++
	return true
}

// rest passes over white space behind an address.
func (p *addresses) rest() state {
	p.skip()
	if p.end() {
		return end
	}
	return more
}

// route reads "@a,@b:".
func (p *addresses) route(a *Address) bool {
	var route []byte
	for p.at('@') {
		if len(route) > 0 {
			route = append(route, ',')
		}
		var hop Address
		if p.domain(&hop) != more {
			return false
		}
		route = append(append(route, '@'), hop.Domain...)
		for p.at(',') {
			p.i++
			if p.skip() != more {
				return false
			}
		}
	}
	if !p.at(':') {
		return false
	}
	p.i++
	a.Route = string(route)
	return p.skip() == more
}

// bare reads an address without brackets; a comment is its name.
func (p *addresses) bare(a *Address) state {
	p.comment = ""
	quoted := p.at('"')
	st := p.local(a)
	domain := false
	if st != end && p.at('@') {
		domain = true
		if st2 := p.domain(a); st2 != more {
			st = st2
		}
	}
	switch {
	case p.comment != "":
		a.Name = p.comment
	case !domain:
		// One word is a mailbox, several are a name without an address.
		n := len(p.b)
		p.b = append(p.b, ' ')
		p.words()
		if len(p.b) > n+1 || quoted {
			a.Name, a.Mailbox = strings.Trim(string(p.b), " "), ""
		}
		st = bad
	}
	return st
}
