//go:build interop

package interop

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"yubin/internal/imaptest"
)

// An imapTalk is a session with an IMAP server.
type imapTalk struct {
	t      *testing.T
	name   string
	to     io.Writer
	in     *bufio.Reader
	strict *imaptest.Strict // what we say has to please it; nil: it is Dovecot that speaks

	mod      uint64            // the highest mod-sequence so far
	validity string            // UIDVALIDITY
	marks    map[string]string // mod-sequences of a script
}

// Numbers that a script asks for again.
var (
	modNumber      = regexp.MustCompile(`MODSEQ \(?(\d+)`)
	validityNumber = regexp.MustCompile(`^\* OK \[UIDVALIDITY (\d+)`)
)

// learn keeps a response's numbers.
func (s *imapTalk) learn(r []byte) {
	for _, m := range modNumber.FindAllSubmatch(r, -1) {
		n, _ := strconv.ParseUint(string(m[1]), 10, 64)
		s.mod = max(s.mod, n)
	}
	if m := validityNumber.FindSubmatch(r); m != nil {
		s.validity = string(m[1])
	}
}

// mark gives the highest mod-sequence so far a name.
func (s *imapTalk) mark(name string) {
	if s.marks == nil {
		s.marks = map[string]string{}
	}
	s.marks[name] = strconv.FormatUint(s.mod, 10)
}

// fill puts this server's numbers in the place of their names.
func (s *imapTalk) fill(command string) string {
	for name, n := range s.marks {
		command = strings.ReplaceAll(command, "$"+name, n)
	}
	return strings.ReplaceAll(command, "$validity", s.validity)
}

// strictly has all that is said from now on read by a strict client.
func (s *imapTalk) strictly() *imapTalk {
	s.strict = &imaptest.Strict{Complain: func(err error) { s.t.Errorf("%s: %v", s.name, err) }}
	return s
}

var literalEnd = regexp.MustCompile(`\{(\d+)\}\r\n$`)

// response reads one response, with its literals.
func (s *imapTalk) response() []byte {
	s.t.Helper()
	var all []byte
	for {
		line, err := s.in.ReadBytes('\n')
		all = append(all, line...)
		if err != nil {
			s.t.Fatalf("%s ended the session with %q: %v", s.name, all, err)
		}
		m := literalEnd.FindSubmatch(line)
		if m == nil {
			if s.strict != nil {
				s.strict.Write(all)
			}
			return all
		}
		n, _ := strconv.Atoi(string(m[1]))
		text := make([]byte, n)
		if _, err := io.ReadFull(s.in, text); err != nil {
			s.t.Fatalf("a literal ended: %v", err)
		}
		all = append(all, text...)
	}
}

// send gives a command.
func (s *imapTalk) send(tag, command string) {
	s.t.Helper()
	if s.strict != nil {
		s.strict.Sent(tag + " " + command + "\r\n")
	}
	if _, err := fmt.Fprintf(s.to, "%s %s\r\n", tag, command); err != nil {
		s.t.Fatalf("%s, %s: %v", s.name, command, err)
	}
}

// ask gives a command and returns the normal form of the responses.
func (s *imapTalk) ask(tag, command string) string {
	s.t.Helper()
	s.send(tag, s.fill(command))
	var said []string
	for {
		r := s.response()
		s.learn(r)
		line := normal(r, tag)
		if line != "" {
			said = append(said, line)
		}
		if bytes.HasPrefix(r, []byte(tag+" ")) {
			return strings.Join(inOrder(said), "\n")
		}
	}
}

// What is said of messages stays in its order, with the end of the command;
// before it comes all else, sorted.
var ofMessages = regexp.MustCompile(`^(?:\* \d+ |\* VANISHED|\* E?SEARCH|\* SORT|\* THREAD|\* BYE|[^*])`)

func inOrder(lines []string) (list []string) {
	var ordered []string
	for _, l := range lines {
		if ofMessages.MatchString(l) {
			ordered = append(ordered, l)
		} else {
			list = append(list, l)
		}
	}
	slices.Sort(list)
	return append(list, ordered...)
}

var (
	stateLine  = regexp.MustCompile(`(?s)^(\* |t )(OK|NO|BAD|BYE|PREAUTH)(?: (\[[^]]*\]))?.*`)
	fetchLine  = regexp.MustCompile(`^(\* \d+ FETCH )\(`)
	listLine   = regexp.MustCompile(`^\* (LIST|LSUB|STATUS|ESEARCH|FLAGS) `)
	statusLine = regexp.MustCompile(`^(\* STATUS .*)\(([^()]*)\)$`)
	wordPair   = regexp.MustCompile(`\w+ \w+`)
	// Numbers that are each server's own.
	ownNumber = regexp.MustCompile(`\b(UIDVALIDITY|APPENDUID|COPYUID) \d+`)
	modSeq    = regexp.MustCompile(`MODSEQ (\(?)\d+`)
	// What Dovecot does not say, or at other times.
	ownCode = regexp.MustCompile(`(?i)^\* OK \[(?:HIGHESTMODSEQ \S+|NOMODSEQ|MAILBOXID \(\w+\))\]`)
	ownTag  = regexp.MustCompile(`^(\w+ OK) \[MAILBOXID \(\w+\)\]`)
)

// normal is a response in a form that another server's can have too: without
// the words for people, strings in one form, items in one order, and with V for
// a UIDVALIDITY.
func normal(r []byte, tag string) string {
	line := strings.TrimRight(string(r), " \r\n")
	if rest, ok := strings.CutPrefix(line, tag+" "); ok {
		line = "t " + rest
	}
	line = modSeq.ReplaceAllString(ownTag.ReplaceAllString(line, "$1"), "MODSEQ ${1}M")
	switch m := stateLine.FindStringSubmatch(line); {
	case ownCode.MatchString(line):
		return ""
	case m != nil && m[3] != "":
		line = m[1] + m[2] + " " + sortedWords(m[3])
	case m != nil:
		line = m[1] + m[2]
	case fetchLine.MatchString(line):
		head := fetchLine.FindString(line)
		items := fetchItems([]byte(line[len(head):]))
		var list []string
		for name, value := range items {
			list = append(list, name+" "+value)
		}
		slices.Sort(list)
		line = head + strings.Join(list, " ") + ")"
	case listLine.MatchString(line):
		var words []string
		for rest := []byte(line[2:]); len(rest) > 0; {
			var s string
			s, rest = canonical(rest)
			rest = bytes.TrimPrefix(rest, []byte(" "))
			if len(words) > 0 && s[0] != '"' && s[0] != '(' {
				s = `"` + s + `"` // a name, which may be an atom
			}
			words = append(words, s)
		}
		line = "* " + strings.Join(words, " ")
		if m := statusLine.FindStringSubmatch(line); m != nil {
			pairs := wordPair.FindAllString(m[2], -1)
			slices.Sort(pairs)
			line = m[1] + "(" + strings.Join(pairs, " ") + ")"
		}
	}
	return ownNumber.ReplaceAllString(line, "$1 V")
}

var wordList = regexp.MustCompile(`\(([^()"]*)\)`)

// sortedWords sorts what is in parentheses.
func sortedWords(s string) string {
	return wordList.ReplaceAllStringFunc(s, func(l string) string {
		words := strings.Fields(l[1 : len(l)-1])
		slices.Sort(words)
		return "(" + strings.Join(words, " ") + ")"
	})
}

var itemName = regexp.MustCompile(`^[A-Za-z0-9.]+(?:\[[^]]*\])?(?:<\d+>)?`)

// fetchItems are the items of a FETCH response, behind its parenthesis.
func fetchItems(b []byte) map[string]string {
	items := map[string]string{}
	for len(b) > 0 && b[0] != ')' {
		name := itemName.Find(b)
		if name == nil || len(b) <= len(name) {
			items["garbage"] = string(b)
			break
		}
		var value string
		value, b = canonical(b[len(name)+1:])
		b = bytes.TrimPrefix(b, []byte(" "))
		key := strings.ToUpper(string(name))
		switch key {
		case "FLAGS":
			value = sortedWords(value)
		case "INTERNALDATE", "SAVEDATE":
			if at, err := time.Parse(`"_2-Jan-2006 15:04:05 -0700"`, value); err == nil {
				value = at.UTC().Format(time.RFC3339)
				if time.Since(at).Abs() < time.Hour {
					value = "now"
				}
			}
		}
		if old, ok := items[key]; ok {
			value = old + " and " + value
		}
		items[key] = value
	}
	return items
}

// canonical takes a value off b.
func canonical(b []byte) (string, []byte) {
	s, rest, err := imaptest.Prefix(b)
	if err != nil {
		return fmt.Sprintf("%q: %v", b, err), nil
	}
	return s, rest
}
