package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"yubin/internal/ids"
	"yubin/internal/queue"
)

// The rows of a queue full of deferred mail.

const (
	backlogSize = 1 << 10
	// backlogLater is when the mail would be tried again: not in this run.
	backlogLater  = 6 * time.Hour
	backlogReason = "connect to mx.away.test[192.0.2.1]:25: Connection timed out"
	backlogFrom   = "sender@load.test"
)

func backlogTo(i int) string { return fmt.Sprintf("user%d@%s", i, destination(i%destinations)) }

// A backlogged system can be started with mail in its queue.
type backlogged interface {
	system
	began() time.Time             // when its master was last started
	lists() *exec.Cmd             // prints the queue
	deletes() *exec.Cmd           // removes all of it
	deferred() (n int, err error) // counts it on disk
}

// makeBacklogRows makes the rows of a large queue.
func makeBacklogRows() []row {
	full := func(n int) setup { return setup{left: true, backlog: n, main: "defer_transports = smtp\n"} }
	return []row{
		{name: "mailq/100000", unit: seconds, setup: full(100_000), do: listBacklog, ratio: 0.1},
		{name: "delete/95000", unit: seconds, setup: full(95_000), do: deleteBacklog, ratio: 0.1},
		{name: "restart/100000", unit: seconds, setup: full(100_000), boxes: loadBoxes, do: restartBacklog, most: 1},
	}
}

// listBacklog is the median of three listings, from the start of the command to
// its end; all messages must be in it.
func listBacklog(_ context.Context, r *run, s system, _ *arrivals) (result, error) {
	b := s.(backlogged)
	want, err := b.deferred()
	if err != nil {
		return result{}, err
	}
	var took []float64
	var used usage
	for range 3 {
		out := filepath.Join(r.dir, "listing")
		t, by, err := timed(b.lists(), out)
		if err != nil {
			return result{}, err
		}
		used = used.add(by)
		text, err := os.ReadFile(out)
		if err != nil {
			return result{}, err
		}
		last := strings.TrimSpace(string(text[max(0, len(text)-100):]))
		if !strings.HasSuffix(last, fmt.Sprintf("in %d Requests.", want)) {
			return result{}, fmt.Errorf("%d messages are in the queue, and its listing ends in %q", want, last)
		}
		took = append(took, t.Seconds())
	}
	slices.Sort(took)
	return result{value: took[1], messages: 3 * want, client: used}, nil
}

// deleteBacklog removes everything and makes sure that it is gone.
func deleteBacklog(_ context.Context, r *run, s system, _ *arrivals) (result, error) {
	b := s.(backlogged)
	n, err := b.deferred()
	if err != nil {
		return result{}, err
	}
	t, used, err := timed(b.deletes(), filepath.Join(r.dir, "deleted"))
	if err != nil {
		return result{}, err
	}
	if n, err := b.deferred(); err != nil || n > 0 {
		return result{}, errors.Join(err, fmt.Errorf("%d messages are left", n))
	}
	return result{value: t.Seconds(), messages: n, client: used}, nil
}

// restartBacklog measures from the start of master until a message that comes in
// as soon as somebody answers is in its mailbox.
func restartBacklog(ctx context.Context, _ *run, s system, a *arrivals) (result, error) {
	d, err := dial(s.addr())
	if err != nil {
		return result{}, err
	}
	defer d.Close()
	for _, c := range []struct{ command, code string }{
		{"MAIL FROM:<" + backlogFrom + ">\r\n", "250"}, {string(rcptCommands(1)[0]), "250"}, {"DATA\r\n", "354"}, {string(wire(1 << 10)), "250"},
	} {
		if err := d.ask([]byte(c.command), 1, c.code); err != nil {
			return result{}, err
		}
	}
	end, err := a.wait(ctx, 1)
	return result{value: end.Sub(s.(backlogged).began()).Seconds(), messages: 1}, err
}

// timed runs a command with its output in a file.
func timed(c *exec.Cmd, out string) (time.Duration, usage, error) {
	f, err := os.Create(out)
	if err != nil {
		return 0, usage{}, err
	}
	defer f.Close()
	c.Stdout, c.Stderr = f, f
	start := time.Now()
	if err := c.Run(); err != nil {
		text, _ := os.ReadFile(out)
		return 0, usage{}, fmt.Errorf("%s: %w\n%s", strings.Join(c.Args, " "), err, text[:min(len(text), 500)])
	}
	return time.Since(start), usage{user: c.ProcessState.UserTime(), sys: c.ProcessState.SystemTime()}, nil
}

func (p *private) began() time.Time { return p.startedAt }

// countIDs counts the files below dir, which may have subdirectories.
func countIDs(dir string) (n int, err error) {
	err = filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			n++
		}
		return err
	})
	return n, err
}

func (y *yubin) lists() *exec.Cmd { return exec.Command(filepath.Join(y.bin, "mailq"), "-c", y.etc) }
func (y *yubin) deletes() *exec.Cmd {
	return exec.Command(filepath.Join(y.bin, "mailctl"), "-c", y.etc, "queue", "delete", "ALL")
}
func (y *yubin) deferred() (int, error) {
	return countIDs(filepath.Join(y.queueDir, queue.DirDeferred))
}

// fillQueue writes n deferred messages as qmgr would have left them.
func (y *yubin) fillQueue(dir string, n int) error {
	owner, err := ids.User("yubin")
	if err != nil {
		return err
	}
	drop, err := ids.Group("maildrop")
	if err != nil {
		return err
	}
	if err := queue.Prepare(dir, queue.PrepareOptions{UID: owner.UID, GID: drop}); err != nil {
		return err
	}
	content, now := script(backlogSize), time.Now()
	for i := range n {
		id := queue.FreshID(now.Add(-time.Hour+time.Duration(i)*time.Millisecond), queue.OriginQmgr)
		path := filepath.Join(dir, queue.DirDeferred, id)
		if err := y.writeDeferred(path, id, i, content); err != nil {
			return err
		}
		if err := errors.Join(os.Chown(path, owner.UID, -1), os.Chtimes(path, now, now.Add(backlogLater+time.Duration(i)*time.Millisecond))); err != nil {
			return err
		}
	}
	return nil
}

func (y *yubin) writeDeferred(path, id string, i int, content []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	w, err := queue.NewWriter(f, id, 0, &queue.Envelope{Sender: backlogFrom, Recipients: []queue.Recipient{{Address: backlogTo(i)}}})
	if err != nil {
		return err
	}
	w.Write(content)
	if err := w.Close(); err != nil {
		return err
	}
	if f, err = os.OpenFile(path, os.O_RDWR, 0); err != nil {
		return err
	}
	defer f.Close()
	m, err := queue.Read(f)
	if err != nil {
		return err
	}
	record, err := queue.AppendRecord(nil, id, &queue.Record{
		State: queue.Deferred, Time: time.Now().UnixMicro(), Code: "4.4.1", Text: backlogReason, Recipients: []int{0},
	})
	if err == nil {
		_, err = f.WriteAt(record, m.Tail)
	}
	return err
}

func (p *postfix) lists() *exec.Cmd       { return p.command("sbin/postqueue", "-c", p.etc, "-p") }
func (p *postfix) deletes() *exec.Cmd     { return p.command("sbin/postsuper", "-c", p.etc, "-d", "ALL") }
func (p *postfix) deferred() (int, error) { return countIDs(filepath.Join(p.queueDir, "deferred")) }

// fillQueue has Postfix, which runs on the empty queue in dir, defer one message,
// stops it, and multiplies the message: the file in deferred/, and the one in defer/
// that has the reason. A queue ID is the microsecond and the inode of the file in
// deferred/; the first digit names the subdirectory of both.
func (p *postfix) fillQueue(dir string, n int) error {
	letter := filepath.Join(p.dir, "letter")
	if err := os.WriteFile(letter, script(backlogSize), 0o644); err != nil {
		return err
	}
	if err := runSendmail(p.sendmail(), letter, backlogTo(0)); err != nil {
		return err
	}
	var message, reason string
	for deadline := time.Now().Add(startTime); message == "" || reason == ""; time.Sleep(50 * time.Millisecond) {
		message, reason = oneBelow(filepath.Join(dir, "deferred")), oneBelow(filepath.Join(dir, "defer"))
		if time.Now().After(deadline) {
			return fmt.Errorf("no deferred message within %v", startTime)
		}
	}
	if err := p.private.stop(); err != nil {
		return err
	}
	file, err := os.ReadFile(message)
	if err != nil {
		return err
	}
	why, err := os.ReadFile(reason)
	if err != nil {
		return err
	}
	owner, err := ids.User("postfix")
	if err != nil {
		return err
	}
	for _, d := range []string{"deferred", "defer"} {
		for _, c := range "0123456789ABCDEF" {
			sub := filepath.Join(dir, d, string(c))
			if err := errors.Join(os.MkdirAll(sub, 0o700), os.Chown(sub, owner.UID, -1)); err != nil {
				return err
			}
		}
	}
	when := time.Now().Add(backlogLater)
	for i := 1; i < n; i++ {
		if err := p.multiply(dir, i, file, why, owner.UID, when); err != nil {
			return err
		}
	}
	return os.Chtimes(message, when, when)
}

// multiply writes one more message.
func (p *postfix) multiply(dir string, i int, file, why []byte, owner int, when time.Time) error {
	usec := fmt.Sprintf("%05X", i*7%1_000_000)
	sub := filepath.Join(dir, "deferred", usec[:1])
	temporary := filepath.Join(sub, "new")
	if err := os.WriteFile(temporary, file, 0o700); err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Stat(temporary, &st); err != nil {
		return err
	}
	id := usec + strings.ToUpper(strconv.FormatUint(st.Ino, 16))
	log := filepath.Join(dir, "defer", usec[:1], id)
	return errors.Join(
		os.Chown(temporary, owner, -1), os.Chtimes(temporary, when, when), os.Rename(temporary, filepath.Join(sub, id)),
		os.WriteFile(log, why, 0o600), os.Chown(log, owner, -1),
	)
}

// oneBelow returns a file in a subdirectory of dir, "" when there is none.
func oneBelow(dir string) (path string) {
	filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			path = name
			return io.EOF
		}
		return nil
	})
	return path
}
