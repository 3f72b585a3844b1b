package mailctl

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"yubin/internal/config"
)

// again reads main.cf after a command has changed it.
func again(t *testing.T, dir string) *config.Config {
	t.Helper()
	c, err := config.Load(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// What set writes, and that unset takes it back and leaves the rest alone.
func TestRelaySet(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		main  string
		args  []string
		want  []string // lines of main.cf beside those that were there
		table string   // "": no password
		after string   // main.cf after unset; "": as before
	}{
		{"submission", "# ours\nmyhostname = a.test\n# end\n", []string{"smtp.example.com:587", "--user", "ann@example.com"}, []string{
			"relayhost = [smtp.example.com]:587", "smtp_tls_security_level = secure", "tls_append_default_CA = yes", "smtp_sasl_auth_enable = yes",
			"smtp_sasl_password_maps = texthash:$config_directory/relay_passwd", "smtp_sasl_tls_security_options = noanonymous",
		}, "[smtp.example.com]:587 ann@example.com:pa:ss wörd", ""},
		{"submissions", "", []string{"-u", "ann", "--tls", "encrypt", "[smtp.example.com]:465"}, []string{
			"relayhost = [smtp.example.com]:465", "smtp_tls_security_level = encrypt", "smtp_tls_wrappermode = yes", "smtp_sasl_auth_enable = yes",
			"smtp_sasl_password_maps = texthash:$config_directory/relay_passwd", "smtp_sasl_tls_security_options = noanonymous",
		}, "[smtp.example.com]:465 ann:pa:ss wörd", ""},
		{"no port, no login, an authority", "smtp_tls_CAfile = /ca\n", []string{"192.0.2.1"}, []string{
			"relayhost = [192.0.2.1]:587", "smtp_tls_security_level = secure",
		}, "", ""},
		{"passwords of others", "smtp_sasl_password_maps = hash:/a,\n  hash:/b\nsmtp_sasl_auth_enable = yes\n", []string{"--user=ann", "smtp.example.com"}, []string{
			"relayhost = [smtp.example.com]:587", "smtp_tls_security_level = secure", "tls_append_default_CA = yes",
			"smtp_sasl_password_maps = texthash:$config_directory/relay_passwd, hash:/a, hash:/b", "smtp_sasl_tls_security_options = noanonymous",
		}, "[smtp.example.com]:587 ann:pa:ss wörd",
			"smtp_sasl_password_maps = hash:/a, hash:/b\nsmtp_sasl_auth_enable = yes\nsmtp_sasl_tls_security_options = noanonymous\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			const password = "pa:ss wörd"
			env, stdout, stderr := environment(t, c.main, "")
			dir := env.Config.Dir
			env.Stdin = strings.NewReader(password + "\nmore\n")
			if err := group("relay", relayCommands)(t.Context(), env, append([]string{"set"}, c.args...)); err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(filepath.Join(dir, "main.cf"))
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range c.want {
				if !strings.Contains("\n"+string(b), "\n"+l+"\n") {
					t.Errorf("main.cf lacks %q:\n%s", l, b)
				}
			}
			if strings.Contains(string(b)+stdout.String()+stderr.String(), password) {
				t.Errorf("the password is where everybody sees it: %s%s%s", b, stdout, stderr)
			}
			file := filepath.Join(dir, relayPasswords)
			if c.table != "" {
				info, err := os.Stat(file)
				if err != nil || info.Mode() != 0o600 {
					t.Errorf("%s: %v, %v, want mode 0600", file, info, err)
				}
				table, err := os.ReadFile(file)
				if err != nil || !strings.HasSuffix(string(table), "\n"+c.table+"\n") {
					t.Errorf("got %q, %v, want %q", table, err, c.table)
				}
			} else if _, err := os.Stat(file); err == nil {
				t.Error("there is a file of passwords")
			}

			env.Config = again(t, dir)
			if err := group("relay", relayCommands)(t.Context(), env, []string{"unset"}); err != nil {
				t.Fatal(err)
			}
			after := c.after
			if after == "" {
				after = c.main
			}
			if b, err = os.ReadFile(filepath.Join(dir, "main.cf")); err != nil || string(b) != after {
				t.Errorf("after unset: got %q, %v, want %q", b, err, after)
			}
			if _, err := os.Stat(file); err == nil {
				t.Error("the password is still there")
			}
		})
	}
}

// Setting it twice is setting it once.
func TestRelaySetTwice(t *testing.T) {
	t.Parallel()
	env, _, _ := environment(t, "myhostname = a.test\n", "")
	for _, host := range []string{"one.test:465", "two.test:587"} {
		env.Stdin = strings.NewReader("secret\n")
		if err := group("relay", relayCommands)(t.Context(), env, []string{"set", "-u", "ann", host}); err != nil {
			t.Fatal(err)
		}
		env.Config = again(t, env.Config.Dir)
	}
	for name, want := range map[string]string{
		"relayhost": "[two.test]:587", "smtp_tls_wrappermode": "", "smtp_sasl_password_maps": relayTable,
	} {
		if got, _ := env.Config.Raw(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// What makes no sense changes nothing.
func TestRelaySetRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		stdin string
		args  []string
	}{
		{"no host", "secret", nil},
		{"two hosts", "secret", []string{"a.test", "b.test"}},
		{"no port", "secret", []string{"a.test:"}},
		{"a URL", "secret", []string{"smtp://a.test"}},
		{"a list", "secret", []string{"a.test, b.test"}},
		{"no level", "secret", []string{"--tls", "may", "a.test"}},
		{"the password as an argument", "secret", []string{"--user", "ann:secret", "a.test"}},
		{"no password", "", []string{"--user", "ann", "a.test"}},
		{"an empty password", "\nsecret", []string{"--user", "ann", "a.test"}},
		{"blanks", "secret \n", []string{"--user", "ann", "a.test"}},
		{"too long", strings.Repeat("x", maxPassword+1), []string{"--user", "ann", "a.test"}},
	} {
		env, _, _ := environment(t, "myhostname = a.test\n", "")
		env.Stdin = strings.NewReader(c.stdin)
		err := group("relay", relayCommands)(t.Context(), env, append([]string{"set"}, c.args...))
		if exitStatus(t, err) != 64 {
			t.Errorf("%s: got %v, want wrong usage", c.name, err)
		}
		if b, err := os.ReadFile(filepath.Join(env.Config.Dir, "main.cf")); err != nil || string(b) != "myhostname = a.test\n" {
			t.Errorf("%s: main.cf is %q, %v", c.name, b, err)
		}
		if files, _ := os.ReadDir(env.Config.Dir); len(files) != 2 {
			t.Errorf("%s: left behind: %v", c.name, files)
		}
	}
}

// What smtp(8) is started with for a trial.
func TestTrialArguments(t *testing.T) {
	t.Parallel()
	env, _, _ := environment(t, "relayhost = [r.test]:587\nmyhostname = a.test\ntransport_maps = inline:{ l.test=lm:unix:x }\n",
		"lm unix - - n - - lmtp -o a=b\n")
	for _, c := range []struct{ to, want string }{
		{"", "--trial [r.test]:587 --sender f@a.test"},
		{"bob@far.test", "--trial [r.test]:587 --sender f@a.test -- bob@far.test"},
		{"bob@l.test", "--lmtp -o a=b --trial unix:x --sender f@a.test -- bob@l.test"},
		{"bob@a.test", ""},
	} {
		transport, nexthop, err := relayTarget(env, c.to, "f@a.test")
		if err != nil {
			t.Fatal(err)
		}
		args, err := trialArgs(env, transport, nexthop, "f@a.test", c.to)
		got := strings.Join(args, " ")
		if want := "-c " + env.Config.Dir + " " + c.want; (err != nil) != (c.want == "") || err == nil && got != want {
			t.Errorf("%q: got %q, %v, want %q", c.to, got, err, want)
		}
	}
}

// Passwords that others can read are found; what is in the tables is not shown.
func TestCheckSecrets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"good": 0o600, "open": 0o644} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("topsecret\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ main, want string }{
		{"smtp_sasl_password_maps = hash:" + dir + "/good", ""},
		{"smtp_sasl_password_maps = hash:" + dir + "/open", "others than its owner can read"},
		{"smtp_sasl_password_maps = proxy:hash:" + dir + "/none", "no such file"},
		{"smtp_sasl_password_maps = static:ann:topsecret", "stands in main.cf"},
		{"smtp_sasl_password_maps = static:ann:topsecret\nsmtp_sasl_auth_enable = no", ""},
	} {
		env, _, _ := environment(t, "smtp_sasl_auth_enable = yes\n"+c.main+"\n", "")
		var got strings.Builder
		for _, p := range inspectSecrets(env.Config) {
			got.WriteString(p.String())
		}
		if !strings.Contains(got.String(), c.want) || (got.Len() > 0) != (c.want != "") || strings.Contains(got.String(), "topsecret") {
			t.Errorf("%s: got %q, want %q", c.main, got.String(), c.want)
		}
	}
}
