package table

import (
	"os"
	"testing"
	"time"

	"yubin/internal/config"
)

// A large table that a daemon opens several times is read once, before anybody asks,
// and goes on being read again when it changes.
func TestWarm(t *testing.T) {
	t.Parallel()
	path := long(t, 40_000)
	var all []Table
	for range 3 {
		x, err := Open("hash:"+path, Warm(), Report(func(config.Problem) {}))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, x)
	}
	file := all[0].(fileTable).file
	for end := time.Now().Add(30 * time.Second); file.current.Load() == nil; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nobody reads the file")
		}
	}
	for _, x := range all {
		if x.(fileTable).file != file {
			t.Error("the file is in memory twice")
		}
		if v, found, err := x.Lookup("USER777@example.com"); v != "example.com/user777/" || !found || err != nil {
			t.Errorf("got %q, %t, %v", v, found, err)
		}
	}
	other, err := Open("hash:" + path)
	if err != nil || other.(fileTable).file == file {
		t.Errorf("a table that is not a daemon's is shared: %v", err)
	}
	if err := os.WriteFile(path+".new", []byte("new value\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if v, found, err := all[2].Lookup("new"); v == "value" && found && err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the change does not count")
		}
	}
}
