package qmgr

import (
	"errors"
	"testing"

	"yubin/internal/queue"
)

func TestUnreadableTableDefers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.resolve = func(_, _ string) (destination, error) {
		return destination{}, errors.New("open /etc/aliases: permission denied")
	}
	r.start()
	d := r.writer().commit(envelope("ann@example.com", "bob@example.org"), "text\n")
	r.settled()
	r.stopAll()
	r.logged(d.ID, "status=deferred (cannot find out how to deliver: open /etc/aliases: permission denied)", "dsn=4.3.0")
	if n := r.names(queue.DirDeferred); len(n) != 1 {
		t.Errorf("deferred holds %v", n)
	}
}

// Transports inside qmgr, and deferral by configuration.
func TestInnerTransports(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.params = func(p *params) { p.deferred["slow"] = true }
	by := map[string]destination{
		"e@example.org": {transport: "error", nexthop: "5.1.2 no such domain"},
		"r@example.org": {transport: "retry", nexthop: "not yet"},
		"d@example.org": {transport: "discard"},
		"s@example.org": {transport: "slow"},
	}
	r.resolve = func(a, _ string) (destination, error) {
		if d, ok := by[a]; ok {
			return d, nil
		}
		return destination{transport: "local", address: a, mailbox: a}, nil
	}
	r.start()
	d := r.writer().commit(envelope("ann@example.com", "e@example.org", "r@example.org", "d@example.org", "s@example.org"), "text\n")
	r.settled()
	r.stopAll()
	r.logged("postfix/error[", d.ID+": to=<e@example.org>", "dsn=5.1.2, status=bounced (no such domain)")
	r.logged("postfix/retry[", d.ID+": to=<r@example.org>", "dsn=4.0.0, status=deferred (not yet)")
	r.logged("postfix/discard[", d.ID+": to=<d@example.org>", "dsn=2.0.0, status=sent (discarded)")
	r.logged("postfix/slow[", d.ID+": to=<s@example.org>", "dsn=4.3.2, status=deferred (deferred transport)")
	if len(r.got("ann@example.com")) != 1 {
		t.Error("no notice of the bounced recipient")
	}
}
