package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// Many more sessions at once than the server has room for.
const (
	overloadSessions = 2000
	overloadLimit    = 500
	// overloadWait is how long a client may have to wait, of the minutes that
	// clients do (RFC 5321, 4.5.3.2).
	overloadWait   = 10 * time.Second
	overloadMemory = 256 << 20
)

// overloadRow measures how long one more client has to wait until its letter is
// safe, at worst, while the server has four times as many as it serves. A letter
// that was accepted and has not arrived, or twice, ends the run as in every row.
// It stands alone: of Postfix's clients some never hear anything, and their load
// would not end.
func overloadRow() row {
	return row{
		name: fmt.Sprintf("overload/%d", overloadSessions), unit: seconds, boxes: loadBoxes,
		peer: "none", setup: setup{sessions: overloadLimit}, do: overload, most: overloadWait.Seconds(),
	}
}

func overload(ctx context.Context, r *run, s system, a *arrivals) (result, error) {
	ap, err := netip.ParseAddrPort(s.addr())
	if err != nil {
		return result{}, err
	}
	l := load{
		addr:     &unix.SockaddrInet4{Port: int(ap.Port()), Addr: ap.Addr().As4()},
		sessions: overloadSessions, rcpts: rcptCommands(loadBoxes), body: wire(1 << 10), warm: r.warm(), time: r.time,
	}
	var t tally
	done := make(chan error, 1)
	go func() {
		var err error
		t, err = l.run(ctx)
		done <- err
	}()
	var worst time.Duration
	visits := 0
	for running := true; running; {
		took, err := visit(s.addr())
		if err != nil {
			return result{}, errors.Join(fmt.Errorf("one more client: %w", err), <-done)
		}
		visits++
		worst = max(worst, took)
		select {
		case err := <-done:
			if err != nil {
				return result{}, err
			}
			running = false
		case <-time.After(100 * time.Millisecond):
		}
	}
	// When it is over, nobody waits.
	took, err := visit(s.addr())
	if err != nil || took > time.Second {
		return result{}, fmt.Errorf("a client after the load waited %v: %w", took, err)
	}
	visits++
	if octets, err := treePSS(s.pid()); err != nil || octets > overloadMemory {
		return result{}, fmt.Errorf("%d octets of memory are in use, want %d at most: %w", octets, overloadMemory, err)
	}
	if _, err := a.wait(ctx, t.sent+visits); err != nil {
		return result{}, err
	}
	return result{value: worst.Seconds(), messages: t.sent + visits}, nil
}

// visit sends one letter and tells how long that took.
func visit(addr string) (time.Duration, error) {
	start := time.Now()
	d, err := dial(addr)
	if err != nil {
		return 0, err
	}
	defer d.Close()
	for _, step := range []struct{ say, want string }{
		{"MAIL FROM:<sender@load.test>\r\n", "250"}, {string(rcptCommands(1)[0]), "250"}, {"DATA\r\n", "354"}, {string(wire(1 << 10)), "250"},
	} {
		if err := d.ask([]byte(step.say), 1, step.want); err != nil {
			return 0, err
		}
	}
	return time.Since(start), nil
}
