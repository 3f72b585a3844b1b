package service

import (
	"context"
	"net"
	"os"
	"testing"
	"time"
)

// A process takes as many connections as it may, whatever sockets they come to,
// not one more, and ends when they have.
func TestLifetime(t *testing.T) {
	t.Parallel()
	served := make(chan struct{}, 10)
	s, _ := testService(t, Handler{Lifetime: 2, Conn: func(ctx context.Context, c net.Conn) {
		served <- struct{}{}
		echo(ctx, c)
	}})
	var sockets []net.Listener
	var clients []net.Conn
	for range 3 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		sockets = append(sockets, l)
		// A second descriptor keeps the socket, as master's does.
		f, err := l.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for range 2 {
			c, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			clients = append(clients, c)
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- s.run(t.Context(), sockets, make(chan os.Signal)) }()
	<-served
	<-served
	select {
	case err := <-ended:
		t.Fatalf("ended with connections open: %v", err)
	case <-served:
		t.Fatal("a third connection is served")
	case <-time.After(50 * time.Millisecond):
	}
	for _, c := range clients {
		c.Close()
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if len(served) != 0 {
		t.Errorf("%d more were served", len(served))
	}
}
