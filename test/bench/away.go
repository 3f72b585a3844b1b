package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// The rows whose mail leaves the system.

const (
	destinations = 1000
	// deadEach is how many destinations there are to each dead one.
	deadEach     = 10
	destMessages = 10 * destinations
	sinkPort     = 2526
	// heloTimeout is how long systems wait for mute servers in the destinations
	// row: the usual five minutes would make a turn of ten.
	heloTimeout = 30 * time.Second
)

// sinkHosts are n addresses of a new sink, in a network of its own.
func sinkHosts(n int) []netip.AddrPort {
	network := byte(1 + rand.IntN(254))
	hosts := make([]netip.AddrPort, n)
	for i := range hosts {
		a := netip.AddrFrom4([4]byte{127, network, byte(i / 250), byte(1 + i%250)})
		hosts[i] = netip.AddrPortFrom(a, sinkPort)
	}
	return hosts
}

// nextHop is an address as transport tables and relayhost have it.
func nextHop(a netip.AddrPort) string { return fmt.Sprintf("[%v]:%d", a.Addr(), a.Port()) }

// relayed makes a sink for all mail.
func relayed(s *setup) (*sink, error) {
	hosts := sinkHosts(1)
	s.relayhost = nextHop(hosts[0])
	return openSink(hosts, func(int) manner { return takes })
}

// spread makes a sink of n destinations, each a domain of its own.
func spread(n int, how func(i int) manner) func(*setup) (*sink, error) {
	return func(s *setup) (*sink, error) {
		hosts := sinkHosts(n)
		var table strings.Builder
		for i, h := range hosts {
			fmt.Fprintf(&table, "%s smtp:%s\n", destination(i), nextHop(h))
		}
		s.transports = table.String()
		return openSink(hosts, how)
	}
}

func destination(i int) string { return fmt.Sprintf("d%04d.away.test", i) }

// rcptAt returns the RCPT command of message id to its domain.
func rcptAt(domain func(id int) string) func(b []byte, id int) []byte {
	return func(b []byte, id int) []byte {
		b = strconv.AppendInt(append(b, "RCPT TO:<m"...), int64(id), 10)
		return append(append(append(b, '@'), domain(id)...), ">\r\n"...)
	}
}

func every(int) bool { return true }

// relay counts messages until the sink has answered their final dot.
func relay(size, sessions int) func(context.Context, *run, system, *arrivals) (result, error) {
	return func(ctx context.Context, r *run, s system, _ *arrivals) (result, error) {
		t, err := play(ctx, s.addr(), load{
			sessions: sessions, body: wire(size), warm: r.warm(), time: r.time,
			rcpt: rcptAt(func(int) string { return "relay.away.test" }),
		})
		if err == nil {
			err = r.sink.messages(ctx, t.sent)
		}
		end := r.sink.last(0, t.sent, every)
		return result{value: rate(t.counted, t.warmed, end), messages: t.sent, wanted: every}, err
	}
}

// The destinations of a turn are three sets, each new to the system: the first
// answers whole, of the second each tenth is dead (it refuses connections or is
// mute, in turn), and the third is for warming up.
func ofDestination(i int) manner {
	switch {
	case i/destinations != 1 || i%deadEach != 0:
		return takes
	case i%(2*deadEach) == 0:
		return mute
	}
	return absent
}

// destinationOf is where message id goes: ten messages to each, in turn.
func destinationOf(id int) int { return id/destMessages*destinations + id%destinations }

// reachable reports whether message id can be delivered.
func reachable(id int) bool { return ofDestination(destinationOf(id)) == takes }

// compared reports whether message id counts for the figure: whether its like in
// the second set goes to one that lives.
func compared(id int) bool { return reachable(destMessages + id%destMessages) }

// outbound sends mail to many destinations, all of them alive, and then to as
// many others of which a tenth are dead. The figure is how long it took until the
// living of the second set had theirs, and beside it how long until the same
// messages were there in the first.
func outbound(ctx context.Context, r *run, s system, _ *arrivals) (result, error) {
	arriving := 0
	send := func(set, messages int) (float64, error) {
		first := set * destMessages
		t, err := play(ctx, s.addr(), load{
			sessions: 20, body: wire(1 << 10), time: time.Hour, first: first, messages: messages,
			rcpt: rcptAt(func(id int) string { return destination(destinationOf(id)) }),
		})
		if err != nil {
			return 0, err
		}
		for id := range messages {
			if reachable(first + id) {
				arriving++
			}
		}
		err = r.sink.messages(ctx, arriving)
		return r.sink.last(first, first+messages, compared).Sub(t.start).Seconds(), err
	}
	if _, err := send(2, destinations); err != nil {
		return result{}, fmt.Errorf("warming up: %w", err)
	}
	without, err := send(0, destMessages)
	if err != nil {
		return result{}, fmt.Errorf("nobody dead: %w", err)
	}
	with, err := send(1, destMessages)
	if err != nil {
		return result{}, fmt.Errorf("some dead: %w", err)
	}
	return result{value: with, without: without, messages: 2*destMessages + destinations, wanted: reachable}, nil
}

// memoryOut measures the memory of the system with open connections to others,
// each of which waits for the reply to RCPT.
func memoryOut(connections int) func(context.Context, *run, system, *arrivals) (result, error) {
	return func(ctx context.Context, r *run, s system, _ *arrivals) (result, error) {
		defer r.sink.close() // or the system would have them to end when it is stopped
		_, err := play(ctx, s.addr(), load{
			sessions: 1, body: wire(1 << 10), time: time.Hour, messages: connections,
			rcpt: rcptAt(destination),
		})
		if err != nil {
			return result{}, err
		}
		if err := r.sink.waiting(ctx, connections); err != nil {
			return result{}, err
		}
		return settledMemory(ctx, s)
	}
}
