package master

import (
	"testing"

	"yubin/internal/fdpass"
	"yubin/internal/ipc"
)

// A process that ends before it has read what it is told has still said that it
// accepts no more: it is no bad start.
func TestLastWords(t *testing.T) {
	t.Parallel()
	ours, theirs, err := fdpass.Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	p := &process{status: ours.Unix()}
	p.say(ipc.StatusLog)
	if _, err := theirs.Unix().Write([]byte(ipc.StatusStopped)); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	reports := make(chan report, 2)
	p.hear(reports)
	if got := (<-reports).line; got != ipc.StatusStopped {
		t.Errorf("got %q, want %s", got, ipc.StatusStopped)
	}
}
