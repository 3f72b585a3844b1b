package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// The rows of people who log in: they fetch mail, or submit it.

const (
	loginSessions = 8
	idleSessions  = 1000
	maildrop      = 10000
)

// makePeopleRows makes them: the POP3 server is compared with Dovecot's, who
// submits with Postfix, where Dovecot's authentication service judges.
func makePeopleRows() []row {
	var rows []row
	for _, d := range []struct {
		name string
		port int
		tls  *tls.Config
		most float64
	}{{"plain", popPort, nil, 58}, {"tls", popsPort, clientTLS, 100}} {
		rows = append(rows, row{
			name: "pop3/login/" + d.name, unit: perSecond, talks: true, boxes: loadBoxes,
			do: logins(d.port, load{sessions: loginSessions, tls: d.tls, script: popLogin()}), ratio: 2,
		}, row{
			name: fmt.Sprintf("pop3/memory/%s/%d", d.name, idleSessions), unit: kibibytes, boxes: accounts,
			do: idle(d.port, d.tls), most: d.most,
		})
	}
	rows = append(rows, row{
		name: fmt.Sprintf("pop3/first/%d", maildrop), unit: millis, boxes: 1, filled: maildrop,
		do: openDrop(1), ratio: 1,
	}, row{
		name: fmt.Sprintf("pop3/stat/%d", maildrop), unit: millis, boxes: 1, filled: maildrop,
		do: openDrop(9), ratio: 1,
	}, row{
		name: fmt.Sprintf("pop3/retr/%d", maildrop), unit: perSecond, boxes: 1, filled: maildrop,
		do: retrieve, ratio: 1.5,
	})
	for i := range rows {
		rows[i].peer, rows[i].reads, rows[i].setup.scheme = "dovecot", true, schemePlain
	}
	return append(rows, makeSubmitRows()...)
}

func makeSubmitRows() []row {
	var rows []row
	for _, d := range []struct {
		name string
		port int
		tls  *tls.Config
	}{{"clear", submitPort, nil}, {"tls", submitsPort, clientTLS}} {
		for _, m := range []struct {
			name, scheme string
			steps        []step
		}{
			{"plain", schemePlain, []step{authPlain}},
			{"scram", schemeScram, authScram},
			{"crypt", schemeCrypt, []step{authPlain}},
		} {
			rows = append(rows, row{
				name: "auth/" + m.name + "/" + d.name, unit: perSecond, talks: m.scheme == schemePlain, boxes: loadBoxes, reads: true, setup: setup{scheme: m.scheme},
				do: logins(d.port, load{sessions: loginSessions, tls: d.tls, script: slices.Concat([]step{ehlo}, m.steps, quitSMTP)}), ratio: 1,
			})
		}
	}
	return append(rows, row{
		name: "handshake", unit: perSecond, talks: true, boxes: loadBoxes, reads: true, setup: setup{scheme: schemePlain},
		do: logins(submitsPort, load{sessions: loginSessions, tls: clientTLS, script: quitSMTP}), ratio: 1,
	}, row{
		name: "submission/1K/20", unit: perSecond, talks: true, boxes: loadBoxes, setup: setup{scheme: schemePlain},
		do: submission(1<<10, 20), ratio: 1,
	})
}

// logins counts dialogues.
func logins(port int, l load) func(context.Context, *run, system, *arrivals) (result, error) {
	return func(ctx context.Context, r *run, s system, _ *arrivals) (result, error) {
		l := l
		l.warm, l.time = r.warm(), r.time
		t, err := play(ctx, s.at(port), l)
		return result{value: rate(t.counted, t.warmed, t.end), messages: t.sent}, err
	}
}

// submission counts messages of people who log in over TLS, until they are in
// mailboxes.
func submission(size, sessions int) func(context.Context, *run, system, *arrivals) (result, error) {
	return func(ctx context.Context, r *run, s system, a *arrivals) (result, error) {
		l := load{
			sessions: sessions, tls: clientTLS, rcpts: rcptCommands(loadBoxes), body: wire(size),
			warm: r.warm(), time: r.time,
		}
		l.script = l.mail(ehlo, authPlain)
		t, err := play(ctx, s.at(submitsPort), l)
		if err != nil {
			return result{}, err
		}
		end := t.end
		if a != nil {
			end, err = a.wait(ctx, t.sent)
		}
		return result{value: rate(t.counted, t.warmed, end), messages: t.sent}, err
	}
}

// fill puts n messages into the first mailbox below base, as if they had been
// delivered there. Their names are as different as on a real host: Dovecot's
// hash tables degrade when only a running number tells them apart.
func fill(base string, n int) error {
	content, random := script(1<<10), rand.New(rand.NewPCG(1, 2))
	for i := range n {
		name := fmt.Sprintf("%d.M%dP%d.bench,S=%d,W=%d", 1700000000+61*i, random.IntN(1e6), random.IntN(1e5), len(content), len(message(1<<10)))
		path := filepath.Join(base, mailbox(0), "new", name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return err
		}
		if err := os.Chown(path, mailUID, mailUID); err != nil {
			return err
		}
	}
	return nil
}

// openDrop measures a login up to STAT's answer: the first, or the median of n
// after a first one.
func openDrop(n int) func(context.Context, *run, system, *arrivals) (result, error) {
	return func(_ context.Context, _ *run, s system, _ *arrivals) (result, error) {
		var took []time.Duration
		for len(took) < n+1 {
			start := time.Now()
			p, err := popIn(s.at(popPort), 0, nil)
			if err != nil {
				return result{}, err
			}
			took = append(took, time.Since(start))
			if err := errors.Join(p.wants(maildrop), p.quit()); err != nil {
				return result{}, err
			}
		}
		d := took[0]
		if n > 1 {
			slices.Sort(took[1:])
			d = took[1+n/2]
		}
		return result{value: d.Seconds() * 1000}, nil
	}
}

// retrieve counts messages that one session fetches, one after another.
func retrieve(ctx context.Context, _ *run, s system, _ *arrivals) (result, error) {
	first, err := popIn(s.at(popPort), 0, nil)
	if err == nil {
		err = first.quit()
	}
	if err != nil {
		return result{}, err
	}
	p, err := popIn(s.at(popPort), 0, nil)
	if err != nil {
		return result{}, err
	}
	defer p.Close()
	want := message(1 << 10)
	start := time.Now()
	for i := range maildrop {
		if err := ctx.Err(); err != nil {
			return result{}, err
		}
		got, err := p.retr(i + 1)
		if err != nil {
			return result{}, err
		}
		if !bytes.Equal(got, want) {
			return result{}, fmt.Errorf("message %d is not what it was: %q", i+1, got)
		}
	}
	return result{value: rate(maildrop, start, time.Now()), messages: maildrop}, p.quit()
}

// idle measures what a session adds to the memory of the system, when it has
// logged in and waits.
func idle(port int, over *tls.Config) func(context.Context, *run, system, *arrivals) (result, error) {
	return func(ctx context.Context, _ *run, s system, _ *arrivals) (result, error) {
		before, err := popIn(s.at(port), 0, over) // the first starts what others use too
		if err != nil {
			return result{}, err
		}
		defer before.Close()
		one, err := settledMemory(ctx, s)
		if err != nil {
			return result{}, err
		}
		for i := 1; i < idleSessions; i++ {
			p, err := popIn(s.at(port), i, over)
			if err != nil {
				return result{}, fmt.Errorf("session %d: %w", i, err)
			}
			defer p.Close()
		}
		all, err := settledMemory(ctx, s)
		return result{value: (all.value - one.value) * 1024 / (idleSessions - 1)}, err
	}
}
