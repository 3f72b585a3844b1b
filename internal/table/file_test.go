package table

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"yubin/internal/config"
)

// A file comes, changes, breaks, goes and comes back; whatever is not known is
// an error.
func TestChange(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "table")
	put := func(t *testing.T, text string, age time.Duration) {
		t.Helper()
		fresh := filepath.Join(dir, "fresh")
		if err := os.WriteFile(fresh, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		changed := time.Now().Add(-age)
		if err := errors.Join(os.Chtimes(fresh, changed, changed), os.Rename(fresh, path)); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		var problems []string
		table, err := Open("hash:"+path, Report(func(p config.Problem) { problems = append(problems, p.What) }))
		if err != nil {
			t.Fatal(err)
		}
		want := func(value, problem string) {
			t.Helper()
			got, _, err := table.Lookup("k")
			if got != value || (err != nil) != (problem != "") || err != nil && !strings.Contains(err.Error(), problem) {
				t.Errorf("got %q, %v, want %q, error %q", got, err, value, problem)
			}
		}
		if _, _, err := table.Lookup("k"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got %v, want %v", err, fs.ErrNotExist)
		}
		put(t, "k one\nlonely\n", 0)
		want("", "no such file") // not looked at again yet
		time.Sleep(lookEvery)
		want("one", "")
		put(t, "k two\n", time.Hour)
		want("one", "")
		time.Sleep(lookEvery)
		want("two", "")
		put(t, "k thr\x00ee\n", time.Hour)
		time.Sleep(lookEvery)
		want("", "NUL")
		if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(lookEvery)
		want("", "not a regular file")
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		put(t, "other four\n", time.Hour)
		time.Sleep(lookEvery)
		want("", "")
		if len(problems) != 1 {
			t.Errorf("got problems %q, want one", problems)
		}
	})
}

// What is wrong with a file is said once for each change of it.
func TestReportedOnce(t *testing.T) {
	path := write(t, "")
	synctest.Test(t, func(t *testing.T) {
		problems := 0
		table, err := Open("pcre:"+path, Report(func(config.Problem) { problems++ }))
		if err != nil {
			t.Fatal(err)
		}
		for change := range 3 {
			changed := time.Now().Add(-time.Hour + time.Duration(change)*time.Minute)
			if err := errors.Join(os.WriteFile(path, []byte("/a/ x\n/b\n/(?=c)/ y\n"), 0o600), os.Chtimes(path, changed, changed)); err != nil {
				t.Fatal(err)
			}
			for range 5 {
				time.Sleep(lookEvery)
				if _, _, err := table.Lookup("a"); err != nil {
					t.Error(err)
				}
			}
			if want := 2 * (change + 1); problems != want {
				t.Errorf("change %d: got %d problems, want %d", change, problems, want)
			}
		}
	})
}

// A file that is being written in place is left alone until it has been quiet
// for a second.
func TestWrittenInPlace(t *testing.T) {
	path := write(t, "k one\n")
	synctest.Test(t, func(t *testing.T) {
		f := NewFile(path, func(data []byte, _ Reporter) (string, error) { return string(data), nil }, func(config.Problem) {})
		put := func(text string) {
			t.Helper()
			now := time.Now()
			if err := errors.Join(os.WriteFile(path, []byte(text), 0o600), os.Chtimes(path, now, now)); err != nil {
				t.Fatal(err)
			}
		}
		want := func(want string) {
			t.Helper()
			if got, err := f.Get(); got != want || err != nil {
				t.Errorf("got %q, %v, want %q", got, err, want)
			}
		}
		want("k one\n")
		for range 5 {
			time.Sleep(lookEvery)
			put("")
			want("k one\n")
		}
		put("k two\n")
		time.Sleep(lookEvery)
		want("k two\n")
	})
}

// A file that changed a moment ago is read again, since a further change may
// not show in its times; its problems are reported once.
func TestUnsettled(t *testing.T) {
	path := write(t, "k one\nlonely\n")
	synctest.Test(t, func(t *testing.T) {
		reads, problems := 0, 0
		f := NewFile(path, func(data []byte, report Reporter) (string, error) {
			reads++
			report(2, "lonely")
			return string(data), nil
		}, func(config.Problem) { problems++ })
		now := time.Now()
		if err := os.Chtimes(path, now, now); err != nil {
			t.Fatal(err)
		}
		for range 10 {
			if _, err := f.Get(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(lookEvery)
		}
		// At 0, 1, 2 and 3 seconds of age.
		if reads != 4 || problems != 1 {
			t.Errorf("got %d reads and %d problems, want 4 and 1", reads, problems)
		}
	})
}

// Readers see the old content or the new, never a mixture and never an error.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	path := write(t, "k 0\n")
	f := NewFile(path, func(data []byte, _ Reporter) (string, error) { return string(data), nil }, func(config.Problem) {})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 1000 {
				text, err := f.Get()
				if err != nil || text != "k 0\n" && text != "k 1\n" {
					t.Errorf("got %q, %v", text, err)
					return
				}
				if r := f.current.Load(); r != nil {
					r.looked.Store(0) // as if long ago
				}
			}
		})
	}
	for i := range 100 {
		fresh := path + ".fresh"
		if err := errors.Join(os.WriteFile(fresh, []byte{'k', ' ', '0' + byte(i%2), '\n'}, 0o600), os.Rename(fresh, path)); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
}

// While the file is read of which nothing is known but an error, who asks waits: the
// file may be there by now.
func TestErrorIsNotOldContent(t *testing.T) {
	t.Parallel()
	for range 100 {
		path := filepath.Join(t.TempDir(), "table")
		f := NewFile(path, func(data []byte, _ Reporter) (string, error) { return string(data), nil }, func(config.Problem) {})
		if _, err := f.Get(); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("got %v, want %v", err, fs.ErrNotExist)
		}
		if err := os.WriteFile(path, []byte("k one\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		f.lookAgain()
		f.mu.Lock() // as one who reads does
		var wg sync.WaitGroup
		begun := make(chan struct{})
		wg.Go(func() {
			close(begun)
			if got, err := f.Get(); got != "k one\n" || err != nil {
				t.Errorf("got %q, %v", got, err)
			}
		})
		<-begun
		f.refresh(f.current.Load(), time.Now())
		f.mu.Unlock()
		if wg.Wait(); t.Failed() {
			return
		}
	}
}
