package system

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"yubin/test/instance"
)

// A ledger knows what was accepted: the subjects of all messages whose 250 or
// exit 0 was seen, and those of which nothing is known (the connection broke
// after the final dot).
type ledger struct {
	mu       sync.Mutex
	accepted map[string]bool
	unknown  map[string]bool
}

func (l *ledger) note(subject string, known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known {
		l.accepted[subject] = true
	} else {
		l.unknown[subject] = true
	}
}

// audit fails the test unless every accepted message is in the mailbox once
// and nothing else is, but for messages of which nothing is known (at most once).
func (l *ledger) audit(t *testing.T, mail map[string]string) {
	t.Helper()
	seen := map[string]int{}
	for _, m := range mail {
		_, rest, _ := strings.Cut(m, "\nSubject: ")
		subject, _, _ := strings.Cut(rest, "\n")
		seen[subject]++
		if want := letter(subject); !strings.HasSuffix(m, want[strings.Index(want, "\n\n"):]) {
			t.Errorf("message %q is not what was accepted: %q", subject, m)
		}
	}
	for s := range l.accepted {
		if seen[s] != 1 {
			t.Errorf("accepted message %q was delivered %d times", s, seen[s])
		}
	}
	for s, n := range seen {
		if !l.accepted[s] && (!l.unknown[s] || n > 1) {
			t.Errorf("message %q was delivered %d times, but not accepted", s, n)
		}
	}
	t.Logf("%d accepted, %d unknown, %d delivered", len(l.accepted), len(l.unknown), len(mail))
}

func letter(subject string) string {
	return "Subject: " + subject + "\n\n" + strings.Repeat(subject+" body\n", 1+len(subject)*3%50)
}

// load submits letters to alice until stop is closed: two SMTP clients that
// reconnect when cut off, and one script.
func load(i *instance.Instance, stop chan struct{}) (wait func() *ledger) {
	l := &ledger{accepted: map[string]bool{}, unknown: map[string]bool{}}
	var wg sync.WaitGroup
	running := func() bool {
		select {
		case <-stop:
			return false
		default:
			return true
		}
	}
	for c := range 2 {
		wg.Go(func() {
			for n := 0; running(); {
				s, err := instance.Dial(i.T, i.Addr)
				if err != nil {
					continue
				}
				for _, err := s.Cmd("EHLO client.test"); err == nil && running(); n++ {
					subject := fmt.Sprintf("smtp-%d-%d", c, n)
					_, err = s.Deliver("carol@client.test", []string{"alice@example.test"}, letter(subject))
					switch {
					case err == nil:
						l.note(subject, true)
					case strings.Contains(err.Error(), "end of data: 451"), !strings.Contains(err.Error(), ": 4"):
						// Whoever was killed may have had the message already.
						l.note(subject, false)
					}
				}
				s.Close()
			}
		})
	}
	wg.Go(func() {
		for n := 0; running(); n++ {
			subject := fmt.Sprintf("script-%d", n)
			c := exec.Command(filepath.Join(i.Bin, "sendmail"), "-C", i.Etc(), "-f", "carol@client.test", "alice@example.test")
			c.Stdin = strings.NewReader(letter(subject))
			l.note(subject, c.Run() == nil)
		}
	})
	return func() *ledger { wg.Wait(); return l }
}

// Each process is killed, again and again, under load; at the end every
// accepted message has arrived, once.
func TestKillEachProcess(t *testing.T) {
	t.Parallel()
	for _, victim := range []string{"smtpd", "qmgr", "pickup", "local", "master", "all"} {
		t.Run(victim, func(t *testing.T) {
			t.Parallel()
			i := instance.New(t, instance.Options{Main: []string{"service_throttle_time = 1s", "minimal_backoff_time = 1s", "maximal_backoff_time = 2s", "queue_run_delay = 1s"}})
			stop := make(chan struct{})
			wait := load(i, stop)
			kills := 0
			for end := time.Now().Add(6 * time.Second); time.Now().Before(end); {
				before := len(i.Mail("alice"))
				i.Until("mail flows before the next kill", func() bool { return len(i.Mail("alice")) > before+rand.IntN(20) })
				switch victim {
				case "master":
					i.KillMaster()
					i.Start()
				case "all":
					i.Crash()
					i.Start()
				default:
					for _, pid := range i.Processes(victim) {
						syscall.Kill(pid, syscall.SIGKILL)
						kills++
					}
				}
			}
			close(stop)
			l := wait()
			t.Logf("%d kills", kills)
			i.Until("the queue is empty", func() bool {
				i.Mailctl("queue", "flush")
				return i.Drained()
			})
			l.audit(t, i.Mail("alice"))
		})
	}
}

// A reload refuses no connection and cuts no session.
func TestReloadUnderLoad(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{})
	served, finish := steadyLoad(i)
	session := i.Dial() // lives through all reloads
	session.Want("250", "EHLO long.test")
	for n := range 5 {
		before := served.Load()
		i.AppendMain(fmt.Sprintf("smtpd_banner = $myhostname ESMTP generation %d", n))
		i.Reload()
		i.Until("the new configuration serves", func() bool {
			c, err := net.Dial("tcp", i.Addr)
			if err != nil {
				t.Fatalf("connect during a reload: %v", err)
			}
			defer c.Close()
			c.SetDeadline(time.Now().Add(instance.Wait))
			b := make([]byte, 200)
			k, _ := c.Read(b)
			return strings.Contains(string(b[:k]), fmt.Sprintf("generation %d", n)) && served.Load() > before
		})
	}
	finish()
	session.Want("250", "MAIL FROM:<carol@client.test>")
	session.Want("221", "QUIT")
	i.WaitMail("alice", int(served.Load()))
}

// steadyLoad has four clients send letters to alice one after the other, each
// over a connection of its own, until finish. Every refusal and every broken
// session fails the test; served counts the letters.
func steadyLoad(i *instance.Instance) (served *atomic.Int64, finish func()) {
	stop := make(chan struct{})
	served = new(atomic.Int64)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				s, err := instance.Dial(i.T, i.Addr)
				if err == nil {
					_, err = s.Cmd("EHLO client.test")
				}
				if err == nil {
					_, err = s.Deliver("carol@client.test", []string{"alice@example.test"}, "Subject: steady\n\nx\n")
				}
				if err == nil {
					_, err = s.Cmd("QUIT")
				}
				if err != nil {
					i.T.Errorf("refused or cut off after %d letters: %v", served.Load(), err)
					return
				}
				s.Close()
				served.Add(1)
			}
		})
	}
	return served, func() {
		close(stop)
		wg.Wait()
		if served.Load() == 0 {
			i.T.Error("no letter was taken")
		}
	}
}

// A second master for the same queue is refused, and says why.
func TestOneInstance(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{})
	r := i.Run("", "master", "-c", i.Etc())
	if r.Code == 0 || !strings.Contains(r.Stderr, fmt.Sprint(i.MasterPID())) {
		t.Errorf("second master: %+v; want an error that names process %d", r, i.MasterPID())
	}
	if r := i.Mailctl("status"); r.Code != 0 || !strings.Contains(r.Stdout+r.Stderr, fmt.Sprint(i.MasterPID())) {
		t.Errorf("status while running: %+v", r)
	}
	i.Stop()
	if r := i.Mailctl("status"); r.Code == 0 {
		t.Errorf("status while stopped: %+v", r)
	}
}

// An idle system is master alone, and the next letter starts what it needs.
func TestIdleSystem(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{Main: []string{"max_idle = 1s"}})
	i.Submit("carol@client.test", "alice@example.test", "Subject: 1\n\nx\n")
	i.WaitMail("alice", 1)
	i.Until("only master is left", func() bool { return len(i.Processes("")) == 1 })
	i.Sendmail("Subject: 2\n\nx\n", "alice@example.test")
	i.WaitMail("alice", 2)
	// The letter is in the mailbox a moment before qmgr knows that it is.
	i.Until("the queue is empty", func() bool { return i.Mailq() == "Mail queue is empty\n" })
}

// A retry is not missed although every process ends when idle.
func TestRetryWakesAnIdleSystem(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{Main: []string{"max_idle = 1s", "minimal_backoff_time = 4s", "maximal_backoff_time = 4s", "queue_run_delay = 4s"}})
	i.Submit("carol@client.test", "dave@elsewhere.test", "Subject: far\n\nx\n")
	i.WaitLog("to=<dave@elsewhere.test>", "status=deferred")
	i.Until("only master is left", func() bool { return len(i.Processes("")) == 1 })
	n := strings.Count(i.Log(), "status=deferred")
	i.Until("the next attempt", func() bool { return strings.Count(i.Log(), "status=deferred") > n })
}
