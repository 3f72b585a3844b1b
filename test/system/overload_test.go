package system

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"yubin/test/instance"
	"yubin/test/peer"
)

// peakMemory is the most that a process has had in memory, KiB.
func peakMemory(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(b), "\nVmHWM:")
	kb, err := strconv.Atoi(strings.Fields(after)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kb
}

// Four times as many clients at once as smtpd serves, a third of them without a
// word to say: each one is served in its turn or told to come later, every 250 is
// a letter that arrives, once, and the next client is answered.
func TestOverload(t *testing.T) {
	t.Parallel()
	const limit, silent, senders = 75, 100, 200
	i := instance.New(t, instance.Options{Main: []string{"smtpd_timeout = ${stress?{5}:{300}}s", "max_idle = 600s"}, Stopped: true})
	i.WriteFile("etc/master.cf", []string{fmt.Sprintf("%s inet n - n - %d smtpd", i.Addr, limit)})
	i.Start()

	var wg, quiet sync.WaitGroup
	var mu sync.Mutex // guards what follows
	var sessions []*instance.Session
	over := false
	accepted := map[string]bool{}
	var answered, refused, late atomic.Int64
	for range silent {
		quiet.Go(func() {
			s, err := instance.Dial(t, i.Addr)
			if err != nil {
				t.Errorf("a silent client: %v", err)
				return
			}
			mu.Lock()
			sessions = append(sessions, s)
			if over {
				s.Close()
			}
			mu.Unlock()
			// It has the time of calmer days again when others have gone.
			if reply, _ := s.Reply(); reply == "421 4.4.2 mx.example.test Error: timeout exceeded" {
				answered.Add(1)
			} else if reply != "" {
				t.Errorf("a silent client: %q", reply)
			}
		})
	}
	for n := range senders {
		wg.Go(func() {
			s, err := instance.Dial(t, i.Addr)
			if err != nil {
				t.Errorf("sender %d: %v", n, err)
				return
			}
			defer s.Close()
			if reply, err := s.Cmd("EHLO client.test"); err != nil || !strings.HasPrefix(reply, "250") {
				if strings.HasPrefix(reply, "421 ") {
					late.Add(1) // it was too slow, on a busy machine
					return
				}
				t.Errorf("sender %d: %q, %v", n, reply, err)
				return
			}
			subject := fmt.Sprintf("letter %d", n)
			switch _, err := s.Deliver("carol@client.test", []string{"alice@example.test"}, "Subject: "+subject+"\n\nx\n"); {
			case err == nil:
				mu.Lock()
				accepted[subject] = true
				mu.Unlock()
			case strings.Contains(err.Error(), ": 4"):
				refused.Add(1)
			default:
				t.Errorf("sender %d: %v", n, err)
			}
		})
	}
	wg.Wait()
	// Who comes now is served.
	i.Submit("carol@client.test", "bob@example.test", "Subject: afterwards\n\nx\n")
	i.WaitMail("bob", 1)
	mu.Lock()
	over = true
	for _, s := range sessions {
		s.Close()
	}
	mu.Unlock()
	quiet.Wait()
	t.Logf("%d silent clients sent away, %d letters accepted, %d put off, %d too late", answered.Load(), len(accepted), refused.Load(), late.Load())
	if len(accepted) < senders/2 {
		t.Errorf("only %d of %d letters were taken", len(accepted), senders)
	}
	for _, m := range i.WaitMail("alice", len(accepted)) {
		_, rest, _ := strings.Cut(m, "\nSubject: ")
		subject, _, _ := strings.Cut(rest, "\n")
		if !accepted[subject] {
			t.Errorf("%q was not accepted, or arrived twice", subject)
		}
		delete(accepted, subject)
	}
	if n := regexp.MustCompile(`smtpd\[\d+\]: warning: service ".*" has \d+ connections of its process limit "75"`).FindAllString(i.Log(), -1); len(n) != 1 {
		t.Errorf("the log tells of stress %d times: %q", len(n), n)
	}
	for _, pid := range i.Processes("smtpd") {
		if kb := peakMemory(t, pid); kb > 100<<10 {
			t.Errorf("smtpd had %d KiB", kb)
		}
	}
}

// When too many letters wait for their first attempt, or the file system has too
// little room, clients hear 452 and scripts wait; then mail is taken again, and
// nothing is lost.
func TestBackPressure(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, line, relief string
		script             int // what sendmail says
	}{
		{"incoming_limit", "incoming_limit = 3", "incoming_limit = 20000", 0}, // its letter waits in maildrop/
		{"queue_minfree", "queue_minfree = 1000000000000000", "queue_minfree = 0", 75},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			i, p := outbound(t, peer.Options{Name: "mx.far.test", Script: peer.Script{"CONNECT": peer.Stall}}, c.line)
			taken := 0
			if c.script != 0 {
				// The very first client hears it before it has begun.
				s := i.Dial()
				s.Want("250", "EHLO client.test")
				s.Want("452 4.3.1 Insufficient system storage", "MAIL FROM:<alice@example.test>")
				s.Close()
			}
			i.Until("452", func() bool {
				s := i.Dial()
				defer s.Close()
				s.Want("250", "EHLO client.test")
				_, err := s.Deliver("alice@example.test", []string{"dave@far.test"}, "Subject: x\n\ny\n")
				switch {
				case err == nil:
					taken++
				case !strings.Contains(err.Error(), "452 4.3.1 Insufficient system storage"):
					t.Fatal(err)
				}
				return err != nil
			})
			if taken > 10 {
				t.Errorf("%d letters were taken", taken)
			}
			if r := i.Run("Subject: by sendmail\n\nx\n", "sendmail", "-C", i.Etc(), "bob@example.test"); r.Code != c.script {
				t.Errorf("sendmail: %+v, want exit %d", r, c.script)
			}
			// Who does not ask for much is answered.
			s := i.Dial()
			s.Want("250", "NOOP")
			s.Close()
			i.AppendMain(c.relief)
			i.Reload()
			if c.script == 0 {
				i.WaitMail("bob", 1)
			}
			i.Until("mail is taken again", func() bool {
				s := i.Dial()
				defer s.Close()
				s.Want("250", "EHLO client.test")
				_, err := s.Deliver("carol@client.test", []string{"alice@example.test"}, "Subject: again\n\nx\n")
				return err == nil
			})
			i.WaitMail("alice", 1)
			for _, once := range []string{"warning: no mail is taken: ", "warning: mail is taken again"} {
				if n := strings.Count(i.Log(), once); n != 1 && c.script != 0 {
					t.Errorf("%q is in the log %d times, want 1", once, n)
				}
			}
			if n := strings.Count(i.Mailq(), "dave@far.test"); n != taken {
				t.Errorf("%d of %d letters wait for the next host", n, taken)
			}
			p.Stop()
		})
	}
}
