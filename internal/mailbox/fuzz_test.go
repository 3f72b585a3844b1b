package mailbox

import (
	"bufio"
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// A uidlist of any bytes is refused or read; what is read has rising UIDs and
// usable names, and is the same when it is written and read again.
func FuzzUidlist(f *testing.F) {
	f.Add([]byte("3 V1795624313 N1 G6887aa01790d076bf441000083ecc375\n1 :1700000000.M5P1.host,S=31,W=35\n2 W5 S4 Px O1 Gg :a\n"))
	f.Add([]byte("1 7 9\n1 a\n8 b:2,S\n"))
	f.Add([]byte("3 V1 N1\n1 :a\n1 :b\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		first, rest, ok := bytes.Cut(data, []byte("\n"))
		if !ok || len(first) >= maxHeader { // readAll bounds it
			return
		}
		h, err := parseHeader(first)
		if err != nil {
			return
		}
		var entries []entry
		n, err := parseEntries(rest, h.version, 0, func(e entry) { entries = append(entries, e) })
		if n > len(rest) || err == nil && bytes.IndexByte(rest[n:], '\n') >= 0 {
			t.Fatalf("%d octets of %d read", n, len(rest))
		}
		written := h.append(nil)
		last := uint32(0)
		for _, e := range entries {
			if e.uid <= last || e.uid > maxUID || !usable(e.base) || bytes.IndexByte(e.base, ':') >= 0 {
				t.Fatalf("entry %d %q behind %d", e.uid, e.base, last)
			}
			last = e.uid
			written = appendEntry(written, e.uid, string(e.ext), e.base)
		}
		first, rest, _ = bytes.Cut(written, []byte("\n"))
		again, err := parseHeader(first)
		if err != nil || again.validity != h.validity || again.next != h.next || again.guid != h.guid || again.extra != h.extra {
			t.Fatalf("header %+v, %v, was %+v", again, err, h)
		}
		i := 0
		if _, err := parseEntries(rest, 3, 0, func(e entry) {
			if w := entries[i]; e.uid != w.uid || !bytes.Equal(e.base, w.base) || !bytes.Equal(e.ext, w.ext) {
				t.Fatalf("entry %+v, was %+v", e, w)
			}
			i++
		}); err != nil || i != len(entries) {
			t.Fatalf("%d entries, %v, were %d", i, err, len(entries))
		}
	})
}

// Any keywords file gives letters with valid names, and writing them loses none.
func FuzzKeywords(f *testing.F) {
	f.Add([]byte("0 Foo\n1 $Forwarded\n25 z\n26 no\nx\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		names := parseKeywords(data)
		if len(names) > maxKeywords {
			t.Fatalf("%d names", len(names))
		}
		for i, n := range names {
			if n != "" && !validKeyword(n) {
				t.Fatalf("%d is %q", i, n)
			}
		}
		if again := parseKeywords(formatKeywords(names)); !slices.Equal(again, names) {
			t.Fatalf("%q, were %q", again, names)
		}
	})
}

// Any subscriptions file gives names that folders can have; its lines are kept.
func FuzzSubscriptions(f *testing.F) {
	f.Add([]byte("V\t2\n\nArbeit\tGr&APw-n\tX\nINBOX\n"))
	f.Add([]byte("A.B\nINBOX"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := parseSubs(data)
		for _, line := range s.lines {
			name, ok := s.name(line)
			if !ok {
				continue
			}
			disk, err := diskName(name)
			if err != nil {
				t.Fatalf("line %q is %q: %v", line, name, err)
			}
			if back, ok := s.name(s.line(disk)); !ok || back != name {
				t.Fatalf("%q is written %q and read %q", name, s.line(disk), back)
			}
		}
		if again := parseSubs(s.format()); !slices.Equal(again.lines, s.lines) && len(s.lines) > 0 {
			t.Fatalf("lines %q, were %q", again.lines, s.lines)
		}
	})
}

// Any file name that can be a message's: writing its flags gives a name with
// the same base and these flags, sorted, and keeps what we have no meaning for.
func FuzzFileName(f *testing.F) {
	f.Add([]byte("1700000000.M5P1.host,S=31,W=35:2,FSab"), uint8(0x15), uint32(9))
	f.Add([]byte("x:2,XS,more"), uint8(1), uint32(0))
	f.Add([]byte("x:1,odd"), uint8(2), uint32(0))
	f.Fuzz(func(t *testing.T, name []byte, flags uint8, words uint32) {
		if !usable(name) {
			return
		}
		fl, kw := Flags(flags)&(1<<len(flagLetters)-1), Keywords(words)&(1<<maxKeywords-1)
		base, info := splitName(name)
		nameSize(base, 'S')
		arrival(base)
		now := changeInfo(info, fl, kw)
		gotFl, gotKw, _ := parseInfo(now)
		if gotFl != fl || gotKw != kw {
			t.Fatalf("%q with %x %x is %q: %x %x", info, fl, kw, now, gotFl, gotKw)
		}
		if again := changeInfo(now, fl, kw); !bytes.Equal(again, now) {
			t.Fatalf("%q becomes %q", now, again)
		}
		if fl, kw, odd := parseInfo(info); !odd && !bytes.Equal(appendInfo(nil, fl, kw), info) {
			t.Fatalf("%q is not odd, and written %q", info, appendInfo(nil, fl, kw))
		}
	})
}

// Any name that is decoded is valid UTF-8 and encoded as it was; any valid name survives.
func FuzzUTF7(f *testing.F) {
	f.Add("Gr&APw-n")
	f.Add("台北&")
	f.Fuzz(func(t *testing.T, s string) {
		if name, ok := DecodeUTF7(s); ok && (!utf8.ValidString(name) || EncodeUTF7(name) != s) {
			t.Fatalf("%q is %q", s, name)
		}
		if !utf8.ValidString(s) {
			return
		}
		if back, ok := DecodeUTF7(EncodeUTF7(s)); !ok || back != s {
			t.Fatalf("%q is encoded %q and decoded %q, %t", s, EncodeUTF7(s), back, ok)
		}
	})
}

// A cache of any bytes is refused, or of the shape that the store can use.
func FuzzCache(f *testing.F) {
	f.Add([]byte(cacheMagic))
	f.Fuzz(func(t *testing.T, data []byte) {
		d := decoder{b: data}
		fo := &folder{store: newStore(nil), snap: &Snapshot{}}
		fo.reset()
		fo.all = d.recs()
		fo.names = d.bytes(d.u64())
		if d.bad || !fo.sound() {
			return
		}
		for i := range fo.all {
			fo.base(&fo.all[i])
		}
		fo.publish()
	})
}

// Whatever is appended comes back with CRLF at each line's end, and its size is
// what was promised.
func FuzzLineEnds(f *testing.F) {
	f.Add([]byte("a\r\nb\nc\r\r\nd\r"), uint8(3))
	f.Fuzz(func(t *testing.T, text []byte, step uint8) {
		var stored bytes.Buffer
		size, bare := storeLF(t, &stored, text, int(step)%7+1)
		if size != int64(stored.Len()) {
			t.Fatalf("size %d of %d", size, stored.Len())
		}
		want := strings.ReplaceAll(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n", "\r\n")
		got := readCRLF(t, stored.Bytes(), int(step)%5+1)
		if got != want || int64(len(got)) != size+bare {
			t.Fatalf("%q is stored as %q and read as %q, %d octets promised; want %q", text, stored.Bytes(), got, size+bare, want)
		}
	})
}

func readCRLF(t *testing.T, stored []byte, step int) string {
	t.Helper()
	c := &Content{}
	var got []byte
	p := make([]byte, step)
	for rest := stored; ; {
		if len(c.in) == 0 {
			if len(rest) == 0 && !c.pending {
				return string(got)
			}
			n := min(step, len(rest))
			c.in, rest = rest[:n], rest[n:]
		}
		n, err := c.Read(p)
		if err != nil && err != io.EOF {
			t.Fatal(err)
		}
		got = append(got, p[:n]...)
	}
}

func storeLF(t *testing.T, to *bytes.Buffer, text []byte, step int) (size, bare int64) {
	t.Helper()
	w := &lfWriter{w: bufio.NewWriter(to)}
	for len(text) > 0 {
		n := min(step, len(text))
		if k, err := w.Write(text[:n]); err != nil || k != n {
			t.Fatal(k, err)
		}
		text = text[n:]
	}
	if err := w.flush(); err != nil {
		t.Fatal(err)
	}
	return w.size, w.bare
}
