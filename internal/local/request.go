package local

import (
	"time"

	"yubin/internal/agent"
	"yubin/internal/ipc"
	"yubin/internal/maildir"
)

// A task is one recipient of a request.
type task struct {
	req      *agent.Request
	r        *ipc.Recipient
	start    time.Time
	delivery *maildir.Delivery // written, waits for its flush
	results  []ipc.Result      // when there are some already
	text     string            // what it was delivered to
	sender   string
	err      error
}

// handle begins to carry out a request. It waits while too much is open.
func (a *deliverer) handle(req *agent.Request) {
	n := a.open.take(filesPerRequest + filesPerRecipient*len(req.Recipients))
	req.Done = func() { a.open.give(n) }
	l, err := newLetter(req)
	t := a.transports[req.Transport]
	if err == nil && t == nil {
		err = misconfigured(nil, "local(8) does not serve the transport %q", req.Transport)
	}
	now := time.Now()
	work := make([]func(), 0, len(req.Recipients))
	for i := range req.Recipients {
		k := &task{req: req, r: &req.Recipients[i], start: now, err: err}
		if err != nil {
			a.finish.add(k)
			continue
		}
		work = append(work, func() {
			a.write(t, l, k)
			a.finish.add(k)
		})
	}
	a.crew.do(work...)
}

// write finds out what is to be done for one recipient, and does it. What is left
// is the flush of a Maildir.
func (a *deliverer) write(t transport, l *letter, k *task) {
	act, err := t.find(l, k.r)
	if err != nil {
		k.err = err
		return
	}
	if act.to == nil {
		k.results = act.results
		return
	}
	if k.sender = l.req.Sender; act.sender != nil {
		k.sender = *act.sender
	}
	if l.req.Attrs[ipc.Probe] != "" {
		k.text = "delivers to mailbox or program"
		return
	}
	k.err = act.to.deliver(a, l, k)
}
