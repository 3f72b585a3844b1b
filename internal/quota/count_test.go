package quota

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The first look at a mailbox counts it: all folders, new/ and cur/, deleted or not.
func TestCount(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.put("new", 10, false)
	b.put("cur", 20, true)
	b.put("tmp", 5000, true)
	b.put(".Trash/cur", 40, true)
	b.put(".Spam.Old/new", 80, false)
	b.put(".&AOk-t&AOk-/cur", 160, true)
	b.write("cur/odd,S=1x", "123")
	b.write("cur/.hidden", "123")
	if err := os.MkdirAll(filepath.Join(b.dir, "cur/dir"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ rules, want string }{
		{"*:bytes=1000", "1000S\n313 6\n"},
		{"*:bytes=1000:messages=50", "1000S,50C\n313 6\n"},
		{"?:messages=50", "50C\n313 6\n"},
		{"*:bytes=0", "0S\n313 6\n"},
		{"*:bytes=1000 Trash:ignore", "1000S\n273 5\n"},
		{"*:bytes=1000 Spam.*:ignore été:ignore", "1000S\n73 4\n"},
		{"*:bytes=1000 INBOX:ignore", "1000S\n280 3\n"},
	} {
		os.Remove(filepath.Join(b.dir, File))
		m := b.of(strings.Fields(c.rules)...)
		s, err := m.Inspect()
		if err != nil || b.file() != "none" {
			t.Errorf("Inspect: %v, %s", err, b.file())
		}
		if now, err := m.Status(); err != nil || now != s || !now.Kept {
			t.Errorf("%s: Status %+v, %v, Inspect %+v", c.rules, now, err, s)
		}
		b.want(c.want)
	}
	if left, _ := os.ReadDir(filepath.Join(b.dir, "tmp")); len(left) != 1 {
		t.Errorf("tmp has %v", left)
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]int64{
		"1.a.b,S=12": 12, "1.a.b,S=12,W=13:2,S": 12, "1.a.b,S=12:2,": 12, "1.a.b": -1, "1.a.b,S=": -1, "1.a.b,S=1x": -1,
		"1.a.b,W=13,S=12": 12, "1,S=99999999999999999999": -1, "1,S=1125899906842625": -1,
	} {
		n, ok := Size(name)
		if !ok {
			n = -1
		}
		if n != want {
			t.Errorf("%s: got %d, want %d", name, n, want)
		}
	}
	if !bytes.Equal(appendLimit(nil, Usage{}), []byte("0S\n")) {
		t.Error("no limit is not written 0S")
	}
}
