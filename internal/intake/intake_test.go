package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/queue"
)

func TestCommit(t *testing.T) {
	t.Parallel()
	q := newFake(t)
	c := newClient(q, Options{})
	wait := blank(t, c)
	f := <-q.conns
	if p := f.packet(); p.Want < 1 {
		t.Fatalf("asked for %d blanks", p.Want)
	}
	f.lend(2)
	b, err := wait()
	if err != nil || b.Size != 7 {
		t.Fatalf("%+v, %v", b, err)
	}
	b.File.Close()
	answer := commit(t, c, b, "AS")
	if got := f.commits(); len(got) != 1 || got[0] != (ipc.Commit{Blank: b.ID, As: "AS"}) {
		t.Fatalf("commits %+v", got)
	}
	f.say(ipc.LendPacket{Done: []ipc.Done{{Blank: b.ID, ID: "AS"}}})
	if id, err := answer(); id != "AS" || err != nil {
		t.Fatalf("%q, %v", id, err)
	}

	// The second one is at hand; it is refused.
	b = ready(t, c)
	answer = commit(t, c, b, "")
	f.commits()
	f.say(ipc.LendPacket{Done: []ipc.Done{{Blank: b.ID, Error: "no room"}}})
	var refused *Refused
	if _, err := answer(); !errors.As(err, &refused) || refused.Reason != "no room" {
		t.Fatalf("%v", err)
	}
}

// When qmgr dies, nothing under way is called safe, and the next need dials.
func TestDown(t *testing.T) {
	t.Parallel()
	q, c, f, under := lent(t, Options{}, 2)
	held := ready(t, c)
	answer := commit(t, c, under, "")
	f.commits()
	f.c.Close()
	if _, err := answer(); !errors.Is(err, ErrDown) {
		t.Errorf("commit under way: %v", err)
	}
	if _, err := c.Commit(t.Context(), held, ""); !errors.Is(err, ErrDown) {
		t.Errorf("commit of what the dead one lent: %v", err)
	}
	c.Return(held)

	q.lends(1, blank(t, c)) // by the next one
}

// Who waits for a blank when qmgr goes away gets one from its successor.
func TestWaitOverRestart(t *testing.T) {
	t.Parallel()
	q := newFake(t)
	c := newClient(q, Options{})
	wait := blank(t, c)
	f := <-q.conns
	f.packet()
	f.c.Close()
	q.lends(1, wait)
}

// A qmgr that drains hears nothing more, and answers what it has heard.
func TestDrain(t *testing.T) {
	t.Parallel()
	q, c, f, first := lent(t, Options{}, 2)
	second := ready(t, c)
	heard := commit(t, c, first, "")
	f.commits()
	f.c.Unix().CloseRead()
	unheard := commit(t, c, second, "")
	f.done(first)
	if id, err := heard(); id != first.ID || err != nil {
		t.Errorf("heard commit: %q, %v", id, err)
	}
	if _, err := unheard(); !errors.Is(err, ErrDown) {
		t.Errorf("unheard commit: %v", err)
	}
	q.lends(1, blank(t, c)) // by the next generation
}

// What is committed while qmgr flushes goes to it in one packet afterwards.
func TestCommitsGather(t *testing.T) {
	t.Parallel()
	_, c, f, first := lent(t, Options{}, 3)
	go c.Commit(t.Context(), first, "")
	f.commits()
	for range 2 {
		if _, err := c.submit(ready(t, c), ""); err != nil {
			t.Fatal(err)
		}
	}
	f.done(first)
	if got := f.commits(); len(got) != 2 {
		t.Fatalf("commits %+v, want both", got)
	}
}

// A qmgr that makes way for another still takes what was begun on its blanks;
// everything else goes to the next one, and the connection ends by itself.
func TestRetire(t *testing.T) {
	t.Parallel()
	q, c, f, begun := lent(t, Options{}, 1)
	waiting := blank(t, c)
	for f.packet().Want == 0 {
	}
	f.say(ipc.LendPacket{Retire: true})
	next, other := q.lends(1, waiting) // who waited asks the next generation
	f.lend(1)                          // too late: it is not used
	answer := commit(t, c, begun, "")
	f.commits()
	f.done(begun)
	if id, err := answer(); id != begun.ID || err != nil {
		t.Errorf("commit of what was begun: %q, %v", id, err)
	}
	for range f.packets { // until the writer has gone
	}
	c.Return(other)
	if p := next.packet(); len(p.Return) != 1 || p.Return[0] != other.ID {
		t.Errorf("the next generation heard %+v", p)
	}
}

// An unused connection ends at once when qmgr makes way.
func TestRetireUnused(t *testing.T) {
	t.Parallel()
	_, c, f, b := lent(t, Options{}, 3)
	f.say(ipc.LendPacket{Retire: true})
	c.Return(b)
	for range f.packets {
	}
}

func TestFull(t *testing.T) {
	t.Parallel()
	q := newFake(t)
	c := newClient(q, Options{})
	f, held := q.lends(1, blank(t, c))
	wait := blank(t, c)
	f.packet()
	why, none := "disk full", ""
	f.say(ipc.LendPacket{Full: &why})
	if _, err := wait(); !errors.Is(err, ErrFull) {
		t.Errorf("waiting: %v", err)
	}
	if _, err := c.Blank(t.Context()); !errors.Is(err, ErrFull) || !c.Full(t.Context()) {
		t.Errorf("full: %v, %t", err, c.Full(t.Context()))
	}
	// What was wanted is still wanted: the blank comes with the news. The
	// commit's answer shows that both have been read.
	answer := commit(t, c, held, "")
	f.commits()
	f.say(ipc.LendPacket{Full: &none})
	f.lend(1)
	f.done(held)
	if _, err := answer(); err != nil {
		t.Error(err)
	}
	if _, err := c.Blank(t.Context()); err != nil || c.Full(t.Context()) {
		t.Errorf("lifted: %v, %t", err, c.Full(t.Context()))
	}
}

// Who wants to know whether there is room hears what qmgr says, also when nothing is
// known of it yet. The blank that is asked for stays at hand.
func TestFullIsAsked(t *testing.T) {
	t.Parallel()
	q := newFake(t)
	c := newClient(q, Options{})
	full := func() func() (bool, error) {
		return later(func() (bool, error) { return c.Full(t.Context()), nil })
	}
	wait := full()
	f := <-q.conns
	f.packet()
	f.lend(1)
	if is, _ := wait(); is {
		t.Error("full with a blank lent")
	}
	c.Return(ready(t, c))
	for !c.Idle() {
	}

	// Its connection has ended, and with it what was known.
	wait = full()
	f = <-q.conns
	f.packet()
	why := "disk full"
	f.say(ipc.LendPacket{Full: &why})
	if is, _ := wait(); !is {
		t.Error("not full")
	}
	if !c.Full(t.Context()) {
		t.Error("not full any more")
	}

	// A qmgr that goes away has no say.
	c = newClient(q, Options{})
	wait = full()
	for range 2 { // what waits over the end of a connection dials once more
		f = <-q.conns
		f.packet()
		f.c.Close()
	}
	if is, _ := wait(); is {
		t.Error("full without qmgr")
	}
}

func TestCannotDial(t *testing.T) {
	t.Parallel()
	q := newFake(t)
	q.fail = errors.New("no such file")
	c := newClient(q, Options{})
	if _, err := c.Blank(t.Context()); !errors.Is(err, ErrDown) || !errors.Is(err, q.fail) {
		t.Error(err)
	}
	if !c.Idle() {
		t.Error("not idle")
	}
}

// A wait has an end, and what comes afterwards is for the next one.
func TestWaitEnds(t *testing.T) {
	t.Parallel()
	q := newFake(t)
	c := newClient(q, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	wait := later(func() (*Blank, error) { return c.Blank(ctx) })
	f := <-q.conns
	f.packet()
	cancel()
	if _, err := wait(); !errors.Is(err, ErrDown) || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	f.lend(1)
	ready(t, c)
}

// An unused connection is dropped; one that somebody depends on is not.
func TestLinger(t *testing.T) {
	t.Parallel()
	_, c, f, b := lent(t, Options{Linger: time.Millisecond}, 1)
	if c.Idle() {
		t.Error("idle with a blank in hand")
	}
	c.Return(b)
	returned := false
	for p := range f.packets { // until the connection ends
		returned = returned || len(p.Return) == 1 && p.Return[0] == b.ID
	}
	if !returned {
		t.Error("the blank was not given back")
	}
	if !c.Idle() {
		t.Error("not idle")
	}
}

// A qmgr that talks nonsense is hung up on.
func TestNonsense(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]ipc.LendPacket{
		"blank without a file": {Lend: []ipc.Blank{{ID: queue.FreshID(time.Now(), '0')}}},
		"unknown commit":       {Done: []ipc.Done{{Blank: "X", ID: "X"}}},
	} {
		t.Run(name, func(t *testing.T) {
			q := newFake(t)
			c := newClient(q, Options{})
			wait := blank(t, c)
			f := <-q.conns
			f.packet()
			f.say(p)
			for range f.packets {
			}
			q.lends(1, wait) // with another connection
		})
	}
}

// Many sessions at once: everybody gets the answer to the own commit, and the
// commits share packets.
func TestMany(t *testing.T) {
	t.Parallel()
	q := newFake(t)
	c := newClient(q, Options{})
	const sessions, each = 50, 40
	var wg sync.WaitGroup
	for range sessions {
		wg.Go(func() {
			for range each {
				b, err := c.Blank(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				b.File.Close()
				if id, err := c.Commit(t.Context(), b, ""); id != b.ID || err != nil {
					t.Errorf("%s: %q, %v", b.ID, id, err)
					return
				}
			}
		})
	}
	f := <-q.conns
	served := make(chan struct{})
	go func() {
		defer close(served)
		serve(f)
	}()
	wg.Wait()
	c.Close()
	<-served
}

// BenchmarkCommit is what lending and committing cost without the queue.
func BenchmarkCommit(b *testing.B) {
	for _, sessions := range []int{1, 50} {
		b.Run(fmt.Sprintf("%dsessions", sessions), func(b *testing.B) {
			q := newFake(b)
			c := newClient(q, Options{})
			b.SetParallelism((sessions + 1) / 2)
			go func() { serve(<-q.conns) }()
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					blank, err := c.Blank(b.Context())
					if err != nil {
						b.Error(err)
						return
					}
					blank.File.Close()
					if _, err := c.Commit(b.Context(), blank, ""); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

// Where no descriptor is left the blanks of a packet are lost, and go back; what
// else it says counts: a letter that is safe is not refused.
func TestDescriptorsLost(t *testing.T) {
	t.Parallel()
	_, c, f, under := lent(t, Options{}, 1)
	answer := commit(t, c, under, "")
	f.commits()
	wait := blank(t, c)
	lost := queue.FreshID(time.UnixMicro(1000), queue.OriginQmgr)
	b, err := json.Marshal(ipc.LendPacket{
		Lend: []ipc.Blank{{ID: lost, Size: 7}}, Done: []ipc.Done{{Blank: under.ID, ID: under.ID}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for p := f.packet(); p.Want == 0; {
		p = f.packet()
	}
	// More than a packet may have are lost like those that the process has no room for.
	tooMany := make([]int, 2*fdpass.MaxFiles)
	for i := range tooMany {
		tooMany[i] = int(os.Stdin.Fd())
	}
	if _, _, err := f.c.Unix().WriteMsgUnix(b, unix.UnixRights(tooMany...), nil); err != nil {
		t.Fatal(err)
	}
	if id, err := answer(); id != under.ID || err != nil {
		t.Errorf("a commit that is safe: %q, %v", id, err)
	}
	if _, err := wait(); !errors.Is(err, ErrFull) {
		t.Errorf("who waits for a blank: %v", err)
	}
	if p := f.packet(); len(p.Return) != 1 || p.Return[0] != lost {
		t.Errorf("%+v: want the lost blank back", p)
	}
	f.lend(1)
	for {
		if b, err := c.Blank(t.Context()); err == nil {
			c.Return(b)
			break
		}
	}
}
