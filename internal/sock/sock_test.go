package sock

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pair returns both ends of a TCP connection, ours wrapped.
func pair(t *testing.T) (ours, theirs net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	theirs, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); theirs.Close() })
	return Wrap(c), theirs
}

// What goes in comes out, however large, through buffers that fill up.
func TestTransfer(t *testing.T) {
	t.Parallel()
	text := bytes.Repeat([]byte("0123456789abcdef"), 1<<18)
	for _, writes := range []string{"ours", "theirs"} {
		from, to := pair(t)
		if writes == "theirs" {
			from, to = to, from
		}
		go func() {
			from.Write(text)
			from.Close()
		}()
		if got, err := io.ReadAll(to); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%s write %d octets: %d arrived, %v", writes, len(text), len(got), err)
		}
	}
}

// Deadlines, the end and a lost connection are told as by the net package.
func TestErrors(t *testing.T) {
	t.Parallel()
	ours, theirs := pair(t)
	b := make([]byte, 10)
	ours.SetReadDeadline(time.Unix(1, 0))
	if _, err := ours.Read(b); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read after its deadline: %v", err)
	}
	ours.SetReadDeadline(time.Time{})
	type outcome struct {
		n   int
		err error
	}
	wrote := make(chan outcome)
	go func() {
		n, err := ours.Write(make([]byte, 64<<20))
		wrote <- outcome{n, err}
	}()
	if _, err := io.ReadFull(theirs, b); err != nil {
		t.Fatal(err)
	}
	ours.SetWriteDeadline(time.Unix(1, 0))
	if o := <-wrote; !errors.Is(o.err, os.ErrDeadlineExceeded) || o.n < len(b) {
		t.Errorf("write to one who reads no more: %d, %v", o.n, o.err)
	}
	if n, err := ours.Read(nil); n != 0 || err != nil {
		t.Errorf("read of nothing: %d, %v", n, err)
	}
	theirs.(*net.TCPConn).SetLinger(0)
	theirs.Close()
	if _, err := ours.Read(b); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read after a reset: %v", err)
	}
	ours.Close()
	if _, err := ours.Read(b); !errors.Is(err, net.ErrClosed) {
		t.Errorf("read of what is closed: %v", err)
	}
}

// A connection that is no socket stays as it is.
func TestNoSocket(t *testing.T) {
	t.Parallel()
	a, b := net.Pipe()
	defer b.Close()
	if Wrap(a) != a {
		t.Error("a pipe was wrapped")
	}
	a.Close()
}

// Packets keep their bounds, and descriptors come beside them.
func TestPackets(t *testing.T) {
	t.Parallel()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	var raws [2]syscall.RawConn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "socketpair")
		c, err := net.FileConn(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if raws[i], err = c.(*net.UnixConn).SyscallConn(); err != nil {
			t.Fatal(err)
		}
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := errors.Join(Send(raws[0], []byte("one"), nil), Send(raws[0], []byte("two"), unix.UnixRights(int(w.Fd())))); err != nil {
		t.Fatal(err)
	}
	w.Close()
	b, oob := make([]byte, 100), make([]byte, unix.CmsgSpace(16))
	if n, oobn, _, err := Recv(raws[1], b, oob); err != nil || string(b[:n]) != "one" || oobn != 0 {
		t.Errorf("first packet: %q, %d, %v", b[:n], oobn, err)
	}
	n, oobn, _, err := Recv(raws[1], b, oob)
	if err != nil || string(b[:n]) != "two" {
		t.Fatalf("second packet: %q, %v", b[:n], err)
	}
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil || len(messages) != 1 {
		t.Fatalf("control data: %v, %v", messages, err)
	}
	got, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(got) != 1 {
		t.Fatalf("descriptors: %v, %v", got, err)
	}
	if flags, err := unix.FcntlInt(uintptr(got[0]), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("the descriptor would survive an exec: %#x, %v", flags, err)
	}
	f := os.NewFile(uintptr(got[0]), "pipe")
	if _, err := f.WriteString("x"); err != nil {
		t.Error(err)
	}
	f.Close()
	if _, err := io.ReadAll(r); err != nil {
		t.Error(err)
	}
	if err := Send(raws[0], []byte("longer than the room for it"), nil); err != nil {
		t.Fatal(err)
	}
	if _, _, flags, err := Recv(raws[1], b[:4], oob); err != nil || flags&unix.MSG_TRUNC == 0 {
		t.Errorf("a packet that was cut: flags %#x, %v, want MSG_TRUNC", flags, err)
	}
}
