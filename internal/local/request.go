package local

import (
	"encoding/json"
	"os"
	"time"

	"yubin/internal/durable"
	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/maildir"
	"yubin/internal/smtp"
)

// patience is how long the recipients of a request that are written wait for
// the others of it, so that one flush and one reply serve them all. A mailbox
// that hangs does not hold back the rest for longer.
const patience = 50 * time.Millisecond

// A task is one recipient of a request.
type task struct {
	r        *ipc.Recipient
	start    time.Time
	delivery *maildir.Delivery // written, waits for its flush
	expanded []ipc.Result
	err      error
}

// handle answers one request.
func (a *agent) handle(conn *fdpass.Conn, req *ipc.Request, files []*os.File) {
	l, err := newLetter(req, files)
	t := a.transports[req.Transport]
	if err == nil && t == nil {
		err = misconfigured(nil, "local(8) does not serve the transport %q", req.Transport)
	}
	written := make(chan *task, len(req.Recipients))
	for i := range req.Recipients {
		task := &task{r: &req.Recipients[i], start: time.Now(), err: err}
		if err != nil {
			written <- task
			continue
		}
		go func() {
			a.write(t, l, task)
			written <- task
		}()
	}
	for waiting := len(req.Recipients); waiting > 0; {
		batch := gather(written, waiting)
		waiting -= len(batch)
		a.finish(conn, req, batch)
	}
}

// write does the file work of one recipient.
func (a *agent) write(t transport, l *letter, k *task) {
	a.work <- struct{}{}
	defer func() { <-a.work }()
	var box *mailbox
	if box, k.expanded, k.err = t.find(l, k.r); box == nil {
		return
	}
	m := l.message(k.r, a.host)
	err := a.ids.do(box.as, func() (err error) {
		k.delivery, err = maildir.Deliver(&box.place, m)
		return err
	})
	if err != nil {
		k.err = mailboxFailure(err)
	}
}

// gather waits for the first task, and then with patience for up to n.
func gather(written <-chan *task, n int) []*task {
	batch := append(make([]*task, 0, n), <-written)
	if n == 1 {
		return batch
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for len(batch) < n {
		select {
		case k := <-written:
			batch = append(batch, k)
		case <-timer.C:
			return batch
		}
	}
	return batch
}

// finish flushes what was written and sends the results.
func (a *agent) finish(conn *fdpass.Conn, req *ipc.Request, batch []*task) {
	var items []durable.Item
	var of []*task
	for _, k := range batch {
		if k.delivery != nil {
			items = append(items, durable.Item{File: k.delivery.File, Dirs: k.delivery.Dirs})
			of = append(of, k)
		}
	}
	if len(items) > 0 {
		for i, err := range a.flush.FlushAll(items) {
			if err != nil {
				of[i].err = mailboxFailure(err)
			}
			of[i].delivery.Close()
		}
	}
	results := make([]ipc.Result, 0, len(batch))
	for _, k := range batch {
		results = append(results, a.results(req, k)...)
	}
	for _, part := range split(results) {
		if err := conn.Send(&ipc.Reply{N: req.N, Results: part}); err != nil {
			// The queue manager has gone, and will ask again.
			a.log.Warn("%s: reply to the queue manager: %v", req.ID, err)
			return
		}
	}
}

// results says what became of one recipient.
func (a *agent) results(req *ipc.Request, k *task) []ipc.Result {
	took := time.Since(k.start).Microseconds()
	if k.err != nil {
		r := result(req.Transport, k.r, k.err)
		r.Transfer = took
		if r.Status == ipc.Deferred {
			a.log.As(req.Transport).Warn("%s: to=<%s>: %v", req.ID, k.r.Address, k.err)
		}
		return []ipc.Result{r}
	}
	if k.expanded != nil {
		for i := range k.expanded {
			k.expanded[i].Transfer = took
		}
		return k.expanded
	}
	return []ipc.Result{{
		Index: k.r.Index, Status: ipc.Sent, Code: smtp.Undefined.Code(2), Text: "delivered to maildir",
		Relay: req.Transport, Transfer: took,
	}}
}

// maxReply is what the results of one packet may take, octets; half of what a
// packet holds.
const maxReply = fdpass.MaxPacket / 2

// split parts results so that each part fits a packet. One result always does:
// texts are cut, and addresses come in several results.
func split(results []ipc.Result) [][]ipc.Result {
	var parts [][]ipc.Result
	start, size := 0, 0
	for i := range results {
		n := encodedSize(&results[i])
		if i > start && size+n > maxReply {
			parts = append(parts, results[start:i])
			start, size = i, 0
		}
		size += n
	}
	return append(parts, results[start:])
}

func encodedSize(v any) int {
	b, err := json.Marshal(v)
	if err != nil {
		panic("a result that JSON cannot hold: " + err.Error())
	}
	return len(b)
}
