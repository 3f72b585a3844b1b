package agent

import (
	"yubin/internal/fdpass"
	"yubin/internal/ipc"
)

// put queues what is to be said about a request, in as many replies as it
// takes; signal has them sent.
func (c *conn) put(n uint64, results []ipc.Result, last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	start, size := 0, 0
	for i := range results {
		b := bound(&results[i])
		if size += b; size > maxReply && i > start {
			c.replies = append(c.replies, ipc.Reply{N: n, Results: results[start:i]})
			start, size = i, b
		}
	}
	c.replies = append(c.replies, ipc.Reply{N: n, Results: results[start:]})
	if last {
		c.open--
	}
}

func (c *conn) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// send is the goroutine that writes, until the client has gone and every
// request is answered.
func (c *conn) send() {
	var failed error
	for range c.wake {
		c.mu.Lock()
		replies := c.replies
		c.replies = nil
		over := c.ended && c.open == 0
		c.mu.Unlock()
		for len(replies) > 0 {
			n := fit(replies)
			if failed == nil {
				if failed = c.c.Send(&ipc.ReplyPacket{Replies: replies[:n]}); failed != nil {
					// The queue manager has gone, or is to take it so: it asks again.
					c.log.Warn("reply to the queue manager: %v", failed)
					c.c.Unix().CloseRead() // the reader ends
					c.c.Unix().CloseWrite()
				}
			}
			replies = replies[n:]
		}
		if over {
			return
		}
	}
}

// maxReply is what replies may take when they are encoded, octets: half of what
// a packet holds. One result always goes into a packet: its maker keeps it short
// (MaxResult).
const maxReply = fdpass.MaxPacket / 2

// MaxResult is what one result may take when it is encoded, octets.
const MaxResult = maxReply

// fit returns how many replies go into one packet: one always does.
func fit(replies []ipc.Reply) int {
	size := 0
	for i := range replies {
		for k := range replies[i].Results {
			size += bound(&replies[i].Results[k])
		}
		if size > maxReply && i > 0 {
			return i
		}
	}
	return len(replies)
}

// bound is what a result takes at the most: JSON needs at most six octets for one.
func bound(r *ipc.Result) int {
	const frame, escaped = 300, 6
	text := len(r.Text) + len(r.Relay) + len(r.Host) + len(r.Code) + len(r.Status) + len(r.Program) + len(r.Header) + len(r.Report) + len(r.Transport) + len(r.Nexthop)
	for _, t := range r.To {
		text += len(t.Address) + len(t.Member) + len(`{"a":"","x":true,"m":""},`)
	}
	if r.Sender != nil {
		text += len(*r.Sender)
	}
	if s := r.Session; s != nil {
		text += len(s.Peer) + len(s.Reason) + len(s.Text)
	}
	return frame + escaped*text
}
