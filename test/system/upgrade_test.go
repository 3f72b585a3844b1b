package system

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"yubin/test/instance"
)

// New programs take over, again and again, while mail flows: nobody is refused
// or cut off, every letter arrives once, and fifty sessions live through it all.
func TestUpgradeUnderLoad(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{OwnPrograms: true})
	pid := i.MasterPID()
	served, finish := steadyLoad(i)
	var sessions []*instance.Session
	for range 50 {
		s := i.Dial()
		s.Want("250", "EHLO long.test")
		sessions = append(sessions, s)
	}
	i.Until("mail flows", func() bool { return served.Load() > 20 })
	const upgrades = 4
	for n := range upgrades {
		version := i.Install('1' + byte(n))
		before := served.Load()
		begun := sessions[n] // in the middle of a letter
		begun.Want("250", "MAIL FROM:<carol@client.test>")
		begun.Want("250", "RCPT TO:<alice@example.test>")
		begun.Want("354", "DATA")
		if err := begun.Send("Subject: begun\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		i.Sendmail("Subject: before\n\nx\n", "alice@example.test")
		r := i.Mailctl("upgrade")
		i.Sendmail("Subject: after\n\nx\n", "alice@example.test")
		begun.Want("250", "x\r\n.")
		if r.Code != 0 || !strings.Contains(r.Stdout, "runs version "+version+":") {
			t.Fatalf("upgrade to %s: %+v", version, r)
		}
		i.Until("mail flows through the new programs alone", func() bool {
			for _, name := range []string{"master", "qmgr", "local"} {
				if len(i.Outdated(name)) > 0 {
					return false
				}
			}
			return len(i.Outdated("smtpd")) == 1 && served.Load() > before+20
		})
		if strings.Count(i.Log(), "upgraded from version ") != n+1 {
			t.Errorf("upgrade %d is not in the log", n+1)
		}
	}
	finish()
	for _, s := range sessions {
		if _, err := s.Deliver("carol@client.test", []string{"alice@example.test"}, "Subject: last\n\nx\n"); err != nil {
			t.Fatalf("in a session that was open: %v", err)
		}
		s.Want("221", "QUIT")
	}
	i.WaitMail("alice", int(served.Load())+len(sessions)+3*upgrades)
	if got := i.MasterPID(); got != pid || len(i.Processes("master")) != 1 {
		t.Errorf("masters %v, want %d alone", i.Processes("master"), pid)
	}
}

// A new program that cannot take over changes nothing.
func TestUpgradeToBrokenProgram(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{OwnPrograms: true})
	good, err := os.ReadFile(filepath.Join(i.Bin, "master"))
	if err != nil {
		t.Fatal(err)
	}
	served, finish := steadyLoad(i)
	for name, content := range map[string][]byte{
		"cut off": good[:len(good)/2], "nonsense": []byte("nonsense"), "empty": {}, "another program": []byte("#!/bin/sh\necho no >&2; exit 1\n"),
	} {
		i.Replace("master", content)
		before := served.Load()
		if r := i.Mailctl("upgrade"); r.Code != 1 || !strings.Contains(r.Stderr, "nothing was changed: the new program ") {
			t.Errorf("%s: %+v", name, r)
		}
		i.Until("mail flows", func() bool { return served.Load() > before+5 })
	}
	i.Replace("master", good)
	version := i.Install('7')
	if r := i.Mailctl("upgrade"); r.Code != 0 || !strings.Contains(r.Stdout, version) {
		t.Errorf("after the repair: %+v", r)
	}
	finish()
	i.WaitMail("alice", int(served.Load()))
	i.Stop()
	if r := i.Mailctl("upgrade"); r.Code != 0 || !strings.Contains(r.Stdout, "not running") {
		t.Errorf("without master: %+v", r)
	}
}
