package imapd

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	modelRounds = flag.Int("model-rounds", 4, "rounds of TestModel; each has some thousand steps")
	modelSeed   = flag.Uint64("model-seed", 0, "seed of TestModel; 0 is another each time")
)

const modelSteps = 80 // of a client in a round

// step does something.
func (m *modeler) step() {
	if m.c == nil && !m.connect() {
		return
	}
	n := len(m.list)
	if n == 0 {
		m.do(model{}, "NOOP")
		return
	}
	k := 1 + m.rnd.IntN(n)
	at := m.list[k-1]
	uid := max(at.uid, 1)
	word := []string{`\Seen`, `\Flagged`, `\Answered`, "work"}[m.rnd.IntN(4)]
	switch m.rnd.IntN(25) {
	case 0:
		m.do(model{held: true}, "STORE %d +FLAGS (%s)", k, word)
	case 1:
		m.do(model{held: true}, "STORE %d -FLAGS (%s)", k, word)
	case 2:
		m.do(model{}, "UID STORE %d FLAGS (%s)", uid, word)
	case 3:
		m.do(model{held: true, fetches: true}, "FETCH %d:* (UID FLAGS)", k)
	case 4:
		m.do(model{held: true}, "SEARCH FLAGGED")
	case 5, 6:
		m.do(model{held: true}, `STORE %d +FLAGS (\Deleted)`, k)
	case 7:
		m.do(model{}, "EXPUNGE")
	case 8, 9:
		m.do(model{}, "APPEND INBOX {16+}\r\nSubject: 0\r\n\r\n\r\n")
	case 10:
		m.do(model{fetches: true}, "UID FETCH %d:* FLAGS", uid)
	case 11, 12:
		m.silent(k, word)
	case 13, 14, 15:
		m.conditional(at, word)
	case 16:
		m.status()
	case 17:
		m.do(model{held: true, fetches: true}, "FETCH %d BODY[]", k)
	case 18:
		m.resync()
	case 19:
		m.idle()
	case 20:
		m.check()
	case 21:
		m.do(model{}, "UID MOVE %d INBOX", uid)
	case 22:
		m.do(model{}, "MOVE %d INBOX", k)
	case 23:
		m.do(model{}, "UID REPLACE %d INBOX {16+}\r\nSubject: 0\r\n\r\n\r\n", uid)
	default:
		m.breakOff(word, k)
	}
}

// silent changes flags and makes out by itself what they are then.
func (m *modeler) silent(k int, word string) {
	add := func(flags string) string { return flagSet(flags + " " + word) }
	if !m.condstore { // nobody says that it was done
		if at := &m.list[k-1]; at.told {
			at.flags = add(at.flags)
		}
	}
	m.do(model{held: true, silent: add}, "STORE %d +FLAGS.SILENT (%s)", k, word)
}

// conditional changes a message if it is as the client knows it.
func (m *modeler) conditional(at known, word string) {
	if !m.condstore || !at.told || at.mod == 0 || at.uid == 0 || at.flags == word {
		return
	}
	since := at.mod
	if m.rnd.IntN(2) == 0 {
		since = max(since, m.highest)
	}
	done := m.do(model{}, "UID STORE %d (UNCHANGEDSINCE %d) FLAGS (%s)", at.uid, since, word) == "OK"
	if done && m.cmd.stored && !m.cmd.modified && slices.ContainsFunc(m.list, func(k known) bool { return k.uid == at.uid && k.mod > at.mod }) {
		m.w.stored(m, at.uid, at.mod)
	}
}

// status asks for HIGHESTMODSEQ, which never goes back.
func (m *modeler) status() {
	if !m.condstore {
		return // it would be enabled
	}
	least := m.w.highest.Load()
	if !m.send("x STATUS INBOX (HIGHESTMODSEQ)") {
		return
	}
	m.cmd = model{}
	l, ok := m.line()
	for ok && !strings.HasPrefix(l, "* STATUS ") {
		m.hear(l)
		l, ok = m.line()
	}
	if !ok {
		return
	}
	if got := toNumber(strings.TrimSuffix(l[strings.LastIndexByte(l, ' ')+1:], ")")); got < least {
		m.wrong("%q, and %d was told before", l, least)
	}
	m.answer(m.cmd)
}

// resync asks for what it knows already.
func (m *modeler) resync() {
	if !m.qresync || m.highest == 0 {
		return
	}
	m.do(model{fetches: true}, "UID FETCH 1:* (FLAGS) (CHANGEDSINCE %d VANISHED)", m.highest)
}

// idle hears for a moment what happens.
func (m *modeler) idle() {
	if !m.send("x IDLE") {
		return
	}
	m.cmd = model{idles: true}
	for range 1 + m.rnd.IntN(20) {
		m.c.SetDeadline(time.Now().Add(10 * time.Millisecond))
		if _, err := m.in.Peek(1); err != nil {
			break
		}
		l, ok := m.line()
		if !ok {
			return
		}
		m.hear(l)
	}
	if m.rnd.IntN(4) == 0 {
		m.note("-- cut off")
		m.cut()
		return
	}
	at := m.cmd
	if m.send("DONE") {
		m.answer(at)
	}
}

// breakOff is cut off: before the answer, within it, or in order.
func (m *modeler) breakOff(word string, k int) {
	switch m.rnd.IntN(3) {
	case 0:
		m.send(fmt.Sprintf("x STORE %d +FLAGS (%s)", k, word))
	case 1:
		if !m.send("x NOOP") {
			return
		}
		m.cmd = model{}
		for range m.rnd.IntN(4) {
			l, ok := m.line()
			if !ok {
				return
			}
			if strings.HasPrefix(l, "x ") {
				break
			}
			m.hear(l)
		}
	default:
		if m.send("x LOGOUT") {
			m.line()
		}
	}
	m.note("-- cut off")
	m.cut()
}

// Sessions of all kinds in two processes, of which one is killed now and then,
// deliveries, POP3, a foreign program that renames, removes and puts back, and
// connections that break anywhere. What each client makes of what it is told is
// always possible: numbers never shift under FETCH, STORE and SEARCH, what it asks for is what it was told, mod-sequences
// rise, and never are two conditional changes of one state carried out. A QRESYNC client
// that comes back knows exactly what there is. After each round all know the
// same, which is what is on the disk.
func TestModel(t *testing.T) {
	t.Parallel()
	w := &world{t: t, r: newRig(t), seed: *modelSeed, changed: map[version]int{}}
	if w.seed == 0 {
		w.seed = rand.Uint64()
	}
	defer func() {
		if t.Failed() {
			t.Logf("seed %d", w.seed)
		}
	}()
	w.r.deliver("", "0.h", letter)
	l := listen(t, filepath.Dir(w.r.dir), "first")
	var served sync.WaitGroup
	served.Go(func() { w.r.listen(l) })
	defer served.Wait()
	defer l.Close()
	w.restart()
	defer func() { w.second.kill() }()

	var all []*modeler
	for n := range 9 {
		all = append(all, &modeler{w: w, n: n, rnd: w.rnd(n), mods: map[uint32]uint64{},
			condstore: n >= 2, qresync: n >= 4, rev2: n%2 == 1, notify: n%5 == 3})
	}
	defer func() {
		for _, m := range all {
			m.cut()
		}
	}()
	all[2].do(model{}, "NOOP")
	all[0].connect()
	all[0].do(model{held: true}, "STORE 1 +FLAGS (work)") // the keyword of letter a
	killer := w.rnd(1000)
	for round := range *modelRounds {
		var work sync.WaitGroup
		work.Go(func() { w.foreign(w.rnd(100+round), round) })
		work.Go(func() { w.pop3(w.rnd(200 + round)) })
		var steps atomic.Int64
		when := int64(killer.IntN(len(all) * modelSteps))
		for _, m := range all {
			work.Go(func() {
				for range modelSteps {
					m.step()
					if steps.Add(1) == when {
						w.restart()
					}
				}
			})
		}
		work.Wait()
		w.settle(all)
		w.comeBack(all)
		if t.Failed() {
			t.Fatalf("round %d, seed %d", round, w.seed)
		}
	}
	t.Logf("%d commands, seed %d", *modelRounds*len(all)*modelSteps, w.seed)
}
