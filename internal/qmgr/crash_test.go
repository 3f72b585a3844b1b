package qmgr

import (
	"flag"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"yubin/internal/durable"
	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/queue"
)

var update = flag.Bool("update", false, "rewrite the table of crash points in docs/QUEUE.md")

const queueDoc = "../../docs/QUEUE.md"

// A machine stops before its n-th change of the disk: that one and all later
// ones fail, as if the power had gone.
type machine struct {
	mu      sync.Mutex
	stopAt  int // 0: never
	calls   []string
	stopped bool
	halt    chan struct{} // closed when it has stopped
}

func (m *machine) before(call, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stopped {
		return errTest
	}
	dir, _, _ := strings.Cut(name, "/")
	label := call + " " + dir
	if call == "flush" {
		label = call
		if n := len(m.calls); n > 0 && m.calls[n-1] == label {
			return nil // of the same flush
		}
	}
	m.calls = append(m.calls, label)
	if len(m.calls) == m.stopAt {
		m.stopped = true
		close(m.halt)
		return errTest
	}
	return nil
}

func (m *machine) flush(*os.File) error { return m.before("flush", "") }

// A crashOperation is one way of a message through the queue. do carries it out
// and tells whether the writer heard that the message is safe.
// The calls of an earlier operation have rows there: from is where this one's
// begin, and rows how many they are; "" and 0 stand for all.
type crashOperation struct {
	name    string
	from    string
	rows    int
	deliver func(q *ipc.Request, content string) *ipc.Reply
	do      func(r *rig) (acknowledged bool)
}

const (
	crashSender    = "ann@example.com"
	crashRecipient = "bob@example.org"
	crashForward   = "al@example.org"
	crashMember    = "list@example.org"
)

// names are what the table calls a delivery to each of them.
var names = map[string]string{crashSender: "the notice", crashRecipient: "the message", crashForward: "the forward", crashMember: "the member"}

func accept(r *rig) bool {
	return r.writer().commit(envelope(crashSender, crashRecipient), "text\n").Error == ""
}

var crashOperations = []crashOperation{
	{"accept", "", 0, deliverAll, accept},
	{"pickup", "rename incoming", 0, deliverAll, func(r *rig) bool {
		w := r.writer()
		b := w.blank()
		if b == nil {
			return false
		}
		id := r.maildrop()
		b.write(r.t, id, envelope(crashSender, crashRecipient), "text\n")
		r.submitted(id, filepath.Join(queue.DirPool, b.ID))
		return w.finish(ipc.Commit{Blank: b.ID, As: id}).Error == ""
	}},
	{"defer", "open incoming", 0, outcomes(map[string]ipc.Result{crashRecipient: {Status: ipc.Deferred, Code: "4.2.2", Text: "full"}}), accept},
	{"forward", "create pool 2", 0, func(q *ipc.Request, c string) *ipc.Reply {
		if q.Recipients[0].Address != crashRecipient {
			return deliverAll(q, c)
		}
		return &ipc.Reply{N: q.N, Results: []ipc.Result{{Status: ipc.Expanded, To: []ipc.Target{{Address: crashForward}}}}}
	}, accept},
	{"member", "create pool 2", 0, func(q *ipc.Request, c string) *ipc.Reply {
		if q.Recipients[0].Address != crashRecipient {
			return deliverAll(q, c)
		}
		return &ipc.Reply{N: q.N, Results: []ipc.Result{{Status: ipc.Expanded, To: []ipc.Target{{Address: crashMember, Member: "|program"}}}}}
	}, accept},
	{"redirect", "open incoming", 0, func(q *ipc.Request, _ string) *ipc.Reply {
		if q.Transport == "lmtp" {
			return &ipc.Reply{N: q.N, Results: []ipc.Result{{Status: ipc.Deferred, Code: "4.2.2", Text: "full"}}}
		}
		return &ipc.Reply{N: q.N, Results: []ipc.Result{{Status: ipc.Redirected, Transport: "lmtp"}}}
	}, accept},
	{"bounce", "create pool 2", 0, outcomes(map[string]ipc.Result{crashRecipient: {Status: ipc.Bounced, Code: "5.1.1", Text: "unknown"}}), accept},
	{"report", "open incoming", 0, func(q *ipc.Request, c string) *ipc.Reply {
		p := deliverAll(q, c)
		p.Results[0].Report = ipc.Relayed
		return p
	}, func(r *rig) bool {
		env := envelope(crashSender, crashRecipient)
		env.Recipients[0].Attrs = map[string]string{queue.AttrNotify: "SUCCESS"}
		return r.writer().commit(env, "text\n").Error == ""
	}},
	{"hold", "rename hold", 2, outcomes(map[string]ipc.Result{crashRecipient: {Status: ipc.Deferred, Code: "4.2.2", Text: "full"}}), func(r *rig) bool {
		ok := accept(r)
		if ok {
			r.rest()
			r.control(ipc.OpHold)
		}
		return ok
	}},
	{"release", "rename deferred 2", 2, outcomes(map[string]ipc.Result{crashRecipient: {Status: ipc.Deferred, Code: "4.2.2", Text: "full"}}), func(r *rig) bool {
		ok := accept(r)
		if ok {
			r.rest()
			r.control(ipc.OpHold)
			r.control(ipc.OpRelease)
		}
		return ok
	}},
}

// maildrop puts sendmail's file there.
func (r *rig) maildrop() string {
	id := queue.FreshID(time.Now(), queue.OriginSendmail)
	if err := os.WriteFile(filepath.Join(r.dir, queue.DirMaildrop, id), []byte("sendmail's"), 0o600); err != nil {
		r.t.Fatal(err)
	}
	return id
}

// submitted gives sendmail's file the time that its message in the queue has.
func (r *rig) submitted(id, file string) {
	r.t.Helper()
	f, err := os.Open(filepath.Join(r.dir, file))
	if err != nil {
		r.t.Fatal(err)
	}
	defer f.Close()
	m, err := queue.Read(f)
	if err != nil {
		r.t.Fatal(err)
	}
	at := time.UnixMicro(m.Arrival)
	if err := os.Chtimes(filepath.Join(r.dir, queue.DirMaildrop, id), at, at); err != nil {
		r.t.Fatal(err)
	}
}

// control carries out an operation on everything.
func (r *rig) control(op string) {
	c := r.connect(ipc.RoleControl)
	c.Send(&ipc.ControlRequest{Op: op, All: true})
	for {
		var p ipc.ControlReply
		files, err := c.Recv(&p)
		fdpass.CloseAll(files)
		if err != nil || p.End {
			return
		}
	}
}

// rest waits until nothing is under way or the machine has stopped.
func (r *rig) rest() {
	r.wait("rest", func(s *scheduler) bool {
		select {
		case <-r.machine.halt:
			return s.quiet() && !s.dialling()
		default:
		}
		return s.atRest()
	})
}

// dialling tells whether an agent is about to get requests.
func (s *scheduler) dialling() bool {
	for _, t := range s.transports {
		if t.dialling {
			return true
		}
	}
	return false
}

// crash runs an operation until the machine stops and says what is on the disk.
func (r *rig) crash(op *crashOperation, stopAt int) (disk string, acknowledged bool) {
	r.machine = &machine{stopAt: stopAt, halt: make(chan struct{})}
	r.opts = queue.Options{Before: r.machine.before}
	r.flush = durable.Options{Fsync: r.machine.flush, Syncfs: r.machine.flush}
	r.deliver = op.deliver
	r.start()
	over := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		// A writer waits for ever for what the stopped machine cannot do.
		select {
		case <-r.machine.halt:
			r.wait("the end of what was under way", func(s *scheduler) bool { return s.quiet() && !s.dialling() })
			r.hangUp()
		case <-over:
		}
	})
	acknowledged = op.do(r)
	r.rest()
	close(over)
	watch.Wait()
	r.stopAll()
	var where []string
	for _, d := range []string{queue.DirMaildrop, queue.DirPool, queue.DirIncoming, queue.DirDeferred, queue.DirHold, queue.DirCorrupt} {
		if n := len(r.names(d)); n > 0 {
			where = append(where, fmt.Sprintf("%s %d", d, n))
		}
	}
	if len(where) == 0 {
		where = []string{"none"}
	}
	return strings.Join(where, ", "), acknowledged
}

// recovered starts again on what is on the disk, delivers all that is there, and
// says what was delivered.
func (r *rig) recovered() string {
	r.opts, r.flush = queue.Options{}, durable.Options{}
	before := map[string]int{}
	for a, ids := range r.delivered {
		before[a] = len(ids)
	}
	var unsure []string
	r.deliver = func(q *ipc.Request, c string) *ipc.Reply {
		for _, rc := range q.Recipients {
			if q.Unsure {
				unsure = append(unsure, rc.Address)
			}
		}
		return deliverAll(q, c)
	}
	r.start()
	r.settled()
	r.control(ipc.OpRelease)
	r.s.ask(r.s.flushAll)
	r.settled()
	r.stopAll()
	var what []string
	for a, ids := range r.delivered {
		if n := len(ids) - before[a]; n > 0 {
			s := names[a]
			if before[a] > 0 {
				s += " again, unsure"
				if !slices.Contains(unsure, a) {
					r.t.Errorf("%s was delivered to again without a warning", a)
				}
			}
			what = append(what, s)
		}
	}
	slices.Sort(what)
	if len(what) == 0 {
		return "nothing"
	}
	return strings.Join(what, ", ")
}

// TestCrashPoints stops the queue manager before each change of the disk in
// turn, starts it again, and compares what happened with docs/QUEUE.md's row.
func TestCrashPoints(t *testing.T) {
	rows := map[string]string{}
	var order []string
	for i := range crashOperations {
		op := &crashOperations[i]
		whole := newRig(t)
		whole.crash(op, 0)
		for k, call := range op.points(whole.machine.calls) {
			row := op.name + ": " + call
			t.Run(row, func(t *testing.T) {
				r := newRig(t)
				disk, acknowledged := r.crash(op, k+1)
				after := r.recovered()
				r.accounted(acknowledged)
				yes := "no"
				if acknowledged {
					yes = "yes"
				}
				rows[row] = fmt.Sprintf("| %s | %s | %s | %s |", row, disk, yes, after)
			})
			order = append(order, row)
		}
	}
	compareRows(t, order, rows)
}

// points returns the calls that have rows, by their numbers in calls less one,
// told apart.
func (op *crashOperation) points(calls []string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		seen, rows := map[string]int{}, 0
		for k, call := range calls {
			if seen[call]++; seen[call] > 1 {
				call += fmt.Sprint(" ", seen[call])
			}
			if rows == 0 && op.from != "" && call != op.from {
				continue
			}
			if rows++; op.rows > 0 && rows > op.rows || !yield(k, call) {
				return
			}
		}
	}
}

// accounted checks the invariants that hold in every row: what was acknowledged
// has been delivered, forwarded or returned; what was delivered twice was unsure.
func (r *rig) accounted(acknowledged bool) {
	r.t.Helper()
	reached := 0
	for a, ids := range r.delivered {
		reached += len(ids)
		if len(ids) > 2 {
			r.t.Errorf("%s was delivered to %d times; the log says\n%s", a, len(ids), r.lines())
		}
		if len(ids) == 2 && ids[0] != ids[1] {
			r.t.Errorf("%s got two messages: %v", a, ids)
		}
	}
	if acknowledged && reached == 0 {
		r.t.Errorf("an acknowledged message is lost; the log says\n%s", r.lines())
	}
	for _, d := range []string{queue.DirIncoming, queue.DirDeferred, queue.DirHold, queue.DirCorrupt} {
		if n := r.names(d); len(n) > 0 {
			r.t.Errorf("%s still holds %v", d, n)
		}
	}
}

// compareRows compares the rows with the table in docs/QUEUE.md.
func compareRows(t *testing.T, order []string, rows map[string]string) {
	t.Helper()
	const begin, end = "<!-- crash points -->\n", "<!-- end of crash points -->\n"
	b, err := os.ReadFile(queueDoc)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(b), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no table of crash points", queueDoc)
	}
	var table strings.Builder
	table.WriteString("| stopped before | files on disk | acknowledged | delivered after recovery |\n|---|---|---|---|\n")
	for _, row := range order {
		table.WriteString(rows[row] + "\n")
	}
	want := head + begin + table.String() + end + tail
	if want == string(b) {
		return
	}
	if *update {
		if err := os.WriteFile(queueDoc, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("the table of crash points in %s differs from what happens:\n%s\nrun go test ./internal/qmgr -update, and see whether every row is right", queueDoc, table.String())
}
