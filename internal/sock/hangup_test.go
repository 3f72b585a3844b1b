package sock

import (
	"net"
	"testing"
	"time"
)

// A client that has said its last word is not one that is gone.
func TestHangup(t *testing.T) {
	t.Parallel()
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
	defer server.Close()
	c := Wrap(server)
	client.Write([]byte("x"))
	if ended, gone := Hangup(c); ended || gone {
		t.Errorf("while it is there: %t, %t", ended, gone)
	}
	client.(*net.TCPConn).CloseWrite()
	until(t, "an end", func() bool { ended, _ := Hangup(c); return ended })
	if _, gone := Hangup(c); gone {
		t.Error("a client that still listens is taken for gone")
	}
	client.Close()
	until(t, "a client that is gone", func() bool {
		c.Write([]byte("y"))
		_, gone := Hangup(c)
		return gone
	})
	near, _ := net.Pipe()
	if ended, gone := Hangup(near); ended || gone {
		t.Error("a pipe has no end")
	}
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no %s", what)
		}
	}
}
