package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// write makes a configuration directory with main.cf in it.
func write(t testing.TB, main string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.cf"), []byte(main), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func load(t testing.TB, main string, overrides ...string) *Config {
	t.Helper()
	c, err := Load(write(t, main), overrides)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRead(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, main string
		overrides  []string
		want       map[string]string
	}{
		{"plain", "a=1\nb = 2\n c\n", nil, map[string]string{"a": "1", "b": "2 c"}},
		{"comments", "# x\n  # y\na = 1 # not a comment\n", nil, map[string]string{"a": "1 # not a comment"}},
		{"continued over a comment and an empty line", "a = 1,\n# x\n\n\t2,\n  #y\n  3", nil, map[string]string{"a": "1, 2, 3"}},
		{"empty value", "a =\nb=\n", nil, map[string]string{"a": "", "b": ""}},
		{"value begins on the next line", "a =\n\tx\n\ty\n", nil, map[string]string{"a": "x y"}},
		{"equal sign in a value", "a = b=c\n", nil, map[string]string{"a": "b=c"}},
		{"the last wins", "a = 1\na = 2\n", nil, map[string]string{"a": "2"}},
		{"overrides win", "a = 1\n", []string{"a=2", "b = 3 "}, map[string]string{"a": "2", "b": "3"}},
		{"CR LF", "a = 1\r\nb = 2\r\n", nil, map[string]string{"a": "1", "b": "2"}},
		{"no final newline", "a = 1", nil, map[string]string{"a": "1"}},
		{"octets", "a = \xff\xfe\n", nil, map[string]string{"a": "\xff\xfe"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := load(t, tt.main, tt.overrides...)
			for name, want := range tt.want {
				if got, ok := c.Raw(name); !ok || got != want {
					t.Errorf("%s = %q, %t, want %q", name, got, ok, want)
				}
			}
			if got := len(c.Names()); got != len(tt.want) {
				t.Errorf("%d names, want %d: %q", got, len(tt.want), c.Names())
			}
		})
	}
}

// What main.cf says stays known beside a service's own overrides.
func TestShared(t *testing.T) {
	t.Parallel()
	const main = "syslog_name = here\nmyhostname = $b.test\nb = mx\n"
	c := load(t, main, "syslog_name=here/submission", "b=other")
	if got := SyslogName.Of(c) + " " + SyslogName.Of(c.Shared()) + " " + Myhostname.Of(c.Shared()); got != "here/submission here mx.test" {
		t.Errorf("overridden: got %q", got)
	}
	if c := load(t, main); c.Shared() != c {
		t.Error("no overrides: another one")
	}
}

// Problems that reading meets, the first fatal one from Load.
func TestReadProblems(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, main string
		overrides  []string
		want       []string // beginnings, after the directory
		err        string
	}{
		{"overridden", "a = 1\na = 2\n", nil, []string{"main.cf:2: overriding earlier entry: a=1; remove it or line 1"}, ""},
		{"the same value twice", "a = 1\na = 1\n", nil, nil, ""},
		{"blank before the first entry", "\n a = 1\nb = 2\n", nil, []string{"main.cf:2: logical line must not start with white space"}, ""},
		{"NUL", "a = 1\x002\n", nil, []string{"main.cf:1: NUL byte"}, ""},
		{"no equal sign", "a = 1\nmyhostname mx.example\n", nil, []string{`main.cf:2: missing '=' after attribute name: "myhostname"`}, "main.cf:2: missing '='"},
		{"two words", "my hostname = mx.example\n", nil, []string{`main.cf:1: missing '=' after attribute name: "my"`}, "main.cf:1: missing '='"},
		{"no name", "= x\n", nil, []string{"main.cf:1: missing attribute name before '='"}, "main.cf:1: missing attribute name"},
		{"override", "", []string{"smtpd_timeout"}, []string{`-o: missing '=' after attribute name: "smtpd_timeout"; write -o name=value`}, "-o: missing '='"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := write(t, tt.main)
			c, err := Read(dir, tt.overrides)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range c.problems {
				got = append(got, strings.TrimPrefix(p.String(), dir+"/"))
			}
			if !slices.EqualFunc(got, tt.want, strings.HasPrefix) {
				t.Errorf("problems %q, want %q", got, tt.want)
			}
			_, err = Load(dir, tt.overrides)
			if (err == nil) != (tt.err == "") || err != nil && !strings.HasPrefix(strings.TrimPrefix(err.Error(), dir+"/"), tt.err) {
				t.Errorf("Load: %v, want %q", err, tt.err)
			}
		})
	}
}

func TestLoadNeedsTheFile(t *testing.T) {
	t.Parallel()
	if _, err := Load(t.TempDir(), nil); !os.IsNotExist(err) {
		t.Errorf("Load of an empty directory: %v", err)
	}
}

// Errors name the place of the value, what is wanted and what is there.
func TestCheck(t *testing.T) {
	t.Parallel()
	tests := []struct {
		main, override string
		def            *Def
		want           string
	}{
		{"# few\nsmtpd_recipient_limit = 0", "", SmtpdRecipientLimit.Def, `DIR/main.cf:2: smtpd_recipient_limit: want an integer in 1..50000, have "0"`},
		{"x = abc\nsmtpd_recipient_limit = 1$x", "", SmtpdRecipientLimit.Def, `DIR/main.cf:2: smtpd_recipient_limit: want an integer in 1..50000, have "1abc"`},
		{"", "smtpd_recipient_limit=0", SmtpdRecipientLimit.Def, `-o smtpd_recipient_limit: want an integer in 1..50000, have "0"`},
		{"smtpd_helo_required = maybe", "", SmtpdHeloRequired.Def, `DIR/main.cf:1: smtpd_helo_required: want yes or no, have "maybe"`},
		{"max_idle = 1y", "", MaxIdle.Def, `DIR/main.cf:1: max_idle: want a time such as 30s, 5m, 2h, 1d or 1w, at least 1s, have "1y"`},
		{"message_size_limit = 10M", "", MessageSizeLimit.Def, `DIR/main.cf:1: message_size_limit: want a number of octets, at least 0, have "10M"`},
		{"queue_directory = spool", "", QueueDirectory.Def, `DIR/main.cf:1: queue_directory: want an absolute path, have "spool"`},
		{"mynetworks_style = all", "", MynetworksStyle.Def, `DIR/main.cf:1: mynetworks_style: want one of host, subnet, class, have "all"`},
		{"mydestination = {a", "", Mydestination.Def, `DIR/main.cf:1: mydestination: '{' without '}', have "{a"`},
		{"mydestination = ${x", "", Mydestination.Def, `DIR/main.cf:1: mydestination: '${' without its end, have "${x"`},
		{"mydomain = $myhostname\nmyhostname = a.$mydomain", "", Mydestination.Def, `DIR/main.cf (default): `},
		{"foo_destination_concurrency_limit = -1", "", DestinationConcurrency.Def, `DIR/main.cf:1: foo_destination_concurrency_limit: want an integer in 0..2147483647, have "-1"`},
	}
	for _, tt := range tests {
		dir := write(t, tt.main)
		var overrides []string
		if tt.override != "" {
			overrides = append(overrides, tt.override)
		}
		c, err := Load(dir, overrides)
		if err != nil {
			t.Fatal(err)
		}
		err = c.Check([]*Def{MaxIdle.Def, tt.def})
		got := ""
		if err != nil {
			got = strings.ReplaceAll(err.Error(), dir, "DIR")
		}
		want := strings.Replace(tt.want, "DIR/main.cf (default): ", "DIR/main.cf: mydestination (default): unreasonable macro call nesting", 1)
		if !strings.HasPrefix(got, want) {
			t.Errorf("%q %q: got %s, want %s", tt.main, tt.override, got, want)
		}
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	c := load(t, `
myhostname = mx.example.net
mydestination = $myhostname, {two words} inline:{a=b, c=d}
smtpd_helo_required = YES
smtpd_timeout = ${stress?{10}:{300}}s
max_idle = 2
maximal_queue_lifetime = 1w
bounce_queue_lifetime = 2
message_size_limit = 0
lmtp_destination_concurrency_limit = 7
local_destination_concurrency_limit = 3
`)
	check(t, "myorigin", Myorigin.Of(c), "mx.example.net")
	check(t, "mydomain", Mydomain.Of(c), "example.net")
	check(t, "mydestination", strings.Join(Mydestination.Of(c), "|"), "mx.example.net|two words|inline:{a=b, c=d}")
	check(t, "smtpd_helo_required", SmtpdHeloRequired.Of(c), true)
	check(t, "smtpd_timeout", SmtpdTimeout.Of(c), 300*time.Second)
	check(t, "max_idle", MaxIdle.Of(c), 2*time.Second)
	check(t, "maximal_queue_lifetime", MaximalQueueLifetime.Of(c), 7*24*time.Hour)
	check(t, "bounce_queue_lifetime", BounceQueueLifetime.Of(c), 48*time.Hour)
	check(t, "message_size_limit", MessageSizeLimit.Of(c), 0)
	check(t, "lmtp", DestinationConcurrency.For(c, "lmtp"), 7)
	check(t, "local", DestinationConcurrency.For(c, "local"), 3)
	check(t, "smtp", DestinationConcurrency.For(c, "smtp"), 20)
	check(t, "config_directory", must(c.Expand("$config_directory")), any(c.Dir))
}

func check[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// A parameter that nobody checked must not be read with a wrong value.
func TestOfPanics(t *testing.T) {
	t.Parallel()
	c := load(t, "max_idle = soon")
	defer func() {
		if recover() == nil {
			t.Error("Of returned a wrong value")
		}
	}()
	MaxIdle.Of(c)
}

// Any text can be read: what is wrong with it is a Problem. Names and values
// have no blanks around them, and every value can be asked for.
func FuzzMain(f *testing.F) {
	f.Add("a = 1\n  b\n# c\nmyhostname = $mydomain\nmydomain = $myhostname\n", "a=2")
	f.Add("mynetworks_style = $mynetworks\n", "")
	f.Add(" x\n=\n\x00", "=")
	f.Fuzz(func(t *testing.T, text, override string) {
		c := read("/etc/yubin", "main.cf", text, []string{override})
		for _, name := range c.Names() {
			value, ok := c.Raw(name)
			if !ok || name == "" || strings.Trim(name, blanks) != name || strings.Trim(value, blanks) != value {
				t.Errorf("entry %q = %q, %t", name, value, ok)
			}
		}
		for _, d := range []*Def{Mydomain.Def, Mynetworks.Def, Mydestination.Def, MaxIdle.Def} {
			c.parse(d)
		}
		c.Lint(nil)
	})
}

// BenchmarkLoad is what every start of sendmail pays: reading main.cf as RHEL
// ships it and checking a dozen parameters.
func BenchmarkLoad(b *testing.B) {
	defs := []*Def{QueueDirectory.Def, Myhostname.Def, Mydomain.Def, Myorigin.Def, MessageSizeLimit.Def, AuthorizedSubmitUsers.Def,
		ImportEnvironment.Def, AlternateConfigDirs.Def, SetgidGroup.Def, MailqPath.Def, NewaliasesPath.Def, MaildropUIDLimit.Def}
	b.ReportAllocs()
	for b.Loop() {
		c, err := Load("testdata/rhel9", nil)
		if err == nil {
			err = c.Check(defs)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

// What a value follows from is where somebody can mend it.
func TestSource(t *testing.T) {
	t.Parallel()
	c, err := Read(withFile(t, "main.cf", "tls_cert_file = /x\npop3d_tls_key_file = /y\nmyhostname = a.example\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"tls_cert_file": "tls_cert_file", "smtpd_tls_cert_file": "tls_cert_file", "smtpd_tls_key_file": "tls_cert_file",
		"pop3d_tls_key_file": "pop3d_tls_key_file", "myorigin": "myhostname", "mydomain": "mydomain",
		"mydestination": "mydestination", "nosuch": "nosuch", "max_idle": "max_idle",
	} {
		if got := c.Source(name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	if got, want := c.Problem("smtpd_tls_key_file", "what").String(), c.Dir+"/main.cf:1: tls_cert_file: what"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
