package maillog

import (
	"fmt"
	"strconv"
	"strings"
)

// maxFields bounds the fields of a line.
const maxFields = 48

// A mark is a field: a key, and where in the text its value stands, or a value
// that the text does not have.
type mark struct {
	key      string
	from, to int
	value    string
	noted    bool // value counts
}

// A Text is a line that is being built. What is a field is said as it is
// written, and never guessed from the finished text: whatever a peer puts into
// an address, it makes no field. Its zero value knows no fields.
type Text struct {
	b      []byte
	marks  []mark
	marked bool
}

// Text returns an empty line with room for some octets. It keeps fields only
// where something is to be written that has them.
func (l *Logger) Text(room int) Text {
	return Text{b: make([]byte, 0, room), marked: l.out.structured.Load()}
}

// Say appends s.
func (t *Text) Say(s string) {
	if t.marked {
		s = Clean(s) // now, so that marks stay true
	}
	t.b = append(t.b, s...)
}

// ID appends the queue ID that a line begins with.
func (t *Text) ID(id string) {
	from := len(t.b)
	t.Say(id)
	if isQueueID(id) {
		t.mark("queue_id", from)
	}
	t.b = append(t.b, ": "...)
}

// Pair appends sep and "key=value".
func (t *Text) Pair(sep, key, value string) {
	from := t.begin(sep, key, "=")
	t.Say(value)
	t.mark(key, from)
}

// Address appends sep and "key=<value>".
func (t *Text) Address(sep, key, value string) {
	from := t.begin(sep, key, "=<")
	t.Say(value)
	t.mark(key, from)
	t.b = append(t.b, '>')
}

// Number appends sep and "key=n".
func (t *Text) Number(sep, key string, n int64) {
	from := t.begin(sep, key, "=")
	t.b = strconv.AppendInt(t.b, n, 10)
	t.mark(key, from)
}

// PairOf appends sep and "key=" and what write appends, which is plain ASCII.
func (t *Text) PairOf(sep, key string, write func([]byte) []byte) {
	from := t.begin(sep, key, "=")
	t.b = write(t.b)
	t.mark(key, from)
}

// Field appends value, which is the field key although the text does not say so.
func (t *Text) Field(key, value string) {
	from := len(t.b)
	t.Say(value)
	t.mark(key, from)
}

// Note adds a field that is not in the text.
func (t *Text) Note(key, value string) {
	if t.marked && value != "" && len(t.marks) < maxFields {
		t.marks = append(t.marks, mark{key: key, value: cut(Clean(value), maxText), noted: true})
	}
}

// append appends other, fields and all.
func (t *Text) append(other *Text) {
	at := len(t.b)
	t.b = append(t.b, other.b...)
	for _, m := range other.marks {
		m.from, m.to = m.from+at, m.to+at
		t.marks = append(t.marks, m)
	}
}

func (t *Text) begin(sep, key, end string) int {
	t.b = append(append(append(t.b, sep...), key...), end...)
	return len(t.b)
}

func (t *Text) mark(key string, from int) {
	if t.marked && len(t.marks) < maxFields {
		t.marks = append(t.marks, mark{key: key, from: from, to: len(t.b)})
	}
}

// Fielded is what an argument of a format is that knows which fields it is.
type Fielded interface {
	LogFields(note func(key, value string))
}

// Printf appends a formatted text. "key=" and "key=<" before a verb make its
// argument a field, as do Fielded arguments; so does a queue ID with which the
// line begins.
func (t *Text) Printf(format string, args ...any) {
	if !t.marked {
		t.b = fmt.Appendf(t.b, format, args...)
		return
	}
	t.walk(format, args)
}

// walk is Printf piece by piece.
func (t *Text) walk(format string, args []any) {
	rest := format
	for n := 0; rest != ""; {
		i := strings.IndexByte(rest, '%')
		if i < 0 {
			break
		}
		end := i + 1
		for end < len(rest) && strings.IndexByte("+-# 0123456789.", rest[end]) >= 0 {
			end++
		}
		if end == len(rest) {
			break
		}
		end++
		literal, spec := rest[:i], rest[i:end]
		rest = rest[end:]
		t.Say(literal)
		if spec == "%%" {
			t.b = append(t.b, '%')
			continue
		}
		if n == len(args) {
			break // vet has seen to it that this does not happen
		}
		t.argument(spec, literal, rest, args[n])
		n++
	}
	t.Say(rest)
}

func (t *Text) argument(spec, before, after string, arg any) {
	from := len(t.b)
	t.b = append(t.b, Clean(fmt.Sprintf(spec, arg))...)
	if key := keyBefore(before); key != "" {
		t.mark(key, from)
	} else if from <= len(prefixes[failure])+len(prefixes[warning]) && strings.HasPrefix(after, ":") && len(t.marks) == 0 {
		if isQueueID(string(t.b[from:])) {
			t.mark("queue_id", from)
		}
	}
	if f, ok := arg.(Fielded); ok {
		f.LogFields(t.Note)
	}
}

// keyBefore is the key that a literal ends with: "from" of ", from=<".
func keyBefore(literal string) string {
	literal, ok := strings.CutSuffix(strings.TrimSuffix(literal, "<"), "=")
	if !ok {
		return ""
	}
	i := len(literal)
	for i > 0 && isKey(literal[i-1]) {
		i--
	}
	return literal[i:]
}

func isKey(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '-' }

// isQueueID tells whether s has the form of a queue ID: 13 or more upper-case
// hexadecimal digits.
func isQueueID(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return len(s) >= 13 && len(s) <= 80
}

// Pairs appends text, in which words "key=number", as in the tally of a session,
// are fields. It is for text that another process has put together; a value that
// is no number is no field.
func (t *Text) Pairs(text string) {
	if !t.marked {
		t.b = append(t.b, text...)
		return
	}
	for i, word := range strings.Split(text, " ") {
		if i > 0 {
			t.b = append(t.b, ' ')
		}
		key, value, ok := strings.Cut(word, "=")
		value = strings.TrimSuffix(value, ",")
		if !ok || key == "" || strings.Trim(key, "abcdefghijklmnopqrstuvwxyz_") != "" || value == "" || strings.Trim(value, "0123456789/") != "" {
			t.Say(word)
			continue
		}
		from := t.begin("", key, "=")
		t.b = append(t.b, value...)
		t.mark(key, from)
		t.b = append(t.b, word[len(key)+1+len(value):]...)
	}
}
