package mailbox

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func (b *box) track(mode Mode) *View {
	b.t.Helper()
	v := b.view(mode)
	if _, err := v.TrackModSeqs(); err != nil {
		b.t.Fatal(err)
	}
	return v
}

// modOf returns the mod-sequence of a UID.
func modOf(t *testing.T, s *Snapshot, uid uint32) uint64 {
	t.Helper()
	i, ok := s.Index(uid)
	if !ok {
		t.Fatalf("no UID %d in %q", uid, describe(s))
	}
	return s.ModSeq(i)
}

// changedSince returns UIDs.
func changedSince(s *Snapshot, since uint64) (uids []uint32) {
	for _, i := range s.ChangedSince(since) {
		uids = append(uids, s.Message(i).UID)
	}
	return uids
}

// Whoever changes a message, it gets a number above all that were told, and no
// other does; what is gone is known as such.
func TestModSeq(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		act     func(b *box, v *View)
		changed []uint32
		gone    []UIDRange
	}{
		"nothing":        {func(*box, *View) {}, nil, nil},
		"flags":          {func(b *box, v *View) { v.Store([]uint32{1, 3}, FlagChange{Add: Seen}) }, []uint32{1, 3}, nil},
		"the same flags": {func(b *box, v *View) { v.Store([]uint32{2}, FlagChange{Add: Seen}) }, nil, nil},
		"a keyword": {func(b *box, v *View) { v.Store([]uint32{2}, FlagChange{AddKeywords: []string{"New"}}) },
			[]uint32{2}, nil},
		"a keyword's name": {func(b *box, v *View) { b.write(keywordsFile, "0 Other\n") }, []uint32{4}, nil},
		"expunge":          {func(b *box, v *View) { v.Expunge([]uint32{2, 3}) }, nil, []UIDRange{{2, 3}}},
		"another's flags":  {func(b *box, v *View) { b.mv("cur/1.h:2,", "cur/1.h:2,R") }, []uint32{1}, nil},
		"another's rm":     {func(b *box, v *View) { b.rm("cur/1.h:2,") }, nil, []UIDRange{{1, 1}}},
		"a delivery":       {func(b *box, v *View) { b.write("new/9.h", "x\n") }, []uint32{5}, nil},
		"append, and gone": {func(b *box, v *View) {
			b.append("x")
			for _, f := range b.files() {
				if strings.Contains(f, ",S=") {
					b.rm(f)
				}
			}
		}, nil, []UIDRange{{5, 5}}},
		"append": {func(b *box, v *View) { b.append("x") }, []uint32{5}, nil},
	} {
		for _, again := range []bool{false, true} { // in one process, and with another afterwards
			b := newBox(t, "cur/1.h:2,", "cur/2.h:2,S", "cur/3.h:2,", "cur/4.h:2,a")
			b.write(keywordsFile, "0 Word\n")
			v := b.track(ReadWrite)
			told := v.Snapshot().HighestModSeq()
			c.act(b, v)
			if again {
				v.Close()
				b.reopen()
				v = b.track(ReadWrite)
			} else if ch, err := v.Reread(); err != nil || name == "a keyword's name" && !slices.Equal(ch.ModSeq, c.changed) {
				t.Errorf("%s: changes %+v, %v", name, ch, err)
			}
			s := v.Snapshot()
			if got := changedSince(s, told); !slices.Equal(got, c.changed) {
				t.Errorf("%s, %t: changed %d, want %d", name, again, got, c.changed)
			}
			if got := s.VanishedSince(told); !slices.Equal(got, c.gone) {
				t.Errorf("%s, %t: vanished %d, want %d", name, again, got, c.gone)
			}
			if rose := s.HighestModSeq() > told; rose != (len(c.changed)+len(c.gone) > 0) {
				t.Errorf("%s, %t: HIGHESTMODSEQ %d, was %d", name, again, s.HighestModSeq(), told)
			}
			if got := len(changedSince(s, told-1)); got != s.Len() {
				t.Errorf("%s, %t: %d messages changed since before the beginning, want %d", name, again, got, s.Len())
			}
			v.Close()
		}
	}
}

func (b *box) append(text string) uint32 {
	b.t.Helper()
	a, err := b.tree.Append(Inbox)
	if err == nil {
		err = a.Message(strings.NewReader(text), Attributes{})
	}
	if err != nil {
		b.t.Fatal(err)
	}
	_, uids, err := a.Commit()
	if err != nil {
		b.t.Fatal(err)
	}
	return uids[0]
}

// Without a session that wants them there are no numbers and no file.
func TestModSeqUnwanted(t *testing.T) {
	t.Parallel()
	b := newBox(t, "cur/1.h:2,")
	v := b.view(ReadWrite)
	if s := v.Snapshot(); s.HighestModSeq() != 0 || s.ModSeq(0) != 0 || s.ChangedSince(0) != nil {
		t.Errorf("HIGHESTMODSEQ %d, message %d", s.HighestModSeq(), s.ModSeq(0))
	}
	if _, err := os.Stat(b.path(modFile)); !os.IsNotExist(err) {
		t.Errorf("%s: %v", modFile, err)
	}
}

// restart is the next process; it may be one of the next run of the machine.
// The one before ended as it should only if clean.
func (b *box) restart(v *View, clean bool, boot string) *View {
	b.t.Helper()
	v.Close()
	if !clean {
		b.tree.Close()
		b.tree = nil
		b.open()
	} else {
		b.reopen()
	}
	b.st.o.boot = boot
	return b.track(ReadWrite)
}

// A file that is lost, damaged, or older than what was told makes all numbers new and
// higher; one that is whole is believed, also after the machine was stopped in order.
func TestModSeqFile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		damage func(b *box, data []byte)
		boot   string
		clean  bool
		kept   bool
	}{
		"nothing":            {nil, "a", true, true},
		"killed":             {nil, "a", false, true},
		"stopped":            {nil, "b", true, true},
		"no power":           {nil, "b", false, false},
		"lost":               {func(b *box, _ []byte) { b.rm(modFile) }, "a", true, false},
		"empty":              {func(b *box, _ []byte) { b.write(modFile, "") }, "a", true, false},
		"cut":                {func(b *box, d []byte) { b.write(modFile, string(d[:len(d)-3])) }, "a", false, false},
		"a bit":              {func(b *box, d []byte) { d[len(d)/2] ^= 4; b.write(modFile, string(d)) }, "a", true, false},
		"another's":          {func(b *box, _ []byte) { b.write(modFile, strings.Repeat("x", 5000)) }, "a", true, false},
		"only its beginning": {func(b *box, _ []byte) { b.write(modFile, modMagic) }, "a", true, false},
	} {
		b := newBox(t, "cur/1.h:2,", "cur/2.h:2,S", "cur/3.h:2,")
		b.st.o.boot = "a"
		v := b.track(ReadWrite)
		v.Store([]uint32{2}, FlagChange{Add: Flagged})
		refresh(t, v)
		v.Expunge([]uint32{3})
		refresh(t, v)
		old := v.Snapshot()
		if c.damage != nil {
			v.Close()
			if c.clean {
				b.reopen()
				v = b.view(ReadWrite)
			}
			c.damage(b, []byte(b.read(modFile)))
		}
		v = b.restart(v, c.clean, c.boot)
		s := v.Snapshot()
		if c.kept {
			if s.HighestModSeq() != old.HighestModSeq() || modOf(t, s, 1) != modOf(t, old, 1) || modOf(t, s, 2) != modOf(t, old, 2) {
				t.Errorf("%s: HIGHESTMODSEQ %d, was %d", name, s.HighestModSeq(), old.HighestModSeq())
			}
			if got := s.VanishedSince(modOf(t, old, 1)); !slices.Equal(got, []UIDRange{{3, 3}}) {
				t.Errorf("%s: vanished %d", name, got)
			}
		} else {
			if got := changedSince(s, old.HighestModSeq()); !slices.Equal(got, []uint32{1, 2}) {
				t.Errorf("%s: changed %d of HIGHESTMODSEQ %d, was %d", name, got, s.HighestModSeq(), old.HighestModSeq())
			}
			if got := s.VanishedSince(old.HighestModSeq()); !slices.Equal(got, []UIDRange{{3, 3}}) {
				t.Errorf("%s: vanished %d", name, got)
			}
		}
		v = b.restart(v, true, c.boot)
		if v.Snapshot().HighestModSeq() != s.HighestModSeq() {
			t.Errorf("%s: HIGHESTMODSEQ %d at the third time, was %d", name, v.Snapshot().HighestModSeq(), s.HighestModSeq())
		}
		v.Close()
	}
}

// A lost uidlist, and with it another UIDVALIDITY, makes all numbers new.
func TestModSeqOtherValidity(t *testing.T) {
	t.Parallel()
	b := newBox(t, "cur/1.h:2,", "cur/2.h:2,S")
	v := b.track(ReadWrite)
	old := v.Snapshot()
	b.rm(uidlistFile)
	if c := refresh(t, v); !c.Reset {
		t.Errorf("changes %+v", c)
	}
	if s := v.Snapshot(); s.HighestModSeq() <= old.HighestModSeq() || s.ModSeq(1) != s.HighestModSeq() {
		t.Errorf("HIGHESTMODSEQ %d, was %d", s.HighestModSeq(), old.HighestModSeq())
	}
}

// The file is written anew when it has grown, and what is removed is
// remembered for a time.
func TestModSeqGrows(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	const n = 64
	for i := range n {
		b.write(fmt.Sprintf("cur/%d.h:2,", 1000+i), "x\n")
	}
	v := b.track(ReadWrite)
	begin := v.Snapshot().HighestModSeq()
	var all []uint32
	for i := range n {
		all = append(all, uint32(i+1))
	}
	last := begin
	for i := range 200 {
		c := FlagChange{Add: Flagged}
		if i%2 == 1 {
			c = FlagChange{Remove: Flagged}
		}
		if _, err := v.Store(all, c); err != nil {
			t.Fatal(err)
		}
		refresh(t, v)
		if now := v.Snapshot().HighestModSeq(); now != last+1 {
			t.Fatalf("HIGHESTMODSEQ %d behind %d", now, last)
		}
		last++
	}
	if size := len(b.read(modFile)); size > 2*modSlack {
		t.Errorf("%s has %d octets", modFile, size)
	}
	// The memory for what went is bounded: each second of many messages.
	f := v.f
	f.mu.Lock()
	for i := range maxGone {
		f.mods.gone = append(f.mods.gone, goneRange{UIDRange{1, 1}, begin + uint64(i)/100})
	}
	f.mu.Unlock()
	v.Expunge([]uint32{64})
	refresh(t, v)
	s := v.Snapshot()
	if len(s.mods.gone) > maxGone/2+100 || s.mods.floor <= begin {
		t.Errorf("%d ranges, floor %d", len(s.mods.gone), s.mods.floor)
	}
	if got := s.VanishedSince(begin); !slices.Equal(got, []UIDRange{{64, 64}}) {
		t.Errorf("vanished %d, want all that have no message", got)
	}
	if got := s.VanishedSince(last); !slices.Equal(got, []UIDRange{{64, 64}}) {
		t.Errorf("vanished %d", got)
	}
}

// UNCHANGEDSINCE changes what nobody else has changed since, in whichever
// process or program, and names the others.
func TestStoreUnchanged(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		act               func(b, other *View, box *box)
		since             int64 // relative to HIGHESTMODSEQ
		changed, modified []uint32
	}{
		"nothing":         {nil, 0, []uint32{1, 2}, nil},
		"too early":       {nil, -1, nil, []uint32{1, 2, 3}},
		"a session":       {func(v, _ *View, _ *box) { v.Store([]uint32{1}, FlagChange{Add: Replied}) }, 0, []uint32{2}, []uint32{1}},
		"another process": {func(_, o *View, _ *box) { o.Store([]uint32{2}, FlagChange{Add: Replied}) }, 0, []uint32{1}, []uint32{2}},
		"it there and back": {func(_, o *View, _ *box) {
			o.Store([]uint32{2}, FlagChange{Add: Replied})
			o.Refresh()
			o.Store([]uint32{2}, FlagChange{Remove: Replied})
			o.Refresh()
		}, 0, []uint32{1}, []uint32{2}},
		"a person":  {func(_, _ *View, b *box) { b.mv("cur/1.h:2,", "cur/1.h:2,R") }, 0, []uint32{2}, []uint32{1}},
		"it's gone": {func(_, _ *View, b *box) { b.rm("cur/1.h:2,") }, 0, []uint32{2}, nil},
	} {
		b := newBox(t, "cur/1.h:2,", "cur/2.h:2,", "cur/3.h:2,F")
		v := b.track(ReadWrite)
		other := newStore(nil)
		tree, err := other.Tree(account(b.dir))
		if err != nil {
			t.Fatal(err)
		}
		o, err := tree.Open(Inbox, ReadWrite)
		if err == nil {
			_, err = o.TrackModSeqs()
		}
		if err != nil {
			t.Fatal(err)
		}
		since := v.Snapshot().HighestModSeq()
		if c.act != nil {
			c.act(v, o, b)
		}
		changed, modified, err := v.StoreUnchanged([]uint32{3, 2, 1, 7}, FlagChange{Add: Flagged}, uint64(int64(since)+c.since))
		if err != nil || !slices.Equal(changed, c.changed) || !slices.Equal(modified, c.modified) {
			t.Errorf("%s: changed %d, modified %d, %v; want %d, %d", name, changed, modified, err, c.changed, c.modified)
		}
		refresh(t, v)
		for _, uid := range changed {
			if modOf(t, v.Snapshot(), uid) <= since {
				t.Errorf("%s: UID %d kept its number", name, uid)
			}
		}
		o.Close()
		v.Close()
		tree.Close()
		other.Close()
	}
}

// A process that is killed between any two changes of the disk leaves a file
// from which the next one gives no number again that was told.
func TestModSeqCrashPoints(t *testing.T) {
	t.Parallel()
	for n := 0; ; n++ {
		b := newBox(t, "cur/1.h:2,", "cur/2.h:2,S", "cur/3.h:2,")
		v := b.view(ReadWrite)
		f, happened := crashAt(n)
		dead := false
		setFault(b, v, func(op, name string) error {
			err := f(op, name)
			dead = dead || err != nil
			return err
		})
		told := v.Snapshot()
		step := func(do func() error) {
			if err := do(); err == nil && !dead {
				told = v.Snapshot()
			}
		}
		step(func() error { _, err := v.TrackModSeqs(); return err })
		for i, c := range []FlagChange{{Add: Flagged}, {Add: Replied}, {Remove: Flagged}} {
			v.Store([]uint32{uint32(i%2 + 1)}, c)
			step(func() error { _, err := v.Refresh(); return err })
		}
		v.Expunge([]uint32{3})
		step(func() error { _, err := v.Refresh(); return err })
		v.f.mods.first = -1 << 40 // as if it had grown: it is written anew
		v.Store([]uint32{1}, FlagChange{Add: Seen})
		step(func() error { _, err := v.Refresh(); return err })
		last := happened() < n
		v.Close()
		b.tree.Close()
		b.tree = nil
		b.age()
		b.open()
		v = b.track(ReadWrite)
		client := newClient(told)
		client.resync(t, fmt.Sprintf("after %d changes", n), v.Snapshot())
		// And what changes from now on is above.
		now := v.Snapshot()
		v.Store([]uint32{2}, FlagChange{Add: Trashed})
		refresh(t, v)
		if got := modOf(t, v.Snapshot(), 2); got <= told.HighestModSeq() || got <= now.HighestModSeq() {
			t.Errorf("after %d changes: number %d, told %d", n, got, told.HighestModSeq())
		}
		v.Close()
		if last {
			return
		}
	}
}

// On a full disk everything works but the file; afterwards clients miss nothing.
func TestModSeqFullDisk(t *testing.T) {
	t.Parallel()
	b := newBox(t, "cur/1.h:2,", "cur/2.h:2,S", "cur/3.h:2,")
	v := b.track(ReadWrite)
	first := newClient(v.Snapshot())
	full := true
	setFault(b, v, func(op, name string) error {
		if full && (op == "create" || op == "write" || op == "link") {
			return unix.ENOSPC
		}
		return nil
	})
	v.Store([]uint32{1}, FlagChange{Add: Flagged})
	refresh(t, v)
	v.Expunge([]uint32{2})
	refresh(t, v)
	first.resync(t, "full", v.Snapshot())
	second := newClient(v.Snapshot())
	if _, err := os.Stat(b.path(modFile)); !os.IsNotExist(err) {
		t.Errorf("%s is there, and old: %v", modFile, err)
	}
	if len(b.warn) != 1 || !strings.Contains(b.warn[0], "cannot be written") {
		t.Errorf("warnings %q", b.warn)
	}
	full = false
	v.Store([]uint32{3}, FlagChange{Add: Flagged})
	refresh(t, v)
	second.resync(t, "with room", v.Snapshot())
	if got := changedSince(v.Snapshot(), second.highest); !slices.Equal(got, []uint32{3}) {
		t.Errorf("changed %d", got)
	}
	v.Close()
	b.reopen()
	v = b.track(ReadWrite)
	second.resync(t, "the next process", v.Snapshot())
	if got := changedSince(v.Snapshot(), second.highest); !slices.Equal(got, []uint32{3}) {
		t.Errorf("changed %d for the next process", got)
	}
}
