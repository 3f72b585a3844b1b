package imapd

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"yubin/internal/imap"
)

// A known is a message as a client knows it by what it was told.
type known struct {
	uid   uint32 // 0: not asked for yet
	flags string
	told  bool   // flags are
	mod   uint64 // 0: not told with these flags
}

// A modeler is a client that believes what it is told, and says where that
// cannot be.
type modeler struct {
	w    *world
	n    int
	rnd  *rand.Rand
	c    net.Conn // nil: not connected
	in   *bufio.Reader
	last []string // what was said, for people

	condstore, qresync, rev2 bool
	notify                   bool // is told what happens at any time
	list                     []known
	validity                 string
	highest                  uint64            // up to which it believes to know all
	mods                     map[uint32]uint64 // the highest that each message had

	cmd model // at work
}

// A model is what is known of a command at work.
type model struct {
	held     bool // numbers must stay
	fetches  bool // FETCH may lack MODSEQ
	strict   int  // the next message whose FETCH must tell what is known; 0 none
	selects  bool
	idles    bool
	exists   int                 // of SELECT
	padded   bool                // the list has its numbers
	silent   func(string) string // what a silent STORE makes of flags
	mod, set uint64              // the highest MODSEQ, and HIGHESTMODSEQ
	stored   bool                // a FETCH with a MODSEQ came
	modified bool
}

var (
	untagged  = regexp.MustCompile(`^\* (\d+) (EXISTS|EXPUNGE|RECENT|FETCH)(.*)$`)
	vanished  = regexp.MustCompile(`^\* VANISHED (\(EARLIER\) )?([\d,:]+)$`)
	uidItem   = regexp.MustCompile(`\bUID (\d+)`)
	flagItem  = regexp.MustCompile(`FLAGS \(([^)]*)\)`)
	modItem   = regexp.MustCompile(`\bMODSEQ \((\d+)\)`)
	highestIn = regexp.MustCompile(`^(?:\*|x) OK \[HIGHESTMODSEQ (\d+)\]`)
	literal   = regexp.MustCompile(`\{(\d+)\}$`)
	validIn   = regexp.MustCompile(`^\* OK \[UIDVALIDITY (\d+)\]`)
)

func (m *modeler) wrong(format string, args ...any) {
	m.w.t.Errorf("client %d: %s\nlast: %s", m.n, fmt.Sprintf(format, args...), strings.Join(m.last, "\n      "))
}

// connect begins a session in one of the processes.
func (m *modeler) connect() bool {
	c, err := net.Dial("unix", m.w.socket(m.rnd.IntN(2)))
	if err != nil {
		return false // it was killed
	}
	m.c, m.in = c, bufio.NewReader(c)
	m.note("-- connected")
	words := ""
	if m.qresync {
		words += " QRESYNC"
	} else if m.condstore {
		words += " CONDSTORE"
	}
	if m.rev2 {
		words += " IMAP4rev2"
	}
	if words != "" && m.do(model{}, "ENABLE%s", words) != "OK" {
		return false
	}
	return m.enter()
}

// cut ends it, as a network does.
func (m *modeler) cut() {
	if m.c != nil {
		m.c.Close()
	}
	m.c = nil
	// What stands behind a message without a UID is known by no number.
	if i := slices.IndexFunc(m.list, func(k known) bool { return k.uid == 0 }); i >= 0 {
		m.list = m.list[:i]
	}
	if !m.qresync {
		m.list = nil
	}
}

// enter selects the mailbox; who knows of QRESYNC comes back.
func (m *modeler) enter() bool {
	command := "SELECT INBOX"
	switch k := len(m.list); {
	case !m.qresync || m.validity == "":
		m.list = nil
	case k > 0 && m.rnd.IntN(2) == 0:
		command += fmt.Sprintf(" (QRESYNC (%s %d 1:%d", m.validity, m.highest, m.list[k-1].uid)
		if at := m.rnd.IntN(k); m.rnd.IntN(2) == 0 {
			command += fmt.Sprintf(" (%d %d)", at+1, m.list[at].uid)
		}
		command += "))"
	default:
		command += fmt.Sprintf(" (QRESYNC (%s %d))", m.validity, m.highest)
	}
	least := m.w.highest.Load()
	if m.do(model{selects: true}, "%s", command) != "OK" {
		return false
	}
	if m.notify && m.do(model{}, "NOTIFY SET (SELECTED-DELAYED (MessageNew (UID) MessageExpunge FlagChange))") != "OK" {
		return false
	}
	if m.highest < least && m.condstore {
		m.wrong("HIGHESTMODSEQ %d, and %d was told before", m.highest, least)
	}
	return m.c != nil
}

func (m *modeler) note(l string) {
	if m.last = append(m.last, l); len(m.last) > 60 {
		m.last = m.last[20:]
	}
}

func (m *modeler) line() (string, bool) {
	m.c.SetDeadline(time.Now().Add(time.Minute))
	l, err := m.in.ReadString('\n')
	if err != nil {
		m.note("-- " + err.Error())
		m.cut()
		return "", false
	}
	l = strings.TrimSuffix(l, "\r\n")
	if n := literal.FindStringSubmatch(l); n != nil {
		text := make([]byte, toNumber(n[1]))
		io.ReadFull(m.in, text) // the next line says it if they do not come
		rest, ok := m.line()
		return l + rest, ok
	}
	m.note(l)
	return l, true
}

func (m *modeler) send(s string) bool {
	m.note("C: " + s)
	m.c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := m.c.Write([]byte(s + "\r\n")); err != nil {
		m.note("-- " + err.Error())
		m.cut()
		return false
	}
	return true
}

// do gives a command and hears what it is told; "" is no answer.
func (m *modeler) do(at model, format string, args ...any) string {
	if m.c == nil || !m.send("x "+fmt.Sprintf(format, args...)) {
		return ""
	}
	return m.answer(at)
}

func (m *modeler) answer(at model) string {
	m.cmd = at
	for {
		l, ok := m.line()
		if !ok {
			return ""
		}
		m.hear(l)
		rest, tagged := strings.CutPrefix(l, "x ")
		if !tagged {
			continue
		}
		if m.cmd.selects {
			m.pad()
		}
		if m.cmd.set > 0 {
			m.highest = m.cmd.set
		} else if m.condstore {
			m.highest = max(m.highest, m.cmd.mod)
		}
		m.cmd.modified = strings.Contains(rest, "[MODIFIED")
		status, _, _ := strings.Cut(rest, " ")
		if status == "BAD" {
			m.wrong("%s", l)
		}
		return status
	}
}

func toNumber(s string) uint64 {
	n, _ := strconv.ParseUint(s, 10, 64)
	return n
}

func (m *modeler) hear(l string) {
	if h := highestIn.FindStringSubmatch(l); h != nil {
		m.cmd.set = toNumber(h[1])
		m.w.tell(m.cmd.set)
		if m.cmd.idles {
			m.highest = m.cmd.set
		}
	}
	if v := validIn.FindStringSubmatch(l); v != nil {
		if m.validity != "" && m.validity != v[1] {
			m.wrong("UIDVALIDITY was %s: %s", m.validity, l)
		}
		m.validity = v[1]
	}
	if v := vanished.FindStringSubmatch(l); v != nil {
		m.hearVanished(v[1] != "", v[2])
		return
	}
	f := untagged.FindStringSubmatch(l)
	if f == nil {
		return
	}
	k, _ := strconv.Atoi(f[1])
	switch f[2] {
	case "EXISTS":
		m.cmd.strict = 0
		if m.cmd.selects && m.cmd.exists == 0 && !m.cmd.padded {
			m.cmd.exists = k
			return
		}
		m.pad()
		if k < len(m.list) {
			m.wrong("%q with %d messages", l, len(m.list))
			return
		}
		for len(m.list) < k {
			m.list = append(m.list, known{})
		}
	case "EXPUNGE":
		m.cmd.strict = 0
		m.pad()
		if m.cmd.held || m.qresync || k < 1 || k > len(m.list) {
			m.wrong("%q with %d messages, held %t", l, len(m.list), m.cmd.held)
			return
		}
		m.list = slices.Delete(m.list, k-1, k)
	case "FETCH":
		m.pad()
		m.hearFetch(k, l)
	}
}

// pad gives the list its numbers, behind what is (EARLIER): what is not known is
// at the end.
func (m *modeler) pad() {
	if !m.cmd.selects || m.cmd.padded {
		return
	}
	m.cmd.padded = true
	if len(m.list) > m.cmd.exists {
		m.wrong("%d messages, and the client knows %v", m.cmd.exists, m.list)
		m.list = m.list[:m.cmd.exists]
	}
	for len(m.list) < m.cmd.exists {
		m.list = append(m.list, known{})
	}
}

func (m *modeler) hearVanished(earlier bool, set string) {
	m.cmd.strict = 0
	if !m.qresync || !earlier && m.cmd.held {
		m.wrong("VANISHED, held %t", m.cmd.held)
	}
	if !earlier {
		m.pad()
	}
	for _, part := range strings.Split(set, ",") {
		first, last, ok := strings.Cut(part, ":")
		if !ok {
			last = first
		}
		for uid := toNumber(first); uid <= toNumber(last); uid++ {
			m.drop(uint32(uid), earlier)
		}
	}
}

// drop takes a message off the list: one without a UID, where there is none with
// this one.
func (m *modeler) drop(uid uint32, earlier bool) {
	at := -1
	for i, k := range m.list {
		if k.uid == uid {
			m.list = slices.Delete(m.list, i, i+1)
			return
		}
		if k.uid > uid {
			break
		}
		if k.uid == 0 {
			at = i
		}
		if k.uid != 0 {
			at = -1
		}
	}
	switch {
	case earlier:
	case at < 0:
		m.wrong("VANISHED %d, of %v", uid, m.list)
	default:
		m.list = slices.Delete(m.list, at, at+1)
	}
}

func (m *modeler) hearFetch(k int, l string) {
	if k < 1 || k > len(m.list) {
		m.wrong("%q with %d messages", l, len(m.list))
		return
	}
	now := known{}
	if u := uidItem.FindStringSubmatch(l); u != nil {
		now.uid = uint32(toNumber(u[1]))
	}
	at := &m.list[k-1]
	if m.cmd.selects && now.uid != 0 && at.uid != 0 && at.uid != now.uid && m.list[len(m.list)-1].uid == 0 {
		// One that this client does not know, between others.
		m.list = slices.Insert(m.list[:len(m.list)-1], k-1, known{uid: now.uid})
		at = &m.list[k-1]
	}
	if now.uid != 0 && at.uid != 0 && at.uid != now.uid {
		m.wrong("%q, and it was UID %d", l, at.uid)
	}
	if now.uid == 0 {
		now.uid = at.uid
	}
	if mod := modItem.FindStringSubmatch(l); mod != nil {
		now.mod = toNumber(mod[1])
		m.cmd.mod = max(m.cmd.mod, now.mod)
		m.cmd.stored = true
		m.w.tell(now.mod)
		if now.mod < m.mods[now.uid] {
			m.wrong("%q, and MODSEQ was %d", l, m.mods[now.uid])
		}
		if now.uid != 0 {
			m.mods[now.uid] = now.mod
		}
	} else if m.condstore && !m.cmd.fetches {
		m.wrong("no MODSEQ in %q", l)
	}
	if g := flagItem.FindStringSubmatch(l); g != nil {
		now.flags, now.told = flagSet(g[1]), true
	} else if now.flags, now.told = at.flags, at.told; m.cmd.silent != nil && at.told {
		now.flags = m.cmd.silent(at.flags)
	}
	if now.mod == 0 && now.uid == at.uid && now.flags == at.flags {
		now.mod = at.mod
	}
	m.compare(k, l, at, &now)
	*at = now
}

// compare wants news to be news, and what was asked for to be none.
func (m *modeler) compare(k int, l string, at, now *known) {
	strict := m.cmd.strict == k
	if m.cmd.strict != 0 {
		if m.cmd.strict++; !strict {
			m.cmd.strict = 0 // news, behind the answer
		}
	}
	both := at.told && now.told && at.uid == now.uid
	switch {
	case strict && both && (at.flags != now.flags || at.mod != now.mod && at.mod != 0 && now.mod != 0):
		m.wrong("%q, and the client was told %v", l, *at)
	case both && at.flags != now.flags && at.mod != 0 && now.mod != 0 && now.mod <= at.mod:
		m.wrong("%q: other flags than %v under an old MODSEQ", l, *at)
	}
}

// flagSet writes flags in one order.
func flagSet(s string) string {
	words := slices.DeleteFunc(strings.Fields(s), func(w string) bool { return w == imap.Recent })
	slices.Sort(words)
	return strings.Join(slices.Compact(words), " ")
}

// check asks for all and wants to hear nothing new.
func (m *modeler) check() {
	if m.do(model{}, "NOOP") != "OK" {
		return
	}
	n := len(m.list)
	items := "FLAGS"
	if m.condstore {
		items = "FLAGS MODSEQ"
	}
	at := model{fetches: true, strict: 1}
	if m.notify { // something may come before the answer
		at.strict = 0
	}
	if m.do(at, "UID FETCH 1:* (%s)", items) != "OK" {
		return
	}
	if m.cmd.strict != 0 && m.cmd.strict != n+1 {
		m.wrong("UID FETCH tells of %d messages of %d", m.cmd.strict-1, n)
	}
	for i := 1; i < len(m.list); i++ {
		if m.list[i].uid != 0 && m.list[i].uid <= m.list[i-1].uid {
			m.wrong("UIDs %v", m.list)
		}
	}
}
