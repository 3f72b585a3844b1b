package pipe

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"yubin/internal/ipc"
)

func attributesOf(t testing.TB, operands ...string) *attributes {
	t.Helper()
	a, err := parseAttributes(operands)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAttributes(t *testing.T) {
	t.Parallel()
	a := attributesOf(t, "flags=DRhu.>", "USER=vmail:mail", "directory=/d", "chroot=/c", `eol=\r\n\056\\`, "size=10", "null_sender=", "argv=/p", "-a", "argv=x")
	if a.flags != "DRhu.>" || a.user != "vmail" || a.group != "mail" || a.dir != "/d" || a.chroot != "/c" ||
		a.eol != "\r\n.\\" || a.size != 10 || a.null != "" || len(a.argv) != 3 {
		t.Errorf("got %+v", a)
	}
	for _, c := range []struct {
		operands []string
		want     string
	}{
		{[]string{"user=a"}, "argv= is missing"},
		{[]string{"argv=/p"}, "user= is missing"},
		{[]string{"user=a", "argv=", "/p"}, "right behind the ="},
		{[]string{"user=", "argv=/p"}, "want user or user:group"},
		{[]string{"user=a", "flags=Z", "argv=/p"}, "flags: want letters of"},
		{[]string{"user=a", "size=big", "argv=/p"}, "size: want a number of octets"},
		{[]string{"user=a", "size=-1", "argv=/p"}, "size: want a number of octets"},
		{[]string{"user=a", "directory=d", "argv=/p"}, "directory: want an absolute path"},
		{[]string{"user=a", `eol=\x`, "argv=/p"}, "eol: want"},
		{[]string{"user=a", `eol=\777`, "argv=/p"}, "eol: want"},
		{[]string{"user=a", "eol=", "argv=/p"}, "eol: want"},
		{[]string{"user=a", "colour=red", "argv=/p"}, `have "colour=red"`},
		{[]string{"user=a", "-v", "argv=/p"}, `have "-v"`},
		{[]string{"user=a", "argv=/p", "$nobody"}, "no macro is called $nobody"},
		{[]string{"user=a", "argv=/p", "${sender"}, "without its end"},
		{[]string{"user=a", "argv=/p", "5$"}, "without a name"},
		{[]string{"user=a", "argv=$sender"}, "want the name of a program"},
	} {
		if _, err := parseAttributes(c.operands); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got %v, want %q", c.operands, err, c.want)
		}
	}
}

// What arguments become.
func TestArguments(t *testing.T) {
	t.Parallel()
	req := &ipc.Request{
		ID: "660FAA4C78AC10", Nexthop: "Hop.Example", Sender: "ann o@Example.com", Length: 1234,
		Attrs: map[string]string{"client_address": "192.0.2.1", "sasl_username": "ann", "dsn_envid": "e1", "helo_name": "h", "client_name": "n", "client_port": "9", "protocol_name": "ESMTP"},
		Recipients: []ipc.Recipient{
			{Address: "Bob+Ext@Example.ORG", Original: "Robert@Alias.Example"},
			{Address: "carol@example.org"},
		},
	}
	for _, c := range []struct {
		flags, arg string
		want       []string
	}{
		{"", "plain", []string{"plain"}},
		{"", "-f${sender}", []string{"-fann o@Example.com"}},
		{"q", "$(sender)", []string{`"ann o"@Example.com`}},
		{"", "$recipient", []string{"Bob+Ext@Example.ORG", "carol@example.org"}},
		{"h", "$recipient", []string{"Bob+Ext@example.org", "carol@example.org"}},
		{"u", "$recipient", []string{"bob+ext@Example.ORG", "carol@example.org"}},
		{"hu", "$original_recipient", []string{"robert@alias.example", "carol@example.org"}},
		{"", "${user}/${extension}/${mailbox}@${domain}", []string{"Bob/Ext/Bob+Ext@Example.ORG", "carol//carol@example.org"}},
		{"hu", "${user}-${extension}-${domain}", []string{"bob-ext-example.org", "carol--example.org"}},
		{"", "$nexthop!$size", []string{"Hop.Example!1234"}},
		{"h", "$nexthop", []string{"hop.example"}},
		{"", "$queue_id,$client_address,$sasl_username,$sasl_method,$envid", []string{"660FAA4C78AC10,192.0.2.1,ann,,e1"}},
		{"", "$client_helo $client_hostname $client_port $client_protocol", []string{"h n 9 ESMTP"}},
		{"", "$$HOME $${user}", []string{"$HOME ${user}"}},
	} {
		a := attributesOf(t, "flags="+c.flags, "user=u", "argv=/p", c.arg)
		x := &expansion{a: a, req: req, delimiters: "+"}
		got, err := x.args(pointers(req.Recipients))
		if want := append([]string{"/p"}, c.want...); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s with flags %q: got %q, %v, want %q", c.arg, c.flags, got, err, want)
		}
	}
}

// Who chooses an address does not choose an option.
func TestNoOptions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		arg string
		ok  bool
	}{{"$recipient", false}, {"$user", false}, {"-f$sender", true}, {"--to=$recipient", true}, {"<$recipient>", true}} {
		x := &expansion{a: attributesOf(t, "user=u", "argv=/p", c.arg), req: &ipc.Request{Sender: "-s@x"}}
		_, err := x.args([]*ipc.Recipient{{Address: "-oQ/tmp@x"}})
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", c.arg, err)
		}
	}
}

// Whoever cannot be named to the program goes back alone; the others are delivered to
// together.
func TestRuns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ flags, arg, want string }{
		{"", "$recipient", "ann+-x@d bob@d | -carl@d"},
		{"", "$extension", "bob@d -carl@d | ann+-x@d"},
		{"", "-r$recipient", "ann+-x@d bob@d -carl@d"},
		{"D", "-r$recipient", "ann+-x@d | bob@d | -carl@d"},
		{"", "$sender", "ann+-x@d | bob@d | -carl@d"}, // to none, since of the sender
	} {
		d := &deliverer{a: attributesOf(t, "flags="+c.flags, "user=u", "argv=/p", c.arg), delimiters: "+"}
		req := &ipc.Request{Sender: "-s@x", Recipients: []ipc.Recipient{{Address: "ann+-x@d"}, {Address: "bob@d"}, {Address: "-carl@d"}}}
		var got []string
		for _, g := range d.runs(req) {
			var addrs []string
			for _, r := range g {
				addrs = append(addrs, r.Address)
			}
			got = append(got, strings.Join(addrs, " "))
		}
		if s := strings.Join(got, " | "); s != c.want {
			t.Errorf("flags %q, %s: %s, want %s", c.flags, c.arg, s, c.want)
		}
	}
}

func TestNullSender(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ operand, arg, head string }{
		{"flags=R", "MAILER-DAEMON", "Return-Path: <MAILER-DAEMON>\n"},
		{"null_sender=", "", ""},
	} {
		a := attributesOf(t, c.operand, "user=u", "argv=/p", "$sender")
		req := &ipc.Request{}
		x := &expansion{a: a, req: req}
		to := []*ipc.Recipient{{Address: "a@b"}}
		if got, err := x.args(to); err != nil || got[1] != c.arg {
			t.Errorf("%s: %q, %v", c.operand, got, err)
		}
		if got := (&letter{a: a, req: req}).head(to, time.Now()); got != c.head {
			t.Errorf("%s: %q", c.operand, got)
		}
	}
}

// The message as the program reads it.
func TestLetter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 5, 8, 0, 1, 0, time.UTC)
	for _, c := range []struct{ flags, eol, content, want string }{
		{"", `\n`, "A: b\n\nFrom x\n.y\n", "A: b\n\nFrom x\n.y\n"},
		{"", `\n`, "no end", "no end\n"},
		{"", `\n`, "", ""},
		{"B", `\n`, "a\n", "a\n\n"},
		{".", `\n`, ".\n..\na.\n", "..\n...\na.\n"},
		{">", `\n`, "From a\nFrom\n>From b\n From c\n", ">From a\nFrom\n>From b\n From c\n"},
		{"", `\r\n`, "a\n\nb", "a\r\n\r\nb\r\n"},
		{"F", `\n`, "a\n", "From ann@example.com  Thu Nov  5 08:00:01 2026\na\n"},
		{"RODFB", `\r\n`, "a\n", "From ann@example.com  Thu Nov  5 08:00:01 2026\r\nReturn-Path: <ann@example.com>\r\nX-Original-To: rob@x\r\nDelivered-To: bob@x\r\na\r\n\r\n"},
	} {
		l := &letter{
			a: attributesOf(t, "flags="+c.flags, "eol="+c.eol, "user=u", "argv=/p"), content: strings.NewReader("skip" + c.content),
			req: &ipc.Request{Sender: "ann@example.com", Offset: 4, Length: int64(len(c.content))},
		}
		var b bytes.Buffer
		err := l.writeTo(&b, l.head([]*ipc.Recipient{{Address: "bob@x", Original: "rob@x"}}, now))
		if err != nil || b.String() != c.want {
			t.Errorf("flags %q of %q: got %q, %v, want %q", c.flags, c.content, b.String(), err, c.want)
		}
	}
	// A line that no buffer holds stays one line; a file that is too short is no
	// message.
	long := "." + strings.Repeat("From ", 100_000) + "\n.\n"
	l := &letter{a: attributesOf(t, "flags=.>", "user=u", "argv=/p"), content: strings.NewReader(long), req: &ipc.Request{Length: int64(len(long))}}
	var b bytes.Buffer
	if err := l.writeTo(&b, ""); err != nil || b.String() != "."+long[:len(long)-2]+"..\n" {
		t.Errorf("a long line: %v, %d octets", err, b.Len())
	}
	l.req.Length++
	if err := l.writeTo(&b, ""); err == nil {
		t.Error("a message that is cut off was taken for a whole one")
	}
}

func TestPassed(t *testing.T) {
	t.Parallel()
	content := "Subject: x\nDelivered-To: Bob@example.org\n\nDelivered-To: carol@example.org\n"
	l := &letter{content: strings.NewReader(content), req: &ipc.Request{Length: int64(len(content))}}
	for addr, want := range map[string]bool{"bob@Example.org": true, "carol@example.org": false} {
		if got, err := l.passed(addr); got != want || err != nil {
			t.Errorf("%s: %t, %v", addr, got, err)
		}
	}
}

// FuzzAttributes: whatever master.cf has, the parser neither fails nor accepts
// what has no user and no program; what it accepts makes as many arguments as
// there are templates for one recipient, and none begins with a hyphen that
// the template does not have.
func FuzzAttributes(f *testing.F) {
	f.Add("flags=DRhu user=vmail argv=/usr/bin/maildrop -d ${recipient}")
	f.Add(`user=a:b eol=\r\n size=1 null_sender= argv=/p $$ $(user) ${extension}`)
	f.Add(`user=u argv=p $sender`)
	f.Add(`user=u argv=p $extension$mailbox`)
	f.Add(`user=u argv=p $extension-x`)
	f.Fuzz(func(t *testing.T, line string) {
		a, err := parseAttributes(strings.Split(line, " "))
		if err != nil {
			return
		}
		if a.user == "" || a.argv[0].parts[0].text == "" || a.eol == "" {
			t.Fatalf("%q: accepted as %+v", line, a)
		}
		x := &expansion{a: a, req: &ipc.Request{Sender: "-x"}, delimiters: "+"}
		args, err := x.args([]*ipc.Recipient{{Address: "-y@z"}})
		if err != nil {
			return
		}
		if len(args) != len(a.argv) {
			t.Fatalf("%q: %d arguments of %d templates", line, len(args), len(a.argv))
		}
		for i, arg := range args {
			first := a.argv[i].parts
			if strings.HasPrefix(arg, "-") && (len(first) == 0 || first[0].macro != nil) {
				t.Fatalf("%q: %q has become an option", line, arg)
			}
		}
	})
}
