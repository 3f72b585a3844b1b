package imapd

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// A known is a message as a client knows it by what it was told.
type known struct {
	uid   int // 0: not asked for yet
	flags string
}

// A modeler is a client that believes what it is told, and says where that
// cannot be.
type modeler struct {
	*user
	n    int
	list []known
	rnd  *rand.Rand
}

var (
	untagged = regexp.MustCompile(`^\* (\d+) (EXISTS|EXPUNGE|RECENT|FETCH)(.*)$`)
	uidItem  = regexp.MustCompile(`UID (\d+)`)
	flagItem = regexp.MustCompile(`FLAGS \(([^)]*)\)`)
)

// run gives a command and hears what it is told. held: numbers must stay.
func (m *modeler) run(held bool, format string, args ...any) (status string) {
	m.t.Helper()
	for _, l := range m.cmd(format, args...) {
		if rest, ok := strings.CutPrefix(l, "x "); ok {
			return rest
		}
		if strings.HasPrefix(l, "ended") {
			m.t.Errorf("client %d: %s", m.n, l)
			return l
		}
		m.hear(l, held)
	}
	return ""
}

func (m *modeler) hear(l string, held bool) {
	f := untagged.FindStringSubmatch(l)
	if f == nil {
		return
	}
	k, _ := strconv.Atoi(f[1])
	switch f[2] {
	case "EXISTS":
		if k < len(m.list) {
			m.t.Errorf("client %d: %q with %d messages", m.n, l, len(m.list))
			return
		}
		for len(m.list) < k {
			m.list = append(m.list, known{})
		}
	case "EXPUNGE":
		if held || k < 1 || k > len(m.list) {
			m.t.Errorf("client %d: %q with %d messages, held %t", m.n, l, len(m.list), held)
			return
		}
		m.list = append(m.list[:k-1], m.list[k:]...)
	case "FETCH":
		m.hearFetch(k, l)
	}
}

func (m *modeler) hearFetch(k int, l string) {
	if k < 1 || k > len(m.list) {
		m.t.Errorf("client %d: %q with %d messages", m.n, l, len(m.list))
		return
	}
	at := &m.list[k-1]
	if u := uidItem.FindStringSubmatch(l); u != nil {
		uid, _ := strconv.Atoi(u[1])
		if at.uid != 0 && at.uid != uid {
			m.t.Errorf("client %d: %q, and it was UID %d", m.n, l, at.uid)
		}
		at.uid = uid
	}
	if g := flagItem.FindStringSubmatch(l); g != nil {
		at.flags = strings.Join(strings.Fields(strings.ReplaceAll(g[1], `\Recent`, "")), " ")
	}
}

// step does something.
func (m *modeler) step() {
	n := len(m.list)
	if n == 0 {
		m.run(false, "NOOP")
		return
	}
	k := 1 + m.rnd.IntN(n)
	flag := []string{`\Seen`, `\Flagged`, `\Answered`, "work"}[m.rnd.IntN(4)]
	switch m.rnd.IntN(10) {
	case 0:
		m.run(true, "STORE %d +FLAGS (%s)", k, flag)
	case 1:
		m.run(true, "STORE %d -FLAGS (%s)", k, flag)
	case 2:
		m.run(false, "UID STORE %d FLAGS (%s)", max(m.list[k-1].uid, 1), flag)
	case 3:
		m.run(true, "FETCH %d:* (UID FLAGS)", k)
	case 4:
		m.run(true, "SEARCH FLAGGED")
	case 5:
		m.run(true, `STORE %d +FLAGS (\Deleted)`, k)
	case 6:
		m.run(false, "EXPUNGE")
	case 7:
		m.run(false, "APPEND INBOX {16+}\r\nSubject: 0\r\n\r\n\r\n")
	case 8:
		m.run(false, "UID FETCH %d:* FLAGS", max(m.list[k-1].uid, 1))
	default:
		m.run(false, "NOOP")
	}
}

// settle hears all that is new.
func (m *modeler) settle() string {
	m.run(false, "NOOP")
	told := fmt.Sprint(flagsOf(m.list))
	m.run(false, "UID FETCH 1:* FLAGS")
	for i := range m.list {
		if i > 0 && m.list[i].uid <= m.list[i-1].uid {
			m.t.Errorf("client %d: UIDs %v", m.n, m.list)
		}
	}
	if now := fmt.Sprint(flagsOf(m.list)); !strings.Contains(told, "?") && told != now {
		m.t.Errorf("client %d was told %s, and it is %s", m.n, told, now)
	}
	return fmt.Sprint(m.list)
}

func flagsOf(list []known) (flags []string) {
	for _, k := range list {
		f := k.flags
		if k.uid == 0 {
			f = "?"
		}
		flags = append(flags, "("+f+")")
	}
	return flags
}

// Many sessions, deliveries and a foreign program that renames and removes: what
// each client makes of what it is told is always possible, numbers never shift
// under FETCH, STORE and SEARCH, and at the end all know the same, which is what
// is on the disk.
func TestModel(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.deliver("", "0.h", letter)
	const clients, steps = 4, 250
	var all []*modeler
	for n := range clients {
		m := &modeler{user: r.connect(), n: n, rnd: rand.New(rand.NewPCG(7, uint64(n)))}
		m.run(false, "SELECT INBOX")
		m.run(false, "UID FETCH 1:* FLAGS")
		all = append(all, m)
	}
	var work sync.WaitGroup
	work.Go(func() {
		rnd := rand.New(rand.NewPCG(7, 99))
		for k := range steps / 2 {
			r.deliver("", fmt.Sprintf("%d.h", k+1), fmt.Sprintf("Subject: %d\n\nx\n", k+1))
			files, _ := filepath.Glob(filepath.Join(r.dir, "cur", "*"))
			if len(files) == 0 {
				continue
			}
			switch f := files[rnd.IntN(len(files))]; rnd.IntN(4) {
			case 0:
				os.Remove(f)
			case 1:
				base, _, _ := strings.Cut(f, ":2,")
				os.Rename(f, base+":2,FS")
			}
		}
	})
	for _, m := range all {
		work.Go(func() {
			for range steps {
				m.step()
			}
		})
	}
	work.Wait()
	want := ""
	for range 2 { // the first look may tidy up
		for _, m := range all {
			m.settle()
		}
	}
	for n, m := range all {
		if got := m.settle(); n == 0 {
			want = got
		} else if got != want {
			t.Errorf("client %d knows %s\nclient 0 %s", n, got, want)
		}
	}
	files, _ := filepath.Glob(filepath.Join(r.dir, "cur", "*"))
	if len(files) != len(all[0].list) {
		t.Errorf("%d files, %d messages", len(files), len(all[0].list))
	}
}
