package table

import (
	"errors"
	"regexp"
	"strings"
)

// A dialect is how a type of table writes patterns. Both are compiled for Go's
// RE2, whose time grows with the key and no faster: strangers choose the keys.
type dialect struct {
	flags   string // that it knows; each turns its meaning over
	compile func(pattern, flags string) (*regexp.Regexp, error)
}

// posix is the dialect of regexp: tables, POSIX extended regular expressions with
// the additions of the GNU C library. Flags: i (upper and lower case are not the
// same), m (^ and $ match at lines, "." and [^a] no line end), x (basic in place of
// extended expressions).
var posix = dialect{"imx", func(pattern, flags string) (*regexp.Regexp, error) {
	e := expression{rest: pattern, basic: strings.Count(flags, "x")%2 == 1, lines: strings.Count(flags, "m")%2 == 1}
	text, err := e.translate()
	if err != nil {
		return nil, err
	}
	re, err := regexp.Compile(prefix(flags, "i", !e.lines, e.lines) + text)
	if err == nil {
		re.Longest()
	}
	return re, err
}}

// perl is the dialect of pcre: tables, as far as RE2 has it: no look-around, no
// references to groups in the pattern, no possessive repetition. Flags: i (upper and
// lower case are not the same), m (^ and $ match at lines), s ("." matches no line
// end), x (blanks and comments in the pattern are nothing), A (only at the start), U
// (repetition takes the least). E and X change nothing: $ never matches before a last
// line end, unknown escapes are always errors.
var perl = dialect{"imsxAEUX", func(pattern, flags string) (*regexp.Regexp, error) {
	on := func(flag string) bool { return strings.Count(flags, flag)%2 == 1 }
	pattern = perlEscapes(pattern, on("x"))
	if on("A") {
		pattern = `\A(?:` + pattern + `)`
	}
	p := prefix(flags, "i", !on("s"), on("m"))
	if on("U") {
		p += "(?U)"
	}
	return regexp.Compile(p + pattern)
}}

// prefix sets what RE2 calls flags.
func prefix(flags, exact string, dot, lines bool) string {
	p := ""
	if strings.Count(flags, exact)%2 == 0 {
		p += "(?i)"
	}
	if dot {
		p += "(?s)"
	}
	if lines {
		p += "(?m)"
	}
	return p
}

// perlEscapes replaces escapes that RE2 lacks by what means the same and, where
// extended is set, drops blanks and comments.
func perlEscapes(pattern string, extended bool) string {
	var b strings.Builder
	class := false
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '\\' && i+1 < len(pattern):
			i++
			switch e := pattern[i]; {
			case e == 'h' && class:
				b.WriteString(`\t\x20`)
			case e == 'h':
				b.WriteString(`[\t\x20]`)
			case e == 'e':
				b.WriteString(`\x1b`)
			case e == 'Z' && !class:
				b.WriteString(`\z`)
			default:
				b.WriteString(pattern[i-1 : i+1])
			}
		case class && strings.HasPrefix(pattern[i:], "[:") && strings.Contains(pattern[i:], ":]"):
			end := i + strings.Index(pattern[i:], ":]") + 2
			b.WriteString(pattern[i:end])
			i = end - 1
		case class:
			class = c != ']'
			b.WriteByte(c)
		case c == '[':
			class = true
			b.WriteByte(c)
			for _, first := range []byte("^]") { // a ] that is first is itself
				if i+1 < len(pattern) && pattern[i+1] == first {
					i++
					b.WriteByte(first)
				}
			}
		case extended && strings.IndexByte(blanks, c) >= 0:
		case extended && c == '#':
			if end := strings.IndexByte(pattern[i:], '\n'); end >= 0 {
				i += end
			} else {
				i = len(pattern)
			}
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// An expression is a POSIX one on its way to RE2's syntax.
type expression struct {
	rest         string
	basic, lines bool
	out          strings.Builder
}

var errPerl = errors.New("\"(?\" is no POSIX expression; pcre: tables have it")

func (e *expression) translate() (string, error) {
	start := true // of the pattern, a group or an alternative: there * is itself in basic ones
	for e.rest != "" {
		c := e.rest[0]
		special := strings.IndexByte("(){}+?|", c) >= 0
		fresh := false
		switch {
		case c == '\\':
			var err error
			if fresh, err = e.escape(); err != nil {
				return "", err
			}
		case c == '[':
			if err := e.class(); err != nil {
				return "", err
			}
		case special && e.basic, e.basic && start && c == '*',
			e.basic && c == '^' && !start, e.basic && c == '$' && !e.ends():
			e.take(1, `\`+e.rest[:1])
		case strings.HasPrefix(e.rest, "(?"):
			return "", errPerl
		case strings.HasPrefix(e.rest, "{,"):
			e.take(2, "{0,")
		default:
			e.take(1, e.rest[:1])
			fresh = e.basic && c == '^' && start
		}
		start = fresh
	}
	return e.out.String(), nil
}

// take replaces n octets by text.
func (e *expression) take(n int, text string) {
	e.rest = e.rest[n:]
	e.out.WriteString(text)
}

// ends tells whether the octet at hand is the last of a group, an alternative or
// the pattern.
func (e *expression) ends() bool {
	rest := e.rest[1:]
	return rest == "" || strings.HasPrefix(rest, `\)`) || strings.HasPrefix(rest, `\|`)
}

// escape translates a backslash and what it stands before. fresh is set behind the
// start of a group or an alternative.
func (e *expression) escape() (fresh bool, err error) {
	if len(e.rest) == 1 {
		return false, errors.New("a backslash at the end of the pattern")
	}
	c := e.rest[1]
	switch {
	case c >= '1' && c <= '9':
		return false, errors.New(`"` + e.rest[:2] + `": RE2 has no references to groups`)
	case e.basic && c == '{' && strings.HasPrefix(e.rest, `\{,`):
		e.take(3, "{0,")
	case e.basic && strings.IndexByte("(){}+?|", c) >= 0:
		e.take(2, string(c))
		if c == '(' && strings.HasPrefix(e.rest, `\?`) {
			return false, errPerl
		}
		return c == '(' || c == '|', nil
	case c == '<' || c == '>':
		e.take(2, `\b`)
	case c == '`':
		e.take(2, `\A`)
	case c == '\'':
		e.take(2, `\z`)
	case strings.IndexByte("wWsSbB", c) >= 0:
		e.take(2, e.rest[:2])
	case c >= 0x80:
		e.take(1, "")
	default:
		e.take(2, regexp.QuoteMeta(e.rest[1:2]))
	}
	return false, nil
}

// member is a character as a member of a class.
func member(c byte) string {
	if strings.IndexByte(`\[]^-`, c) >= 0 {
		return `\` + string(rune(c))
	}
	return string([]byte{c})
}

// class translates a bracket expression, in which a backslash is itself.
func (e *expression) class() error {
	open := e.rest
	e.take(1, "[")
	if strings.HasPrefix(e.rest, "^") {
		e.take(1, "^")
		if e.lines {
			e.out.WriteString(`\n`)
		}
	}
	for first := true; e.rest != ""; first = false {
		switch c := e.rest[0]; {
		case c == ']' && !first:
			e.take(1, "]")
			return nil
		case strings.HasPrefix(e.rest, "[:"):
			end := strings.Index(e.rest, ":]")
			if end < 0 {
				return errors.New(`"[:" without ":]"`)
			}
			e.take(end+2, e.rest[:end+2])
		case strings.HasPrefix(e.rest, "[.") || strings.HasPrefix(e.rest, "[="):
			end := strings.Index(e.rest[2:], e.rest[1:2]+"]")
			if end != 1 {
				return errors.New(`"` + e.rest[:2] + `" must stand before one character`)
			}
			e.take(5, member(e.rest[2]))
		case strings.IndexByte(`\[]^`, c) >= 0:
			e.take(1, member(c))
		default:
			e.take(1, e.rest[:1])
		}
	}
	return errors.New("\"" + open + "\": [ without ]")
}
