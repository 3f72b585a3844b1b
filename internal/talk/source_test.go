package talk

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// pair is a Conn and what its client holds.
func pair(t *testing.T, timeout time.Duration) (*Conn, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return New(server, timeout, []byte("ab")), client
}

func TestSource(t *testing.T) {
	t.Parallel()
	c, client := pair(t, time.Minute)
	got := ""
	for range 2 {
		o, err := c.Peek()
		if err != nil {
			t.Fatal(err)
		}
		got += string(o)
		c.Take()
	}
	c.Printf("go on\r\n")
	go func() {
		// What waits to be said is said before anything is waited for.
		b := make([]byte, 7)
		io.ReadFull(client, b)
		client.Write(b[:5])
	}()
	b := make([]byte, 5)
	if _, err := io.ReadFull(c, b); err != nil || got+string(b) != "abgo on" {
		t.Errorf("got %q and %q, %v", got, b, err)
	}
}

// Wake ends a wait between commands, now or later, and none within one.
func TestWake(t *testing.T) {
	t.Parallel()
	c, client := pair(t, time.Minute)
	c.Take()
	c.Take()
	c.Wake()
	if err := c.Wait(time.Time{}); !errors.Is(err, ErrWoken) {
		t.Fatalf("woken before: %v", err)
	}
	time.AfterFunc(20*time.Millisecond, c.Wake)
	if err := c.Wait(time.Time{}); !errors.Is(err, ErrWoken) {
		t.Fatalf("woken meanwhile: %v", err)
	}
	c.Wake()
	time.AfterFunc(20*time.Millisecond, func() { client.Write([]byte("x")) })
	if o, err := c.Peek(); o != 'x' || err != nil {
		t.Fatalf("within a command: %q, %v", o, err)
	}
	if err := c.Wait(time.Time{}); err != nil {
		t.Fatalf("there is input: %v", err)
	}
}

func TestWaitEnds(t *testing.T) {
	t.Parallel()
	c, _ := pair(t, 20*time.Millisecond)
	c.Take()
	c.Take()
	if err := c.Wait(time.Time{}); !errors.Is(err, ErrTimeout) {
		t.Errorf("silence: %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	defer c.Context(ctx)()
	over := errors.New("over")
	time.AfterFunc(10*time.Millisecond, func() { cancel(over) })
	if err := c.Wait(time.Now().Add(time.Minute)); !errors.Is(err, over) {
		t.Errorf("the end: %v", err)
	}
}

// What could not be sent whole is the last thing: nothing is said behind a part
// of it, and a client that takes nothing is waited for once.
func TestNeverReads(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	c := New(far, 10*time.Millisecond, nil)
	c.Printf("first\r\n")
	if err := c.Flush(); !errors.Is(err, ErrTimeout) {
		t.Errorf("got %v", err)
	}
	read := make(chan string)
	go func() {
		b, _ := io.ReadAll(near)
		read <- string(b)
	}()
	c.Printf("second\r\n")
	if err := c.Flush(); !errors.Is(err, ErrTimeout) {
		t.Errorf("behind it: got %v", err)
	}
	far.Close()
	if got := <-read; got != "" {
		t.Errorf("sent %q", got)
	}
}
