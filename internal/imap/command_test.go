package imap

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// parsers are the arguments of commands, by name.
var parsers = map[string]func(*Decoder) any{
	"FETCH":  func(d *Decoder) any { return d.Fetch() },
	"SEARCH": func(d *Decoder) any { return d.Search() },
	"SORT":   func(d *Decoder) any { return d.Sort() },
	"THREAD": func(d *Decoder) any { return d.Thread() },
	"STORE":  func(d *Decoder) any { return d.Store() },
	"SELECT": func(d *Decoder) any { return d.Select() },
	"CREATE": func(d *Decoder) any { return d.Create() },
	"LIST":   func(d *Decoder) any { return d.ListCommand() },
	"LSUB":   func(d *Decoder) any { return d.LSub() },
	"STATUS": func(d *Decoder) any { return d.StatusItems() },
	"NOTIFY": func(d *Decoder) any { return d.Notify() },
	"SETQUOTA": func(d *Decoder) any {
		root, limits := d.SetQuota()
		return fmt.Sprintf("%q %v", root, limits)
	},
}

// parse reads one command line.
func parse(line string) (any, error) {
	d, _ := decoder(line + "\r\n")
	p := parsers[d.Keyword()]
	d.SP()
	v := p(d)
	d.End()
	return v, d.Err()
}

func TestCommands(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{`SETQUOTA "User quota" (STORAGE 512 message 5)`, `"User quota" [{STORAGE 512} {MESSAGE 5}]`},
		{`SETQUOTA "" ()`, `"" []`},
		{`SETQUOTA "" (STORAGE)`, ""},
		{`SETQUOTA "" (STORAGE -1)`, ""},
		{`SETQUOTA "" (STORAGE 9223372036854775808)`, ""},
		{`SETQUOTA ""`, ""},
		{"FETCH 1:* FAST", "{Set:{Saved:false Ranges:[{First:1 Last:0}]} Items:[FLAGS INTERNALDATE RFC822.SIZE] ChangedSince:0 Vanished:false}"},
		{"FETCH 1 (UID FLAGS)", "{Set:{Saved:false Ranges:[{First:1 Last:1}]} Items:[UID FLAGS] ChangedSince:0 Vanished:false}"},
		{"FETCH 2 BODY[]", "Items:[BODY[[]]"},
		{"FETCH 2 body.peek[1.2.HEADER.FIELDS (From \"To\")]<0.100>", "Items:[BODY[[1.2.HEADER.FIELDS (From To)] peek <0.100>]"},
		{"FETCH 2 (BODY[TEXT] BODY[3.MIME] BODY BODYSTRUCTURE)", "Items:[BODY[[TEXT] BODY[[3.MIME] BODY BODYSTRUCTURE]"},
		{"FETCH 2 (BINARY.PEEK[1]<5.6> BINARY.SIZE[2])", "Items:[BINARY[[1] peek <5.6> BINARY.SIZE[[2]]"},
		{"FETCH 2 (PREVIEW (LAZY) UID)", "Items:[PREVIEW lazy UID]"},
		{"FETCH 2 (PREVIEW UID)", "Items:[PREVIEW UID]"},
		{"FETCH 2 PREVIEW (LAZY) (CHANGEDSINCE 3)", "Items:[PREVIEW lazy] ChangedSince:3"},
		{"FETCH 2 PREVIEW (CHANGEDSINCE 3)", "Items:[PREVIEW] ChangedSince:3"},
		{"FETCH 2 UID (LAZY)", ""},
		{"FETCH 2 (UID (LAZY))", ""},
		{"FETCH 2 ((LAZY))", ""},
		{"FETCH 1:9 (FLAGS) (CHANGEDSINCE 12345 VANISHED)", "Items:[FLAGS] ChangedSince:12345 Vanished:true"},
		{"FETCH 1 BODY[MIME]", ""},
		{"FETCH 1 BODY[1.]", ""},
		{"FETCH 1 BODY[HEADER.FIELDS ()]", ""},
		{"FETCH 1 BODY[]<4294967296.9223372036854775807>", "Items:[BODY[[] <4294967296.9223372036854775807>]"},
		{"FETCH 1 BODY[]<0.0>", ""}, {"FETCH 1 BODY[]<0.9223372036854775808>", ""},
		{"FETCH 1 BINARY[HEADER]", ""},
		{"FETCH 1 BINARY.SIZE.PEEK[1]", ""},
		{"FETCH 1 NONSENSE", ""},
		{"FETCH 1 ()", ""},
		{"FETCH 1 FLAGS UID", ""},
		{"FETCH 1 (FLAGS ) ", "Items:[FLAGS]"}, {"FETCH 1 ( FLAGS  UID ) ( CHANGEDSINCE 3 ) ", "Items:[FLAGS UID] ChangedSince:3"},
		{"FETCH 1 BODY[HEADER.FIELDS ( From To )] ", "Items:[BODY[[HEADER.FIELDS (From To)]]"},
		{"FETCH 1 ( )", ""},

		{"STORE 1 +FLAGS.SILENT (\\Deleted)", "Op:1 Silent:true Flags:[\\Deleted]"},
		{"STORE 1 (UNCHANGEDSINCE 5) FLAGS \\Seen $x", "Op:0 Silent:false Flags:[\\Seen $x]"},
		{"STORE 1 -FLAGS ()", "Op:2 Silent:false Flags:[]"},
		{"STORE 1 FLAGGS ()", ""},
		{"STORE 1 FLAGS \\Seen ", "Flags:[\\Seen]"}, {"STORE 1 FLAGS ( \\Seen ) ", "Flags:[\\Seen]"},

		{"SELECT INBOX (CONDSTORE)", "{Mailbox:INBOX CondStore:true QResync:<nil>}"},
		{"SELECT a (QRESYNC (1 2 1:5 (1,2 7,9)))", "Mailbox:a"},
		{"SELECT a (QRESYNC (1 0))", ""},
		{"SELECT a ", "{Mailbox:a CondStore:false QResync:<nil>}"}, {"SELECT a ( CONDSTORE ) ", "CondStore:true"},
		{"SELECT a (QRESYNC (1 2 ) )", "QResync:"}, {"SELECT a (QRESYNC (1 2 1:5 ))", "QResync:"},
		{"CREATE a ", "{Mailbox:a Use:[]}"},
		{"STATUS (MESSAGES UNSEEN )", "[MESSAGES UNSEEN]"},
		{"SELECT a (QRESYNC (1 2 (1,2 7,9)))", "Mailbox:a"},
		{"SELECT a (NONSENSE)", ""},
		{"CREATE a (USE (\\Drafts \\Sent))", "{Mailbox:a Use:[\\Drafts \\Sent]}"},
		{"STATUS (MESSAGES UIDNEXT)", "[MESSAGES UIDNEXT]"},
		{"STATUS ()", ""},

		{`LIST "" *`, "Patterns:[*]"},
		{`LIST (SUBSCRIBED RECURSIVEMATCH) "" ("INBOX" "Lists/%") RETURN (CHILDREN STATUS (MESSAGES))`,
			"Patterns:[INBOX Lists/%] Subscribed:true Remote:false RecursiveMatch:true SpecialUse:false ReturnSubscribed:false ReturnChildren:true ReturnSpecialUse:false Status:[MESSAGES] Extended:true"},
		{`LIST (RECURSIVEMATCH) "" %`, ""},
		{`LIST "" ()`, ""},
		{`LSUB "" %`, "Subscribed:true"},

		{"SEARCH ALL", "Key:{all}"},
		{"SEARCH UNSEEN 1:4 UID 7:*", "Key:{and {not {flag \\Seen}} {set 1:4} {uid 7:*}}"},
		{"SEARCH CHARSET utf-8 SUBJECT {3+}\r\n\xe2\x82\xac", "Charset:UTF-8 Key:{header Subject \xe2\x82\xac}"},
		{"SEARCH RETURN (MIN COUNT) OR FROM a (TO b NOT DELETED)", "Return:{Min:true Max:false All:false Count:true Save:false Extended:true} Charset: Key:{or {header From a} {and {header To b} {not {flag \\Deleted}}}}"},
		{"SEARCH CHARSET utf-8 SUBJECT \"\xe2\x82\xac\"", "Charset:UTF-8 Key:{header Subject \xe2\x82\xac}"},
		{"SEARCH RETURN () CHARSET US-ASCII $", "Return:{Min:false Max:false All:true Count:false Save:false Extended:true} Charset:US-ASCII Key:{set $}"},
		{"SEARCH RETURN (SAVE) 1", "Key:{set 1}"},
		{"SEARCH SINCE 1-Feb-1994 LARGER 100 YOUNGER 60", "Key:{and {since 1994-02-01} {larger 100} {younger 60}}"},
		{"SEARCH MODSEQ \"/flags/\\\\draft\" all 620162338", "Key:{modseq 620162338}"},
		{"SEARCH HEADER X-Y \"\"", "Key:{header X-Y }"},
		{"SEARCH NEW", "Key:{and {flag \\Recent} {not {flag \\Seen}}}"},
		{"SEARCH FUZZY BODY x", "Key:{fuzzy {body x}}"},
		{"SEARCH ()", ""},
		{"SEARCH NONSENSE", ""},
		{"SEARCH", ""},
		{"SEARCH OR 1", ""},
		{"SEARCH " + strings.Repeat("(", 40) + "ALL" + strings.Repeat(")", 40), ""},
		{"SEARCH " + strings.Repeat("NOT ", 40) + "ALL", ""},

		{"SORT (REVERSE DATE SUBJECT) UTF-8 ALL", "Charset:UTF-8 Key:{all} Sort:[{By:DATE Reverse:true} {By:SUBJECT Reverse:false}]"},
		{"SORT RETURN (COUNT) (ARRIVAL) UTF-8 1:2", "Return:{Min:false Max:false All:false Count:true Save:false Extended:true}"},
		{"SORT () UTF-8 ALL", ""},
		{"THREAD REFERENCES UTF-8 SEEN", "Key:{flag \\Seen} Sort:[] Thread:REFERENCES"},

		{"NOTIFY NONE", "None:true"},
		{"NOTIFY SET STATUS (SELECTED (MessageNew (UID FLAGS) MessageExpunge)) (SUBTREE (a b) NONE)",
			"Status:true Groups:[{Which:SELECTED Mailboxes:[] None:false Events:[MESSAGENEW MESSAGEEXPUNGE] Fetch:[UID FLAGS]} {Which:SUBTREE Mailboxes:[a b] None:true Events:[] Fetch:[]}]"},
		{"NOTIFY SET (SELECTED (MessageExpunge (UID)))", ""},
	} {
		t.Run(strings.ReplaceAll(c.line, "/", "|"), func(t *testing.T) {
			v, err := parse(c.line)
			got := fmt.Sprintf("%+v", v)
			var syntax *SyntaxError
			switch {
			case c.want == "" && !errors.As(err, &syntax):
				t.Errorf("got %s, %v, want a syntax error", got, err)
			case c.want != "" && (err != nil || !strings.Contains(got, c.want)):
				t.Errorf("got %s, %v\nwant %s", got, err, c.want)
			}
		})
	}
}

// String shows an item for tests: name, section, peek, partial.
func (i FetchItem) String() string {
	s := i.Name
	if strings.HasSuffix(s, "[") {
		s += "[" + string(i.Section.Append(nil)) + "]"
	}
	if i.Peek {
		s += " peek"
	}
	if i.Partial != nil {
		s += fmt.Sprintf(" <%d.%d>", i.Partial.Offset, i.Partial.Size)
	}
	if i.Lazy {
		s += " lazy"
	}
	return s
}

var opNames = map[SearchOp]string{
	SearchAll: "all", SearchAnd: "and", SearchOr: "or", SearchNot: "not", SearchSet: "set", SearchUID: "uid", SearchFlag: "flag",
	SearchHeader: "header", SearchBody: "body", SearchSince: "since", SearchLarger: "larger", SearchYounger: "younger",
	SearchModSeq: "modseq", SearchFuzzy: "fuzzy",
}

// String shows a search program for tests.
func (k SearchKey) String() string {
	s := "{" + opNames[k.Op]
	switch {
	case k.Kids != nil:
		for _, kid := range k.Kids {
			s += " " + kid.String()
		}
	case k.Set.Saved:
		s += " $"
	case k.Set.Ranges != nil:
		s += " " + string(AppendSet(nil, k.Set.Ranges))
	case k.Op == SearchHeader:
		s += " " + k.Field + " " + k.Text
	case k.Text != "":
		s += " " + k.Text
	case !k.Date.IsZero():
		s += " " + k.Date.Format("2006-01-02")
	case k.Number > 0:
		s += fmt.Sprint(" ", k.Number)
	}
	return s + "}"
}

// Whatever a client sends, a parser ends, keeps to its limits, and behind a
// command that failed the decoder is at the next line or at the end.
func FuzzCommands(f *testing.F) {
	for _, s := range []string{
		"FETCH 1:* (FLAGS BODY.PEEK[1.HEADER.FIELDS (a b)]<0.9> PREVIEW (LAZY)) (CHANGEDSINCE 1 VANISHED)\r\n",
		"SEARCH RETURN (MIN) CHARSET x OR (NOT 1 UID 2:*) SUBJECT {3+}\r\nabc MODSEQ \"a\" all 1\r\n",
		"SORT (REVERSE DATE) UTF-8 ALL\r\n", "THREAD REFS UTF-8 ALL\r\n", "STORE $ (UNCHANGEDSINCE 1) +FLAGS.SILENT (\\Seen a)\r\n",
		"SELECT a (QRESYNC (1 2 3:4 (5 6)))\r\n", "CREATE a (USE (\\Sent))\r\n",
		"SETQUOTA \"\" (STORAGE 1)\r\n", "LIST (SUBSCRIBED) \"\" (a b) RETURN (STATUS (MESSAGES))\r\n", "NOTIFY SET STATUS (SELECTED (MessageNew (UID)))\r\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		const next = "\r\nzzz999 NOOP\r\n"
		d, _ := decoder(text + next)
		p := parsers[d.Keyword()]
		if p == nil {
			return
		}
		d.SP()
		p(d)
		d.End()
		if d.left < -1 || d.depth > testLimits.Nesting+1 {
			t.Fatalf("%q: %d octets left, depth %d", text, d.left, d.depth)
		}
		if d.Err() == nil {
			return
		}
		if err := d.Skip(); err != nil {
			return // the text ended within a literal
		}
		if _, err := d.r.Peek(); err == nil {
			d.Begin()
			d.Tag()
		}
	})
}
