package maildir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// put delivers the nth message of a test.
func put(t *testing.T, bs *Boxes, p *Place, n int) error {
	t.Helper()
	m := message("", "x\n")
	m.Name = Name(time.Unix(1700000000, 0), fmt.Sprintf("%014X", n), 0, "mx.example")
	d, err := bs.Deliver(p, m)
	if err != nil {
		return err
	}
	d.Flushed()
	d.Close()
	return nil
}

// A mailbox that is open is still found by its path: what happens to the
// directories between two deliveries counts.
func TestBoxesFollowThePath(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(dir string) error
		want   error // of the second delivery
		second string
	}{
		"nothing":      {func(string) error { return nil }, nil, "m"},
		"moved away":   {func(dir string) error { return os.Rename(dir+"/m", dir+"/old") }, nil, "m"},
		"removed":      {func(dir string) error { return os.RemoveAll(dir + "/m") }, nil, "m"},
		"tmp removed":  {func(dir string) error { return os.RemoveAll(dir + "/m/tmp") }, nil, "m"},
		"new removed":  {func(dir string) error { return os.RemoveAll(dir + "/m/new") }, nil, "m"},
		"base removed": {func(dir string) error { return os.RemoveAll(dir) }, ErrNoBase, ""},
		"replaced by a link": {func(dir string) error {
			return errors.Join(os.Rename(dir+"/m", dir+"/other"), os.Symlink("other", dir+"/m"))
		}, nil, "other"},
	} {
		for _, beneath := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, beneath %t", name, beneath), func(t *testing.T) {
				t.Parallel()
				dir := filepath.Join(t.TempDir(), "base")
				if err := os.Mkdir(dir, 0o700); err != nil {
					t.Fatal(err)
				}
				bs := NewBoxes(4)
				defer bs.Close()
				p := &Place{Base: dir, Path: "m/", Beneath: beneath}
				if err := put(t, bs, p, 1); err != nil {
					t.Fatal(err)
				}
				if err := c.change(dir); err != nil {
					t.Fatal(err)
				}
				if err := put(t, bs, p, 2); !errors.Is(err, c.want) {
					t.Fatalf("second delivery: %v, want %v", err, c.want)
				}
				if c.want == nil {
					if all := strings.Join(entries(t, filepath.Join(dir, c.second)), " "); !strings.Contains(all, "new/1700000000.Q00000000000002R0") {
						t.Errorf("the second message is not in %s: %s", c.second, all)
					}
				}
			})
		}
	}
}

// A link that leads out of a confined base is not followed, however late it comes.
func TestBoxesConfined(t *testing.T) {
	t.Parallel()
	dir, outside := t.TempDir(), t.TempDir()
	bs := NewBoxes(4)
	defer bs.Close()
	p := &Place{Base: dir, Path: "m/", Beneath: true}
	if err := put(t, bs, p, 1); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Rename(dir+"/m", outside+"/m"), os.Symlink(outside+"/m", dir+"/m")); err != nil {
		t.Fatal(err)
	}
	if err := put(t, bs, p, 2); err == nil {
		t.Error("the delivery followed a link out of its base")
	}
}

// One user's open directories are not another's.
func TestBoxesByUser(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bs := NewBoxes(4)
	defer bs.Close()
	a, b := &Place{Base: dir, Path: "m/", UID: 1}, &Place{Base: dir, Path: "m/", UID: 2}
	if err := errors.Join(put(t, bs, a, 1), put(t, bs, b, 2)); err != nil {
		t.Fatal(err)
	}
	if len(bs.open) != 2 {
		t.Errorf("%d Maildirs open for two users, want one each", len(bs.open))
	}
}

// Many mailboxes and deliveries at once never use a descriptor that is closed,
// and leave no more open than they may.
func TestBoxesAreBounded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bs := NewBoxes(3)
	var wg sync.WaitGroup
	const lanes, each = 8, 50
	for lane := range lanes {
		wg.Go(func() {
			for i := range each {
				if err := put(t, bs, &Place{Base: dir, Path: fmt.Sprintf("m%d/", (lane+i)%7)}, lane*each+i); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if len(bs.open) > 3 {
		t.Errorf("%d Maildirs are open, want at most 3", len(bs.open))
	}
	n := 0
	for i := range 7 {
		n += len(entries(t, fmt.Sprintf("%s/m%d", dir, i)))
	}
	if n != lanes*each {
		t.Errorf("%d files, want %d", n, lanes*each)
	}
	bs.Close()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range open {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.HasPrefix(to, dir) {
			t.Errorf("still open: %s", to)
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	}
}
