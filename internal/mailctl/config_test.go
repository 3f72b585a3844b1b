package mailctl

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"yubin/internal/cli"
	"yubin/internal/config"
)

// environment is what the subcommands get, on a configuration of its own.
func environment(t *testing.T, main, master string) (env *cli.Env, stdout, stderr *bytes.Buffer) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"main.cf": main, "master.cf": master} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c, err := config.Read(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr = new(bytes.Buffer), new(bytes.Buffer)
	return &cli.Env{Program: "mailctl", Config: c, Stdout: stdout, Stderr: stderr}, stdout, stderr
}

func exitStatus(t *testing.T, err error) int {
	t.Helper()
	var s *cli.Status
	switch {
	case err == nil:
		return 0
	case errors.As(err, &s):
		return s.Code
	}
	return 1
}

// Output in the form of postconf of Postfix 3.7.
func TestConfig(t *testing.T) {
	t.Parallel()
	const main = `
mydomain = example.net
myhostname = mx.$mydomain
relayhost =
mynetworks = 127.0.0.0/8,
	10.0.0.0/8	192.0.2.1
domain = x
myorigin = $domain
mtdestination = y
`
	tests := []struct{ args, stdout, stderr string }{
		{"-n", "config_directory = DIR\ndomain = x\nmydomain = example.net\nmyhostname = mx.$mydomain\nmynetworks = 127.0.0.0/8, 10.0.0.0/8 192.0.2.1\nmyorigin = $domain\nrelayhost =\n", ""},
		{"-n mydomain hopcount_limit", "mydomain = example.net\n", ""},
		{"-x myhostname myorigin", "myhostname = mx.example.net\nmyorigin = x\n", ""},
		{"-h relayhost myhostname", "\nmx.$mydomain\n", ""},
		{"-H relayhost myhostname", "relayhost\nmyhostname\n", ""},
		{"-d myorigin hopcount_limit", "myorigin = $myhostname\nhopcount_limit = 50\n", ""},
		{"-hd config_directory", "/etc/yubin\n", ""},
		{"mail_version", "mail_version = " + config.Version() + "\n", ""},
		{"-hd mail_version", config.Version() + "\n", ""},
		{"-n mail_version", "", ""},
		{"nosuch mydomain mydomain", "mydomain = example.net\nmydomain = example.net\n", "mailctl: warning: nosuch: unknown parameter\n"},
		{"header_checks", "", "mailctl: warning: header_checks: known to Postfix, no effect here yet\n"},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			t.Parallel()
			env, stdout, stderr := environment(t, main, "")
			if err := showConfig(t.Context(), env, strings.Fields(tt.args)); err != nil {
				t.Fatal(err)
			}
			if got := strings.ReplaceAll(stdout.String(), env.Config.Dir, "DIR"); got != tt.stdout {
				t.Errorf("got\n%s\nwant\n%s", got, tt.stdout)
			}
			want := tt.stderr + "mailctl: warning: DIR/main.cf: unused parameter: mtdestination=y\n"
			if got := strings.ReplaceAll(stderr.String(), env.Config.Dir, "DIR"); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestConfigAll(t *testing.T) {
	t.Parallel()
	env, stdout, _ := environment(t, "max_idle = 5s\n", "")
	if err := showConfig(t.Context(), env, nil); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(stdout.String()), "\n")
	if want := len(config.Defs()) + 2; len(lines) != want {
		t.Errorf("%d lines, want %d", len(lines), want)
	}
	if !strings.Contains(stdout.String(), "\nmax_idle = 5s\n") {
		t.Error("no max_idle = 5s")
	}
}

func TestConfigErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		main, args string
		code       int
	}{
		{"", "-n -d", cli.ExUsage},
		{"", "-h -H", cli.ExUsage},
		{"", "-z", cli.ExUsage},
		{"x", "", cli.ExConfig},
		{"myorigin = $", "-x myorigin", 1},
	}
	for _, tt := range tests {
		env, _, _ := environment(t, tt.main, "")
		if err := showConfig(t.Context(), env, strings.Fields(tt.args)); exitStatus(t, err) != tt.code {
			t.Errorf("%q config %s: %v, want status %d", tt.main, tt.args, err, tt.code)
		}
	}
}
