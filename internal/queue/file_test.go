package queue

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestFormat(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, file, content, want string
	}{
		{"new", "", "", ""},
		{"ours", FormatFile, formatLine, ""},
		{"cut off", FormatFile, "", ""},
		{"later", FormatFile, "yubin queue 2\n", `has format "yubin queue 2"`},
		{"Postfix's", "active/x", "", "mailctl import"},
		{"Postfix's, ours too", "defer/x", "", "mailctl import"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if c.file != "" {
				path := filepath.Join(dir, c.file)
				os.MkdirAll(filepath.Dir(path), 0o700)
				if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			err := Prepare(dir, PrepareOptions{UID: os.Geteuid(), GID: os.Getegid()})
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// Records survive, a torn one is ignored, and what follows is written over it.
func TestAppend(t *testing.T) {
	t.Parallel()
	s := newStore(t, Options{})
	m := put(t, s, "text\n")
	add := func(text string) {
		t.Helper()
		f, err := s.Append(m, DirIncoming, []Record{{State: Deferred, Time: 7, Code: "4.2.2", Text: text, Recipients: []int{0}}})
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	add("first")
	tail := m.Tail
	add("second, which will be torn")
	patch(t, filepath.Join(s.path, DirIncoming, m.ID), tail+12, "??")
	load := func(text string, torn bool) {
		t.Helper()
		got, f, err := s.Load(m.ID, DirIncoming)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		if got.Result(0).Text != text || got.Torn != torn {
			t.Errorf("got %+v, torn %v; want %q, %v", got.Result(0), got.Torn, text, torn)
		}
		m = got
	}
	load("first", true)
	add("third")
	load("third", false)
	if info, err := os.Stat(filepath.Join(s.path, DirIncoming, m.ID)); err != nil || info.Size() != m.Tail {
		t.Errorf("the torn record was not cut: %v, %v", info.Size(), err)
	}
}

func TestUnreadable(t *testing.T) {
	t.Parallel()
	s := newStore(t, Options{})
	for _, c := range []struct {
		dir, in string
		spoil   func(path string)
	}{
		{DirIncoming, DirPool, func(p string) { patch(t, p, 160, "X") }},
		{DirDeferred, DirCorrupt, func(p string) { patch(t, p, 160, "X") }},
		{DirDeferred, DirCorrupt, func(p string) { os.WriteFile(p, []byte("garbage"), 0o600) }},
		{DirIncoming, DirCorrupt, func(p string) {
			// A record of a later version, checksums right.
			h := Header{ID: filepath.Base(p), Envelope: 5, Body: 0}
			b := make([]byte, HeaderSize, 256)
			b = append(b, "S\x00Z!\x00"...)
			h.Body = crcOf(b[HeaderSize:])
			h.encode(b[:HeaderSize])
			os.WriteFile(p, b, 0o600)
		}},
	} {
		m := put(t, s, "text\n")
		if c.dir == DirDeferred {
			if err := s.Defer(m.ID, DirIncoming, time.Now(), false); err != nil {
				t.Fatal(err)
			}
		}
		c.spoil(filepath.Join(s.path, c.dir, m.ID))
		_, _, err := s.Load(m.ID, c.dir)
		if err == nil {
			t.Fatalf("%s: the spoilt file was read", c.dir)
		}
		before := idsOf(t, s, c.in)
		if _, err := s.Unreadable(m.ID, c.dir, err); err != nil {
			t.Error(err)
		}
		after := idsOf(t, s, c.in)
		if len(after) != len(before)+1 {
			t.Errorf("%s: not moved to %s", c.dir, c.in)
		}
	}
}

func crcOf(b []byte) uint32 { return recordSum("", b) }

// FuzzRead: whatever bytes a file holds, reading them ends; what is accepted
// has an envelope that encodes, and an outcome for every recipient or for none.
func FuzzRead(f *testing.F) {
	s := newStore(f, Options{})
	m := put(f, s, "text\n")
	file, err := s.Append(m, DirIncoming, []Record{{State: Deferred, Code: "4.0.0", Text: "why", Recipients: []int{0}}})
	if err != nil {
		f.Fatal(err)
	}
	file.Close()
	whole, err := os.ReadFile(filepath.Join(s.path, DirIncoming, m.ID))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole[:m.Tail])
	f.Add(whole)
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) >= HeaderSize { // reach what a checksum would keep away
			if h, err := ParseHeader(b); err == nil && h.End() > 0 && h.End() <= int64(len(b)) {
				h.Body = crcOf(b[HeaderSize:h.End()])
				h.encode(b[:HeaderSize])
			}
		}
		m, err := Read(bytes.NewReader(b))
		if err != nil {
			return
		}
		if _, err := m.Env.Encode(); err != nil {
			t.Errorf("accepted an envelope that does not encode: %v", err)
		}
		if m.Results != nil && len(m.Results) != len(m.Env.Recipients) {
			t.Errorf("%d results for %d recipients", len(m.Results), len(m.Env.Recipients))
		}
		if m.Tail < m.End() || m.Tail > int64(len(b)) {
			t.Errorf("tail %d outside the file", m.Tail)
		}
	})
}

// FuzzRecord: a record that is read is the same when it is written and read
// again.
func FuzzRecord(f *testing.F) {
	b, _ := AppendRecord(nil, "ID", &Record{State: Sent, Time: 5, Code: "2.0.0", Text: "ok", Host: "h", Recipients: []int{0, 1, 2, 7}})
	f.Add(b[frame:])
	f.Fuzz(func(t *testing.T, body []byte) {
		var r, again Record
		if !r.parse(body, 1000) {
			return
		}
		b, err := AppendRecord(nil, "ID", &r)
		if err != nil {
			return
		}
		again, n := nextRecord(b, "ID", 1000)
		if n != len(b) || again.State != r.State || again.Text != r.Text || FormatNumbers(again.Recipients) != FormatNumbers(r.Recipients) {
			t.Errorf("wrote %+v, read %+v", r, again)
		}
	})
}

// What is taken back while somebody expires it leaves no mark for the next message.
func TestRefuseExpired(t *testing.T) {
	t.Parallel()
	s := newStore(t, Options{})
	b, f, err := s.Lend()
	if err != nil {
		t.Fatal(err)
	}
	fill(t, b, f, b.ID, "text\n")
	c, err := s.Commit(b, b.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Expire(b.ID, DirIncoming); err != nil {
		t.Fatal(err)
	}
	if err := s.Refuse(c, false); err != nil {
		t.Fatal(err)
	}
	for _, id := range idsOf(t, s, DirPool) {
		if info, err := os.Stat(filepath.Join(s.Path(), DirPool, id)); err != nil || info.Mode() != 0o600 {
			t.Errorf("a blank has mode %v, %v", info.Mode(), err)
		}
	}
}
