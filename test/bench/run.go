package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// A run is one call of bench: its settings and what was measured so far.
type run struct {
	dir     string
	time    time.Duration // of one load
	rounds  int
	began   time.Time
	trash   int
	letters []letter // that are written
	sink    *sink    // where the mail of the turn goes that leaves the system
	results map[key][]result
	rows    []row // those that ran, in order
}

// A key names the results of one system in one row.
type key struct{ row, system string }

func newRun(o options, dir string) *run {
	return &run{dir: dir, time: o.time, rounds: o.rounds, began: time.Now(), results: map[key][]result{}}
}

// turn starts a system, runs one row with it, and stops it.
func (r *run) turn(ctx context.Context, s system, row row) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(r.rows) == 0 || r.rows[len(r.rows)-1].name != row.name {
		r.rows = append(r.rows, row)
	}
	var a *arrivals
	if s.mail() != "" {
		if err := r.freshMail(s.mail(), row); err != nil {
			return err
		}
		if row.reads {
			err = errors.Join(fill(s.mail(), row.filled), r.layAll(s.mail(), row))
		} else if a, err = watchBoxes(s.mail(), row.boxes); err == nil {
			defer a.close()
		}
		if err != nil {
			return err
		}
	}
	if err := settle(r.dir); err != nil {
		return err
	}
	setup := row.setup
	var outside *sink
	if row.away != nil {
		if outside, err = row.away(&setup); err != nil {
			return err
		}
		defer outside.close()
	}
	if err := s.start(setup); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	result, err := r.measure(ctx, s, row, a, outside)
	if err := errors.Join(err, s.stop()); err != nil {
		return err
	}
	if a != nil && !row.setup.held && row.boxes > 0 {
		if err := a.check(result.messages); err != nil {
			return err
		}
	}
	if result.wanted != nil {
		if err := outside.check(result.messages, result.wanted); err != nil {
			return err
		}
	}
	k := key{row.name, s.name()}
	r.results[k] = append(r.results[k], result)
	fmt.Fprintf(os.Stderr, "%-16s %-8s %10s  %s%s\n", row.name, s.name(), figure(result.value, row.unit), result.beside(), result.cpu())
	return nil
}

// measure runs the row's load under a meter.
func (r *run) measure(ctx context.Context, s system, row row, a *arrivals, outside *sink) (result, error) {
	load := *r
	load.sink = outside
	if s.name() == "talk" {
		load.time /= 2 // it hardly varies
	}
	m, err := startMeter(s.pid())
	if err != nil {
		return result{}, err
	}
	res, err := row.do(ctx, &load, s, a)
	if err != nil {
		return result{}, err
	}
	res.used, res.rest, err = m.read()
	res.used = res.used.add(res.client)
	return res, err
}

// freshMail puts the mailboxes of the last turn aside and makes empty ones.
// Large files go at once, since the disk may be too small for all of them.
// Small ones stay until the end: ext4 is slow for a while after the removal of
// many files, and the next turn must not pay for it.
func (r *run) freshMail(mail string, row row) error {
	if _, err := os.Lstat(mail); err == nil {
		r.trash++
		old := filepath.Join(r.dir, fmt.Sprintf("trash%d", r.trash))
		if err := os.Rename(mail, old); err != nil {
			return err
		}
		if row.large {
			if err := os.RemoveAll(old); err != nil {
				return err
			}
		}
	}
	return makeBoxes(mail, row.boxes, row.setup.uid)
}

// settle writes back what earlier turns left in memory.
func settle(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := unix.Syncfs(int(d.Fd())); err != nil {
		return fmt.Errorf("syncfs %s: %w", dir, err)
	}
	return nil
}

// beside compares with what it was without dead destinations, in words.
func (r result) beside() string {
	if r.without == 0 {
		return ""
	}
	return fmt.Sprintf("%s of the %s without dead destinations; ", figure(r.value/r.without, "×"), figure(r.without, ""))
}

// cpu is the processor time per message in words.
func (r result) cpu() string {
	if r.messages == 0 {
		return ""
	}
	return fmt.Sprintf("cpu ms per message: user %.3f system %.3f rest of the machine %.3f",
		r.each(r.used.user), r.each(r.used.sys), r.each(r.rest))
}

// each is milliseconds per message.
func (r result) each(d time.Duration) float64 {
	return d.Seconds() * 1000 / float64(r.messages)
}
