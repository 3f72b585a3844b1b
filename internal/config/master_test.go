package config

import (
	"fmt"
	"strings"
	"testing"
)

// show prints the fields of a service that master.cf has a say in.
func show(s MasterService) string {
	used := ""
	if s.WakeIfUsed {
		used = "?"
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s private=%t unpriv=%t %v%s %d %s %s", s.Name, s.Type, s.Private, s.Unpriv,
		s.Wakeup.Seconds(), used, s.MaxProc, s.Command, strings.Join(s.Args, "|")))
}

func TestMasterLines(t *testing.T) {
	t.Parallel()
	tests := []struct{ line, want, problem string }{
		{"smtp inet n - n - - smtpd", "smtp inet private=false unpriv=true 0 100 smtpd", ""},
		{"[::1]:2525 inet n - - - 5 smtpd -v -o a=b", "[::1]:2525 inet private=false unpriv=true 0 5 smtpd -v|-o|a=b", ""},
		{"127.0.0.1:587 inet n - n - 0 smtpd\n  -o { a = b c }\n  -oa=b -vv -D", "127.0.0.1:587 inet private=false unpriv=true 0 0 smtpd -o|a=b c|-o|a=b|-v|-v", ""},
		{"587 inet n - n - - smtpd -o syslog_name=postfix/$service_name", "587 inet private=false unpriv=true 0 100 smtpd -o|service_name=587|-o|syslog_name=postfix/$service_name", ""},
		{"pickup fifo n - n 60 1 pickup", "pickup unix private=false unpriv=true 60 0 pickup", ""},
		{"qmgr unix n - n 300? 1 oqmgr", "qmgr unix private=false unpriv=true 300? 0 qmgr", ""},
		{"virtual unix - n n - - virtual", "virtual unix private=true unpriv=false 0 100 local", ""},
		{"relay unix - - n - - smtp -o a=b", "relay unix private=true unpriv=true 0 0 smtp -o|a=b", ""},
		{"dovecot unix - - n - - lmtp -o a=b", "dovecot unix private=true unpriv=true 0 0 smtp --lmtp|-o|a=b", ""},
		{"x unix - - n - - ours", "x unix private=true unpriv=true 0 100 ours", ""},
		{"error unix - - n - - error", "", ""},
		{"scache unix - - n - 1 scache", "", "notice: scache unix is not started: "},
		{"maildrop unix - n n - - pipe flags=DRXhu user=vmail argv=/usr/bin/maildrop -d ${recipient}",
			"maildrop unix private=true unpriv=false 0 100 pipe flags=DRXhu|user=vmail|argv=/usr/bin/maildrop|-d|${recipient}", ""},
		{"x unix - n n - 10 pipe -v -o { a = b c } user=u argv=/p -o x { y z }", "x unix private=true unpriv=false 0 10 pipe -v|-o|a=b c|user=u|argv=/p|-o|x|y z", ""},
		{"x unix - n n - 10 pipe -o", "", "service x left out: -o: want name=value after it"},
		{"smtpd pass - - n - - smtpd", "", "notice: smtpd pass is not started: there are no services of this type"},
		{"x unix - - y - - ours", "x unix private=true unpriv=true 0 100 ours", "notice: x unix is not chrooted"},
		{"smtp inet n - n - smtpd", "", "service smtp left out: want eight fields"},
		{"smtp tcp n - n - - smtpd", "", `service smtp left out: type: want inet or unix, have "tcp"`},
		{"smtp inet - - n - - smtpd", "", "service smtp left out: private: want n for an inet service"},
		{"smtp inet n x n - - smtpd", "", `service smtp left out: unpriv: want y, n or -, have "x"`},
		{"smtp inet n - n 1h - smtpd", "", `service smtp left out: wakeup: want seconds`},
		{"smtp inet n - n - -1 smtpd", "", `service smtp left out: maxproc: want a number of connections`},
		{"smtp inet n - n - - ../smtpd", "", `service smtp left out: command: want a name in daemon_directory`},
		{"../x unix n - n - - smtpd", "", `service ../x left out: service: want a port or a plain name`},
		{"smtp inet n - n - - smtpd -o", "", "service smtp left out: -o: want name=value after it"},
		{"smtp inet n - n - - smtpd -o smtpd_tls = yes", "", `service smtp left out: -o: want name=value, have "smtpd_tls"`},
		{"smtp inet n - n - - smtpd -O a=b", "", `service smtp left out: want only -o name=value and -v after the command, have "-O"`},
		{"smtp inet n - n - - smtpd -o {a=b", "", "service smtp left out: '{' without '}'"},
	}
	for _, tt := range tests {
		s, problems, ok := readService("master.cf", line{1, strings.ReplaceAll(tt.line, "\n", " ")}, 100)
		got := ""
		if ok {
			got = show(s)
		}
		if got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.line, got, tt.want)
		}
		said := ""
		for _, p := range problems {
			if p.Notice {
				said += "notice: "
			}
			said += p.What
		}
		if tt.problem == "" && said != "" || !strings.HasPrefix(said, tt.problem) {
			t.Errorf("%s: says %q, want %q", tt.line, said, tt.problem)
		}
	}
}

// The later of two entries wins; what nothing works without is supplied.
func TestParseMaster(t *testing.T) {
	t.Parallel()
	services, problems := parseMaster("master.cf", `
smtp inet n - n - 1 smtpd
smtp unix - - n - - ours
smtp inet n - n - 2 smtpd
# the end
local unix - n n - 5 local
`, 100)
	var got []string
	for _, s := range services {
		got = append(got, show(s))
	}
	want := []string{
		"smtp inet private=false unpriv=true 0 2 smtpd",
		"smtp unix private=true unpriv=true 0 100 ours",
		"local unix private=true unpriv=false 0 5 local",
		"pickup unix private=false unpriv=true 60 0 pickup",
		"qmgr unix private=false unpriv=true 300 0 qmgr",
		"authd unix private=false unpriv=false 0 0 authd",
		"pamd unix private=false unpriv=false 0 0 pamd",
		"virtual unix private=true unpriv=false 0 100 local",
		"relay unix private=true unpriv=true 0 0 smtp",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if len(problems) != 1 || problems[0].String() != "master.cf:4: smtp inet replaces the entry of line 2; remove one of the two" {
		t.Errorf("problems: %v", problems)
	}
}

// RHEL's files of Postfix load unchanged: nothing in them is wrong, the mail
// services are there, and Postfix's own places mean ours.
func TestStock(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{"testdata/rhel9", "testdata/rhel10"} {
		c, err := Load(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Check(Defs()); err != nil {
			t.Error(err)
		}
		services, problems, err := LoadMaster(dir, c)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range append(problems, c.Lint(services)...) {
			if !p.Notice {
				t.Errorf("%s", p)
			}
		}
		var names []string
		for _, s := range services {
			names = append(names, s.Name+"/"+s.Command)
		}
		check(t, "services", strings.Join(names, " "), "smtp/smtpd pickup/pickup qmgr/qmgr smtp/smtp relay/smtp local/local virtual/local lmtp/smtp authd/authd pamd/pamd")
		check(t, "daemon_directory", DaemonDirectory.Of(c), "/usr/libexec/yubin")
		check(t, "mail_owner", MailOwner.Of(c), "yubin")
		check(t, "setgid_group", SetgidGroup.Of(c), "maildrop")
		check(t, "sendmail_path", SendmailPath.Of(c), "/usr/sbin/sendmail.yubin")
		check(t, "queue_directory", QueueDirectory.Of(c), "/var/spool/postfix")
		check(t, "a macro", must(c.Expand("$daemon_directory/x")), any("/usr/libexec/yubin/x"))
	}
}

// There is nothing to say of the files that we ship.
func TestShipped(t *testing.T) {
	t.Parallel()
	const dir = "../../etc"
	c, err := Load(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	services, problems, err := LoadMaster(dir, c)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range append(problems, c.Lint(services)...) {
		t.Errorf("%s", p)
	}
	if len(services) != 10 || services[9].Line == 0 {
		t.Errorf("services %v, want the ten of master.cf", services)
	}
}

// Any text can be read; a service that comes of it has a name that stays in
// its directory, a program without a path, and options that Load takes.
func FuzzMaster(f *testing.F) {
	f.Add("smtp inet n - n - - smtpd\n  -o a=b -v\n")
	f.Add("x unix - - y 1? 0 pipe argv={ a b }\n#\nlocal unix - n - - - local -o { a = b }")
	f.Fuzz(func(t *testing.T, text string) {
		services, _ := parseMaster("master.cf", text, 100)
		for _, s := range services {
			if strings.ContainsAny(s.Name+s.Command, "/\x00") || s.Name == "" || s.Name == "." || s.Name == ".." || s.Command == "" {
				t.Errorf("service %q, command %q", s.Name, s.Command)
			}
			if s.Type != "inet" && s.Type != "unix" || s.Wakeup < 0 || s.MaxProc < 0 {
				t.Errorf("service %+v", s)
			}
			for i := 0; i < len(s.Args); i++ {
				if s.Args[i] == "-v" {
					continue
				}
				if s.Command == "pipe" && !strings.HasPrefix(s.Args[i], "-") {
					break // its attributes, which are its own business
				}
				if i++; s.Args[i-1] != "-o" || i == len(s.Args) {
					t.Fatalf("arguments %q", s.Args)
				}
				if _, _, err := nameValue(s.Args[i]); err != nil {
					t.Errorf("override %q: %v", s.Args[i], err)
				}
			}
		}
	})
}
