package agent

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
)

// serve runs a Server and returns a queue manager's end of a connection to it,
// and the file that it logs to. Handle's requests go to the channel.
func serve(t *testing.T, trusted int) (*fdpass.Conn, chan *Request, string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "log")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	log, err := maillog.Open(maillog.Options{Tag: "postfix/agent", File: f})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	requests := make(chan *Request, 100)
	s := &Server{Log: log, Trusted: map[uint32]bool{uint32(trusted): true}, Handle: func(r *Request) { requests <- r }}
	ours, theirs, err := fdpass.Pair()
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		defer theirs.Close()
		s.Serve(t.Context(), theirs.Unix())
	}()
	t.Cleanup(func() { ours.Close(); <-served })
	return ours, requests, name
}

func packet(n ...int) *ipc.RequestPacket {
	p := &ipc.RequestPacket{Version: ipc.DeliverVersion}
	for _, n := range n {
		p.Requests = append(p.Requests, ipc.Request{
			N: uint64(n), ID: fmt.Sprint("ID", n), Recipients: []ipc.Recipient{{Index: 0, Address: "a@x"}, {Index: 1, Address: "b@x"}},
		})
	}
	return p
}

// files returns descriptors that can be told apart.
func files(t *testing.T, n int) (list []*os.File) {
	t.Helper()
	for i := range n {
		name := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(name, []byte(fmt.Sprint(i)), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		list = append(list, f)
	}
	return list
}

func recv(t *testing.T, c *fdpass.Conn) []ipc.Reply {
	t.Helper()
	var p ipc.ReplyPacket
	if _, err := c.Recv(&p); err != nil {
		t.Fatal(err)
	}
	return p.Replies
}

// An agent that has no descriptor free for a request's file gets the request without,
// and goes on.
func TestFileLost(t *testing.T) {
	if os.Getenv("YUBIN_AGENT_CHILD") == "" {
		child := exec.Command(os.Args[0], "-test.run=^TestFileLost$")
		child.Env = append(os.Environ(), "YUBIN_AGENT_CHILD=1") // the limit is a process's own
		if out, err := child.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	c, requests, log := serve(t, os.Geteuid())
	file := files(t, 1)
	var old, none unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	none.Max = old.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	if err := c.Send(packet(1), file...); err != nil {
		t.Fatal(err)
	}
	r := <-requests
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if r.ID != "ID1" || r.File != nil {
		t.Errorf("got %s with %v", r.ID, r.File)
	}
	if err := c.Send(packet(2), file...); err != nil {
		t.Fatal(err)
	}
	if r := <-requests; r.ID != "ID2" || r.File == nil {
		t.Errorf("got %s with %v", r.ID, r.File)
	} else {
		r.Answer(ipc.Result{Index: 0}, ipc.Result{Index: 1})
	}
	r.Answer(ipc.Result{Index: 0}, ipc.Result{Index: 1})
	if b, err := os.ReadFile(log); err != nil || !strings.Contains(string(b), "too many are open") {
		t.Errorf("log %q, %v", b, err)
	}
}

// Requests of a packet come with their own files; those answered together are
// answered in one packet, and their files are closed before that.
func TestPacket(t *testing.T) {
	t.Parallel()
	c, requests, _ := serve(t, os.Geteuid())
	if err := c.Send(packet(1, 2, 3), files(t, 3)...); err != nil {
		t.Fatal(err)
	}
	var got []*Request
	done := 0
	for i := range 3 {
		r := <-requests
		r.Done = func() { done++ }
		b := make([]byte, 1)
		if _, err := r.File.ReadAt(b, 0); err != nil || string(b) != fmt.Sprint(i) || r.N != uint64(i+1) {
			t.Errorf("request %d came with file %q (%v)", r.N, b, err)
		}
		got = append(got, r)
	}
	got[2].Answer(ipc.Result{Index: 1, Status: ipc.Sent})
	if p := recv(t, c); len(p) != 1 || p[0].N != 3 || len(p[0].Results) != 1 || done != 0 {
		t.Errorf("the first part: %+v, %d over", p, done)
	}
	Answer([]Answered{
		{got[0], []ipc.Result{{Index: 0}, {Index: 1}}},
		{got[1], []ipc.Result{{Index: 0, More: true}, {Index: 0}, {Index: 1}}},
		{got[2], []ipc.Result{{Index: 0}}},
	})
	if p := recv(t, c); len(p) != 3 || done != 3 {
		t.Errorf("three answers came in %+v, %d over", p, done)
	}
	for _, r := range got {
		if _, err := r.File.Stat(); err == nil {
			t.Errorf("request %d: the file is open after its last answer", r.N)
		}
	}
}

// However much there is to say, no packet is too large for the socket.
func TestLargeAnswers(t *testing.T) {
	t.Parallel()
	c, requests, _ := serve(t, os.Geteuid())
	const n = 200
	for i := range n {
		if err := c.Send(packet(i), files(t, 1)...); err != nil {
			t.Fatal(err)
		}
	}
	var list []Answered
	for range n {
		text := strings.Repeat("\x01", 900) // six octets each in JSON
		list = append(list, Answered{<-requests, []ipc.Result{{Index: 0, Text: text}, {Index: 1, Text: text}}})
	}
	go Answer(list)
	packets := 0
	for got := 0; got < 2*n; packets++ {
		for _, r := range recv(t, c) {
			got += len(r.Results)
		}
	}
	if packets < 2 || packets == n {
		t.Errorf("%d packets for %d answers", packets, n)
	}
}

// What cannot be carried out is deferred for every recipient, or said to the log.
func TestRefused(t *testing.T) {
	t.Parallel()
	c, _, log := serve(t, os.Geteuid())
	p := packet(1)
	p.Version = 99
	if err := c.Send(p, files(t, 1)...); err != nil {
		t.Fatal(err)
	}
	r := recv(t, c)
	if len(r) != 1 || len(r[0].Results) != 2 || r[0].Results[1].Status != ipc.Deferred || r[0].Results[1].Text != "delivery request of version 99, want 3" {
		t.Errorf("another version: %+v", r)
	}
	p = packet(2)
	p.Requests[0].Recipients = nil
	if err := c.Send(p, files(t, 1)...); err != nil {
		t.Fatal(err)
	}
	if r := recv(t, c); len(r) != 1 || r[0].N != 2 {
		t.Errorf("nobody to deliver to: %+v", r)
	}
	if b, err := os.ReadFile(log); err != nil || !strings.Contains(string(b), "ID2: delivery request without recipients") {
		t.Errorf("log: %s (%v)", b, err)
	}
}

// A request whose file did not come is handed on without one.
func TestNoFile(t *testing.T) {
	t.Parallel()
	c, requests, _ := serve(t, os.Geteuid())
	if err := c.Send(packet(1, 2), files(t, 1)...); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		r := <-requests
		if r.File != nil {
			t.Errorf("request %d got a file that may be another's", r.N)
		}
		r.Answer(ipc.Result{Index: 0}, ipc.Result{Index: 1})
	}
}

// Somebody else's requests are not even read.
func TestStranger(t *testing.T) {
	t.Parallel()
	c, _, log := serve(t, os.Geteuid()+1)
	if _, err := c.Recv(new(ipc.ReplyPacket)); err == nil {
		t.Error("the connection stays open")
	}
	if b, err := os.ReadFile(log); err != nil || !strings.Contains(string(b), "not the queue manager") {
		t.Errorf("log: %q, %v", b, err)
	}
}

// Serve outlives the client until every request is answered.
func TestClientGoes(t *testing.T) {
	t.Parallel()
	c, requests, _ := serve(t, os.Geteuid())
	if err := c.Send(packet(1), files(t, 1)...); err != nil {
		t.Fatal(err)
	}
	r := <-requests
	c.Close()
	var wg sync.WaitGroup
	wg.Go(func() { r.Answer(ipc.Result{Index: 0}, ipc.Result{Index: 1}) })
	wg.Wait() // and serve's clean-up waits for Serve
}

// Whatever results hold, packets of them fit; one that could not be sent ends the
// connection, so that the queue manager does not wait for it.
func TestLargeResults(t *testing.T) {
	t.Parallel()
	for name, of := range map[string]func() ipc.Result{
		"members": func() ipc.Result {
			return ipc.Result{Status: ipc.Expanded, More: true, To: []ipc.Target{{Address: "a@x", Member: strings.Repeat("|", 5000)}}}
		},
		"next hops": func() ipc.Result {
			return ipc.Result{Status: ipc.Redirected, More: true, Nexthop: strings.Repeat("h", 5000), Transport: "t"}
		},
		"too large": func() ipc.Result { return ipc.Result{Text: strings.Repeat("<", fdpass.MaxPacket), More: true} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, requests, _ := serve(t, os.Geteuid())
			if err := c.Send(packet(1), files(t, 1)...); err != nil {
				t.Fatal(err)
			}
			r := <-requests
			list := make([]ipc.Result, 40)
			for i := range list {
				list[i] = of()
			}
			r.Answer(list...)
			if name == "too large" {
				var p ipc.ReplyPacket
				if _, err := c.Recv(&p); err == nil {
					t.Error("an answer that cannot be sent was")
				}
			} else {
				for got := 0; got < len(list); {
					for _, reply := range recv(t, c) {
						got += len(reply.Results)
					}
				}
			}
			r.Answer(ipc.Result{Index: 0}, ipc.Result{Index: 1})
		})
	}
}
