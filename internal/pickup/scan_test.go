package pickup

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"yubin/internal/queue"
)

func TestForeignNames(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, name := range []string{"README", ".x", queue.CounterName(os.Getuid())} {
		if err := os.WriteFile(f.path("maildrop", name), []byte(strings.Repeat(".", 9)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f.turn()
	if got := f.names("maildrop"); got != ".x README" {
		t.Errorf("maildrop holds %q; want the counter removed and the rest left", got)
	}
	f.at = f.at.Add(2 * unmarked)
	f.turn()
	if f.names("maildrop") != ".x" || f.names("corrupt") != "README" {
		t.Errorf("maildrop %q, corrupt %q", f.names("maildrop"), f.names("corrupt"))
	}
}

// Another generation of pickup works: nothing is touched.
func TestLocked(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.drop(id1, id1, &plain, "\n")
	other, err := os.Open(f.path("maildrop"))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(other.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if _, err := f.w.turns(t.Context()); !errors.Is(err, errLocked) || f.names("maildrop") != id1 {
		t.Errorf("got %v, maildrop %q", err, f.names("maildrop"))
	}
	other.Close()
	f.turn()
}

func TestRoundRobin(t *testing.T) {
	t.Parallel()
	var files []file
	for n := range 1000 {
		files = append(files, file{fmt.Sprintf("%04d", 999-n), 1})
	}
	files = append(files, file{"b", 2}, file{"a", 2}, file{"c", 3})
	got := roundRobin(files, 6)
	if want := "[{0000 1} {a 2} {c 3} {0001 1} {b 2} {0002 1}]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
	if n := len(roundRobin(files, 5000)); n != len(files) {
		t.Errorf("%d of %d files", n, len(files))
	}
}

// run takes what is there and what comes, and ends when it is drained.
func TestRun(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const n = 3*turn/2 + 7
	for n := range n {
		id := fmt.Sprintf("0652A1B2C%04X1", n)
		f.drop(id, id, &plain, "\n")
	}
	f.l.want, f.l.reached = n, make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.w.run(t.Context())
	}()
	f.w.poke()
	<-f.l.reached
	f.w.drain()
	<-done
	if got := len(strings.Fields(f.names("incoming"))); got != n {
		t.Errorf("%d letters of %d", got, n)
	}
}
