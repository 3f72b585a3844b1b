package mailctl

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// healthy is a configuration of a private instance that check is content
// with, below dir.
func healthy(t *testing.T, dir string) string {
	t.Helper()
	for _, name := range []string{"master", "pickup", "qmgr", "local", "smtp", "authd", "smtpd", "sendmail", "mailq", "newaliases", "mailctl"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "aliases"), []byte("root: alice\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	// Accounts that every system has: the test may run as root.
	return strings.ReplaceAll(`queue_directory = DIR/queue
daemon_directory = DIR
command_directory = DIR
data_directory = DIR/data
sendmail_path = DIR/sendmail
mailq_path = DIR/mailq
newaliases_path = DIR/newaliases
mail_owner = root
smtpd_user = root
smtp_user = root
login_user = root
setgid_group = root
alias_maps = hash:DIR/aliases
alias_database = $alias_maps
mydestination = $myhostname, DIR/domains
local_recipient_maps = $alias_maps
`, "DIR", dir)
}

// What check says, and the exit status, for one thing wrong at a time.
func TestCheck(t *testing.T) {
	t.Parallel()
	const smtpd = "smtp inet n - n - - smtpd\n"
	tests := []struct {
		name, main, master string
		spoil              func(t *testing.T, dir string)
		want               string // part of a line; "": only notes
	}{
		{"healthy", "", smtpd, nil, ""},
		{"syntax", "myhostname mx.example", smtpd, nil, "main.cf:17: missing '='"},
		{"misspelt", "myhostnam = mx.example", smtpd, nil, "main.cf:17: myhostnam: unknown parameter that no value refers to; write myhostname if that is meant"},
		{"wrong value", "max_idle = never", smtpd, nil, "main.cf:17: max_idle: want a time"},
		{"wrong directory", "queue_directory = queue", smtpd, nil, "main.cf:17: queue_directory: want an absolute path"},
		{"master.cf line", "", "smtp inet n - n - smtpd\n", nil, "master.cf:1: service  left out: want eight fields"},
		{"override", "", "smtp inet n - n - - smtpd -o max_idle=x\n", nil, "master.cf:1: -o max_idle: want a time"},
		{"no master.cf", "", "", func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, "etc/master.cf")) }, "master.cf: no such file"},
		{"no program", "", "x unix - - n - - nosuch\n", nil, "master.cf:1: stat DIR/nosuch: no such file"},
		{"not a program", "", smtpd, func(t *testing.T, dir string) { os.Chmod(filepath.Join(dir, "smtpd"), 0o644) }, "DIR/smtpd is no program"},
		{"no table", "virtual_mailbox_maps = hash:DIR/vmail", smtpd, nil, "main.cf:17: virtual_mailbox_maps: open DIR/vmail: no such file"},
		{"kind of table", "virtual_mailbox_maps = ldap:x", smtpd, nil, "type \"ldap\" is not supported"},
		{"relayhost", "relayhost = smtp://isp.example", smtpd, nil, "main.cf:17: relayhost: next hop \"smtp://isp.example\": port \"//isp.example\""},
		{"transport", "default_transport =", smtpd, nil, "main.cf:17: default_transport: want transport or transport:nexthop"},
		{"routes", "transport_maps = hash:DIR/none", smtpd, nil, "main.cf:17: transport_maps: open DIR/none: no such file"},
		{"name server", "resolver_addresses = ns.example", smtpd, nil, "main.cf:17: resolver_addresses: want address or address:port of a name server, have \"ns.example\"; correct the value"},
		{"no list", "", smtpd, func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, "domains")) }, "DIR/domains: no such file"},
		{"writable", "", smtpd, func(t *testing.T, dir string) { os.Chmod(filepath.Join(dir, "etc/main.cf"), 0o666) }, "main.cf: others than the owner can change it"},
		{"Postfix's queue", "", smtpd, func(t *testing.T, dir string) { os.MkdirAll(filepath.Join(dir, "queue/active"), 0o700) }, "holds a queue of Postfix"},
		{"mode", "", smtpd, func(t *testing.T, dir string) { os.MkdirAll(filepath.Join(dir, "queue/incoming"), 0o755) }, "DIR/queue/incoming has owner"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			main := healthy(t, dir) + strings.ReplaceAll(tt.main, "DIR", dir) + "\n"
			if err := os.WriteFile(filepath.Join(dir, "domains"), []byte("example.net\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			env, stdout, _ := environment(t, main, tt.master)
			if err := os.Symlink(env.Config.Dir, filepath.Join(dir, "etc")); err != nil {
				t.Fatal(err)
			}
			if tt.spoil != nil {
				tt.spoil(t, dir)
			}
			err := check(t.Context(), env, nil)
			out := strings.ReplaceAll(stdout.String(), dir, "DIR")
			if tt.want == "" {
				if err != nil {
					t.Errorf("check: %v\n%s", err, out)
				}
				return
			}
			if exitStatus(t, err) != 1 || !strings.Contains(out, tt.want) {
				t.Errorf("check: %v, want a line with %q in\n%s", err, tt.want, out)
			}
		})
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	env, _, _ := environment(t, "max_idle\n", "")
	for _, args := range [][]string{nil, {"nosuch"}, {"check", "x"}, {"queue"}} {
		env.Args = args
		if err := run(t.Context(), env); err == nil {
			t.Errorf("mailctl %q: no error", args)
		}
	}
	if !strings.Contains(help(), "queue flush [--to DOMAIN|[-n] ID...|ALL|-|FILTER]\n") {
		t.Error(help())
	}
}
