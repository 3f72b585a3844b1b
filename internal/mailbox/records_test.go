package mailbox

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

const testMaker = 7

// recordOf is what tests keep of message i of a Snapshot: no two names have the
// same.
func recordOf(s *Snapshot, i int) (keys, answers string) {
	return "keys of " + s.Base(i), strings.Repeat("answers of "+s.Base(i)+" ", 5)
}

// putAll keeps records of all messages that have none, and returns how many
// those were. It complains of records that are another's.
func putAll(t *testing.T, v *View) (missing int) {
	t.Helper()
	r := v.Records(testMaker)
	defer r.Close()
	rd := r.Reader()
	defer rd.Close()
	for i := range v.Snapshot().Len() {
		keys, answers := recordOf(v.Snapshot(), i)
		k, a := rd.Keys(i), rd.Answers(i)
		if k != nil && string(k) != keys || a != nil && string(a) != answers {
			t.Errorf("message %d has the record %q, %q", i, k, a)
		}
		if k == nil || a == nil {
			missing++
			r.Put(i, []byte(keys), []byte(answers))
		}
	}
	return missing
}

func wantMissing(t *testing.T, v *View, what string, want int) {
	t.Helper()
	if n := putAll(t, v); n != want {
		t.Errorf("%s: %d messages have no record, want %d", what, n, want)
	}
}

func TestRecords(t *testing.T) {
	t.Parallel()
	b := newBox(t, "cur/1.h:2,", "cur/2.h:2,S", "cur/3.h:2,")
	v := b.view(ReadWrite)
	wantMissing(t, v, "at first", 3)
	wantMissing(t, v, "in the same process", 0)
	b.mv("cur/2.h:2,S", "cur/2.h:2,FS")
	b.write("new/4.h", "x\n")
	refresh(t, v)
	wantMissing(t, v, "after a change of flags and a delivery", 1)
	v.Close()
	b.reopen()
	v = b.view(Peek)
	wantMissing(t, v, "in another process", 0)
	b.rm("cur/1.h:2,")
	refresh(t, v)
	wantMissing(t, v, "after a removal", 0)

	// A later record counts, and one without answers has none.
	r := v.Records(testMaker)
	r.Put(0, []byte("new"), nil)
	r.Close()
	r = v.Records(testMaker)
	rd := r.Reader()
	if k, a := rd.Keys(0), rd.Answers(0); string(k) != "new" || a == nil || len(a) > 0 {
		t.Errorf("%q, %q", k, a)
	}
	// What is too long is not kept.
	r.Put(1, []byte("x"), make([]byte, maxRecord+1))
	rd.Close()
	r.Close()
	r = v.Records(testMaker)
	rd = r.Reader()
	if keys, _ := recordOf(v.Snapshot(), 1); string(rd.Keys(1)) != keys {
		t.Errorf("%q", rd.Keys(1))
	}
	rd.Close()
	r.Close()

	// Another maker's mean nothing.
	r = v.Records(testMaker + 1)
	rd = r.Reader()
	if rd.Has(0) || rd.Keys(0) != nil {
		t.Error("another maker's record")
	}
	rd.Close()
	r.Close()
}

// A file that is damaged in any way gives right records or none, and is made
// again; so is one that belongs to other messages.
func TestRecordsDamaged(t *testing.T) {
	t.Parallel()
	var files []string
	for i := range 40 {
		files = append(files, fmt.Sprintf("cur/%d.h:2,", 10+i))
	}
	b := newBox(t, files...)
	v := b.view(ReadWrite)
	putAll(t, v)
	whole := b.read(recordFile)
	v.Close()
	rnd := rand.New(rand.NewPCG(1, 2))
	damage := map[string]func(s []byte) []byte{
		"empty":        func([]byte) []byte { return nil },
		"foreign":      func([]byte) []byte { return []byte("something else altogether, and long enough\n") },
		"twice":        func(s []byte) []byte { return append(s, s...) },
		"zeroed":       func(s []byte) []byte { return make([]byte, len(s)) },
		"another tail": func(s []byte) []byte { return append(s, "block"...) },
	}
	for n := range 60 {
		at, cut := rnd.IntN(len(whole)), n%2 == 0
		damage[fmt.Sprintf("%d: octet %d, cut %t", n, at, cut)] = func(s []byte) []byte {
			if cut {
				return s[:at]
			}
			s[at] ^= byte(1 + rnd.IntN(255))
			return s
		}
	}
	for name, do := range damage {
		b.reopen()
		b.write(recordFile, string(do([]byte(whole))))
		v := b.view(ReadWrite)
		putAll(t, v)
		wantMissing(t, v, name, 0)
		v.Close()
		b.reopen()
		v = b.view(ReadWrite)
		wantMissing(t, v, name+", in another process", 0)
		v.Close()
	}

	// Other messages have these UIDs under this UIDVALIDITY: a backup, say.
	b.close()
	list := b.read(uidlistFile)
	for i := range 40 {
		b.mv(fmt.Sprintf("cur/%d.h:2,", 10+i), fmt.Sprintf("cur/%d.k:2,", 10+i))
	}
	b.write(uidlistFile, strings.ReplaceAll(list, ".h", ".k"))
	b.open()
	v = b.view(ReadWrite)
	wantMissing(t, v, "other messages", 40)
	wantMissing(t, v, "other messages, again", 0)
	// A new uidlist is another UIDVALIDITY.
	v.Close()
	b.close()
	b.rm(uidlistFile)
	b.open()
	wantMissing(t, b.view(ReadWrite), "another UIDVALIDITY", 40)
}

// The file stays bounded, whatever is put again and again, and what is of use
// stays in it.
func TestRecordsAreCompacted(t *testing.T) {
	t.Parallel()
	var files []string
	for i := range 30 {
		files = append(files, fmt.Sprintf("cur/%d.h:2,", 10+i))
	}
	b := newBox(t, files...)
	v := b.view(ReadWrite)
	putAll(t, v)
	large := bytes.Repeat([]byte("x"), maxRecord)
	for range 100 {
		r := v.Records(testMaker)
		r.Put(0, []byte("k"), large)
		r.Close()
	}
	for n := range 2000 {
		r := v.Records(testMaker)
		keys, answers := recordOf(v.Snapshot(), n%30)
		r.Put(n%30, []byte(keys), []byte(answers))
		r.Close()
	}
	st, err := os.Stat(b.path(recordFile))
	if err != nil || st.Size() > 4*maxBlock {
		t.Errorf("%d octets, %v", st.Size(), err)
	}
	if blocks := v.f.shelf.blocks; blocks > 300 {
		t.Errorf("%d blocks", blocks)
	}
	wantMissing(t, v, "at the end", 0)
	v.Close()
	b.reopen()
	wantMissing(t, b.view(ReadWrite), "in another process", 0)
}

// A process that dies between any two changes of the disk, or a full disk,
// costs records and nothing else.
func TestRecordsCrash(t *testing.T) {
	t.Parallel()
	for _, torn := range []bool{false, true} {
		for n := 0; ; n++ {
			b := newBox(t, "cur/1.h:2,", "cur/2.h:2,", "cur/3.h:2,")
			v := b.view(ReadWrite)
			putAll(t, v)
			b.write("cur/4.h:2,", "x\n")
			refresh(t, v)
			v.Close()
			b.reopen()
			if torn {
				b.write(recordFile, b.read(recordFile)[:300])
			}
			v = b.view(ReadWrite)
			f, happened := crashAt(n)
			setFault(b, v, f)
			putAll(t, v)
			v.Close()
			b.reopen()
			v = b.view(ReadWrite)
			putAll(t, v)
			wantMissing(t, v, fmt.Sprintf("after %d changes", n), 0)
			v.Close()
			if happened() < n {
				break
			}
		}
	}
	b := newBox(t, "cur/1.h:2,")
	v := b.view(ReadWrite)
	setFault(b, v, func(op, name string) error { return unix.ENOSPC })
	wantMissing(t, v, "on a full disk", 1)
	wantMissing(t, v, "on a full disk, again", 1)
}

// Sessions of two processes read and write at once, while messages come and go
// and the file is written anew.
func TestRecordsTogether(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	for i := range 50 {
		b.write(fmt.Sprintf("cur/%d.h:2,", 100+i), "x\n")
	}
	other := newStore(quiet)
	defer other.Close()
	var wg sync.WaitGroup
	for n := range 6 {
		store := b.st
		if n%2 == 1 {
			store = other
		}
		wg.Go(func() {
			tree, err := store.Tree(account(b.dir))
			if err != nil {
				t.Error(err)
				return
			}
			defer tree.Close()
			rnd := rand.New(rand.NewPCG(1, uint64(n)))
			for round := range 40 {
				v, err := tree.Open(Inbox, ReadWrite)
				if err != nil {
					t.Error(err)
					return
				}
				putAll(t, v)
				r := v.Records(testMaker)
				for range 5 { // again, so that much is of no use any more
					i := rnd.IntN(v.Snapshot().Len())
					keys, answers := recordOf(v.Snapshot(), i)
					r.Put(i, []byte(keys), []byte(answers))
				}
				r.Close()
				if n < 2 {
					os.WriteFile(b.path(fmt.Sprintf("cur/%d.%d.k:2,", 200+round, n)), []byte("x\n"), 0o600)
					v.Expunge([]uint32{uint32(round + 1)})
				}
				v.Close()
			}
		})
	}
	wg.Wait()
	b.reopen()
	v := b.view(ReadWrite)
	putAll(t, v)
	wantMissing(t, v, "at the end", 0)
}

// A thousand sessions that do nothing hold no places of records.
func TestShelvesAreDropped(t *testing.T) {
	t.Parallel()
	b := newBox(t, "cur/1.h:2,")
	v := b.view(ReadWrite)
	putAll(t, v)
	r := v.Records(testMaker)
	r.Remember("k", []byte("answer"))
	r.Close()
	if len(b.st.shelves.places) != 1 || v.f.shelf.file == nil {
		t.Fatal("the shelf was dropped at once")
	}
	v.f.shelf.drop() // the timer's
	if len(b.st.shelves.places) != 0 || v.f.shelf.file != nil || len(v.f.shelf.memos) > 0 || b.st.shelves.total != 0 {
		t.Errorf("still %d places", b.st.shelves.total)
	}
	wantMissing(t, v, "afterwards", 0)
}

// What is remembered holds as long as the messages are the same, whatever their
// flags.
func TestRemember(t *testing.T) {
	t.Parallel()
	b := newBox(t, "cur/1.h:2,", "cur/2.h:2,")
	v := b.view(ReadWrite)
	recall := func() string {
		r := v.Records(testMaker)
		defer r.Close()
		return string(r.Recall("k"))
	}
	putAll(t, v)
	r := v.Records(testMaker)
	r.Remember("k", []byte("old"))
	r.Remember("k", []byte("answer"))
	r.Close()
	if got := recall(); got != "answer" {
		t.Errorf("%q", got)
	}
	v.Store([]uint32{1}, FlagChange{Add: Seen})
	refresh(t, v)
	if got := recall(); got != "answer" {
		t.Errorf("after a change of flags: %q", got)
	}
	b.rm("cur/2.h:2,")
	refresh(t, v)
	if got := recall(); got != "" {
		t.Errorf("after a removal: %q", got)
	}
}

// Blocks are read or not, whatever they are, and what is read is what
// appendBlock wrote.
func FuzzReadBlocks(f *testing.F) {
	some := appendBlock(nil, []record{{1, 2, []byte("k"), []byte("answer")}, {3, 4, nil, nil}})
	f.Add(some, 0)
	f.Add(append(some, some...), 3)
	f.Add([]byte(blockMagic), 0)
	f.Fuzz(func(t *testing.T, b []byte, from int) {
		from = max(0, min(from, len(b)))
		list, _, end := readBlocks(bytes.NewReader(b), int64(from), int64(len(b)))
		if end < int64(from) || end > int64(len(b)) {
			t.Fatalf("from %d to %d of %d", from, end, len(b))
		}
		for _, p := range sortPlaces(list) {
			for _, part := range [][2]int64{{p.keys, int64(p.keysLen)}, {p.answers, int64(p.answersLen)}} {
				if part[0] < int64(from) || part[0]+part[1]+sumSize > end {
					t.Fatalf("%+v is not within %d to %d", p, from, end)
				}
				checked(p.uid, p.name, b[part[0]:part[0]+part[1]+sumSize])
			}
		}
	})
}
