package intake

import (
	"errors"
	"net"
	"os"
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
	_, err := f.c.Recv(&h)
	if errors.Is(err, net.ErrClosed) {
		return // by the test, before we had a look
	}
	if err != nil || h.Role != ipc.RoleLend || h.Program != "test" {
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

// lent makes a client that has asked for blanks and been lent n, of which it
// took the first.
func lent(t *testing.T, o Options, n int) (q *fakeQmgr, c *Client, f *fakeConn, first *Blank) {
	t.Helper()
	q = newFake(t)
	c = newClient(q, o)
	wait := blank(t, c)
	f, first = q.lends(n, wait)
	return q, c, f, first
}

// lends takes the next connection, lends n blanks there, and returns the one
// that was waited for.
func (q *fakeQmgr) lends(n int, wait func() (*Blank, error)) (*fakeConn, *Blank) {
	q.t.Helper()
	f := <-q.conns
	f.packet()
	f.lend(n)
	b, err := wait()
	if err != nil {
		q.t.Fatal(err)
	}
	return f, b
}

// ready takes a blank that is at hand.
func ready(t *testing.T, c *Client) *Blank {
	t.Helper()
	b, err := c.Blank(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func commit(t *testing.T, c *Client, b *Blank, as string) func() (string, error) {
	return later(func() (string, error) { return c.Commit(t.Context(), b, as) })
}

// commits returns those of the next packet that has any.
func (f *fakeConn) commits() []ipc.Commit {
	f.t.Helper()
	for {
		if p := f.packet(); len(p.Commit) > 0 {
			return p.Commit
		}
	}
}

// done says that a message is safe.
func (f *fakeConn) done(b *Blank) {
	f.t.Helper()
	f.say(ipc.LendPacket{Done: []ipc.Done{{Blank: b.ID, ID: b.ID}}})
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
