package rewrite

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"yubin/internal/config"
	"yubin/internal/header"
	"yubin/internal/queue"
)

const base = "myhostname = mx.own.test\nmydomain = own.test\nmyorigin = own.test\nmydestination = own.test, near.test\n" +
	"inet_interfaces = 127.0.0.9\nrecipient_delimiter = +\n"

// open makes a Rewriter of the lines of a main.cf.
func open(t testing.TB, main string) (*Rewriter, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.cf"), []byte(base+main+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(dir, nil)
	if err == nil {
		err = c.Check(Params())
	}
	if err != nil {
		t.Fatal(err)
	}
	return New(c, nil)
}

// envelope shows what an envelope becomes: the sender, then each recipient, with
// what it was in brackets when that is another. "!" and the code of an error.
func envelope(t testing.TB, main string, o Options, sender string, recipients ...string) string {
	t.Helper()
	r, err := open(t, main)
	if err != nil {
		t.Fatal(err)
	}
	env := &queue.Envelope{Sender: sender}
	for _, a := range recipients {
		a, exact := strings.CutPrefix(a, `\`)
		env.Recipients = append(env.Recipients, queue.Recipient{Address: a, Exact: exact})
	}
	err = r.Envelope(env, o)
	var e *Error
	if errors.As(err, &e) {
		return "! " + e.Detail().Code(4)
	} else if err != nil {
		t.Fatal(err)
	}
	text := env.Sender
	for _, r := range env.Recipients {
		text += " " + r.Address
		if r.Original != "" {
			text += "[" + r.Original + "]"
		}
		if r.Attrs[queue.AttrNotify] == "NEVER" {
			text += "!"
		}
	}
	return text
}

func TestEnvelope(t *testing.T) {
	t.Parallel()
	const inline = " = inline:{ "
	for _, c := range []struct{ name, main, sender, recipients, want string }{
		{"nothing to do", "", "a@far.test", "b@far.test", "a@far.test b@far.test"},
		{"completed", "", "a", "b@far.test.", "a@own.test b@far.test[b@far.test.]"},
		{"null sender", "sender_canonical_maps = static:x@y.test\nsender_bcc_maps = static:z@y.test", "", "b@far.test", " b@far.test"},
		{"given twice", "", "a@x.test", "b@far.test B@FAR.test c@far.test b@far.test", "a@x.test b@far.test c@far.test"},
		{"given in two forms", "", "a@x.test", "b b@own.test", "a@x.test b@own.test[b]"},
		{"mydomain", "append_dot_mydomain = yes", "a@h", "b@h", "a@h.own.test b@h.own.test[b@h]"},

		{"canonical, both", "canonical_maps" + inline + "{a@far.test=x@y.test}, {b@far.test=z@y.test} }", "a@far.test", "b@far.test", "x@y.test z@y.test[b@far.test]"},
		{"canonical class", "canonical_maps = static:x@y.test\ncanonical_classes = envelope_sender", "a@far.test", "b@far.test", "x@y.test b@far.test"},
		{"none for envelopes", "canonical_maps = static:x@y.test\ncanonical_classes = header_sender, header_recipient", "a@far.test", "b@far.test", "a@far.test b@far.test"},
		{"of senders", "sender_canonical_maps = static:x@y.test", "a@far.test", "b@far.test", "x@y.test b@far.test"},
		{"of recipients", "recipient_canonical_maps = static:x@y.test", "a@far.test", "b@far.test", "a@far.test x@y.test[b@far.test]"},
		{"own side first", "sender_canonical_maps" + inline + "{a@far.test=1@y.test} }\ncanonical_maps" + inline + "{a@far.test=2@y.test}, {1@y.test=3@y.test} }", "a@far.test", "b@far.test", "3@y.test b@far.test"},
		{"chain", "canonical_maps" + inline + "{a@far.test=b@far.test}, {b@far.test=c@far.test} }", "a@far.test", "x@far.test", "c@far.test x@far.test"},
		{"circle", "canonical_maps" + inline + "{a@far.test=b@far.test}, {b@far.test=a@far.test} }", "a@far.test", "x@far.test", "! 4.6.0"},
		{"several, the first", "canonical_maps" + inline + "{a@far.test=b@far.test c@far.test} }", "a@far.test", "x@far.test", "b@far.test x@far.test"},
		{"extension goes along", "canonical_maps" + inline + "{a@far.test=b@y.test} }", "a+x@far.test", "c@far.test", "b+x@y.test c@far.test"},
		{"local part alone", "canonical_maps" + inline + "{a=A.Smith} }", "a@near.test", "a@far.test", "A.Smith@own.test a@far.test"},
		{"domain keeps the local part", "canonical_maps" + inline + "{@far.test=@y.test} }", "a+x@far.test", "c@far.test", "a+x@y.test c@y.test[c@far.test]"},
		{"no table", "canonical_maps = hash:/nowhere/x", "a@far.test", "b@far.test", "! 4.3.0"},

		{"masquerade", "masquerade_domains = own.test", "a@h.own.test", "b@h.own.test", "a@own.test b@h.own.test"},
		{"masquerade recipients", "masquerade_domains = own.test\nmasquerade_classes = envelope_recipient", "a@h.own.test", "b@h.own.test", "a@h.own.test b@own.test[b@h.own.test]"},
		{"masquerade exception", "masquerade_domains = own.test\nmasquerade_exceptions = root", "Root@h.own.test", "b@far.test", "Root@h.own.test b@far.test"},
		{"masquerade, order", "masquerade_domains = !keep.own.test, own.test", "a@h.keep.own.test", "b@far.test", "a@h.keep.own.test b@far.test"},
		{"masquerade, longer first", "masquerade_domains = sub.own.test own.test", "a@h.sub.own.test", "b@far.test", "a@sub.own.test b@far.test"},
		{"masquerade, the domain itself", "masquerade_domains = sub.own.test own.test", "a@sub.own.test", "b@far.test", "a@sub.own.test b@far.test"},
		{"masquerade, no part of a label", "masquerade_domains = own.test", "a@down.test", "b@far.test", "a@down.test b@far.test"},

		{"alias", "virtual_alias_maps" + inline + "{b@far.test=c@y.test} }", "a@x.test", "b@far.test", "a@x.test c@y.test[b@far.test]"},
		{"sender is no alias", "virtual_alias_maps" + inline + "{a@x.test=c@y.test} }", "a@x.test", "b@far.test", "a@x.test b@far.test"},
		{"alias, several", "virtual_alias_maps" + inline + "{b@far.test=c@y.test, d@y.test,b@far.test} }", "a@x.test", "b@far.test",
			"a@x.test c@y.test[b@far.test] d@y.test[b@far.test] b@far.test"},
		{"alias of an alias", "virtual_alias_maps" + inline + "{b@far.test=c@y.test, d@y.test}, {c@y.test=e@y.test, d@y.test} }", "a@x.test", "b@far.test",
			"a@x.test e@y.test[b@far.test] d@y.test[b@far.test]"},
		{"catch-all", "virtual_alias_maps" + inline + "{@far.test=all@y.test}, {b@far.test=c@y.test} }", "a@x.test", "b@far.test x+e@far.test", "a@x.test c@y.test[b@far.test] all@y.test[x+e@far.test]"},
		{"domain for domain", "virtual_alias_maps" + inline + "{@far.test=@y.test, k@z.test} }", "a@x.test", "b+e@far.test", "a@x.test b+e@y.test[b+e@far.test] k@z.test[b+e@far.test]"},
		{"catch-all to itself", "virtual_alias_maps" + inline + "{@far.test=@far.test} }", "a@x.test", "b@far.test", "a@x.test b@far.test"},
		{"alias, extension", "virtual_alias_maps" + inline + "{b@far.test=c@y.test, d} }", "a@x.test", "b+e@far.test", "a@x.test c+e@y.test[b+e@far.test] d+e@own.test[b+e@far.test]"},
		{"alias, extension stays behind", "propagate_unmatched_extensions =\nvirtual_alias_maps" + inline + "{b@far.test=c@y.test} }", "a@x.test", "b+e@far.test", "a@x.test c@y.test[b+e@far.test]"},
		{"alias, key with extension", "virtual_alias_maps" + inline + "{b+e@far.test=c@y.test}, {b@far.test=d@y.test} }", "a@x.test", "b+e@far.test", "a@x.test c@y.test[b+e@far.test]"},
		{"alias, local part of a local domain", "virtual_alias_maps" + inline + "{b=c@y.test} }", "a@x.test", "b@near.test b@far.test", "a@x.test c@y.test[b@near.test] b@far.test"},
		{"two aliases, one mailbox", "virtual_alias_maps" + inline + "{b@far.test=d@y.test}, {c@far.test=d@y.test} }", "a@x.test", "b@far.test c@far.test",
			"a@x.test d@y.test[b@far.test] d@y.test[c@far.test]"},
		{"and originals forgotten", "enable_original_recipient = no\nvirtual_alias_maps" + inline + "{b@far.test=d@y.test}, {c@far.test=d@y.test} }", "a@x.test", "b@far.test c@far.test", "a@x.test d@y.test"},
		{"alias circle", "virtual_alias_maps" + inline + "{b@far.test=c@far.test}, {c@far.test=b@far.test} }", "a@x.test", "b@far.test", "! 4.6.0"},
		{"circle of growing lists", "virtual_alias_maps" + inline + "{b@far.test=c@far.test, x@far.test}, {c@far.test=b@far.test, y@far.test} }", "a@x.test", "b@far.test", "! 4.6.0"},
		{"recursion", "virtual_alias_recursion_limit = 2\nvirtual_alias_maps" + inline + "{b@f.test=c@f.test}, {c@f.test=d@f.test} }", "a@x.test", "b@f.test", "a@x.test d@f.test[b@f.test]"},
		{"too much of it", "virtual_alias_recursion_limit = 1\nvirtual_alias_maps" + inline + "{b@f.test=c@f.test}, {c@f.test=d@f.test} }", "a@x.test", "b@f.test", "! 4.6.0"},
		{"expansion", "virtual_alias_expansion_limit = 2\nvirtual_alias_maps" + inline + "{b@f.test=c@f.test d@f.test} }", "a@x.test", "b@f.test", "a@x.test c@f.test[b@f.test] d@f.test[b@f.test]"},
		{"too much of it", "virtual_alias_expansion_limit = 1\nvirtual_alias_maps" + inline + "{b@f.test=c@f.test d@f.test} }", "a@x.test", "b@f.test", "! 4.6.0"},
		{"long address", "virtual_alias_address_length_limit = 9\nvirtual_alias_maps" + inline + "{b@f.test=c1234@f.test} }", "a@x.test", "b@f.test", "! 4.6.0"},
		{"no address", "virtual_alias_maps" + inline + "{b@f.test=<>} }", "a@x.test", "b@f.test", "! 4.3.0"},
		{"aliases applied already", "virtual_alias_maps = static:c@y.test\ncanonical_maps = static:d@y.test", "", `\b@own.test`, " b@own.test"},

		{"always_bcc", "always_bcc = log", "a@x.test", "b@far.test", "a@x.test b@far.test log@own.test!"},
		{"always_bcc through aliases", "always_bcc = log@own.test\nvirtual_alias_maps" + inline + "{log@own.test=l@y.test} }", "a@x.test", "b@far.test", "a@x.test b@far.test l@y.test[log@own.test]!"},
		{"sender_bcc", "sender_bcc_maps" + inline + "{@x.test=log@y.test} }", "a@x.test", "b@far.test", "a@x.test b@far.test log@y.test!"},
		{"recipient_bcc, before aliases", "recipient_bcc_maps" + inline + "{b@far.test=log@y.test}, {c@y.test=no@y.test} }\nvirtual_alias_maps" + inline + "{b@far.test=c@y.test} }",
			"a@x.test", "b@far.test", "a@x.test c@y.test[b@far.test] log@y.test!"},
		{"one copy for all", "recipient_bcc_maps = static:log@y.test", "a@x.test", "b@far.test c@far.test", "a@x.test b@far.test c@far.test log@y.test!"},
		{"extension of bcc", "recipient_bcc_maps" + inline + "{b@far.test=log@y.test} }", "a@x.test", "b+e@far.test", "a@x.test b+e@far.test log@y.test!"},
	} {
		if got := envelope(t, c.main, Options{Copies: true}, c.sender, strings.Fields(c.recipients)...); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
	const all = "canonical_maps = static:c@y.test\nalways_bcc = log\nvirtual_alias_maps = static:v@y.test"
	if got := envelope(t, all, Options{Unmapped: true, Copies: true}, "a", "b@far.test"); got != "a@own.test b@far.test" {
		t.Errorf("no_address_mappings: %s", got)
	}
	if got := envelope(t, "always_bcc = log", Options{}, "a@x.test", "b@far.test"); got != "a@x.test b@far.test" {
		t.Errorf("a forward has copies: %s", got)
	}
}

// What the sender has asked for goes along to each of the addresses, and an error
// leaves the envelope as it was.
func TestAttributesGoAlong(t *testing.T) {
	t.Parallel()
	r, err := open(t, "virtual_alias_maps = inline:{ {b@far.test=c@y.test, d@y.test}, {e@far.test=e@far.test x@y.test y@y.test z@y.test} }\nvirtual_alias_expansion_limit = 3")
	if err != nil {
		t.Fatal(err)
	}
	attrs := map[string]string{queue.AttrNotify: "FAILURE", queue.AttrOrcpt: "rfc822;b@far.test"}
	env := &queue.Envelope{Recipients: []queue.Recipient{{Address: "b@far.test", Attrs: attrs}}}
	if err := r.Envelope(env, Options{}); err != nil {
		t.Fatal(err)
	}
	for _, got := range env.Recipients {
		if !reflect.DeepEqual(got.Attrs, attrs) || got.Original != "b@far.test" {
			t.Errorf("got %+v", got)
		}
	}
	for notify, goesOn := range map[string]string{"SUCCESS": "NEVER", "SUCCESS,FAILURE": "FAILURE"} {
		attrs[queue.AttrNotify] = notify
		env = &queue.Envelope{Recipients: []queue.Recipient{{Address: "b@far.test", Attrs: attrs}}}
		if err := r.Envelope(env, Options{}); err != nil || len(env.Recipients) != 3 {
			t.Fatalf("%+v, %v", env.Recipients, err)
		}
		for i, got := range env.Recipients {
			want := map[string]string{queue.AttrNotify: goesOn, queue.AttrOrcpt: "rfc822;b@far.test"}
			if i == 2 { // itself, for the sender to hear of
				want[queue.AttrNotify], want[queue.AttrExpanded] = notify, "yes"
			}
			if !reflect.DeepEqual(got.Attrs, want) || (got.Address == "b@far.test") != (i == 2) {
				t.Errorf("%s: got %+v", notify, got)
			}
		}
	}
	env = &queue.Envelope{Sender: "a", Recipients: []queue.Recipient{{Address: "b"}, {Address: "e@far.test"}}}
	if err := r.Envelope(env, Options{}); err == nil || env.Sender != "a" || env.Recipients[0].Address != "b" {
		t.Errorf("%v left %+v", err, env)
	}
}

// Members of an expansion stay, each of them, whatever tables say of their address.
func TestMembersStay(t *testing.T) {
	t.Parallel()
	r, err := open(t, "virtual_alias_maps = static:c@y.test\nenable_original_recipient = no")
	if err != nil {
		t.Fatal(err)
	}
	list := []queue.Recipient{
		{Address: "list@own.test", Member: "one"}, {Address: "list@own.test", Member: "two"}, {Address: "list@own.test", Exact: true},
		{Address: "list@own.test", Member: "one", Exact: true},
	}
	env := &queue.Envelope{Recipients: list}
	if err := r.Envelope(env, Options{}); err != nil || !reflect.DeepEqual(env.Recipients, list) {
		t.Errorf("got %+v, %v", env.Recipients, err)
	}
}

func TestKnown(t *testing.T) {
	t.Parallel()
	r, err := open(t, "canonical_maps = inline:{ {c@f.test=x@y.test} }\nsender_canonical_maps = inline:{ {s@f.test=x@y.test} }\n"+
		"recipient_canonical_maps = inline:{ {r@f.test=x@y.test} }\nvirtual_alias_maps = inline:{ {v=x@y.test}, {@cat.test=x@y.test} }")
	if err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]bool{"c@f.test": true, "s@f.test": false, "r@f.test": true, "v+x@own.test": true, "v": true, "any@cat.test": true, "x@f.test": false} {
		if got, err := r.Known(addr, false); got != want || err != nil {
			t.Errorf("%s: %t, %v, want %t", addr, got, err, want)
		}
	}
	if got, err := r.Known("s@f.test", true); !got || err != nil {
		t.Errorf("as a sender: %t, %v", got, err)
	}
	if r, err = open(t, "virtual_alias_maps = hash:/nowhere/x"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Known("a@f.test", false); err == nil {
		t.Error("a table that cannot be read knows")
	}
}

func TestHeader(t *testing.T) {
	t.Parallel()
	const maps = "canonical_maps = inline:{ {a@own.test=a.a@own.test} }\nmasquerade_domains = own.test\nrecipient_canonical_maps = static:r@y.test\nvirtual_alias_maps = static:v@y.test\n"
	for _, c := range []struct {
		name, main string
		ours       bool
		side       header.Side
		in, want   string // "-": there is no edit
	}{
		{"completed", "", true, header.Senders, "a", "a@own.test"},
		{"words", "", true, header.Senders, "Ann Smith", "Ann Smith"},
		{"sender", maps, true, header.Senders, "a", "a.a@own.test"},
		{"recipient", maps, true, header.Recipients, "a", "r@y.test"},
		{"masqueraded", maps, true, header.Senders, "b@h.own.test", "b@own.test"},
		{"not in headers", "canonical_maps = static:x@y.test\ncanonical_classes = envelope_sender", true, header.Senders, "a@own.test", "a@own.test"},
		{"of others", maps, false, header.Senders, "a", "-"},
		{"of others, with a domain", maps + "remote_header_rewrite_domain = domain.invalid", false, header.Senders, "x", "x@domain.invalid"},
		{"and mapped", maps + "remote_header_rewrite_domain = domain.invalid", false, header.Senders, "a@own.test", "a.a@own.test"},
		{"nothing ever", "append_at_myorigin = no", true, header.Senders, "a", "-"},
	} {
		r, err := open(t, c.main)
		if err != nil {
			t.Fatal(err)
		}
		got := "-"
		if edit := r.Header(c.ours, Options{}); edit != nil {
			if got, err = edit.Address(c.side, c.in); err != nil {
				t.Fatal(err)
			}
		}
		if got != c.want {
			t.Errorf("%s: %q is %q, want %q", c.name, c.in, got, c.want)
		}
	}
	r, err := open(t, maps)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := r.Header(true, Options{Unmapped: true}).Address(header.Senders, "a"); got != "a@own.test" || err != nil {
		t.Errorf("no_address_mappings: %q, %v", got, err)
	}
}

func TestWrongValues(t *testing.T) {
	t.Parallel()
	for _, main := range []string{
		"canonical_classes = envelope", "sender_canonical_classes = envelope_recipient", "recipient_canonical_classes = header_sender",
		"masquerade_classes = all", "remote_header_rewrite_domain = not a domain", "virtual_alias_maps = nosuch:x", "always_bcc = a\x7f",
	} {
		if _, err := open(t, main); err == nil {
			t.Errorf("%q was taken", main)
		}
	}
}

// What an explanation says is what has happened.
func TestExplain(t *testing.T) {
	t.Parallel()
	r, err := open(t, "virtual_alias_maps = inline:{ {b@own.test=c@y.test} }\nalways_bcc = log@own.test")
	if err != nil {
		t.Fatal(err)
	}
	env, steps, err := r.Explain("a", "b", Options{Copies: true})
	if err != nil || env.Sender != "a@own.test" || len(env.Recipients) != 2 {
		t.Fatalf("%+v, %v", env, err)
	}
	var said []string
	for _, s := range steps {
		said = append(said, s.Rule+": "+s.Said)
	}
	want := []string{"completed: a is a@own.test", "completed: b is b@own.test",
		"virtual_alias_maps inline:{ {b@own.test=c@y.test} }: b@own.test: c@y.test", "always_bcc: log@own.test"}
	if !reflect.DeepEqual(said, want) {
		t.Errorf("got %q\nwant %q", said, want)
	}
}

// The usual case, without any table.
func BenchmarkEnvelope(b *testing.B) {
	r, err := open(b, "")
	if err != nil {
		b.Fatal(err)
	}
	list := []queue.Recipient{{Address: "bob@far.test", Original: "bob@far.test"}}
	b.ReportAllocs()
	for b.Loop() {
		if err := r.Envelope(&queue.Envelope{Sender: "ann@own.test", Recipients: list}, Options{Copies: true}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHeader is what our own users' headers cost.
func BenchmarkHeader(b *testing.B) {
	r, err := open(b, "")
	if err != nil {
		b.Fatal(err)
	}
	letter := []byte("From: Ann Smith <ann@own.test>\nTo: Bob <bob@far.test>, carol@far.test\nSubject: hello\nDate: Mon, 1 Jan 2026 00:00:00 +0000\nMessage-ID: <1@own.test>\n\n" +
		strings.Repeat("A line of text of a usual length, as people write them.\n", 80))
	for _, c := range []struct {
		name string
		edit *header.Editor
	}{{"untouched", nil}, {"completed", r.Header(true, Options{})}} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(letter)))
			b.ReportAllocs()
			for b.Loop() {
				f := header.NewFilter(nothing{}, header.Dropped, nil)
				f.Edit(c.edit)
				f.Write(letter)
				f.Close()
			}
		})
	}
}

type nothing struct{}

func (nothing) Write(p []byte) (int, error) { return len(p), nil }
