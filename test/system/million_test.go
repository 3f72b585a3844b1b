package system

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"yubin/internal/queue"
	"yubin/test/instance"
)

const million = 1_000_000

// With a million deferred messages qmgr starts, delivers what comes in, finds
// all of the million, and lists it, in memory that is bounded by its parameters.
// The messages are one file with a million names in a file system in memory: none is
// due, so that nobody minds whose ID is in it.
func TestMillionDeferred(t *testing.T) {
	i := instance.New(t, instance.Options{Parent: "/dev/shm", Stopped: true})
	dir := i.Path("queue")
	fillDeferred(t, dir)
	began := time.Now()
	i.Start()
	i.Submit("carol@client.test", "alice@example.test", "Subject: fresh\n\nx\n")
	i.WaitMail("alice", 1)
	i.WaitLog(": removed") // from the queue, a moment after it is in the mailbox
	t.Logf("the fresh message was there %v after the start", time.Since(began))

	chosen := i.Mailctl("queue", "delete", "--dry-run", "ALL")
	if want := fmt.Sprintf("%d messages chosen", million); !strings.Contains(chosen.Stderr, want) {
		t.Errorf("%s, want %s", chosen.Stderr, want)
	}
	lister := readListing(t, exec.Command(filepath.Join(i.Bin, "mailq"), "-c", i.Etc(), "--json"), 100_000)
	qmgr := i.Processes("qmgr")
	if len(qmgr) != 1 {
		t.Fatalf("%d queue managers", len(qmgr))
	}
	manager := peak(t, qmgr[0])
	t.Logf("peaks: qmgr %d MiB, mailq %d MiB", manager>>20, lister>>20)
	// 100,000 of those that are due first, twice while they are looked for, and the names of
	// a part of the directory: some 30 MB, and as much again before it is collected.
	if manager > 128<<20 || lister > 32<<20 {
		t.Errorf("peaks: qmgr %d MiB, mailq %d MiB, want at most 128 and 32", manager>>20, lister>>20)
	}
}

// fillDeferred makes the queue in dir, with a million messages that are due in
// an hour.
func fillDeferred(t *testing.T, dir string) {
	t.Helper()
	if err := queue.Prepare(dir, queue.PrepareOptions{UID: os.Geteuid(), GID: os.Getegid()}); err != nil {
		t.Fatal(err)
	}
	first := filepath.Join(dir, queue.DirDeferred, id(0))
	f, err := os.Create(first)
	if err != nil {
		t.Fatal(err)
	}
	w, err := queue.NewWriter(f, id(0), 0, &queue.Envelope{Sender: "ann@client.test", Recipients: []queue.Recipient{{Address: "far@away.test"}}})
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		err = os.Chtimes(first, time.Now(), time.Now().Add(time.Hour))
	}
	d, openErr := os.Open(filepath.Dir(first))
	if err != nil || openErr != nil {
		t.Fatal(err, openErr)
	}
	defer d.Close()
	for n := 1; n < million; n++ {
		if err := unix.Linkat(int(d.Fd()), id(0), int(d.Fd()), id(n), 0); err != nil {
			t.Fatalf("name %d: %v", n, err)
		}
	}
}

func id(n int) string {
	return queue.FreshID(time.UnixMicro(1_700_000_000_000_000+int64(n)), queue.OriginQmgr)
}

// readListing reads so many lines of what c prints, and returns how much memory c
// took for them.
func readListing(t *testing.T, c *exec.Cmd, lines int) int64 {
	t.Helper()
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	s := bufio.NewScanner(out)
	for n := range lines {
		if !s.Scan() || !strings.HasPrefix(s.Text(), `{"queue_name": "`) {
			t.Errorf("line %d: %q, %v", n, s.Text(), s.Err())
			break
		}
	}
	octets := peak(t, c.Process.Pid)
	c.Process.Kill()
	c.Wait()
	return octets
}

// peak is the most memory that a process has had.
func peak(t *testing.T, pid int) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(b), "VmHWM:")
	fields := strings.Fields(text)
	if len(fields) == 0 {
		t.Fatalf("no VmHWM in\n%s", b)
	}
	kib, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}
