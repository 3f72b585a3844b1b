package mailbox

import (
	"encoding/binary"
	"hash/crc32"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A cache that somebody has written with care, its checksum right, leads out of
// no directory and stops no session.
func TestCacheForged(t *testing.T) {
	t.Parallel()
	for name, forge := range map[string]func(data []byte){
		"a name with a slash":    func(d []byte) { copy(d[strings.Index(string(d), "1000.h"):], "../x.h") },
		"a name with a NUL":      func(d []byte) { d[strings.Index(string(d), "1000.h")+2] = 0 },
		"a name with a line end": func(d []byte) { d[strings.Index(string(d), "1000.h")+2] = '\n' },
		"a hidden name":          func(d []byte) { d[strings.Index(string(d), "1000.h")] = '.' },
		"another odd name":       func(d []byte) { copy(d[strings.Index(string(d), "2000.h:2,Xq"):], "../x.h:2,Xq") },
		"an offset below 0":      func(d []byte) { binary.LittleEndian.PutUint64(d[len(cacheMagic)+44:], 1<<63) },
		"an offset beyond it":    func(d []byte) { binary.LittleEndian.PutUint64(d[len(cacheMagic)+44:], 1<<40) },
		"a size below 0":         func(d []byte) { binary.LittleEndian.PutUint64(d[len(d)-8:], 1<<63) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := manyBox(t)
			b.write("x.h:2,S", "secret\n")
			b.write("x.h:2,Xq", "secret\n")
			v := b.view(ReadWrite)
			want := describe(v.Snapshot())
			if _, err := v.AllOctets(); err != nil {
				t.Fatal(err)
			}
			v.Close()
			b.close()
			data := []byte(b.read(cacheFile))
			forge(data)
			binary.LittleEndian.PutUint32(data[len(cacheMagic):], crc32.Checksum(data[len(cacheMagic)+4:], castagnoli))
			b.write(cacheFile, string(data))
			b.open()
			v = b.view(ReadWrite)
			if got := describe(v.Snapshot()); !slices.Equal(got, want) {
				t.Errorf("messages %q, want %q", got, want)
			}
			for i := range v.Snapshot().Len() {
				if n, err := v.Octets(i); err != nil || n < 4 || n > 6 {
					t.Errorf("message %d: %d octets, %v", i, n, err)
				}
			}
			b.write(uidlistFile, b.read(uidlistFile)+"5000 :5000.h\n")
			refresh(t, v)
			if got := describe(v.Snapshot()); !slices.Equal(got, want) {
				t.Errorf("messages %q, want %q", got, want)
			}
		})
	}
}

// In place of a file there may be anything: a folder whose truth can be read is
// shown, and nobody waits for ever.
func TestNoFiles(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		file    string
		refused bool
	}{
		"records":           {recordFile, false},
		"new records":       {recordFile + ".tmp", false},
		"mod-sequences":     {modFile, false},
		"new mod-sequences": {modFile + ".tmp", false},
		"cache":             {cacheFile, false},
		"new cache":         {cacheFile + ".tmp", false},
		"uidlist":           {uidlistFile, true},
		"new uidlist":       {uidlistFile + ".tmp", true},
		"keywords":          {keywordsFile, true},
		"UIDVALIDITY":       {validityFile, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, "cur/1.h:2,", "cur/2.h:2,S")
			if err := unix.Mkfifo(b.path(c.file), 0o600); err != nil {
				t.Fatal(err)
			}
			both, err := os.OpenFile(b.path(c.file), os.O_RDWR, 0) // so that nobody sees its end
			if err != nil {
				t.Fatal(err)
			}
			defer both.Close()
			v, err := b.tree.OpenTracked(Inbox, ReadWrite)
			if c.refused {
				if err == nil || !strings.Contains(err.Error(), c.file) {
					t.Errorf("the error %v does not name the file", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer v.Close()
			if n := v.Snapshot().Len(); n != 2 || v.Snapshot().HighestModSeq() == 0 {
				t.Errorf("%d messages, HIGHESTMODSEQ %d", n, v.Snapshot().HighestModSeq())
			}
			large := make([]byte, maxRecord)
			for range 3 {
				r := v.Records(testMaker)
				for range 20 {
					r.Put(0, large, large)
				}
				r.Close()
			}
		})
	}
}

// A file of our own that is larger than any is damaged: it is made again.
func TestTooLargeFiles(t *testing.T) {
	t.Parallel()
	b := newBox(t, "cur/1.h:2,", "cur/2.h:2,S")
	v := b.track(ReadWrite)
	putAll(t, v)
	old := v.Snapshot().HighestModSeq()
	v.Close()
	b.close()
	for file, size := range map[string]int64{recordFile: maxRecordFile + 1, modFile: maxModFile + 1} {
		if err := os.Truncate(b.path(file), size); err != nil { // a hole
			t.Fatal(err)
		}
	}
	b.open()
	v, err := b.tree.OpenTracked(Inbox, ReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if now := v.Snapshot().HighestModSeq(); now <= old {
		t.Errorf("HIGHESTMODSEQ %d, was %d", now, old)
	}
	wantMissing(t, v, "of a file that is too large", 2)
	wantMissing(t, v, "made again", 0)
	for _, file := range []string{recordFile, modFile} {
		if st, err := os.Stat(b.path(file)); err != nil || st.Size() > 1<<20 {
			t.Errorf("%s: %d octets, %v", file, st.Size(), err)
		}
	}
}

// A block of more records than are written at once is not read into memory.
func TestRecordsForgedBlock(t *testing.T) {
	t.Parallel()
	b := appendBlock(nil, make([]record, 2*maxBlock/(blockEntry+2*sumSize)+1))
	list, blocks, end := readBlocks(strings.NewReader(string(b)), 0, int64(len(b)))
	if len(list) > 0 || blocks > 0 || end > 0 {
		t.Errorf("%d records of %d blocks, %d octets", len(list), blocks, end)
	}
}

// On a disk that is full in the middle of its last word the file of the
// mod-sequences stays whole.
func TestModSeqFullAtTheEnd(t *testing.T) {
	t.Parallel()
	b := newBox(t, "cur/1.h:2,")
	v := b.track(ReadWrite)
	if _, err := v.Store([]uint32{1}, FlagChange{Add: Flagged}); err != nil {
		t.Fatal(err)
	}
	refresh(t, v)
	old := v.Snapshot().HighestModSeq()
	setFault(b, v, func(op, name string) error {
		if op == "write" {
			return unix.ENOSPC
		}
		return nil
	})
	v.Close()
	b.reopen()
	if now := b.track(ReadWrite).Snapshot().HighestModSeq(); now != old || len(b.warn) > 0 {
		t.Errorf("HIGHESTMODSEQ %d, was %d; %q", now, old, b.warn)
	}
}
