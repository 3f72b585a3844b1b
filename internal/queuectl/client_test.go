package queuectl

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/queue"
)

// An instance is a configuration with a queue directory.
type instance struct {
	env      *cli.Env
	queue    string
	out, err strings.Builder
}

func newInstance(t *testing.T) *instance {
	t.Helper()
	dir, err := os.MkdirTemp("", "q") // shorter than t.TempDir: sockets have short names
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	in := &instance{queue: filepath.Join(dir, "queue")}
	if err := os.WriteFile(filepath.Join(dir, "main.cf"), []byte("queue_directory = "+in.queue+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range append([]string{queue.DirPublic}, directories[:]...) {
		if err := os.MkdirAll(filepath.Join(in.queue, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	c, err := config.Load(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Check(Params()); err != nil {
		t.Fatal(err)
	}
	in.env = &cli.Env{Program: "mailq", Config: c, Stdout: &in.out, Stderr: &in.err}
	return in
}

// serve answers one conversation as qmgr does.
func (in *instance) serve(t *testing.T, want ipc.ControlRequest, replies ...ipc.ControlReply) {
	t.Helper()
	path := filepath.Join(in.queue, queue.DirPublic, "qmgr")
	l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: path, Net: "unixpacket"})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-done })
	go func() {
		defer close(done)
		u, err := l.AcceptUnix()
		if err != nil {
			return
		}
		conn := fdpass.New(u)
		defer conn.Close()
		var hello ipc.Hello
		var req ipc.ControlRequest
		if _, err := conn.Recv(&hello); err != nil || hello.Role != ipc.RoleControl || hello.Version != ipc.ControlVersion {
			t.Errorf("hello %+v: %v", hello, err)
		}
		if _, err := conn.Recv(&req); err != nil || req.Op != want.Op || req.All != want.All {
			t.Errorf("got request %+v, %v, want %+v", req, err, want)
		}
		for i := range replies {
			if err := conn.Send(&replies[i]); err != nil {
				t.Errorf("reply %d: %v", i, err)
			}
		}
	}()
}

var listAll = ipc.ControlRequest{Op: ipc.OpList, All: true}

func oneEntry(id string) ipc.ControlReply {
	return ipc.ControlReply{Entries: []ipc.Entry{{
		Queue: "active", ID: id, Size: 10, Sender: "a@b", Recipients: []ipc.EntryRecipient{{Address: "c@d"}},
	}}}
}

func TestList(t *testing.T) {
	t.Parallel()
	denied := ipc.ControlReply{Error: "User ann(1000) is not allowed to view the mail queue", Denied: true, End: true}
	tests := []struct {
		name    string
		replies []ipc.ControlReply
		code    int
		tail    string // of standard output
		message string // of the error
	}{
		{"empty", []ipc.ControlReply{{End: true}}, 0, "Mail queue is empty\n", ""},
		{"some", []ipc.ControlReply{oneEntry("A1"), oneEntry("A2"), {End: true}}, 0, "-- 0 Kbytes in 2 Requests.\n", ""},
		{"denied", []ipc.ControlReply{denied}, cli.ExNoPerm, "", "not allowed to view"},
		{"fails in part", []ipc.ControlReply{{Error: "cannot read deferred"}, oneEntry("A1"), {End: true}}, 1, " c@d\n", "cannot read deferred"},
		{"refused", []ipc.ControlReply{{Error: "out of order", End: true}}, 1, "", "out of order"},
		{"dies half way", []ipc.ControlReply{oneEntry("A1")}, cli.ExUnavailable, " c@d\n", "Queue report unavailable - mail system is down"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			in := newInstance(t)
			in.serve(t, listAll, test.replies...)
			err := List(in.env, nil)
			if got := code(err); got != test.code {
				t.Errorf("got exit status %d (%v), want %d", got, err, test.code)
			}
			if err != nil && !strings.Contains(err.Error(), test.message) {
				t.Errorf("got %q, want %q", err, test.message)
			}
			if !strings.HasSuffix(in.out.String(), test.tail) || test.tail == "" && in.out.String() != "" {
				t.Errorf("got %q, want %q at the end", in.out.String(), test.tail)
			}
		})
	}
}

func code(err error) int {
	var s *cli.Status
	switch {
	case err == nil:
		return 0
	case errors.As(err, &s):
		return s.Code
	}
	return 1
}

// message puts a message with n recipients into dir.
func (in *instance) message(t *testing.T, dir string, n int, records ...queue.Record) string {
	t.Helper()
	id := queue.FreshID(time.Now(), queue.OriginQmgr)
	f, err := os.Create(filepath.Join(in.queue, dir, id))
	if err != nil {
		t.Fatal(err)
	}
	env := &queue.Envelope{Sender: "ann@example.com"}
	for range n {
		env.Recipients = append(env.Recipients, queue.Recipient{Address: "bob@example.com"})
	}
	w, err := queue.NewWriter(f, id, 0, env)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, "Subject: x\n\nhello\n"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	in.record(t, f.Name(), id, records)
	return id
}

func (in *instance) record(t *testing.T, path, id string, records []queue.Record) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := queue.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	var b []byte
	for i := range records {
		if b, err = queue.AppendRecord(b, id, &records[i]); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.WriteAt(b, m.Tail); err != nil {
		t.Fatal(err)
	}
}

// With nobody at the socket, who may read the queue directory reads it.
func TestListDirect(t *testing.T) {
	t.Parallel()
	in := newInstance(t)
	in.message(t, queue.DirIncoming, entryRecipients+1)
	in.message(t, queue.DirHold, 1)
	in.message(t, queue.DirDeferred, 2,
		queue.Record{State: queue.Sent, Time: 1, Recipients: []int{0}},
		queue.Record{State: queue.Deferred, Time: 1, Text: "mailbox is full", Recipients: []int{1}})
	in.message(t, queue.DirDeferred, 1, queue.Record{State: queue.Sent, Time: 1, Recipients: []int{0}})
	blank := filepath.Join(in.queue, queue.DirMaildrop, queue.FreshID(time.Now(), queue.OriginSendmail))
	if err := os.WriteFile(blank, make([]byte, 200), 0o600); err != nil {
		t.Fatal(err)
	}

	if err := List(in.env, nil); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(in.err.String(), "mailq: warning: Mail system is down -- accessing queue directly (") {
		t.Errorf("got warning %q", in.err.String())
	}
	out := in.out.String()
	for text, want := range map[string]int{
		"bob@example.com\n": entryRecipients + 3, "ann@example.com\n": 3, "(mailbox is full)\n": 1,
		"!      18 ": 1, "-- 0 Kbytes in 3 Requests.\n": 1,
	} {
		if got := strings.Count(out, text); got != want {
			t.Errorf("%q comes %d times, want %d, in\n%s", text, got, want, out[max(0, len(out)-2000):])
		}
	}
}

// Who may not read it gets a message and 69.
func TestListDown(t *testing.T) {
	t.Parallel()
	in := newInstance(t)
	if err := os.RemoveAll(in.queue); err != nil {
		t.Fatal(err)
	}
	err := List(in.env, nil)
	if code(err) != cli.ExUnavailable || !strings.HasPrefix(err.Error(), "Queue report unavailable - mail system is down (") {
		t.Errorf("got %d, %v", code(err), err)
	}
	if in.out.String() != "" {
		t.Errorf("got %q on standard output", in.out.String())
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	in := newInstance(t)
	id := in.message(t, queue.DirHold, 1)
	f, dir, err := Find(in.queue, id)
	if err != nil || dir != queue.DirHold {
		t.Fatalf("got %s, %v", dir, err)
	}
	f.Close()
	for _, id := range []string{"../hold/" + id, id + "000000", ""} {
		if f, _, err := Find(in.queue, id); err == nil {
			f.Close()
			t.Errorf("%q is found", id)
		}
	}
}
