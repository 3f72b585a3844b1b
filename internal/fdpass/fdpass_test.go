package fdpass

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Descriptors that find no room are lost, and whoever waits for them is told;
// the packet beside them is not, and the connection goes on.
func TestNoRoom(t *testing.T) {
	if os.Getenv("YUBIN_FDPASS_CHILD") == "" {
		c := exec.Command(os.Args[0], "-test.run=^TestNoRoom$")
		c.Env = append(os.Environ(), "YUBIN_FDPASS_CHILD=1") // the limit is a process's own
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	a, b, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	defer b.Close()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, word := range []string{"first", "second"} {
		if err := a.Send(word, r, w); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	b.Unix().SetDeadline(time.Now().Add(time.Minute))
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(w0(t)) + 1, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	var got string
	files, err := b.Recv(&got)
	if !errors.Is(err, ErrFiles) || files != nil || got != "first" {
		t.Errorf("without room: %q, %v, %v", got, files, err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if files, err = b.Recv(&got); err != nil || len(files) != 2 || got != "second" {
		t.Errorf("with room: %q, %v, %v", got, files, err)
	}
	CloseAll(files)
}

// w0 is the lowest descriptor that is free.
func w0(t *testing.T) int {
	t.Helper()
	fd, err := unix.Dup(0)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(fd)
	return fd
}

// A peer that ends with packets unread has still said what it has said: an agent
// that is killed has delivered what it has answered.
func TestLastWords(t *testing.T) {
	t.Parallel()
	a, b, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	for _, err := range []error{b.Send("one"), b.Send("two"), a.Send("unread"), b.Close()} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"one", "two"} {
		var got string
		if _, err := a.Recv(&got); err != nil || got != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	if _, err := a.Recv(new(string)); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}
