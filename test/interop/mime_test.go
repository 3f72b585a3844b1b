//go:build interop

package interop

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"yubin/internal/imap"
	"yubin/internal/imaptest"
	"yubin/internal/mailrecord"
	"yubin/internal/mailsearch"
	"yubin/internal/mimescan"
	"yubin/internal/thread"
)

var update = flag.Bool("update", false, "write what Dovecot answers into testdata")

const oddMessages = "../../internal/imapmime/testdata/"

// put puts messages into the Maildir; they arrived a minute after each other.
func (s *shared) put(messages []imaptest.Message) {
	s.t.Helper()
	s.asOwner(func() {
		for i, m := range messages {
			arrived := arrival(i)
			file := filepath.Join(s.dir, "Maildir", "cur", fmt.Sprintf("%d.M%06d.odd:2,S", arrived.Unix(), i))
			err := os.WriteFile(file, m.Text, 0o600)
			if err == nil {
				err = os.Chtimes(file, arrived, arrived)
			}
			if err != nil {
				s.t.Error(err)
			}
		}
	})
}

func arrival(i int) time.Time { return time.Unix(1700000000+60*int64(i), 0) }

var (
	items  = []string{"RFC822.SIZE", "ENVELOPE", "BODY", "BODYSTRUCTURE"}
	basic  = []string{"", "HEADER", "TEXT", "HEADER.FIELDS (FROM SUBJECT)", "HEADER.FIELDS.NOT (FROM SUBJECT)", "1", "1.MIME"}
	nested = regexp.MustCompile("^(mp-|rfc822|digest|dsn|news)")
	paths  = []string{"1", "2", "3", "1.1", "1.2", "2.1", "2.2", "1.1.1", "1.1.1.1", "1.1.1.1.1"}
)

// sections are the texts that are asked for of a message.
func sections(name string) []string {
	list := slices.Clone(basic)
	if !nested.MatchString(name) {
		return list
	}
	for _, p := range paths {
		for _, of := range []string{"", ".MIME", ".HEADER", ".TEXT", ".HEADER.FIELDS (SUBJECT)"} {
			if !slices.Contains(list, p+of) {
				list = append(list, p+of)
			}
		}
	}
	return list
}

// Dovecot answers for odd messages what internal/imapmime takes as its answers.
func TestDovecotMIME(t *testing.T) {
	messages, err := imaptest.Messages(oddMessages + "messages.txt")
	if err != nil {
		t.Fatal(err)
	}
	s := newShared(t)
	s.put(messages)
	commands := []string{"SELECT INBOX"}
	for i, m := range messages {
		commands = append(commands, fmt.Sprintf("FETCH %d (%s)", i+1, strings.Join(items, " ")))
		for _, of := range sections(m.Name) {
			commands = append(commands, fmt.Sprintf("FETCH %d BODY.PEEK[%s]", i+1, of))
		}
	}
	all, err := imaptest.Fetches([]byte(s.dovecot("imap", append(commands, "LOGOUT")...)))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for i, m := range messages {
		fmt.Fprintf(&b, "= %s\n", m.Name)
		for _, item := range items {
			fmt.Fprintf(&b, "%s\t%s\n", item, all[i+1][item])
		}
		for _, of := range sections(m.Name) {
			fmt.Fprintf(&b, "BODY[%s]\t%s\n", of, all[i+1]["BODY["+of+"]"])
		}
	}
	file := oddMessages + "dovecot.txt"
	if *update {
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(b.String(), "\n")
	for i, line := range strings.Split(string(have), "\n") {
		if i >= len(got) || got[i] != line {
			t.Fatalf("%s:%d has %s; Dovecot answers otherwise", file, i+1, line)
		}
	}
}

// stored is a message of a search.
type stored struct{ text []byte }

func (stored) Simple(*imap.SearchKey) bool { return false }

func (m stored) Keys() (*mailrecord.Keys, error) {
	_, p, err := m.Text()
	if err != nil {
		return nil, err
	}
	k, err := mailrecord.ParseKeys(mailrecord.AppendKeys(nil, p.Envelope, time.Time{}))
	return &k, err
}

func (m stored) Text() (io.ReaderAt, *mimescan.Part, error) {
	r := bytes.NewReader(m.text)
	p, err := mimescan.Defaults.Scan(r, int64(len(m.text)))
	return r, p, err
}

// untagged finds the numbers or threads of an untagged answer to each command.
func untagged(out, name string) (list []string) {
	for _, m := range regexp.MustCompile(`(?m)^\* `+name+` ?([^\r\n]*)`).FindAllStringSubmatch(out, -1) {
		list = append(list, m[1])
	}
	return list
}

// unclear are messages whose type or encoding is broken, or that have 8-bit text of
// no charset. Dovecot does not look into them; we do.
var unclear = regexp.MustCompile("^(ct-|cte-|content-empty|not-mime|rfc822-type-odd|digest-odd|mp-two-types|mp-subtype-odd|8bit-header)")

// Strings are found where Dovecot finds them.
func TestDovecotSearch(t *testing.T) {
	messages, err := imaptest.Messages(oddMessages + "messages.txt")
	if err != nil {
		t.Fatal(err)
	}
	s := newShared(t)
	s.put(messages)
	keys := []imap.SearchKey{}
	for _, text := range []string{"hello", "body", "inner", "one", "two", "preamble", "epi", "text/html", "GR\u00dc", "j\u00f6rg", "=?utf-8", "digest", "x", "boundary"} {
		keys = append(keys, imap.SearchKey{Op: imap.SearchText, Text: text}, imap.SearchKey{Op: imap.SearchBody, Text: text})
		for _, field := range []string{"Subject", "From", "To", "Content-Type", "X-None"} {
			keys = append(keys, imap.SearchKey{Op: imap.SearchHeader, Field: field, Text: text})
		}
	}
	commands := []string{"SELECT INBOX"}
	for _, k := range keys {
		name := map[imap.SearchOp]string{imap.SearchText: "TEXT", imap.SearchBody: "BODY", imap.SearchHeader: "HEADER " + k.Field}[k.Op]
		commands = append(commands, fmt.Sprintf("SEARCH CHARSET UTF-8 %s %q", name, k.Text), "NOOP")
	}
	theirs := untagged(s.dovecot("imap", append(commands, "LOGOUT")...), "SEARCH")
	if len(theirs) != len(keys) {
		t.Fatalf("%d answers to %d searches", len(theirs), len(keys))
	}
	for i := range keys {
		p, err := mailsearch.Compile(&keys[i], "UTF-8")
		if err != nil {
			t.Fatal(err)
		}
		searcher := p.Searcher()
		for n, m := range messages {
			ours, err := searcher.Match(stored{m.Text})
			if err != nil {
				t.Fatal(err)
			}
			if found := slices.Contains(strings.Fields(theirs[i]), fmt.Sprint(n+1)); found != ours && !(ours && unclear.MatchString(m.Name)) {
				t.Errorf("%s: %q in %s: we %t, Dovecot %t", commands[2*i+1], keys[i].Text, m.Name, ours, found)
			}
		}
	}
}

// random makes messages that refer to each other and have few subjects.
func random(seed uint64) (messages []imaptest.Message) {
	r := rand.New(rand.NewPCG(seed, 1))
	subjects := []string{"alpha", "beta", "Re: alpha", "Fwd: beta", "[list] Re: alpha", "", "gamma (fwd)", "[Fwd: beta]", "=?utf-8?q?=C3=A4?=", "Re: \u00c4"}
	names := []string{"ann@x.test", "Bob <bob@x.test>", "\"a b\" <c@y.test>", "=?iso-8859-1?q?=C4rger?= <z@x.test>", "zoe@x.test (Able)", "G: q@x.test;"}
	for i := range 40 {
		var b strings.Builder
		fmt.Fprintf(&b, "Message-ID: <%d@x>\nSubject: %s\n", i, subjects[r.IntN(len(subjects))])
		fmt.Fprintf(&b, "From: %s\nTo: %s\nDate: %d Jan 2024 %02d:00:00 +0%d00\n", names[r.IntN(len(names))], names[r.IntN(len(names))], 1+r.IntN(28), r.IntN(24), r.IntN(10))
		field := "References"
		if r.IntN(4) == 0 {
			field = "In-Reply-To"
		}
		if n := r.IntN(4); n > 0 {
			fmt.Fprintf(&b, "%s:", field)
			for range n {
				fmt.Fprintf(&b, " <%d@x>", r.IntN(60))
			}
			b.WriteString("\n")
		}
		b.WriteString("\n" + strings.Repeat("x", r.IntN(5)))
		messages = append(messages, imaptest.Message{Text: []byte(b.String())})
	}
	return messages
}

// Messages are sorted and threaded as Dovecot does it.
func TestDovecotOrder(t *testing.T) {
	threads := []struct {
		name string
		do   func([]thread.Message) []*thread.Node
	}{{"REFERENCES", thread.References}, {"REFS", thread.Refs}, {"ORDEREDSUBJECT", thread.OrderedSubject}}
	criteria := []string{"ARRIVAL", "DATE", "FROM", "TO", "CC", "SUBJECT", "DISPLAYFROM", "DISPLAYTO"}
	for seed := range uint64(10) {
		messages := random(seed)
		s := newShared(t)
		s.put(messages)
		var keys []*mailrecord.Keys
		var list []thread.Message
		for i, m := range messages {
			k, err := stored{m.Text}.Keys()
			if err != nil {
				t.Fatal(err)
			}
			keys = append(keys, k)
			list = append(list, k.Thread(uint32(i+1), func() time.Time { return arrival(i) }))
		}
		commands := []string{"SELECT INBOX"}
		for _, a := range threads {
			commands = append(commands, "THREAD "+a.name+" UTF-8 ALL", "NOOP")
		}
		for _, c := range criteria {
			commands = append(commands, "SORT ("+c+") UTF-8 ALL", "NOOP")
		}
		out := s.dovecot("imap", append(commands, "LOGOUT")...)
		if n, k := len(untagged(out, "THREAD")), len(untagged(out, "SORT")); n != len(threads) || k != len(criteria) {
			t.Fatalf("%d threads, %d orders", n, k)
		}
		for i, theirs := range untagged(out, "THREAD") {
			if ours := string(thread.Append(nil, threads[i].do(list))); ours != theirs {
				t.Errorf("%d: %s\n   we are %s\nDovecot is %s", seed, threads[i].name, ours, theirs)
			}
		}
		for i, theirs := range untagged(out, "SORT") {
			by := []imap.SortKey{{By: criteria[i]}}
			order := make([]int, len(messages))
			for k := range order {
				order[k] = k + 1
			}
			slices.SortStableFunc(order, func(a, b int) int {
				key := func(i int) mailsearch.Key {
					return mailsearch.SortKey(by, keys[i-1], func() time.Time { return arrival(i - 1) }, func() int64 { return 0 })
				}
				return mailsearch.Compare(by, key(a), key(b))
			})
			if ours := strings.Trim(fmt.Sprint(order), "[]"); ours != theirs {
				t.Errorf("%d: SORT (%s)\n   we are %s\nDovecot is %s", seed, criteria[i], ours, theirs)
			}
		}
	}
}
