package imapd

import (
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

// A world is a mailbox with all who use it.
type world struct {
	t       *testing.T
	r       *rig
	seed    uint64
	highest atomic.Uint64 // mod-sequence that anybody was told

	mu      sync.Mutex // guards what follows
	second  *process
	started int
	changed map[version]int // who has changed a message from a state, by STORE UNCHANGEDSINCE
}

// A version is a message in a state that can be changed once.
type version struct {
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
	if other, ok := w.changed[version{uid, mod}]; ok {
		m.wrong("UID %d was changed from MODSEQ %d by client %d, too", uid, mod, other)
	}
	w.changed[version{uid, mod}] = m.n
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
		case 7: // what mod-sequences are kept in
			switch rnd.IntN(30) {
			case 0:
				os.Remove(filepath.Join(w.r.dir, "yubin-modseq"))
			case 1:
				if f, err := os.OpenFile(filepath.Join(w.r.dir, "yubin-modseq"), os.O_APPEND|os.O_WRONLY, 0); err == nil {
					f.WriteString("garbage")
					f.Close()
				}
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
	deadline := time.Now().Add(time.Minute)
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
