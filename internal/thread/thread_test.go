package thread

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestBaseSubject(t *testing.T) {
	for _, c := range []struct {
		in, want string
		reply    bool
	}{
		{"", "", false},
		{"hello", "hello", false},
		{"Re: hello", "hello", true},
		{"RE: re: Fw: FWD: hello", "hello", true},
		{"re : hello", "hello", true},
		{"Re[2]: hello", "hello", true},
		{"Re [x] : hello", "hello", true},
		{"[list] Re: [list] hello", "hello", true},
		{"[list] hello", "hello", false},
		{"[a] [b] hello", "hello", false},
		{"[only]", "[only]", false},
		{"[a] [only]", "[only]", false},
		{"Re: [only]", "[only]", true},
		{"Re:", "", true},
		{"hello (fwd)", "hello", true},
		{"hello (FWD) (fwd) ", "hello", true},
		{"[Fwd: hello]", "hello", true},
		{"[fwd: [fwd: re: hello (fwd)]]", "hello", true},
		{"[Fwd: hello] x", "x", false},
		{"[fwd:]", "", true},
		{"a\t b\n  c", "a b c", false},
		{"=?utf-8?q?Re=3A_gr=C3=BC=C3=9F?=", "grüß", true},
		{"Reply", "Reply", false},
		{"Re hello", "Re hello", false},
		{"[a[b] hello", "[a[b] hello", false},
		{"fw", "fw", false},
		{"(fwd)", "", true},
	} {
		if got, reply := BaseSubject(c.in); got != c.want || reply != c.reply {
			t.Errorf("%q: got %q, %t; want %q, %t", c.in, got, reply, c.want, c.reply)
		}
	}
	start := time.Now()
	for _, s := range []string{"[a]", "re:", "(fwd)", "[fwd:", "["} {
		BaseSubject(strings.Repeat(s, 200000))
	}
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("long subjects took %v", d)
	}
}

func TestParseDate(t *testing.T) {
	for in, want := range map[string]string{
		"Mon, 1 Jan 2024 12:34:56 +0100":      "2024-01-01T12:34:56+01:00",
		"1 Jan 2024 12:34 -0330":              "2024-01-01T12:34:00-03:30",
		"Mon,1 Jan 2024 12:34:56 GMT":         "2024-01-01T12:34:56Z",
		"Mon 1 January 24 12:34:56 EST (New)": "2024-01-01T12:34:56-05:00",
		"1 Jan 99 00:00:00 Z":                 "1999-01-01T00:00:00Z",
		"1 Jan 103 00:00:00":                  "2003-01-01T00:00:00Z",
		"Mon (x), 1 (y(z)) Jan 2024 1:2:3":    "2024-01-01T01:02:03Z",
		"Mon Jan  1 12:34:56 2024":            "2024-01-01T12:34:56Z",
		"1-Jan-2024 12:34:56 +0000":           "2024-01-01T12:34:56Z",
		"1 Jan 2024 25:00:00 +0100":           "2024-01-01T00:00:00+01:00",
		"1 Jan 2024 nonsense":                 "2024-01-01T00:00:00Z",
		"1 Jan 2024 12:00:00 nonsense":        "2024-01-01T12:00:00Z",
		"31 Dec 2016 23:59:60 +0000":          "2017-01-01T00:00:00Z",
		"30 Feb 2024 00:00:00 +0000":          "",
		"0 Jan 2024":                          "",
		"Jan 2024":                            "",
		"":                                    "",
		"x":                                   "",
		"Mon":                                 "",
		"--":                                  "",
		"1-Jan-":                              "",
		"(":                                   "",
	} {
		got, ok := ParseDate(in)
		if s := got.Format(time.RFC3339); ok != (want != "") || ok && s != want {
			t.Errorf("%q: got %s, %t; want %q", in, s, ok, want)
		}
	}
}

// Whatever a field has, reading it ends, and a date is within years 0 to 9999.
func FuzzValues(f *testing.F) {
	f.Add("Mon, 1 Jan 2024 12:34:56 +0100")
	f.Add("[fwd: [a] Re[b]: <a@b> <\"c\"@d> (fwd)]")
	f.Fuzz(func(t *testing.T, s string) {
		if d, ok := ParseDate(s); ok && (d.Year() < 0 || d.Year() > 10000) {
			t.Fatal(d)
		}
		base, _ := BaseSubject(s)
		if again, _ := BaseSubject(base); !strings.Contains(base, "=?") && again != base {
			t.Fatalf("%q: %q, then %q", s, base, again)
		}
		for _, id := range ParseIDs(s) {
			if !strings.Contains(id, "@") {
				t.Fatalf("%q", id)
			}
		}
	})
}

func TestParseIDs(t *testing.T) {
	for in, want := range map[string][]string{
		"":                             nil,
		"<a@b>":                        {"a@b"},
		"<a@b> <c@d>":                  {"a@b", "c@d"},
		"<a@b>,<c@d> (x) your <e@f>":   {"a@b", "c@d", "e@f"},
		"<\"a\"@b> <\"a\\\" b\"@c>":    {"a@b", "a\" b@c"},
		"< a @ b >":                    {"a@b"},
		"<ab>":                         nil,
		"<a@b":                         nil,
		"<a <b@c>":                     {"b@c"},
		"a@b":                          nil,
		"Your message of x <a@b> said": {"a@b"},
		"<>":                           nil, "<@>": nil,
	} {
		if got := ParseIDs(in); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// msg makes a message out of "id refs... / subject"; it was sent at its number, unless "@n" says when it was sent.
func msgs(lines ...string) (list []Message) {
	for i, l := range lines {
		m := Message{ID: uint32(i + 1), Sent: int64(i + 1)}
		head, subject, _ := strings.Cut(l, "/")
		m.Subject, m.Reply = BaseSubject(subject)
		for k, w := range strings.Fields(head) {
			switch {
			case strings.HasPrefix(w, "@"):
				fmt.Sscan(w[1:], &m.Sent)
			case k == 0:
				m.MessageID = strings.Trim(w, "-")
			default:
				m.References = append(m.References, w)
			}
		}
		list = append(list, m)
	}
	return list
}

func TestThreads(t *testing.T) {
	for _, c := range []struct {
		name       string
		messages   []Message
		references string
		refs       string
		ordered    string
	}{
		{"none", nil, "", "", ""},
		{"one", msgs("a"), "(1)", "(1)", "(1)"},
		{"chain", msgs("a /x", "b a /Re: x", "c a b /Re: x"), "(1 2 3)", "(1 2 3)", "(1 (2)(3))"},
		{"fork", msgs("a /x", "b a /Re: x", "c a /Re: x"), "(1 (2)(3))", "(1 (2)(3))", "(1 (2)(3))"},
		{"a parent that is not there", msgs("b a /x", "c a /y"), "((1)(2))", "((1)(2))", "(1)(2)"},
		{"a parent that is not there, one kid", msgs("b a"), "(1)", "(1)", "(1)"},
		{"missing within", msgs("a /x", "c a b /y"), "(1 2)", "(1 2)", "(1)(2)"},
		{"several missing", msgs("c a b /x", "d a b /y", "e a /z"), "((1)(2)(3))", "((1)(2)(3))", "(1)(2)(3)"},
		{"same subject", msgs("a /x", "b /x", "c /y"), "((1)(2))(3)", "(1)(2)(3)", "(1 2)(3)"},
		{"reply by subject", msgs("a /x", "b /Re: x"), "(1 2)", "(1)(2)", "(1 2)"},
		{"reply comes first", msgs("a /Re: x", "b /x"), "(2 1)", "(1)(2)", "(1 2)"},
		{"empty subjects", msgs("a /", "b /"), "(1)(2)", "(1)(2)", "(1 2)"},
		{"a loop", msgs("a b", "b a"), "(2 1)", "(2 1)", "(1 2)"},
		{"itself", msgs("a a"), "(1)", "(1)", "(1)"},
		{"the same ID", msgs("a /x", "a /y", "b a /z"), "(1 3)(2)", "(2)(1 3)", "(1)(2)(3)"},
		{"no ID", msgs("- a /x", "- a /y"), "((1)(2))", "((1)(2))", "(1)(2)"},
		{"by dates", msgs("a @3 /x", "b @2 /y", "c @1 a /z"), "(2)(1 3)", "(2)(1 3)", "(3)(2)(1)"},
		{"relinked", msgs("c a b /x", "b /y", "a /z"), "(2 1)(3)", "(2 1)(3)", "(1)(2)(3)"},
		{"gathered with a missing one", msgs("b a /x", "c a /x", "d /x"), "((1)(2)(3))", "((1)(2))(3)", "(1 (2)(3))"},
	} {
		if got := string(Append(nil, References(c.messages))); got != c.references {
			t.Errorf("%s: REFERENCES %s, want %s", c.name, got, c.references)
		}
		if got := string(Append(nil, Refs(c.messages))); got != c.refs {
			t.Errorf("%s: REFS %s, want %s", c.name, got, c.refs)
		}
		if got := string(Append(nil, OrderedSubject(c.messages))); got != c.ordered {
			t.Errorf("%s: ORDEREDSUBJECT %s, want %s", c.name, got, c.ordered)
		}
	}
}

// count counts the messages of threads.
func count(roots []*Node) map[uint32]int {
	seen := map[uint32]int{}
	for _, n := range levels(roots) {
		if n.ID != 0 {
			seen[n.ID]++
		}
	}
	return seen
}

// Each message is in the answer once, whatever the references are, and none that
// is not there has fewer than two kids.
func FuzzThreads(f *testing.F) {
	f.Add([]byte{1, 2, 3, 1, 2, 0, 3, 3, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		var list []Message
		for i := 0; i+3 < len(b) && i < 400; i += 4 {
			m := Message{ID: uint32(len(list) + 1), MessageID: string(b[i : i+1]), Sent: int64(b[i+1]), Subject: string(b[i+3 : i+4])[:b[i+3]&1]}
			for k := range int(b[i+3]>>1) % 5 {
				m.References = append(m.References, string(b[(i+k)%len(b):(i+k)%len(b)+1]))
			}
			list = append(list, m)
		}
		for name, algorithm := range map[string]func([]Message) []*Node{"REFERENCES": References, "REFS": Refs, "ORDEREDSUBJECT": OrderedSubject} {
			roots := algorithm(list)
			seen := count(roots)
			for _, m := range list {
				if seen[m.ID] != 1 {
					t.Fatalf("%s: %d is there %d times", name, m.ID, seen[m.ID])
				}
			}
			for _, n := range levels(roots) {
				if n.ID == 0 && len(n.Kids) < 2 {
					t.Fatalf("%s: a missing message with %d kids: %s", name, len(n.Kids), Append(nil, roots))
				}
			}
		}
	})
}

// Deep and wide threads cost little.
func TestLarge(t *testing.T) {
	const n = 100000
	deep, wide, random := make([]Message, n), make([]Message, n), make([]Message, n)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		deep[i] = Message{ID: uint32(i + 1), MessageID: fmt.Sprint(i), References: []string{fmt.Sprint(i + 1)}}
		wide[i] = Message{ID: uint32(i + 1), MessageID: fmt.Sprint(i), References: []string{"0"}}
		random[i] = Message{ID: uint32(i + 1), MessageID: fmt.Sprint(i), References: []string{fmt.Sprint(r.IntN(n)), fmt.Sprint(r.IntN(n))}}
	}
	for name, list := range map[string][]Message{"deep": deep, "wide": wide, "random": random} {
		if got := len(count(References(list))); got != n {
			t.Errorf("%s: %d messages", name, got)
		}
		Append(nil, Refs(list))
	}
}

func BenchmarkReferences(b *testing.B) {
	var list []Message
	for i := range 10000 {
		m := Message{ID: uint32(i + 1), MessageID: fmt.Sprintf("id%d@x", i), Subject: fmt.Sprint("subject ", i/10), Reply: i%10 > 0, Sent: int64(i)}
		for k := i / 10 * 10; k < i; k++ {
			m.References = append(m.References, fmt.Sprintf("id%d@x", k))
		}
		list = append(list, m)
	}
	b.ReportAllocs()
	for b.Loop() {
		References(list)
	}
}
