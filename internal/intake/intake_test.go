package intake

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/queue"
)

// A fakeQmgr is the other end of connections that a Client dials.
type fakeQmgr struct {
	t     testing.TB
	conns chan *fakeConn
	fail  error // of dialling
}

// A fakeConn is one connection, its packets in a channel that ends with it.
type fakeConn struct {
	t       testing.TB
	c       *fdpass.Conn
	packets chan ipc.WriterPacket
	n       int
}

func newFake(t testing.TB) *fakeQmgr { return &fakeQmgr{t: t, conns: make(chan *fakeConn, 16)} }

func (q *fakeQmgr) dial() (*fdpass.Conn, error) {
	if q.fail != nil {
		return nil, q.fail
	}
	ours, theirs, err := fdpass.Pair()
	if err != nil {
		return nil, err
	}
	f := &fakeConn{t: q.t, c: theirs, packets: make(chan ipc.WriterPacket, 1000)}
	q.t.Cleanup(func() { theirs.Close() })
	go f.read()
	q.conns <- f
	return ours, nil
}

func (f *fakeConn) read() {
	defer close(f.packets)
	var h ipc.Hello
	if _, err := f.c.Recv(&h); err != nil || h.Role != ipc.RoleLend || h.Program != "test" {
		f.t.Errorf("hello %+v, %v", h, err)
		return
	}
	for {
		var p ipc.WriterPacket
		if _, err := f.c.Recv(&p); err != nil {
			return
		}
		f.packets <- p
	}
}

// lend sends n blanks, whose files are of no interest.
func (f *fakeConn) lend(n int) {
	f.t.Helper()
	p := ipc.LendPacket{}
	var files []*os.File
	for range n {
		f.n++
		p.Lend = append(p.Lend, ipc.Blank{ID: queue.FreshID(time.UnixMicro(int64(f.n)), queue.OriginQmgr), Size: 7})
		file, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
		if err != nil {
			f.t.Fatal(err)
		}
		files = append(files, file)
	}
	defer fdpass.CloseAll(files)
	f.say(p, files...)
}

func (f *fakeConn) say(p ipc.LendPacket, files ...*os.File) {
	f.t.Helper()
	if err := f.c.Send(p, files...); err != nil {
		f.t.Fatal(err)
	}
}

// packet returns the next packet of the writer.
func (f *fakeConn) packet() ipc.WriterPacket {
	f.t.Helper()
	p, ok := <-f.packets
	if !ok {
		f.t.Fatal("the writer has gone")
	}
	return p
}

func newClient(q *fakeQmgr, o Options) *Client {
	o.Dial, o.Program = q.dial, "test"
	c := New(o)
	q.t.Cleanup(c.Close)
	return c
}

// later runs f in a goroutine and returns its result.
func later[T any](f func() (T, error)) func() (T, error) {
	var v T
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		v, err = f()
	}()
	return func() (T, error) { <-done; return v, err }
}

func blank(t *testing.T, c *Client) func() (*Blank, error) {
	return later(func() (*Blank, error) { return c.Blank(t.Context()) })
}

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
	commit := later(func() (string, error) { return c.Commit(t.Context(), b, "AS") })
	var commits []ipc.Commit
	for len(commits) == 0 {
		commits = f.packet().Commit
	}
	if len(commits) != 1 || commits[0] != (ipc.Commit{Blank: b.ID, As: "AS"}) {
		t.Fatalf("commits %+v", commits)
	}
	f.say(ipc.LendPacket{Done: []ipc.Done{{Blank: b.ID, ID: "AS"}}})
	if id, err := commit(); id != "AS" || err != nil {
		t.Fatalf("%q, %v", id, err)
	}

	// The second one is at hand; it is refused.
	b, err = c.Blank(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	commit = later(func() (string, error) { return c.Commit(t.Context(), b, "") })
	for commits = nil; len(commits) == 0; {
		commits = f.packet().Commit
	}
	f.say(ipc.LendPacket{Done: []ipc.Done{{Blank: b.ID, Error: "no room"}}})
	var refused *Refused
	if _, err := commit(); !errors.As(err, &refused) || refused.Reason != "no room" {
		t.Fatalf("%v", err)
	}
}

// When qmgr dies, nothing under way is called safe, and the next need dials.
func TestDown(t *testing.T) {
	t.Parallel()
	q := newFake(t)
	c := newClient(q, Options{})
	wait := blank(t, c)
	f := <-q.conns
	f.packet()
	f.lend(2)
	under, err := wait()
	if err != nil {
		t.Fatal(err)
	}
	held, err := c.Blank(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	commit := later(func() (string, error) { return c.Commit(t.Context(), under, "") })
	for len(f.packet().Commit) == 0 {
	}
	f.c.Close()
	if _, err := commit(); !errors.Is(err, ErrDown) {
		t.Errorf("commit under way: %v", err)
	}
	if _, err := c.Commit(t.Context(), held, ""); !errors.Is(err, ErrDown) {
		t.Errorf("commit of what the dead one lent: %v", err)
	}
	c.Return(held)

	wait = blank(t, c)
	f = <-q.conns
	f.packet()
	f.lend(1)
	if _, err := wait(); err != nil {
		t.Errorf("after a new start: %v", err)
	}
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
	f = <-q.conns
	f.packet()
	f.lend(1)
	if _, err := wait(); err != nil {
		t.Error(err)
	}
}

// A qmgr that drains hears nothing more, and answers what it has heard.
func TestDrain(t *testing.T) {
	t.Parallel()
	q := newFake(t)
	c := newClient(q, Options{})
	wait := blank(t, c)
	f := <-q.conns
	f.packet()
	f.lend(2)
	first, err := wait()
	if err != nil {
		t.Fatal(err)
	}
	second, err := c.Blank(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	heard := later(func() (string, error) { return c.Commit(t.Context(), first, "") })
	for len(f.packet().Commit) == 0 {
	}
	f.c.Unix().CloseRead()
	unheard := later(func() (string, error) { return c.Commit(t.Context(), second, "") })
	f.say(ipc.LendPacket{Done: []ipc.Done{{Blank: first.ID, ID: first.ID}}})
	if id, err := heard(); id != first.ID || err != nil {
		t.Errorf("heard commit: %q, %v", id, err)
	}
	if _, err := unheard(); !errors.Is(err, ErrDown) {
		t.Errorf("unheard commit: %v", err)
	}
	wait = blank(t, c)
	next := <-q.conns
	next.packet()
	next.lend(1)
	if _, err := wait(); err != nil {
		t.Errorf("blank of the next generation: %v", err)
	}
}

// What is committed while qmgr flushes goes to it in one packet afterwards.
func TestCommitsGather(t *testing.T) {
	t.Parallel()
	q := newFake(t)
	c := newClient(q, Options{})
	wait := blank(t, c)
	f := <-q.conns
	f.packet()
	f.lend(3)
	first, err := wait()
	if err != nil {
		t.Fatal(err)
	}
	go c.Commit(t.Context(), first, "")
	for len(f.packet().Commit) == 0 {
	}
	for range 2 {
		b, err := c.Blank(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.submit(b, ""); err != nil {
			t.Fatal(err)
		}
	}
	f.say(ipc.LendPacket{Done: []ipc.Done{{Blank: first.ID, ID: first.ID}}})
	for {
		if p := f.packet(); len(p.Commit) == 2 {
			break
		} else if len(p.Commit) > 0 {
			t.Fatalf("commits %+v, want both", p.Commit)
		}
	}
}

// A qmgr that makes way for another still takes what was begun on its blanks;
// everything else goes to the next one, and the connection ends by itself.
func TestRetire(t *testing.T) {
	t.Parallel()
	q := newFake(t)
	c := newClient(q, Options{})
	wait := blank(t, c)
	f := <-q.conns
	f.packet()
	f.lend(1)
	begun, err := wait()
	if err != nil {
		t.Fatal(err)
	}
	waiting := blank(t, c)
	for f.packet().Want == 0 {
	}
	f.say(ipc.LendPacket{Retire: true})
	next := <-q.conns // who waited asks the next generation
	next.packet()
	next.lend(1)
	other, err := waiting()
	if err != nil {
		t.Fatal(err)
	}
	f.lend(1) // too late: it is not used
	commit := later(func() (string, error) { return c.Commit(t.Context(), begun, "") })
	for len(f.packet().Commit) == 0 {
	}
	f.say(ipc.LendPacket{Done: []ipc.Done{{Blank: begun.ID, ID: begun.ID}}})
	if id, err := commit(); id != begun.ID || err != nil {
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
	q := newFake(t)
	c := newClient(q, Options{})
	wait := blank(t, c)
	f := <-q.conns
	f.packet()
	f.lend(3)
	b, err := wait()
	if err != nil {
		t.Fatal(err)
	}
	f.say(ipc.LendPacket{Retire: true})
	c.Return(b)
	for range f.packets {
	}
}

func TestFull(t *testing.T) {
	t.Parallel()
	q := newFake(t)
	c := newClient(q, Options{})
	if c.Full() {
		t.Error("full before anything was said")
	}
	wait := blank(t, c)
	f := <-q.conns
	f.packet()
	f.lend(1)
	held, err := wait()
	if err != nil {
		t.Fatal(err)
	}
	wait = blank(t, c)
	f.packet()
	why, none := "disk full", ""
	f.say(ipc.LendPacket{Full: &why})
	if _, err := wait(); !errors.Is(err, ErrFull) {
		t.Errorf("waiting: %v", err)
	}
	if _, err := c.Blank(t.Context()); !errors.Is(err, ErrFull) || !c.Full() {
		t.Errorf("full: %v, %t", err, c.Full())
	}
	// What was wanted is still wanted: the blank comes with the news. The
	// commit's answer shows that both have been read.
	commit := later(func() (string, error) { return c.Commit(t.Context(), held, "") })
	for len(f.packet().Commit) == 0 {
	}
	f.say(ipc.LendPacket{Full: &none})
	f.lend(1)
	f.say(ipc.LendPacket{Done: []ipc.Done{{Blank: held.ID, ID: held.ID}}})
	if _, err := commit(); err != nil {
		t.Error(err)
	}
	if _, err := c.Blank(t.Context()); err != nil || c.Full() {
		t.Errorf("lifted: %v, %t", err, c.Full())
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
	if _, err := c.Blank(t.Context()); err != nil {
		t.Error(err)
	}
}

// An unused connection is dropped; one that somebody depends on is not.
func TestLinger(t *testing.T) {
	t.Parallel()
	q := newFake(t)
	c := newClient(q, Options{Linger: time.Millisecond})
	wait := blank(t, c)
	f := <-q.conns
	f.packet()
	f.lend(1)
	b, err := wait()
	if err != nil {
		t.Fatal(err)
	}
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
			// The wait goes on with another connection.
			f = <-q.conns
			f.packet()
			f.lend(1)
			if _, err := wait(); err != nil {
				t.Error(err)
			}
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

// serve lends and commits whatever is asked for.
func serve(f *fakeConn) {
	file, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		f.t.Error(err)
		return
	}
	defer file.Close()
	lent := 0
	for p := range f.packets {
		var reply ipc.LendPacket
		for _, commit := range p.Commit {
			reply.Done = append(reply.Done, ipc.Done{Blank: commit.Blank, ID: commit.Blank})
		}
		if len(reply.Done) > 0 {
			if f.c.Send(reply) != nil {
				return
			}
		}
		for ; p.Want > 0; p.Want -= min(p.Want, 32) {
			n := min(p.Want, 32)
			var lend ipc.LendPacket
			var files []*os.File
			for range n {
				lent++
				files = append(files, file)
				lend.Lend = append(lend.Lend, ipc.Blank{ID: queue.FreshID(time.UnixMicro(int64(lent)), queue.OriginQmgr)})
			}
			if f.c.Send(lend, files...) != nil {
				return
			}
		}
	}
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
