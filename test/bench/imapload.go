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
	"strings"
	"sync"
	"time"
)

// appends counts messages that clients, each in the mailbox of its own, put there
// with APPEND, one after another.
func appends(size, clients int) func(context.Context, *run, system, *arrivals) (result, error) {
	return func(ctx context.Context, r *run, s system, _ *arrivals) (result, error) {
		command := fmt.Sprintf("APPEND INBOX (\\Seen) {%d+}\r\n%s", size, message(size))
		c := newCrowd(r)
		for i := range clients {
			c.start(func() error {
				p, err := imapIn(s.at(imapPort), i, nil)
				if err != nil {
					return err
				}
				defer p.Close()
				for ctx.Err() == nil && !c.over() {
					if err := p.ask(command); err != nil {
						return err
					}
					c.count()
				}
				return p.logout()
			})
		}
		res, err := c.wait()
		if err != nil || s.mail() == "" {
			return res, err
		}
		files, err := filepath.Glob(filepath.Join(s.mail(), "*", "[cn]*", "*"))
		if err == nil && len(files) != res.messages {
			err = fmt.Errorf("%d messages are in the mailboxes, %d were acknowledged", len(files), res.messages)
		}
		return res, err
	}
}

// A crowd is people who do something at once, for the time of a load.
type crowd struct {
	wide        func() // see narrow
	warmed, end time.Time
	wg          sync.WaitGroup
	mu          sync.Mutex // guards what follows
	did         int
	counted     int
	failure     error
}

func newCrowd(r *run) *crowd {
	now := time.Now()
	return &crowd{wide: narrow(), warmed: now.Add(r.warm()), end: now.Add(r.time)}
}

func (c *crowd) start(what func() error) {
	c.wg.Go(func() {
		if err := what(); err != nil {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.failure = errors.Join(c.failure, err)
			c.end = time.Now()
		}
	})
}

func (c *crowd) over() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().After(c.end)
}

// count enters one thing that was done.
func (c *crowd) count() {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.did++
	if now.After(c.warmed) {
		c.counted++
	}
}

// wait waits for all of them.
func (c *crowd) wait() (result, error) {
	defer c.wide()
	c.wg.Wait()
	return result{value: rate(c.counted, c.warmed, time.Now()), messages: c.did}, c.failure
}

// pushes measures, for one session in IDLE, the milliseconds from a file's
// appearance in new/ to the word of it, and gives what of them counts.
func pushes(figure func([]float64) float64) func(context.Context, *run, system, *arrivals) (result, error) {
	return func(ctx context.Context, r *run, s system, _ *arrivals) (result, error) {
		const letters, longest = 50, 400 * time.Millisecond
		p, err := imapIn(s.at(imapPort), 0, nil)
		if err != nil {
			return result{}, err
		}
		defer p.Close()
		if err := errors.Join(p.ask("SELECT INBOX"), p.idle(nil)); err != nil {
			return result{}, err
		}
		random := rand.New(rand.NewPCG(7, 8))
		box := filepath.Join(s.mail(), mailbox(0))
		var took []float64
		for n := range letters {
			select {
			case <-ctx.Done():
				return result{}, ctx.Err()
			case <-time.After(time.Duration(random.Int64N(int64(longest)))):
			}
			name := fmt.Sprintf("%d.M%dP1.bench", time.Now().Unix(), n)
			if err := r.letters[n].put(filepath.Join(box, "tmp", name), mailUID); err != nil {
				return result{}, err
			}
			start := time.Now()
			if err := os.Rename(filepath.Join(box, "tmp", name), filepath.Join(box, "new", name)); err != nil {
				return result{}, err
			}
			want := []byte(fmt.Sprintf("* %d EXISTS\r\n", 100+n+1))
			for {
				line, err := p.line()
				if err != nil {
					return result{}, err
				}
				if bytes.Equal(line, want) {
					break
				}
			}
			took = append(took, time.Since(start).Seconds()*1000)
		}
		return result{value: figure(took)}, errors.Join(p.done(nil), p.logout())
	}
}

// idleIMAP measures what a session adds to the memory of the system, when it has
// opened INBOX and waits in IDLE.
func idleIMAP(port int, over *tls.Config, sessions int, who func(i int) int) func(context.Context, *run, system, *arrivals) (result, error) {
	return func(ctx context.Context, _ *run, s system, _ *arrivals) (result, error) {
		var one result
		for i := range sessions {
			p, err := imapIn(s.at(port), who(i), over)
			if err != nil {
				return result{}, fmt.Errorf("session %d: %w", i, err)
			}
			defer p.Close()
			if err := errors.Join(p.ask("SELECT INBOX"), p.idle(nil)); err != nil {
				return result{}, fmt.Errorf("session %d: %w", i, err)
			}
			if i > 0 {
				continue
			}
			if one, err = settledMemory(ctx, s); err != nil { // the first starts what others use too
				return result{}, err
			}
		}
		all, err := settledMemory(ctx, s)
		return result{value: (all.value - one.value) * 1024 / float64(sessions-1)}, err
	}
}

// mixedBoxes are the mailboxes of the mixed load: two of its clients have the
// same.
const (
	mixedClients = 50
	mixedBoxes   = 25
)

// mixed counts commands of many clients, each of which logs in, does this and
// that, as people's programs do, and logs out, again and again.
func mixed(ctx context.Context, r *run, s system, _ *arrivals) (result, error) {
	for i := range mixedBoxes {
		p, err := imapIn(s.at(imapPort), i, nil)
		if err == nil {
			err = errors.Join(p.ask("CREATE Archive"), p.logout())
		}
		if err != nil {
			return result{}, err
		}
	}
	c := newCrowd(r)
	for i := range mixedClients {
		c.start(func() error {
			m := &mixer{crowd: c, account: i % mixedBoxes, random: rand.New(rand.NewPCG(9, uint64(i)))}
			for ctx.Err() == nil && !c.over() {
				if err := m.session(s.at(imapPort)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return c.wait()
}

// A mixer is one of the clients.
type mixer struct {
	*crowd
	*imapper
	account int
	random  *rand.Rand
	exists  int // messages, as far as this session was told
}

// session does what people do in one.
func (m *mixer) session(addr string) (err error) {
	if m.imapper, err = imapIn(addr, m.account, nil); err != nil {
		return err
	}
	defer m.Close()
	m.count()
	m.exists = 0
	err = errors.Join(m.do(`LIST "" *`), m.do("STATUS Archive (MESSAGES UNSEEN UIDNEXT)"), m.do("SELECT INBOX"))
	for range 30 {
		if err != nil || m.over() {
			break
		}
		err = mixedActs[m.random.IntN(len(mixedActs))](m)
	}
	if err != nil {
		return err
	}
	m.count()
	return m.logout()
}

// do gives a command. Another session may have removed what it is about: NO is an
// answer too.
func (m *mixer) do(command string) error {
	_, err := m.hear(command, m.see)
	if errors.Is(err, errNo) {
		err = nil
	}
	if err != nil {
		name, _, _ := strings.Cut(command, "\r\n")
		return fmt.Errorf("%s: %w", name, err)
	}
	m.count()
	return nil
}

// see follows the number of messages.
func (m *mixer) see(line []byte) {
	var n int
	switch {
	case bytes.HasSuffix(line, []byte(" EXISTS\r\n")):
		if _, err := fmt.Sscanf(string(line), "* %d EXISTS", &n); err == nil {
			m.exists = n
		}
	case one("EXPUNGE")(line) == 1:
		m.exists--
	}
}

// some is a message's number, and many a range of twenty.
func (m *mixer) some() int { return 1 + m.random.IntN(max(1, m.exists)) }
func (m *mixer) many() string {
	first := m.some()
	return fmt.Sprintf("%d:%d", first, max(first, min(first+19, m.exists)))
}

// mixedActs is what they do, each as often as it is in the list.
var mixedActs = []func(m *mixer) error{
	(*mixer).list, (*mixer).list, (*mixer).list, (*mixer).list,
	(*mixer).read, (*mixer).read, (*mixer).read,
	(*mixer).headers, (*mixer).headers,
	(*mixer).search, (*mixer).search,
	(*mixer).store, (*mixer).store,
	(*mixer).remove, (*mixer).remove,
	(*mixer).add, (*mixer).add,
	(*mixer).copy,
	(*mixer).look,
	(*mixer).wait1,
}

func (m *mixer) list() error {
	return m.do("FETCH " + m.many() + " (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)")
}
func (m *mixer) read() error { return m.do(fmt.Sprintf("FETCH %d (BODY[])", m.some())) }
func (m *mixer) headers() error {
	return m.do("FETCH " + m.many() + " (UID BODY.PEEK[HEADER.FIELDS (FROM TO SUBJECT DATE MESSAGE-ID)])")
}

func (m *mixer) search() error {
	return m.do("SEARCH " + []string{"UNSEEN", "SUBJECT " + subjectWord, "FROM person7 SINCE 1-Jan-2020", "BODY " + bodyWord}[m.random.IntN(4)])
}

func (m *mixer) store() error {
	return m.do(fmt.Sprintf("STORE %d %sFLAGS (%s)", m.some(), []string{"+", "-"}[m.random.IntN(2)], []string{`\Seen`, `\Flagged`, `\Answered`, "$Work"}[m.random.IntN(4)]))
}

// remove keeps the mailbox as large as it was.
func (m *mixer) remove() error {
	for m.exists > 100 {
		if err := m.do(fmt.Sprintf(`STORE %d +FLAGS.SILENT (\Deleted)`, m.some())); err != nil {
			return err
		}
		if m.random.IntN(2) == 0 {
			break
		}
	}
	return m.do("EXPUNGE")
}

func (m *mixer) add() error {
	text := message(4 << 10)
	return m.do(fmt.Sprintf("APPEND INBOX (\\Seen) {%d+}\r\n%s", len(text), text))
}
func (m *mixer) copy() error { return m.do(fmt.Sprintf("COPY %d Archive", m.some())) }
func (m *mixer) look() error {
	return errors.Join(m.do("NOOP"), m.do("STATUS Archive (MESSAGES UNSEEN)"))
}

func (m *mixer) wait1() error {
	if err := m.idle(m.see); err != nil {
		return err
	}
	m.count()
	return m.done(m.see)
}
