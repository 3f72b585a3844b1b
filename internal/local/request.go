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
	expanded []ipc.Result
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

// write does the file work of one recipient.
func (a *deliverer) write(t transport, l *letter, k *task) {
	var box *mailbox
	if box, k.expanded, k.err = t.find(l, k.r); box == nil {
		return
	}
	m := l.message(k.r, a.host)
	if m.Quota, k.err = a.quota.of(box); k.err != nil {
		return
	}
	place := box.place
	place.UID, place.GID = box.as.uid, box.as.gid
	err := a.ids.do(box.as, func() (err error) {
		k.delivery, err = a.boxes.Deliver(&place, m)
		return err
	})
	if err != nil {
		k.err = a.quota.failure(err)
	}
}
