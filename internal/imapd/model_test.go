package imapd

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"yubin/internal/mailbox"
)

var (
	modelRounds = flag.Int("model-rounds", 4, "rounds of TestModel; each has some thousand steps")
	modelSeed   = flag.Uint64("model-seed", 0, "seed of TestModel; 0 is another each time")
)

const modelSteps = 80 // of a client in a round

// A world is a mailbox with all who use it.
type world struct {
	t       *testing.T
	r       *rig
	seed    uint64
	highest atomic.Uint64 // mod-sequence that anybody was told

	mu      sync.Mutex // guards what follows
	second  *process
	started int
	changed map[change1]int // who has changed a message from a state, by STORE UNCHANGEDSINCE
}

// A change1 is a message in a state that can be changed once.
type change1 struct {
	uid uint32
	mod uint64
}

func (w *world) tell(mod uint64) {
	for {
		old := w.highest.Load()
		if mod <= old || w.highest.CompareAndSwap(old, mod) {
			return
		}
	}
}

func (w *world) socket(process int) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if process == 0 || w.second == nil {
		return filepath.Join(filepath.Dir(w.r.dir), "first")
	}
	return w.second.socket
}

// restart kills the second process, and starts another.
func (w *world) restart() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.second != nil {
		w.second.kill()
	}
	w.started++
	w.second = startProcess(w.t, filepath.Dir(w.r.dir), fmt.Sprintf("second%d", w.started))
}

func (w *world) rnd(n int) *rand.Rand { return rand.New(rand.NewPCG(w.seed, uint64(n))) }

// stored notes that a client has changed a message whose mod-sequence it knew.
func (w *world) stored(m *modeler, uid uint32, mod uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if other, ok := w.changed[change1{uid, mod}]; ok {
		m.wrong("UID %d was changed from MODSEQ %d by client %d, too", uid, mod, other)
	}
	w.changed[change1{uid, mod}] = m.n
}

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
		m.break1(word, k)
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
	l, ok := m.line()
	if !ok {
		return
	}
	if got := toNumber(strings.TrimSuffix(l[strings.LastIndexByte(l, ' ')+1:], ")")); got < least {
		m.wrong("%q, and %d was told before", l, least)
	}
	m.answer(model{})
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

// break1 is cut off: before the answer, within it, or in order.
func (m *modeler) break1(word string, k int) {
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

// foreign is a program that knows nothing of ours, and a person with mv and rm.
func (w *world) foreign(rnd *rand.Rand, round int) {
	away, was := filepath.Join(filepath.Dir(w.r.dir), "away"), ""
	for k := range modelSteps * 2 {
		if k%2 == 0 {
			w.r.deliver("", fmt.Sprintf("%d.%d.h", round, k), fmt.Sprintf("Subject: %d\n\nx\n", k))
		}
		files, _ := filepath.Glob(filepath.Join(w.r.dir, "cur", "*"))
		if len(files) == 0 {
			continue
		}
		f := files[rnd.IntN(len(files))]
		switch rnd.IntN(8) {
		case 0, 1:
			os.Remove(f)
		case 2, 3, 4:
			base, _, _ := strings.Cut(f, ":2,")
			os.Rename(f, base+":2,"+[]string{"", "S", "FS", "Sa", "T"}[rnd.IntN(5)])
		case 5: // away, and later back under the name that it had
			if was == "" && os.Rename(f, away) == nil {
				was = f
			}
		case 6:
			if was != "" && os.Rename(away, was) == nil {
				was = ""
			}
		}
	}
	os.Remove(away)
}

// pop3 removes messages as a POP3 session does at its end.
func (w *world) pop3(rnd *rand.Rand) {
	for range modelSteps / 8 {
		tree, err := w.r.tree()
		if err != nil {
			w.t.Error(err)
			return
		}
		lock, err := tree.LockPOP3(10 * time.Second)
		if err != nil {
			w.t.Error(err)
			return
		}
		v, err := tree.Open(mailbox.Inbox, mailbox.ReadWrite)
		if err != nil {
			w.t.Error(err)
			return
		}
		s := v.Snapshot()
		var uids []uint32
		for range min(s.Len()/8, 3) {
			uids = append(uids, s.Message(rnd.IntN(s.Len())).UID)
		}
		if _, err := v.Expunge(uids); err != nil {
			w.t.Error(err)
		}
		v.Close()
		lock.Release()
		tree.Close()
	}
}

// truth is what is on the disk: UIDs and flags.
func (w *world) truth() (list []known) {
	w.t.Helper()
	letters := map[rune]string{'D': `\Draft`, 'F': `\Flagged`, 'P': "$Forwarded", 'R': `\Answered`, 'S': `\Seen`, 'T': `\Deleted`}
	words, _ := os.ReadFile(filepath.Join(w.r.dir, "dovecot-keywords"))
	for line := range strings.Lines(string(words)) {
		var n int
		var word string
		if _, err := fmt.Sscan(line, &n, &word); err == nil {
			letters['a'+rune(n)] = word
		}
	}
	files := map[string]string{}
	for _, sub := range []string{"new", "cur"} {
		paths, _ := filepath.Glob(filepath.Join(w.r.dir, sub, "*"))
		for _, p := range paths {
			base, info, _ := strings.Cut(filepath.Base(p), ":2,")
			flags := ""
			for _, l := range info {
				flags += letters[l] + " "
			}
			files[base] = flagSet(flags)
		}
	}
	lines, err := os.ReadFile(filepath.Join(w.r.dir, "dovecot-uidlist"))
	if err != nil {
		w.t.Fatal(err)
	}
	for line := range strings.Lines(string(lines)) {
		head, base, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " :")
		flags, there := files[base]
		if !ok || !there {
			continue
		}
		uid, _, _ := strings.Cut(head, " ")
		list = append(list, known{uid: uint32(toNumber(uid)), flags: flags, told: true})
	}
	if len(list) != len(files) {
		return nil // one has no UID yet
	}
	return list
}

// settle lets all hear what is new, until they know what there is.
func (w *world) settle(all []*modeler) {
	w.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		for range 2 { // the first look of one may find what the other has to hear
			for _, m := range all {
				for m.c == nil && !m.connect() && time.Now().Before(deadline) {
				}
				m.status()
			}
		}
		for _, m := range all {
			m.check()
		}
		truth := w.truth()
		var numbers []known
		problem := ""
		for _, m := range all {
			plain := slices.Clone(m.list)
			for i := range plain {
				plain[i].mod = 0
			}
			if !slices.Equal(plain, truth) {
				problem = fmt.Sprintf("client %d knows %v\nthere is %v", m.n, plain, truth)
			}
			if m.condstore && numbers == nil {
				numbers = m.list
			}
			if m.condstore && !slices.Equal(m.list, numbers) {
				problem = fmt.Sprintf("client %d knows %v\nanother %v", m.n, m.list, numbers)
			}
		}
		if w.t.Failed() || problem == "" {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatal(problem)
		}
		time.Sleep(20 * time.Millisecond) // until a tick of the file system's clock is over
	}
}

// comeBack has clients that know everything come back: they hear nothing.
func (w *world) comeBack(all []*modeler) {
	for _, m := range all {
		if !m.qresync || m.c == nil {
			continue
		}
		m.send("x LOGOUT")
		m.cut()
		m.last = nil
		for n := 0; m.c == nil && n < 100; n++ {
			m.connect()
		}
		for _, l := range m.last {
			if vanished.MatchString(l) || strings.Contains(l, " FETCH (") {
				m.wrong("a client that knows all is told %q", l)
			}
		}
	}
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
	w := &world{t: t, r: newRig(t), seed: *modelSeed, changed: map[change1]int{}}
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
			condstore: n >= 2, qresync: n >= 4, rev2: n%2 == 1})
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
}
