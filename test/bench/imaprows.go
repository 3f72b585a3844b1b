package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"time"
)

// The rows of people who read their mail over IMAP, beside Dovecot.

// inbox and archive are how many messages a mailbox of these rows has.
const (
	inbox   = 10000
	archive = 100000
)

func makeIMAPRows() []row {
	rows := slices.Concat(imapLoads(), imapTasks(), imapIdlers())
	for i := range rows {
		r := &rows[i]
		r.peer, r.reads, r.setup.scheme, r.setup.imap = "dovecot", true, schemePlain, true
	}
	return rows
}

// imapLoads are the rows of many sessions that do something.
func imapLoads() []row {
	few := &stock{messages: 100}
	rows := []row{{
		name: "imap/login/plain", unit: perSecond, talks: true, boxes: loadBoxes, stock: few,
		do: logins(imapPort, load{sessions: loginSessions, script: imapLogin()}), ratio: 2,
	}, {
		name: "imap/login/tls", unit: perSecond, talks: true, boxes: loadBoxes, stock: few,
		do: logins(imapsPort, load{sessions: loginSessions, tls: clientTLS, script: imapLogin()}), ratio: 2,
	}, {
		name: "imap/mixed", unit: perSecond, talks: true, boxes: mixedBoxes, stock: few, do: mixed, ratio: 3,
	}}
	for i, clients := range []int{1, 20} {
		rows = append(rows, row{
			name: fmt.Sprintf("imap/append/%d", clients), unit: perSecond, talks: true, boxes: clients,
			do: appends(1<<10, clients), ratio: [2]float64{1.5, 4}[i],
		})
	}
	return rows
}

// imapTasks are the rows of one session that does something large. What is done
// in mailboxes that nobody has looked into is done in several of them.
func imapTasks() []row {
	const cold, warm = 3, 7
	large, huge, half := &stock{messages: inbox}, &stock{messages: archive}, &stock{messages: inbox, deleted: true}
	sel := task{ask: "SELECT INBOX", count: one("EXISTS"), want: 1}
	envelopes := task{before: selectInbox, ask: "FETCH 1:* (ENVELOPE BODYSTRUCTURE)", count: fetched, want: inbox}
	subject := task{before: selectInbox, ask: "SEARCH SUBJECT " + subjectWord, count: numbers, want: having(inbox, hasSubjectWord)}
	body := task{before: selectInbox, ask: "SEARCH BODY " + bodyWord, count: numbers, want: having(inbox, hasBodyWord)}
	threads := task{before: selectInbox, ask: "THREAD REFERENCES UTF-8 ALL", count: numbers, want: inbox}
	known := append(slices.Clone(selectInbox), "FETCH 1:* (UID FLAGS)")
	var rows []row
	add := func(name string, k *stock, boxes int, t task, ratio float64) {
		rows = append(rows, row{name: "imap/" + name, unit: millis, boxes: boxes, stock: k, do: t.do(boxes), ratio: ratio})
	}
	add("select/10000/noindex", large, cold, sel, 1)
	add("select/10000/warm", large, 1, sel.again(warm), 1)
	add("select/100000/noindex", huge, cold, sel, 1.0/3)
	add("select/100000/warm", huge, 1, sel.again(warm), 1)
	add("fetch-flags/10000", large, 1, task{before: selectInbox, ask: "FETCH 1:* (UID FLAGS)", count: fetched, want: inbox}.again(warm), 0.5)
	add("fetch-envelope/10000/cold", large, cold, envelopes, 0.5)
	add("fetch-envelope/10000/warm", large, 1, envelopes.again(warm), 0.25)
	rows = append(rows, row{
		name: "imap/fetch-body", unit: megabytes, boxes: 1, stock: large, do: fetchBodies(warm), ratio: 1.5,
	})
	add("search-subject/cold", large, cold, subject, 0.5)
	add("search-subject/warm", large, 1, subject.again(warm), 0.5)
	add("search-body", large, cold, body, 1.0/3)
	add("thread/first", large, cold, threads, 0.5)
	add("thread/again", large, 1, threads.again(warm), 0.5)
	add("copy", large, cold, task{before: append(slices.Clone(known), "CREATE Copies"), ask: "COPY 1:* Copies"}, 1.0/3)
	add("store", large, cold, task{before: known, ask: `STORE 1:* +FLAGS (\Flagged)`, count: fetched, want: inbox}, 1)
	add("expunge", half, cold, task{before: known, ask: "EXPUNGE", count: one("EXPUNGE"), want: inbox / 2}, 1)
	return rows
}

// imapIdlers are the rows of sessions that wait.
func imapIdlers() []row {
	few := &stock{messages: 100}
	rows := []row{
		{name: "imap/idle/median", unit: millis, boxes: 1, stock: few, do: pushes(median1), most: 20},
		{name: "imap/idle/worst", unit: millis, boxes: 1, stock: few, do: pushes(slices.Max[[]float64]), most: 100},
	}
	for _, d := range []struct {
		name string
		port int
		tls  *tls.Config
		most float64
	}{{"plain", imapPort, nil, 58}, {"tls", imapsPort, clientTLS, 100}} {
		rows = append(rows, row{
			name: fmt.Sprintf("imap/memory/one-owner/%s/%d", d.name, idleSessions), unit: kibibytes, boxes: 1, stock: few,
			do: idleIMAP(d.port, d.tls, idleSessions, func(int) int { return 0 }),
		}, row{
			name: fmt.Sprintf("imap/memory/own-users/%s/%d", d.name, idleSessions), unit: kibibytes, boxes: accounts, stock: few,
			do: idleIMAP(d.port, d.tls, idleSessions, itself), most: d.most,
		}, row{
			name: fmt.Sprintf("imap/memory/system-users/%s/%d", d.name, systemUsers), unit: kibibytes, boxes: systemUsers, stock: few,
			setup: setup{uids: true}, do: idleIMAP(d.port, d.tls, systemUsers, itself),
		})
	}
	return rows
}

func itself(i int) int { return i }

var selectInbox = []string{"SELECT INBOX"}

// A task is something that one session does, and what counts is how long it takes.
type task struct {
	before []string // done before, in the same session
	ask    string
	count  func(line []byte) int // of what is wanted in a line of the answer
	want   int
	times  int // in so many sessions after a first; 0: in the first in a mailbox
}

// again is the same in n sessions after a first.
func (t task) again(n int) task {
	t.times = n
	return t
}

// do measures it, and gives the median: in each of the mailboxes, or in the first
// one again and again.
func (t task) do(boxes int) func(context.Context, *run, system, *arrivals) (result, error) {
	return func(ctx context.Context, _ *run, s system, _ *arrivals) (result, error) {
		sessions := make([]int, 0, boxes+t.times)
		for i := range boxes {
			sessions = append(sessions, i)
		}
		for range t.times {
			sessions = append(sessions, 0)
		}
		var took []float64
		for n, account := range sessions {
			if err := ctx.Err(); err != nil {
				return result{}, err
			}
			d, err := t.session(s.at(imapPort), account)
			if err != nil {
				return result{}, fmt.Errorf("session %d: %w", n, err)
			}
			if t.times == 0 || n >= boxes {
				took = append(took, d.Seconds()*1000)
			}
		}
		return result{value: median1(took)}, nil
	}
}

// session does it once.
func (t task) session(addr string, account int) (time.Duration, error) {
	p, err := imapIn(addr, account, nil)
	if err != nil {
		return 0, err
	}
	for _, command := range t.before {
		if err := p.ask(command); err != nil {
			return 0, errors.Join(fmt.Errorf("%s: %w", command, err), p.Close())
		}
	}
	got := 0
	see := func(line []byte) { got += t.count(line) }
	if t.count == nil {
		see = nil
	}
	start := time.Now()
	_, err = p.hear(t.ask, see)
	took := time.Since(start)
	if err == nil && got != t.want {
		err = fmt.Errorf("the answer has %d, want %d", got, t.want)
	}
	if err != nil {
		return 0, errors.Join(fmt.Errorf("%s: %w", t.ask, err), p.Close())
	}
	return took, p.logout()
}

// one counts untagged responses "* NUMBER NAME".
func one(name string) func(line []byte) int {
	end := []byte(" " + name + "\r\n")
	return func(line []byte) int {
		if bytes.HasPrefix(line, []byte("* ")) && bytes.HasSuffix(line, end) {
			return 1
		}
		return 0
	}
}

// fetched counts FETCH responses.
func fetched(line []byte) int {
	if bytes.HasPrefix(line, []byte("* ")) && bytes.Contains(line[:min(len(line), 24)], []byte(" FETCH (")) {
		return 1
	}
	return 0
}

// numbers counts those of a SEARCH or THREAD response.
func numbers(line []byte) (n int) {
	if !bytes.HasPrefix(line, []byte("* SEARCH")) && !bytes.HasPrefix(line, []byte("* THREAD")) {
		return 0
	}
	within := false
	for _, c := range line {
		digit := c >= '0' && c <= '9'
		if digit && !within {
			n++
		}
		within = digit
	}
	return n
}

// fetchBodies counts the octets of all messages, which one session fetches again and
// again, by the second: the median.
func fetchBodies(times int) func(context.Context, *run, system, *arrivals) (result, error) {
	return func(ctx context.Context, r *run, s system, _ *arrivals) (result, error) {
		p, err := imapIn(s.at(imapPort), 0, nil)
		if err != nil {
			return result{}, err
		}
		defer p.Close()
		if err := p.ask("SELECT INBOX"); err != nil {
			return result{}, err
		}
		var rates []float64
		for range times {
			if err := ctx.Err(); err != nil {
				return result{}, err
			}
			start := time.Now()
			got, err := p.hear("UID FETCH 1:* BODY.PEEK[]", nil)
			if err != nil {
				return result{}, err
			}
			rates = append(rates, float64(got.octets)/1e6/time.Since(start).Seconds())
			if want := r.stockOctets(inbox); got.octets != want {
				return result{}, fmt.Errorf("%d octets came, want %d", got.octets, want)
			}
		}
		return result{value: median1(rates)}, p.logout()
	}
}

// median1 is the median of v, which it sorts.
func median1(v []float64) float64 {
	slices.Sort(v)
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}
