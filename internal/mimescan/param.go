package mimescan

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// A cursor reads the tokens of a structured MIME field (RFC 2045, 5.1).
type cursor struct {
	s string
	i int
}

func (c *cursor) end() bool { return c.i >= len(c.s) }

// skip passes white space and comments.
func (c *cursor) skip() {
	for !c.end() {
		switch c.s[c.i] {
		case ' ', '\t', '\r', '\n':
			c.i++
		case '(':
			c.comment()
		default:
			return
		}
	}
}

func (c *cursor) comment() {
	for depth := 0; !c.end(); {
		switch c.s[c.i] {
		case '(':
			depth++
		case ')':
			depth--
		case '\\':
			c.i++
		}
		if c.i++; depth == 0 {
			return
		}
	}
}

// isToken tells whether c may stand in a token; 8-bit octets may, since they do.
func isToken(c byte) bool {
	return c > ' ' && c != 0x7f && strings.IndexByte(`()<>@,;:\"/[]?=`, c) < 0
}

// token reads a token and the white space behind it.
func (c *cursor) token() string {
	from := c.i
	for !c.end() && isToken(c.s[c.i]) {
		c.i++
	}
	t := c.s[from:c.i]
	c.skip()
	return t
}

// encoding reads the value of Content-Transfer-Encoding; "" if it is none. Some
// end it like a parameter.
func encoding(value string) string {
	c := &cursor{s: value}
	c.skip()
	t := c.token()
	if !c.end() && c.s[c.i] != ';' {
		return ""
	}
	return t
}

// quoted reads a quoted string; ok is false when its end is missing.
func (c *cursor) quoted() (value string, ok bool) {
	c.i++
	from := c.i
	var b []byte
	for ; !c.end(); c.i++ {
		switch c.s[c.i] {
		case '"':
			value = string(append(b, c.s[from:c.i]...))
			c.i++
			c.skip()
			return value, true
		case '\\':
			b = append(b, c.s[from:c.i]...)
			if c.i++; c.end() {
				return string(b), false
			}
			from = c.i
		}
	}
	return string(append(b, c.s[from:min(c.i, len(c.s))]...)), false
}

// ParseType reads the value of Content-Type. ok is false, and nothing is
// returned, when it is none.
func ParseType(value string) (typ, subtype string, params []Param, ok bool) {
	c := &cursor{s: value}
	c.skip()
	typ = c.token()
	if typ != "" && c.end() {
		return typ, "", nil, true // "text", as it was written before MIME
	}
	if typ == "" || c.s[c.i] != '/' {
		return "", "", nil, false
	}
	c.i++
	c.skip()
	subtype = c.token()
	if subtype == "" || !c.end() && c.s[c.i] != ';' {
		return "", "", nil, false
	}
	return typ, subtype, c.params(), true
}

// ParseDisposition reads the value of Content-Disposition (RFC 2183).
func ParseDisposition(value string) (disposition string, params []Param) {
	c := &cursor{s: value}
	c.skip()
	disposition = c.token()
	return disposition, c.params()
}

// ParseTokens reads a list of tokens, as far as it is one: Content-Language
// (RFC 3282).
func ParseTokens(value string) (list []string) {
	c := &cursor{s: value}
	for c.skip(); ; c.skip() {
		t := c.token()
		if t == "" {
			return list
		}
		list = append(list, t)
		if c.end() || c.s[c.i] != ',' {
			return list
		}
		c.i++
	}
}

// params reads parameters up to the end; what is none of them is passed over.
func (c *cursor) params() (list []Param) {
	pieces := false
	for !c.end() {
		if c.s[c.i] != ';' {
			c.i++
			continue
		}
		c.i++
		c.skip()
		p, ok := c.param()
		if !ok {
			continue
		}
		pieces = pieces || strings.IndexByte(p.Name, '*') >= 0
		list = append(list, p)
	}
	if pieces {
		list = join(list)
	}
	return list
}

// param reads "name=value".
func (c *cursor) param() (p Param, ok bool) {
	p.Name = c.token()
	if p.Name == "" || c.end() || c.s[c.i] != '=' {
		return p, false
	}
	c.i++
	c.skip()
	if !c.end() && c.s[c.i] == '"' {
		p.Value, ok = c.quoted()
		return p, ok
	}
	// Many a name of a file comes without the quotes that it needs.
	from := c.i
	for !c.end() && strings.IndexByte("; \t\r\n", c.s[c.i]) < 0 {
		c.i++
	}
	p.Value = c.s[from:c.i]
	c.skip()
	return p, true
}

// A piece is a part of a parameter's value that was split (RFC 2231, 3).
type piece struct {
	Param
	base     string
	n        int
	extended bool
}

// join puts the pieces of parameters together: name*0*=, name*1= become name*.
func join(list []Param) []Param {
	var pieces []piece
	rest := list[:0]
	for _, p := range list {
		base, number, found := strings.Cut(p.Name, "*")
		number, extended := strings.CutSuffix(number, "*")
		n, err := strconv.Atoi(number)
		if !found || err != nil || n < 0 || base == "" {
			rest = append(rest, p)
			continue
		}
		pieces = append(pieces, piece{p, base, n, extended})
	}
	slices.SortStableFunc(pieces, func(a, b piece) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a.base), strings.ToLower(b.base)), cmp.Compare(a.n, b.n))
	})
	for len(pieces) > 0 {
		k, whole := run(pieces)
		if whole {
			rest = append(rest, joined(pieces[:k]))
		} else {
			for _, p := range pieces[:k] {
				rest = append(rest, p.Param)
			}
		}
		pieces = pieces[k:]
	}
	return rest
}

// run returns how many pieces from the first on are of one parameter, and whether
// they are all of it: 0, 1, 2, ...
func run(pieces []piece) (k int, whole bool) {
	whole = true
	for k < len(pieces) && strings.EqualFold(pieces[k].base, pieces[0].base) {
		whole = whole && pieces[k].n == k
		k++
	}
	return k, whole
}

func joined(pieces []piece) Param {
	p := Param{Name: pieces[0].base}
	extended := slices.ContainsFunc(pieces, func(p piece) bool { return p.extended })
	if extended {
		p.Name += "*"
	}
	var b strings.Builder
	if extended && !pieces[0].extended {
		b.WriteString("''")
	}
	for _, k := range pieces {
		if !extended || k.extended {
			b.WriteString(k.Value)
			continue
		}
		for i := range len(k.Value) {
			if c := k.Value[i]; isToken(c) && c < 0x80 && c != '%' && c != '*' && c != '\'' {
				b.WriteByte(c)
			} else {
				b.WriteByte('%')
				b.WriteByte("0123456789ABCDEF"[c>>4])
				b.WriteByte("0123456789ABCDEF"[c&15])
			}
		}
	}
	p.Value = b.String()
	return p
}
