package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// warm is how much of a load does not count.
func (r *run) warm() time.Duration { return min(2*time.Second, r.time/5) }

// smtp runs a load of plain messages to the mailboxes over SMTP.
func (r *run) smtp(ctx context.Context, s system, size, sessions int) (tally, error) {
	return play(ctx, s.addr(), load{
		sessions: sessions, rcpts: rcptCommands(loadBoxes), body: wire(size),
		warm: r.warm(), time: r.time,
	})
}

// play runs a load against the server at addr; every message must be accepted.
func play(ctx context.Context, addr string, l load) (tally, error) {
	ap, err := netip.ParseAddrPort(addr)
	if err != nil {
		return tally{}, err
	}
	l.addr = &unix.SockaddrInet4{Port: int(ap.Port()), Addr: ap.Addr().As4()}
	t, err := l.run(ctx)
	if err == nil && t.failed > 0 {
		err = fmt.Errorf("%d failed, %d were accepted; the first failure: %s", t.failed, t.sent, t.why)
	}
	if err == nil && t.counted == 0 {
		err = errors.New("nothing was accepted after the warm-up")
	}
	return t, err
}

// deliver counts messages until they are in mailboxes.
func deliver(size, sessions int) func(context.Context, *run, system, *arrivals) (result, error) {
	return func(ctx context.Context, r *run, s system, a *arrivals) (result, error) {
		t, err := r.smtp(ctx, s, size, sessions)
		if err != nil {
			return result{}, err
		}
		end := t.end
		if a != nil {
			if end, err = a.wait(ctx, t.sent); err != nil {
				return result{}, err
			}
		}
		return result{value: rate(t.counted, t.warmed, end), messages: t.sent}, nil
	}
}

// accept counts messages until they are answered with 250.
func accept(size, sessions int) func(context.Context, *run, system, *arrivals) (result, error) {
	return func(ctx context.Context, r *run, s system, _ *arrivals) (result, error) {
		t, err := r.smtp(ctx, s, size, sessions)
		return result{value: rate(t.counted, t.warmed, t.end), messages: t.sent}, err
	}
}

func rate(n int, from, to time.Time) float64 { return float64(n) / to.Sub(from).Seconds() }

// submit counts runs of the sendmail command by workers at once; what is
// submitted must arrive, but is not waited for in the rate.
func submit(size, workers int) func(context.Context, *run, system, *arrivals) (result, error) {
	return func(ctx context.Context, r *run, s system, a *arrivals) (result, error) {
		letter, err := os.CreateTemp(r.dir, "letter")
		if err != nil {
			return result{}, err
		}
		defer os.Remove(letter.Name())
		defer letter.Close()
		if _, err := letter.Write(script(size)); err != nil {
			return result{}, err
		}
		start := time.Now()
		var (
			wg           sync.WaitGroup
			mu           sync.Mutex
			sent, counts int
			failure      error
		)
		for w := range workers {
			wg.Go(func() {
				for i := w; time.Since(start) < r.time && ctx.Err() == nil; i += workers {
					err := runSendmail(s.sendmail(), letter.Name(), mailbox(i%loadBoxes)+"@"+domain)
					mu.Lock()
					if failure = errors.Join(failure, err); err == nil {
						sent++
						if time.Since(start) > r.warm() {
							counts++
						}
					}
					stop := failure != nil
					mu.Unlock()
					if stop {
						return
					}
				}
			})
		}
		wg.Wait()
		end := time.Now()
		if err := errors.Join(failure, ctx.Err()); err != nil {
			return result{}, err
		}
		_, err = a.wait(ctx, sent)
		return result{value: rate(counts, start.Add(r.warm()), end), messages: sent}, err
	}
}

func runSendmail(argv []string, letter, rcpt string) error {
	in, err := os.Open(letter)
	if err != nil {
		return err
	}
	defer in.Close()
	argv = append(argv[:len(argv):len(argv)], "-i", "-f", "sender@load.test", rcpt)
	p, err := os.StartProcess(argv[0], argv, &os.ProcAttr{Files: []*os.File{in, os.Stderr, os.Stderr}})
	if err != nil {
		return err
	}
	state, err := p.Wait()
	if err == nil && !state.Success() {
		err = fmt.Errorf("%s: %v", strings.Join(argv, " "), state)
	}
	return err
}

// list sends one message to n mailboxes and measures the seconds from MAIL
// until the last copy is in its mailbox.
func list(n int) func(context.Context, *run, system, *arrivals) (result, error) {
	return func(ctx context.Context, _ *run, s system, a *arrivals) (result, error) {
		d, err := dial(s.addr())
		if err != nil {
			return result{}, err
		}
		defer d.Close()
		start := time.Now()
		if err := d.ask([]byte("MAIL FROM:<sender@load.test>\r\n"), 1, "250"); err != nil {
			return result{}, err
		}
		const group = 500 // commands in flight, well below what sockets buffer
		commands := rcptCommands(n)
		for len(commands) > 0 {
			some := commands[:min(group, len(commands))]
			commands = commands[len(some):]
			if err := d.ask(bytes.Join(some, nil), len(some), "250"); err != nil {
				return result{}, err
			}
		}
		if err := d.ask([]byte("DATA\r\n"), 1, "354"); err != nil {
			return result{}, err
		}
		if err := d.ask(wire(1<<10), 1, "250"); err != nil {
			return result{}, err
		}
		end, err := a.wait(ctx, n)
		return result{value: end.Sub(start).Seconds(), messages: n}, err
	}
}

// memory measures the memory of the system with idle sessions, after EHLO.
func memory(sessions int) func(context.Context, *run, system, *arrivals) (result, error) {
	return func(ctx context.Context, _ *run, s system, _ *arrivals) (result, error) {
		for range sessions {
			d, err := dial(s.addr())
			if err != nil {
				return result{}, err
			}
			defer d.Close()
		}
		return settledMemory(ctx, s)
	}
}

// settledMemory is the memory of the system once what sessions began is over.
func settledMemory(ctx context.Context, s system) (result, error) {
	select {
	case <-ctx.Done():
		return result{}, ctx.Err()
	case <-time.After(2 * time.Second):
	}
	octets, err := treePSS(s.pid())
	return result{value: float64(octets) / (1 << 20)}, err
}

// A dialer is an SMTP session of which little is asked.
type dialer struct {
	net.Conn
	r *bufio.Reader
}

// dial opens a session up to EHLO.
func dial(addr string) (*dialer, error) {
	c, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		return nil, err
	}
	c.SetDeadline(time.Now().Add(2 * time.Minute))
	d := &dialer{c, bufio.NewReader(c)}
	if err = d.ask(nil, 1, "220"); err == nil {
		err = d.ask([]byte("EHLO load.test\r\n"), 1, "250")
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return d, nil
}

// ask sends commands and wants n replies of this code.
func (d *dialer) ask(commands []byte, n int, code string) error {
	if _, err := d.Write(commands); err != nil {
		return err
	}
	for n > 0 {
		line, err := d.r.ReadString('\n')
		if err != nil {
			return err
		}
		if !strings.HasPrefix(line, code) {
			return fmt.Errorf("reply %q, want %s", line, code)
		}
		if len(line) > 3 && line[3] == ' ' {
			n--
		}
	}
	return nil
}
