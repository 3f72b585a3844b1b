//go:build root

package root

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"yubin/test/instance"
)

// A full queue file system: 452 for clients, EX_TEMPFAIL for scripts, nothing
// lost, and recovery without a restart.
func TestFullQueueFileSystem(t *testing.T) {
	dir, err := os.MkdirTemp("", "yubin-tmpfs") // t.TempDir's parents are closed to other users
	if err != nil {
		t.Fatal(err)
	}
	smallDisk(t, dir, "size=4m,mode=755")
	i := newSystem(t, instance.Options{Main: []string{
		"queue_directory = " + dir + "/queue", "message_size_limit = 500000", "queue_minfree = 1000000", "defer_transports = virtual", "minimal_backoff_time = 1s",
	}})

	// Mail piles up until there is no room.
	accepted := map[string]bool{}
	full := false
	for n := 0; n < 200 && !full; n++ {
		s := i.Dial()
		s.Want("250", "EHLO client.test")
		subject := fmt.Sprintf("message %d", n)
		_, err := s.Deliver("carol@client.test", []string{"alice@example.test"}, "Subject: "+subject+"\n\n"+strings.Repeat(strings.Repeat("x", 70)+"\n", 2000))
		switch {
		case err == nil:
			accepted[subject] = true
		case strings.Contains(err.Error(), "452 4.3.1 Insufficient system storage"):
			full = true
		default:
			t.Fatalf("message %d: %v; want 250 or 452", n, err)
		}
		s.Close()
	}
	if !full || len(accepted) == 0 {
		t.Fatalf("%d messages accepted, full %t", len(accepted), full)
	}

	// Nothing at all is left: sendmail says EX_TEMPFAIL.
	filler := dir + "/filler"
	fillUp(t, filler)
	if r := i.Run("Subject: x\n\n"+strings.Repeat("y", 100000), "sendmail", "-C", i.Etc(), "alice@example.test"); r.Code != 75 {
		t.Errorf("sendmail on a full disk: %+v; want exit 75", r)
	}
	if names, _ := os.ReadDir(dir + "/queue/maildrop"); len(names) != 0 {
		t.Errorf("sendmail left %v", names)
	}

	// Room again: the system takes mail and delivers everything, by itself.
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	i.AppendMain("defer_transports =")
	i.Reload()
	i.Until("the waiting mail is delivered", func() bool {
		i.Mailctl("queue", "flush")
		return len(i.Mail("alice")) == len(accepted)
	})
	for _, m := range i.Mail("alice") {
		_, rest, _ := strings.Cut(m, "\nSubject: ")
		subject, _, _ := strings.Cut(rest, "\n")
		if !accepted[subject] {
			t.Errorf("%q was not accepted, or arrived twice", subject)
		}
		delete(accepted, subject)
	}
	i.Until("mail is taken again", func() bool {
		s := i.Dial()
		defer s.Close()
		s.Want("250", "EHLO client.test")
		_, err := s.Deliver("carol@client.test", []string{"bob@example.test"}, "Subject: again\n\nx\n")
		return err == nil
	})
}

// 250 after the final dot comes after a flush that began after the message's
// name was in its directory: seen from outside, system call by system call.
func TestFlushBefore250(t *testing.T) {
	i := newSystem(t, instance.Options{})
	i.Submit("carol@client.test", "alice@example.test", "Subject: starts the services\n\nx\n")
	args := []string{"-f", "-o", i.Path("trace"), "-s", "200", "-e", "trace=fsync,fdatasync,syncfs,rename,renameat,renameat2,write,sendmsg,sendto"}
	for _, name := range []string{"smtpd", "qmgr"} {
		for _, pid := range i.Processes(name) {
			args = append(args, "-p", strconv.Itoa(pid))
		}
	}
	c := exec.Command("strace", args...)
	stderr, err := c.StderrPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	attached := bufio.NewScanner(stderr)
	for n := 0; n < (len(args)-6)/2 && attached.Scan(); {
		if strings.Contains(attached.Text(), "attached") {
			n++
		}
	}
	go func() {
		for attached.Scan() {
		}
	}()
	var ids []string
	for n := range 10 {
		ids = append(ids, i.Submit("carol@client.test", "alice@example.test", fmt.Sprintf("Subject: %d\n\nx\n", n)))
	}
	c.Process.Signal(syscall.SIGINT)
	c.Wait()
	trace, err := os.ReadFile(i.Path("trace"))
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		checkOrder(t, string(trace), id)
	}
}

var (
	flushStart = regexp.MustCompile(`^(\d+) +(fsync|fdatasync|syncfs)\(`)
	flushEnd   = regexp.MustCompile(`^(\d+) +(<\.\.\. )?(fsync|fdatasync|syncfs).*= 0$`)
)

// checkOrder finds, in a trace, the rename of id into incoming/, then the
// start and the successful end of a flush, then the 250.
func checkOrder(t *testing.T, trace, id string) {
	t.Helper()
	const (
		wantRename = iota
		wantFlush
		wantEnd
		want250
		done
	)
	state, thread := wantRename, ""
	for _, line := range strings.Split(trace, "\n") {
		if strings.Contains(line, "250 2.0.0 Ok: queued as "+id) {
			if state != want250 {
				t.Errorf("%s: 250 was sent in state %d (0: not renamed, 1: no flush begun, 2: flush under way)", id, state)
			}
			state = done
			break
		}
		switch state {
		case wantRename:
			if strings.Contains(line, "rename") && strings.Contains(line, `"`+id+`"`) {
				state = wantFlush
			}
		case wantFlush:
			if m := flushStart.FindStringSubmatch(line); m != nil {
				state, thread = wantEnd, m[1]
				if flushEnd.MatchString(line) {
					state = want250
				}
			}
		case wantEnd:
			if m := flushEnd.FindStringSubmatch(line); m != nil && m[1] == thread {
				state = want250
			}
		}
	}
	if state != done {
		t.Errorf("%s: the trace ends in state %d", id, state)
	}
}
