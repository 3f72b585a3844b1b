package submit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/pflag"

	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/queue"
)

// system is a queue directory and a configuration for one test.
type system struct {
	t   *testing.T
	dir string
	cfg *config.Config
}

func newSystem(t *testing.T, lines ...string) *system {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{"etc", "queue", "queue/maildrop"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	main := append([]string{
		"queue_directory = " + dir + "/queue", "myhostname = mx.example.com", "myorigin = example.com",
		"maillog_file = " + dir + "/log", "queue_minfree = 1",
	}, lines...)
	if err := os.WriteFile(filepath.Join(dir, "etc/main.cf"), []byte(strings.Join(main, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(dir+"/etc", nil)
	if err == nil {
		err = cfg.Check(Command.Params)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &system{t, dir, cfg}
}

// sendmail runs the command line as cli does, but for the configuration.
func (s *system) sendmail(stdin io.Reader, argv0 string, args ...string) (stderr string, err error) {
	s.t.Helper()
	args, err = commandLine(args)
	if err != nil {
		return "", err
	}
	fs := pflag.NewFlagSet("sendmail", pflag.ContinueOnError)
	fs.SetInterspersed(false)
	fs.StringP("config", "C", "", "")
	o := flags(fs)
	if err := fs.Parse(args); err != nil {
		s.t.Fatalf("commandLine gave what pflag refuses: %q: %v", args, err)
	}
	var out, errs strings.Builder
	env := &cli.Env{Program: "sendmail", Config: s.cfg, Args: fs.Args(), Stdin: stdin, Stdout: &out, Stderr: &errs}
	m, err := o.mode(argv0)
	if err == nil {
		err = dispatch(context.Background(), env, o, m, "")
	}
	if out.Len() > 0 && !(o.probe || o.verbose == 1 && strings.HasPrefix(out.String(), "Mail Delivery Status Report will be mailed to <")) {
		s.t.Errorf("standard output: %q; scripts expect none", out.String())
	}
	return errs.String(), err
}

// letters reads maildrop/.
func (s *system) letters() (envs []*queue.Envelope, contents []string) {
	s.t.Helper()
	names, err := os.ReadDir(s.dir + "/queue/maildrop")
	if err != nil {
		s.t.Fatal(err)
	}
	for _, n := range names {
		f, err := os.Open(filepath.Join(s.dir, "queue/maildrop", n.Name()))
		if err != nil {
			s.t.Fatal(err)
		}
		defer f.Close()
		m, err := queue.Read(f)
		if err != nil || m.ID != n.Name() {
			s.t.Fatalf("%s: %v", n.Name(), err)
		}
		if info, _ := f.Stat(); info.Mode().Perm() != complete {
			s.t.Errorf("%s: mode %v, want the mark", n.Name(), info.Mode())
		}
		b := make([]byte, m.Content)
		if _, err := f.ReadAt(b, m.ContentOffset()); err != nil {
			s.t.Fatal(err)
		}
		envs, contents = append(envs, m.Env), append(contents, string(b))
	}
	return envs, contents
}

// one is letters of a maildrop with one.
func (s *system) one() (*queue.Envelope, string) {
	s.t.Helper()
	envs, contents := s.letters()
	if len(envs) != 1 {
		s.t.Fatalf("%d letters, want 1", len(envs))
	}
	return envs[0], contents[0]
}

func addresses(e *queue.Envelope) string {
	var list []string
	for _, r := range e.Recipients {
		list = append(list, r.Address)
	}
	return strings.Join(list, " ")
}

func me(t *testing.T) string {
	t.Helper()
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return u.Username + "@example.com"
}

// The command lines of programs that people have.
func TestCallers(t *testing.T) {
	t.Parallel()
	self := me(t)
	head := "To: ann@example.org, root\nCc: Bob <bob@example.org>\nBcc: carl@example.org\nSubject: x\n\nbody\n.\nmore\n"
	for _, c := range []struct {
		name, args, in string
		sender, rcpts  string
		want           []string // in the content
		not            []string
	}{
		{"cronie", "-FCronDaemon -i -odi -oem -oi -t -f root", "From: \"(Cron Daemon)\" <root>\nTo: root\nSubject: Cron\n\nout\n.\nput\n",
			"root@example.com", "root@example.com", []string{"out\n.\nput\n", `From: "(Cron Daemon)" <root>`}, []string{"CronDaemon"}},
		{"anacron", "-FAnacron -odi root", "Subject: x\n\na\n.\nlost\n", self, "root@example.com", []string{"From: Anacron <" + self + ">\n", "\n\na\n"}, []string{"lost"}},
		{"vixie-cron", "-FCronDaemon -odi -oem -oi -or0s -t", head, self, "ann@example.org root@example.com bob@example.org carl@example.org", []string{"more"}, []string{"Bcc", "carl"}},
		{"PHP", "-t -i -fwww@example.net", "To: a@b.example\nSubject: s\r\nX-PHP: 1\r\n\r\nline\r\nlast", "www@example.net", "a@b.example",
			[]string{"To: a@b.example\nSubject: s\nX-PHP: 1\n", "\n\nline\nlast\n"}, []string{"\r"}},
		{"PHPMailer", "-oi -fs@example.net -t", head, "s@example.net", "ann@example.org root@example.com bob@example.org carl@example.org", []string{"\n.\nmore\n"}, nil},
		{"git send-email", "-f s@example.net -i ann@example.org bob@example.org", "From: S <s@example.net>\nTo: list@example.org\nDate: Mon, 23 Nov 2026 08:00:01 +0000\nMessage-ID: <1@x>\n\nb\n",
			"s@example.net", "ann@example.org bob@example.org", []string{"From: S <s@example.net>\nTo: list@example.org\nDate: Mon, 23 Nov 2026 08:00:01 +0000\nMessage-ID: <1@x>\n\nb\n"}, nil},
		{"s-nail", "-i -m -v -r s@example.net -- -odd@example.org", "Subject: x\n\nb\n", "s@example.net", "-odd@example.org", nil, nil},
		{"mutt", "-oem -oi -B8BITMIME -N failure -R hdrs -f s@example.net -- ann@example.org", "Subject: ä\n\nö\n", "s@example.net", "ann@example.org", []string{"ö"}, nil},
		{"MIME::Lite", "-t -oi -oem -fs@example.net", head, "s@example.net", "ann@example.org root@example.com bob@example.org carl@example.org", nil, []string{"Bcc"}},
		{"nodemailer", "-i -f s@example.net ann@example.org", "Subject: x\n\nb", "s@example.net", "ann@example.org", []string{"\n\nb\n"}, nil},
		{"mdadm", "-t", "From: mdadm monitoring <root>\nTo: root\nSubject: x\n\nb\n", self, "root@example.com", nil, nil},
		{"mdadm with sender", "-t -fmd@example.net", "To: root\n\nb\n", "md@example.net", "root@example.com", nil, nil},
		{"fail2ban", "-f fail2ban root@localhost", "Subject: x\nDate: Mon, 23 Nov 2026 08:00:01 +0000\nFrom: F <f@x>\nTo: root@localhost\n\nb\n", "fail2ban@example.com", "root@localhost", nil, nil},
		{"at", "-i root", "Subject: x\n\nb\n", self, "root@example.com", nil, nil},
		{"procmail", "-oi root", "From root Mon Nov 23\n>From x\nSubject: x\n\nFrom here\n", self, "root@example.com", []string{"\n\nFrom here\n"}, []string{"Mon Nov 23", ">From"}},
		{"clustered", "-ti", head, self, "ann@example.org root@example.com bob@example.org carl@example.org", nil, nil},
		{"both sources", "-t dora@example.org", "To: ann@EXAMPLE.org, ann@example.org\n\n", self, "dora@example.org ann@EXAMPLE.org", nil, nil},
		{"resent", "-t", "To: old@example.org\nResent-To: new@example.org\nResent-Bcc: secret@example.org\n\nb\n", self, "new@example.org secret@example.org",
			[]string{"Resent-From: ", "Resent-Date: ", "Resent-Message-Id: "}, []string{"secret"}},
		{"null sender", "-f <> ann@example.org", "Subject: x\n\n", "", "ann@example.org", []string{"From: ", "MAILER-DAEMON@example.com>\n"}, nil},
		{"ignored options", "-Am -G -U -n -hn -h 5 -L tag -m -O x=y -c -x -e m -p f -oMr ann@example.org", "\nb\n", self, "ann@example.org", nil, nil},
		{"list in an argument", "a@b.example,c@d.example", "\n", self, "a@b.example c@d.example", nil, nil},
		{"no header", "ann@example.org", "hello\nworld\n", self, "ann@example.org", []string{"\n\nhello\nworld\n"}, nil},
		{"nothing at all", "ann@example.org", "", self, "ann@example.org", []string{"Date: "}, nil},
		{"group and quotes", "-t", "To: Us: \"a b\"@c.example, <@x,@y:d@e.example>;\n\n", self, "a b@c.example d@e.example", nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t)
			if _, err := s.sendmail(strings.NewReader(c.in), "sendmail", strings.Fields(c.args)...); err != nil {
				t.Fatalf("sendmail %s: %v", c.args, err)
			}
			e, content := s.one()
			if e.Sender != c.sender || addresses(e) != c.rcpts {
				t.Errorf("from %q to %q, want %q, %q", e.Sender, addresses(e), c.sender, c.rcpts)
			}
			for _, w := range c.want {
				if !strings.Contains(content, w) {
					t.Errorf("content lacks %q:\n%s", w, content)
				}
			}
			for _, w := range c.not {
				if strings.Contains(content, w) {
					t.Errorf("content has %q:\n%s", w, content)
				}
			}
			head, _, _ := strings.Cut(content, "\n\n")
			for _, field := range []string{"(?mi)^From: .", "(?mi)^Date: .", "(?mi)^Message-Id: <.*@.*>$"} {
				if !regexp.MustCompile(field).MatchString(head) {
					t.Errorf("header lacks %s:\n%s", field, head)
				}
			}
		})
	}
}

// A list may have blanks, as in Postfix.
func TestNotifyWithBlanks(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	if _, err := s.sendmail(strings.NewReader("\n"), "sendmail", "-N", " success, failure ", "ann@example.org"); err != nil {
		t.Fatal(err)
	}
	e, _ := s.one()
	if got := e.Recipients[0].Attrs; !reflect.DeepEqual(got, map[string]string{"dsn_notify": "SUCCESS,FAILURE"}) {
		t.Errorf("recipient attributes %v", got)
	}
}

func TestAttributes(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	args := []string{"-B7BIT", "-Nsuccess,delay", "-RFull", "-V", "id 1", "-v", "-Osmtputf8=no", "-O", "RequireTLS=Yes", "-f", "", "-F", "x", "ann@example.org"}
	if _, err := s.sendmail(strings.NewReader("\n"), "sendmail", args...); err != nil {
		t.Fatal(err)
	}
	e, _ := s.one()
	want := map[string]string{"origin": "sendmail", "body": "7BIT", "dsn_ret": "FULL", "dsn_envid": "id 1", "verbose": "yes", "require_tls": "yes"}
	if !reflect.DeepEqual(e.Attrs, want) {
		t.Errorf("attributes %v, want %v", e.Attrs, want)
	}
	if got := e.Recipients[0].Attrs; !reflect.DeepEqual(got, map[string]string{"dsn_notify": "SUCCESS,DELAY"}) {
		t.Errorf("recipient attributes %v", got)
	}
}

func code(err error) int {
	var s *cli.Status
	switch {
	case err == nil:
		return 0
	case errors.As(err, &s):
		return s.Code
	}
	return 1
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, syscall.EIO }

// Exit codes of sysexits.h, as Postfix gives them; nothing is left in maildrop but where 0 is said.
func TestRefusals(t *testing.T) {
	t.Parallel()
	big := "Subject: x\n\n" + strings.Repeat("0123456789\n", 1000)
	for _, c := range []struct {
		name   string
		argv0  string
		args   []string
		in     string
		config []string
		code   int
		text   string
	}{
		{"no recipient", "", nil, "x\n", nil, 64, "Recipient addresses must be specified on the command line or via the -t option"},
		{"no recipient in the header", "", []string{"-t"}, "Subject: x\n\nTo: body\n", nil, 64, "No recipient addresses found in message header"},
		{"unknown option", "", []string{"-Z"}, "", nil, 64, "unsupported: -Z"},
		{"long option", "", []string{"--option=queue_directory=/tmp"}, "", nil, 64, "unsupported: --"},
		{"unknown mode", "", []string{"-bt"}, "", nil, 64, "unsupported: -bt"},
		{"argument missing", "", []string{"-f"}, "", nil, 64, "needs an argument"},
		{"body type", "", []string{"-B8bitmime", "a@b"}, "\n", nil, 64, "-B"},
		{"queue listing with recipients", "", []string{"-bp", "a@b"}, "", nil, 64, "no recipients"},
		{"verp", "", []string{"-XV", "a@b"}, "\n", nil, 69, "not supported yet"},
		{"old verp", "", []string{"-V", "+=", "a@b"}, "\n", nil, 69, "not supported yet"},
		{"other -X", "", []string{"-X/tmp/log", "a@b"}, "\n", nil, 64, "unsupported: -X"},
		{"-bs", "", []string{"-bs", "-i"}, "", nil, 69, "smtpd: no such file"},
		{"-bv and -t", "", []string{"-bv", "-t", "a@b"}, "", nil, 64, "-bv goes without -t"},
		{"-bd", "", []string{"-bd", "-q1h"}, "", nil, 69, "mailctl start"},
		{"called smtpd", "smtpd", nil, "", nil, 69, "mailctl start"},
		{"-bh", "", []string{"-bh"}, "", nil, 0, ""},
		{"-bH", "", []string{"-bH"}, "", nil, 0, ""},
		{"-q with a time", "", []string{"-q15m"}, "", nil, 0, ""},
		{"-q, system down", "", []string{"-q"}, "", nil, 69, "mail system is down"},
		{"-qI, no ID", "", []string{"-qIxyz"}, "", nil, 64, "queue ID"},
		{"-qR, system down", "", []string{"-qRexample.org"}, "", nil, 69, "mail system is down"},
		{"-qR, no domain", "", []string{"-qRa b"}, "", nil, 64, "domain"},
		{"-qS", "", []string{"-qSx"}, "", nil, 64, "unsupported"},
		{"too big", "", []string{"a@b"}, big, []string{"message_size_limit = 5000"}, 69, "message file too big"},
		{"no limit", "", []string{"a@b"}, big, []string{"message_size_limit = 0"}, 0, ""},
		{"many waiting", "", []string{"a@b"}, "\n", []string{"maildrop_uid_limit = 1"}, 0, ""},
		{"no room", "", []string{"a@b"}, "\n", []string{"queue_minfree = 9000000000000000"}, 75, "insufficient system storage"},
		{"no maildrop", "", []string{"a@b"}, "\n", []string{"queue_directory = /nonexistent"}, 69, "cannot leave the letter"},
		{"newline in the sender", "", []string{"-f", "\"a\\\nb\"@c", "a@b"}, "\n", nil, 65, "sender"},
		{"control in the recipient", "", []string{"a\x01@b"}, "\n", nil, 65, "recipient"},
		{"bad address in the header", "", []string{"-t"}, "To: a@b@c\n\n", nil, 65, "to field"},
		{"newaliases missing", "newaliases", nil, "", []string{"newaliases_path = /nonexistent/newaliases"}, 69, "/nonexistent/newaliases"},
		{"-oA empty", "", []string{"-bi", "-oA"}, "", nil, 64, "-oA"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSystem(t, c.config...)
			argv0 := c.argv0
			if argv0 == "" {
				argv0 = "sendmail"
			}
			_, err := s.sendmail(strings.NewReader(c.in), argv0, c.args...)
			if code(err) != c.code || err != nil && !strings.Contains(err.Error(), c.text) {
				t.Errorf("%q: %v (%d), want %d %q", c.args, err, code(err), c.code, c.text)
			}
			if err != nil {
				if !strings.HasPrefix(err.Error(), "fatal: ") {
					t.Errorf("%q does not begin with fatal:", err)
				}
				if envs, _ := s.letters(); len(envs) != 0 {
					t.Errorf("%d letters left", len(envs))
				}
			}
		})
	}
	s := newSystem(t)
	if _, err := s.sendmail(brokenReader{}, "sendmail", "a@b"); code(err) != cli.ExDataErr {
		t.Errorf("input that cannot be read: %v", err)
	}
}

func TestUIDLimit(t *testing.T) {
	t.Parallel()
	s := newSystem(t, "maildrop_uid_limit = 3")
	for n := range 5 {
		_, err := s.sendmail(strings.NewReader("\n"), "sendmail", "a@b")
		if want := map[bool]int{true: 0, false: cli.ExTempFail}[n < 3]; code(err) != want {
			t.Errorf("letter %d: %v, want %d", n, err, want)
		}
	}
}

// countUp is the limit's way where the directory cannot be listed.
func TestCounter(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), queue.CounterName(1000))
	for n := range 4 {
		if err := countUp(path, 3); (err != nil) != (n >= 3) || err != nil && !errors.Is(err, errFull) {
			t.Errorf("submission %d: %v", n, err)
		}
	}
}

// A header full of control characters, a name full of them: the added fields
// stay one line each.
func TestInjection(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	if _, err := s.sendmail(strings.NewReader("Subject: x\n\n"), "sendmail", "-F", "Eve\nBcc: x\r\nX: y", "-f", "a b", "ann@example.org"); err != nil {
		t.Fatal(err)
	}
	e, content := s.one()
	if e.Sender != "a b@example.com" || !strings.Contains(content, "From: \"Eve Bcc: x  X: y\" <\"a b\"@example.com>\n") {
		t.Errorf("sender %q, content:\n%s", e.Sender, content)
	}
}

func TestTenThousandRecipients(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	var b strings.Builder
	b.WriteString("To: ")
	for n := range 10000 {
		fmt.Fprintf(&b, "user%d@example.org,\n ", n)
	}
	b.WriteString("last@example.org\n\nb\n")
	if _, err := s.sendmail(strings.NewReader(b.String()), "sendmail", "-t"); err != nil {
		t.Fatal(err)
	}
	e, _ := s.one()
	if n := len(e.Recipients); n != 10001 || e.Recipients[10000].Address != "last@example.org" {
		t.Errorf("%d recipients", n)
	}
}

// An abandoned draft leaves nothing, a complete one stays.
func TestAbandon(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, finishFirst := range []bool{false, true} {
		d := new(draft)
		if err := d.create(dir); err != nil {
			t.Fatal(err)
		}
		defer d.f.Close()
		if finishFirst {
			if err := d.finish(); err != nil {
				t.Fatal(err)
			}
		}
		d.abandon()
		if err := d.finish(); !errors.Is(err, errInterrupted) {
			t.Errorf("finish after the end: %v", err)
		}
		if _, err := os.Stat(d.path); (err == nil) != finishFirst {
			t.Errorf("finished %t: %v", finishFirst, err)
		}
	}
}

// A signal ends a letter that is still being typed.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	ctx, cancel := context.WithCancel(context.Background())
	r, w := io.Pipe()
	defer w.Close()
	done := make(chan error)
	fs := pflag.NewFlagSet("sendmail", pflag.ContinueOnError)
	o := flags(fs)
	go func() {
		done <- submit(ctx, &cli.Env{Config: s.cfg, Args: []string{"a@b"}, Stdin: r, Stderr: io.Discard}, o, "")
	}()
	if _, err := io.WriteString(w, "Subject: x\n\nbody\n"); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; code(err) != cli.ExTempFail || !errors.Is(err, errInterrupted) {
		t.Errorf("got %v", err)
	}
	if envs, _ := s.letters(); len(envs) != 0 {
		t.Errorf("%d letters left", len(envs))
	}
}

// A draft that was abandoned before it was created never is.
func TestAbandonEarly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var d draft
	d.abandon()
	if err := d.create(dir); !errors.Is(err, errInterrupted) {
		t.Errorf("got %v", err)
	}
	if names, _ := os.ReadDir(dir); len(names) != 0 {
		t.Errorf("left %v", names)
	}
}

func TestAuthorize(t *testing.T) {
	t.Parallel()
	const stranger = 54321
	for list, want := range map[string]int{"static:anyone": 0, "!unknown, static:anyone": cli.ExNoPerm, "root": cli.ExNoPerm, "nosuch:table": cli.ExTempFail} {
		env := &cli.Env{Config: newSystem(t, "authorized_submit_users = "+list).cfg}
		if err := authorize(env, stranger); code(err) != want {
			t.Errorf("%s: %v, want %d", list, err, want)
		}
		if want == cli.ExTempFail {
			continue
		}
		if err := authorize(env, 0); err != nil {
			t.Errorf("%s: root: %v", list, err)
		}
	}
}
