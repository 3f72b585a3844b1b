package mailctl

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/queue"
)

// A queueTest is a queue directory with a stand-in for qmgr, which knows some
// IDs and notes what it is asked.
type queueTest struct {
	dir         string
	out, stderr strings.Builder
	env         *cli.Env
	known       []string
	reply       *ipc.ControlReply // in place of any other
	file        string            // handed over for OpShow
	asked       []ipc.ControlRequest
}

func newQueueTest(t *testing.T, stdin string) *queueTest {
	t.Helper()
	dir, err := os.MkdirTemp("", "q") // shorter than t.TempDir: sockets have short names
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for _, name := range []string{queue.DirPublic, queue.DirMaildrop, queue.DirIncoming, queue.DirDeferred, queue.DirHold} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	q := &queueTest{dir: dir}
	q.env = &cli.Env{Program: "mailctl", Stdin: strings.NewReader(stdin), Stdout: &q.out, Stderr: &q.stderr}
	q.configure(t)
	return q
}

// configure writes and reads main.cf.
func (q *queueTest) configure(t *testing.T, lines ...string) {
	t.Helper()
	text := "queue_directory = " + q.dir + "\n" + strings.Join(lines, "\n") + "\n"
	if err := os.WriteFile(filepath.Join(q.dir, "main.cf"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(q.dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Check(Command.Params); err != nil {
		t.Fatal(err)
	}
	q.env.Config = c
}

// start starts the stand-in; the function that it returns ends it.
func (q *queueTest) start(t *testing.T) (stop func()) {
	t.Helper()
	l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: filepath.Join(q.dir, queue.DirPublic, "qmgr"), Net: "unixpacket"})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			u, err := l.AcceptUnix()
			if err != nil {
				return
			}
			q.answer(t, fdpass.New(u))
		}
	}()
	return func() { l.Close(); <-done }
}

func (q *queueTest) answer(t *testing.T, conn *fdpass.Conn) {
	defer conn.Close()
	var hello ipc.Hello
	var req ipc.ControlRequest
	for _, v := range []any{&hello, &req} {
		if _, err := conn.Recv(v); err != nil {
			t.Errorf("stand-in: %v", err)
			return
		}
	}
	q.asked = append(q.asked, req)
	reply := ipc.ControlReply{End: true}
	var files []*os.File
	for _, id := range req.IDs {
		if slices.Contains(q.known, id) {
			reply.Done = append(reply.Done, id)
		} else {
			reply.Missing = append(reply.Missing, id)
		}
	}
	if req.All || req.To != "" || req.Filter != nil {
		reply.Done = q.known
	}
	if req.Op == ipc.OpShow && q.file != "" {
		f, err := os.Open(q.file)
		if err != nil {
			t.Errorf("stand-in: %v", err)
			return
		}
		defer f.Close()
		files = append(files, f)
		reply = ipc.ControlReply{End: true, Entries: []ipc.Entry{{Queue: "active", ID: req.IDs[0], Recipients: []ipc.EntryRecipient{
			{Index: 2, Address: "carol@example.com", Transport: "smtp", Nexthop: "example.com", Rule: "default_transport"},
		}}}}
	}
	if q.reply != nil {
		reply = *q.reply
	}
	if err := conn.Send(&reply, files...); err != nil {
		t.Errorf("stand-in: %v", err)
	}
}

const (
	idA = "0644A7B2C1D3E0"
	idB = "0644A7B2C1D3F0"
	idC = "0644A7B2C1D400"
)

func TestQueueChange(t *testing.T) {
	t.Parallel()
	tests := []struct {
		args, stdin string
		code        int
		stderr      string
		asked       string // operations and IDs
	}{
		{"delete " + idA, "", 0, "mailctl: " + idA + ": removed\nmailctl: Deleted: 1 message\n", "delete " + idA},
		{"delete ALL", "", 0, "mailctl: " + idA + ": removed\nmailctl: " + idB + ": removed\nmailctl: Deleted: 2 messages\n", "delete ALL"},
		{"hold " + idB, "", 0, "mailctl: " + idB + ": placed on hold\nmailctl: Placed on hold: 1 message\n", "hold " + idB},
		{"release " + idB, "", 0, "mailctl: " + idB + ": released from hold\nmailctl: Released from hold: 1 message\n", "release " + idB},
		{"delete " + idC, "", 0, "mailctl: warning: " + idC + ": not in the queue\n", "delete " + idC},
		{"delete -", idA + "\n\n nonsense\n" + idC + "\n" + idB, 0, "mailctl: warning: invalid queue ID \"nonsense\"\n" +
			"mailctl: " + idA + ": removed\nmailctl: " + idB + ": removed\n" +
			"mailctl: warning: " + idC + ": not in the queue\nmailctl: Deleted: 2 messages\n", "delete " + idA + " " + idC + " " + idB},
		{"delete -", "", 0, "", ""},
		{"delete all", "", 64, "", ""},
		{"delete " + idA + " ../../etc", "", 64, "", ""},
		{"delete", "", 64, "", ""},
		{"flush", "", 0, "", "flush ALL"},
		{"flush ALL", "", 0, "", "flush ALL"},
		{"flush " + idA, "", 0, "", "flush " + idA},
		{"flush " + idC, "", 0, "mailctl: warning: " + idC + ": not in the queue\n", "flush " + idC},
		{"flush x", "", 64, "", ""},
		{"flush --to example.com", "", 0, "mailctl: 2 messages for example.com tried now\n", "flush to example.com"},
		{"flush --to=@example.com", "", 0, "mailctl: 2 messages for @example.com tried now\n", "flush to @example.com"},
		{"flush --to", "", 64, "", ""},
		{"flush --to a b", "", 64, "", ""},
		{"flush --to a --sender b", "", 64, "", ""},
		{"flush --sender b", "", 0, "", "flush [] [b] [] [] [] 0s 0s"},
		{"flush -n", "", 64, "", ""},
		{"delete --sender a@* --sender b --older 2d --reason full", "", 0,
			"mailctl: " + idA + ": removed\nmailctl: " + idB + ": removed\nmailctl: Deleted: 2 messages\n", "delete [] [a@* b] [] [] [full] 48h0m0s 0s"},
		{"requeue --queue hold --destination x --newer 30m --recipient r ALL", "", 0,
			"mailctl: " + idA + ": requeued\nmailctl: " + idB + ": requeued\nmailctl: Requeued: 2 messages\n", "requeue [hold] [] [r] [x] [] 0s 30m0s"},
		{"delete -n --sender a", "", 0, "mailctl: 2 messages chosen, nothing is changed\n", "delete dry [] [a] [] [] [] 0s 0s"},
		{"hold --dry-run ALL", "", 0, "mailctl: 2 messages chosen, nothing is changed\n", "hold ALL dry"},
		{"hold --dry-run " + idA, "", 64, "", ""},
		{"delete --sender a " + idA, "", 64, "", ""},
		{"delete --sender a -", "", 64, "", ""},
		{"delete --older 5", "", 64, "", ""},
		{"delete --older 0d", "", 64, "", ""},
		{"delete --queue nonsense", "", 64, "", ""},
		{"delete --sneder a", "", 64, "", ""},
		{"ages --queue hold", "", 0, "", "list [hold] [] [] [] [] 0s 0s"},
		{"ages -b 0", "", 64, "", ""},
		{"ages x", "", 64, "", ""},
		{"flush --to=a b", "", 64, "", ""},
		{"flush --to a/b", "", 64, "", ""},
		{"flush --from a", "", 64, "", ""},
		{"list x", "", 64, "", ""},
		{"show", "", 64, "", ""},
		{"cat " + idA + " " + idB, "", 64, "", ""},
		{"show " + idA, "", 1, "", "show " + idA},
		{"nonsense", "", 64, "", ""},
		{"", "", 64, "", ""},
	}
	for _, test := range tests {
		t.Run(test.args, func(t *testing.T) {
			t.Parallel()
			q := newQueueTest(t, test.stdin)
			q.known = []string{idA, idB}
			stop := q.start(t)
			err := group("queue", queueCommands)(t.Context(), q.env, strings.Fields(test.args))
			stop()
			if exitStatus(t, err) != test.code {
				t.Errorf("got exit status %d (%v), want %d", exitStatus(t, err), err, test.code)
			}
			if q.stderr.String() != test.stderr {
				t.Errorf("got\n%s\nwant\n%s", q.stderr.String(), test.stderr)
			}
			var asked []string
			for _, req := range q.asked {
				asked = append(asked, req.Op)
				if req.All {
					asked = append(asked, "ALL")
				}
				if req.To != "" {
					asked = append(asked, "to", req.To)
				}
				if req.Dry {
					asked = append(asked, "dry")
				}
				if f := req.Filter; f != nil {
					asked = append(asked, fmt.Sprint(f.Queues, f.Sender, f.Recipient, f.Destination, f.Reason, f.Older, f.Newer))
				}
				asked = append(asked, req.IDs...)
			}
			if got := strings.Join(asked, " "); got != test.asked {
				t.Errorf("asked %q, want %q", got, test.asked)
			}
		})
	}
}

// Many IDs from standard input go out some at a time.
func TestQueueChangeMany(t *testing.T) {
	t.Parallel()
	var in strings.Builder
	for i := range 2*1000 + 1 {
		fmt.Fprintf(&in, "%014X\n", i)
	}
	q := newQueueTest(t, in.String())
	stop := q.start(t)
	err := group("queue", queueCommands)(t.Context(), q.env, []string{"delete", "-"})
	stop()
	if err != nil || len(q.asked) != 3 || len(q.asked[2].IDs) != 1 {
		t.Errorf("got %v and %d requests, want 3", err, len(q.asked))
	}
}

func TestQueueRefused(t *testing.T) {
	t.Parallel()
	q := newQueueTest(t, "")
	q.reply = &ipc.ControlReply{Error: "root and mail_owner may do this", Denied: true, End: true}
	stop := q.start(t)
	err := group("queue", queueCommands)(t.Context(), q.env, []string{"delete", idA})
	stop()
	if exitStatus(t, err) != cli.ExNoPerm {
		t.Errorf("got %v, want exit status %d", err, cli.ExNoPerm)
	}
	// Nobody at the socket.
	if err := group("queue", queueCommands)(t.Context(), q.env, []string{"delete", idA}); exitStatus(t, err) != cli.ExUnavailable {
		t.Errorf("got %v, want exit status %d", err, cli.ExUnavailable)
	}
}

const content = "Subject: x\n\nhello\n"

// put makes a message with three recipients, two of whom have been tried.
func (q *queueTest) put(t *testing.T, dir string) (path string) {
	t.Helper()
	path = filepath.Join(q.dir, dir, idA)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	env := &queue.Envelope{
		Attrs: map[string]string{queue.AttrOrigin: "smtpd"},
		Recipients: []queue.Recipient{
			{Address: "ann@example.com"},
			{Address: "b b@example.com", Original: "bob@example.com", Attrs: map[string]string{queue.AttrNotify: "NEVER"}},
			{Address: "carol@example.com"},
		},
	}
	w, err := queue.NewWriter(f, idA, 0, env)
	if err != nil {
		t.Fatal(err)
	}
	w.SetArrival(time.Date(2026, 11, 23, 8, 0, 1, 0, time.Local))
	if _, err := io.WriteString(w, content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	q.tried(t, path)
	return path
}

func (q *queueTest) tried(t *testing.T, path string) {
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
	when := time.Date(2026, 11, 23, 8, 5, 0, 0, time.Local).UnixMicro()
	var b []byte
	for _, r := range []queue.Record{
		{State: queue.Sent, Time: when, Code: "2.0.0", Text: "delivered to maildir", Recipients: []int{0}},
		{State: queue.Deferred, Time: when, Code: "4.2.2", Text: "mailbox is full", Recipients: []int{1}},
	} {
		if b, err = queue.AppendRecord(b, idA, &r); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.WriteAt(b, m.Tail); err != nil {
		t.Fatal(err)
	}
	next := time.Date(2026, 11, 23, 8, 15, 0, 0, time.Local)
	if err := os.Chtimes(path, next, next); err != nil {
		t.Fatal(err)
	}
}

// The order of the envelope, then what became of each recipient.
const shown = `queue_id: ` + idA + `
queue_name: QUEUE
file: FILE
message_size: 18
message_arrival_time: Mon Nov 23 08:00:01 2026
NEXTnamed_attribute: origin=smtpd
sender: MAILER-DAEMON

recipient: ann@example.com
state: sent
status: 2.0.0
reason: delivered to maildir
last_attempt: Mon Nov 23 08:05:00 2026

recipient: "b b"@example.com
original_recipient: bob@example.com
named_attribute: dsn_notify=NEVER
state: deferred
status: 4.2.2
reason: mailbox is full
last_attempt: Mon Nov 23 08:05:00 2026

recipient: carol@example.com
state: waiting
WAY`

func TestQueueShow(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		running bool
		queue   string
		next    string
		way     string
	}{
		{"by qmgr", true, "active", "", "transport: smtp\nnexthop: example.com\nroute_rule: default_transport\n"},
		{"directly", false, "deferred", "next_attempt: Mon Nov 23 08:15:00 2026\n", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			q := newQueueTest(t, "")
			q.file = q.put(t, queue.DirDeferred)
			stop := func() {}
			if test.running {
				stop = q.start(t)
			}
			defer stop()
			if err := group("queue", queueCommands)(t.Context(), q.env, []string{"show", idA}); err != nil {
				t.Fatal(err)
			}
			want := strings.NewReplacer("QUEUE", test.queue, "FILE", q.file, "NEXT", test.next, "WAY", test.way).Replace(shown)
			if q.out.String() != want {
				t.Errorf("got\n%s\nwant\n%s", q.out.String(), want)
			}
			q.out.Reset()
			if err := group("queue", queueCommands)(t.Context(), q.env, []string{"cat", idA}); err != nil {
				t.Fatal(err)
			}
			if q.out.String() != content {
				t.Errorf("got content %q, want %q", q.out.String(), content)
			}
		})
	}
}
