package imapd

import (
	"context"
	"errors"
	"slices"
	"sync"

	"yubin/internal/imap"
)

// errLarge is a literal that its session should send as it reads it.
var errLarge = errors.New("a literal is too large to be made ahead")

const (
	// fetchBatch is how many messages one worker answers for before it is
	// somebody else's turn, textBatch where their texts are sent.
	fetchBatch = 64
	textBatch  = 8
	// aheadLiteral is how large a literal may be that is made ahead, aheadOctets
	// how much a batch has before what is left of it is the session's.
	aheadLiteral = 64 << 10
	aheadOctets  = 512 << 10
)

// fetchAhead answers for messages, of which none is changed: workers make the
// responses for the next ones while some are sent.
func (v *visit) fetchAhead(ctx context.Context, numbers []imap.Range, items []imap.FetchItem, lib *library) error {
	j := &fetchJob{visit: v, items: items, lib: lib, size: fetchBatch}
	j.opens = slices.ContainsFunc(items, ofText)
	if j.opens {
		j.size = textBatch
	}
	for _, item := range items {
		j.answer = append(j.answer, fetchItems[item.Name])
		j.looks = j.looks || item.Name != imap.FetchUID && item.Name != imap.FetchFlags
	}
	each(numbers, func(i int) error {
		j.list = append(j.list, i)
		return nil
	})
	l := lib.look()
	defer l.close()
	patience := newPatience()
	var failure error // the first
	serial := func(i int) error {
		err := v.fetchOne(i, items, false, l)
		if isRefusal(err) {
			if failure == nil {
				failure = err
			}
			return nil
		}
		return err
	}
	// What the client knows of flags changes with each response that tells of them.
	if len(j.list) < 2 || v.box.view.Snapshot() != v.box.snap || v.box.told != nil {
		for n, i := range j.list {
			if err := serial(i); err != nil {
				return err
			}
			if n%fetchBatch == 0 {
				if err := v.still(ctx, patience, ""); err != nil {
					return err
				}
			}
		}
		return failure
	}
	v.box.view.Recent(0) // so that no worker has to find out
	j.batches = make([]fetchBatchOut, (len(j.list)+j.size-1)/j.size)
	j.first, j.firstBox = *v, *v.box
	err := v.srv.crew.inOrder(len(j.batches), j.hire, func(batch int) error {
		if err := j.send(batch, serial); err != nil {
			return err
		}
		return v.still(ctx, patience, "")
	})
	if err != nil {
		return err
	}
	return failure
}

// A fetchJob is a FETCH that is answered by workers.
type fetchJob struct {
	*visit
	items   []imap.FetchItem
	lib     *library
	list    []int // of the client's indexes
	size    int   // of a batch
	opens   bool  // messages are opened
	looks   bool  // or their records
	answer  []func(*fetched, *imap.FetchItem) error
	batches []fetchBatchOut
	// What workers begin with: the session goes on with its own.
	first    visit
	firstBox box
}

// A fetchBatchOut has the responses for a batch. Those that no worker could make
// are the session's: it makes each where its place is in b.
type fetchBatchOut struct {
	buffer *[]byte // of b, from the pool
	b      []byte
	own    []ownResponse
	counts counts
	heard  uint64 // the highest mod-sequence that is told
}

type ownResponse struct{ at, i int }

func (j *fetchJob) hire() worker {
	// What a worker counts, and tells, is its own until it is sent.
	own, box := j.first, j.firstBox
	own.box = &box
	w := &fetchWorker{job: j}
	w.f = fetched{visit: &own, message: &message{look: j.lib.look()}, room: aheadLiteral}
	return w
}

type fetchWorker struct {
	job *fetchJob
	f   fetched
}

func (w *fetchWorker) close() { w.f.look.close() }

func (w *fetchWorker) do(batch int) {
	j := w.job
	out := &j.batches[batch]
	w.f.counts, w.f.box.heard = counts{}, 0
	out.buffer = responseBuffers.Get().(*[]byte)
	w.f.b = (*out.buffer)[:0]
	for _, i := range j.list[batch*j.size : min((batch+1)*j.size, len(j.list))] {
		at := len(w.f.b)
		if at > aheadOctets || !w.response(i) || len(w.f.b)-at > aheadOctets {
			w.f.b = w.f.b[:at]
			out.own = append(out.own, ownResponse{at, i})
		}
	}
	out.b, out.counts, out.heard, w.f.b = w.f.b, w.f.counts, w.f.box.heard, nil
	*out.buffer = out.b
}

// response makes a message's response.
func (w *fetchWorker) response(i int) bool {
	f := &w.f
	if w.job.looks {
		*f.message = message{look: f.look, k: i} // the view has the client's numbers
		defer f.message.close()
	}
	f.k, f.i, f.m, f.b = i, i, f.box.snap.Message(i), appendFetch(f.b, i)
	before := f.counts
	ok := !w.job.opens || f.open() == nil
	for n := range w.job.items {
		if !ok {
			break
		}
		if n > 0 {
			f.b = append(f.b, ' ')
		}
		ok = w.job.answer[n](f, &w.job.items[n]) == nil
	}
	if !ok {
		f.counts = before
		return false
	}
	f.b = append(f.b, ")\r\n"...)
	return true
}

// send sends a batch's responses.
func (j *fetchJob) send(batch int, serial func(i int) error) error {
	out := &j.batches[batch]
	sent := 0
	for _, own := range out.own {
		if _, err := j.Write(out.b[sent:own.at]); err != nil {
			return err
		}
		sent = own.at
		if err := serial(own.i); err != nil {
			return err
		}
	}
	_, err := j.Write(out.b[sent:])
	j.counts.add(&out.counts)
	j.box.heard = max(j.box.heard, out.heard)
	if cap(out.b) <= maxBuffer {
		responseBuffers.Put(out.buffer)
	}
	*out = fetchBatchOut{}
	return err
}

func (c *counts) add(o *counts) {
	c.headers += o.headers
	c.bodies += o.bodies
	c.headerOctets += o.headerOctets
	c.bodyOctets += o.bodyOctets
}

// responseBuffers are what batches' responses are made in.
var responseBuffers = sync.Pool{New: func() any { return new(make([]byte, 0, 16<<10)) }}

// maxBuffer is how large one may be that is kept, octets.
const maxBuffer = 256 << 10
