//go:build root

package root

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"yubin/test/instance"
)

// logIn is what smtpd says to a login by AUTH PLAIN or LOGIN.
func logIn(t *testing.T, i *instance.Instance, mechanism, user, password string) string {
	t.Helper()
	s := i.Dial()
	defer s.Close()
	coded := base64.StdEncoding.EncodeToString
	s.Want("250", "EHLO client.test")
	lines := []string{"AUTH PLAIN " + coded([]byte("\x00"+user+"\x00"+password))}
	if mechanism == "LOGIN" {
		s.Want("334 ", "AUTH LOGIN")
		s.Want("334 ", coded([]byte(user)))
		lines = []string{coded([]byte(password))}
	}
	r, err := s.Cmd(lines[0])
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Users of the system log in with their passwords of PAM, to send letters and to
// fetch them; nobody else does, and what PAM cannot say is no refusal.
func TestPAMLogins(t *testing.T) {
	const (
		password = "correct-horse-battery"
		addr     = "127.33.7.2:1110"
	)
	dir := pamConfig(t, password)
	i := newSystem(t, instance.Options{
		Main: []string{
			"auth_backends = pam:yubin", "smtpd_sasl_auth_enable = yes", "auth_failure_delay = 0", "pamd_time_limit = 8s",
			"service_throttle_time = 1s", "mynetworks = 192.0.2.1",
		},
		Master: []string{addr + " inet n - n - - pop3d"},
	})
	i.Submit("carol@client.test", "ann@localhost", "Subject: for ann\n\nx\n")
	i.WaitLog("to=<ann@localhost>", "status=sent")
	t.Cleanup(func() { os.RemoveAll(filepath.Join(home(t, "ann"), "Maildir")) })

	for _, mechanism := range []string{"PLAIN", "LOGIN"} {
		want(t, mechanism, logIn(t, i, mechanism, "ann", password), "235 2.7.0 ")
	}
	// The guard remembers wrong ones of this client: each name is tried once.
	refused := logIn(t, i, "PLAIN", "nobody-here", password)
	want(t, "unknown", refused, "535 5.7.8 Error: authentication failed")
	if got := logIn(t, i, "PLAIN", "ann", "wrong"); got != refused {
		t.Errorf("a wrong password is told %q, an unknown user %q", got, refused)
	}
	want(t, "expired", logIn(t, i, "PLAIN", "ben", password), "535 5.7.8 ")
	i.WaitLog("dovecot: auth-worker(", "pam(ann,127.0.0.1,<", ">): Password mismatch")
	i.WaitLog("dovecot: auth: pam(nobody-here,127.0.0.1,<", ">): unknown user")

	s := i.Dial()
	defer s.Close()
	s.Want("250", "EHLO client.test")
	plain := "AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00ann\x00"+password))
	s.Want("235", plain)
	s.Want("250", "MAIL FROM:<ann@localhost>")
	s.Want("250", "RCPT TO:<bob@elsewhere.test>") // permit_sasl_authenticated

	c, in := pop3(t, addr)
	ask(t, c, in, "+OK", "USER ann")
	ask(t, c, in, "+OK", "PASS "+password)
	ask(t, c, in, "+OK 1 ", "STAT")
	ask(t, c, in, "+OK", "QUIT")
	c, in = pop3(t, addr)
	ask(t, c, in, "+OK", "USER ann")
	ask(t, c, in, "-ERR [AUTH] ", "PASS wrong")
	i.KeepsSecret("ann", password)

	write(t, dir, "nologin", 0o644, "closed")
	want(t, "while nobody may log in", logIn(t, i, "PLAIN", "ann", password), "535 5.7.8 ")
	if err := os.Remove(filepath.Join(dir, "nologin")); err != nil {
		t.Fatal(err)
	}

	// pamd ends at once, and again.
	program := filepath.Join(i.Bin, "pamd")
	if err := os.Rename(program, program+".good"); err != nil {
		t.Fatal(err)
	}
	write(t, i.Bin, "pamd", 0o755, "#!/bin/sh", "exit 1")
	for _, pid := range i.Processes("pamd") {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	want(t, "while pamd is down", logIn(t, i, "PLAIN", "ann", password), "454 4.7.0 ")
	if err := os.Rename(program+".good", program); err != nil {
		t.Fatal(err)
	}
	i.Until("pamd is up again", func() bool { return strings.HasPrefix(logIn(t, i, "PLAIN", "ann", password), "235 ") })
}
