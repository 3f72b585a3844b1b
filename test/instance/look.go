package instance

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Log returns the log so far.
func (i *Instance) Log() string {
	b, err := os.ReadFile(i.Path("log"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		i.T.Fatal(err)
	}
	return string(b)
}

// Drained tells whether every accepted message has left the queue. What a
// killed sendmail has left unfinished in maildrop was never accepted. The directories
// are read in the order in which a message goes through them, or one that moves
// meanwhile would be met in none; a notice comes into incoming while its message goes.
func (i *Instance) Drained() bool {
	i.T.Helper()
	entries, err := os.ReadDir(i.Path("queue", "maildrop"))
	i.check(err)
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode()&0o100 != 0 {
			return false
		}
	}
	for _, queue := range []string{"hold", "incoming", "deferred", "incoming", "corrupt"} {
		entries, err := os.ReadDir(i.Path("queue", queue))
		i.check(err)
		if len(entries) > 0 {
			return false
		}
	}
	return true
}

// Mail returns the messages in new/ and cur/ of a virtual mailbox, by file name.
func (i *Instance) Mail(box string) map[string]string {
	i.T.Helper()
	return ReadMaildir(i.T, i.Path("mail", box))
}

// ReadMaildir returns the messages of a Maildir by file name.
func ReadMaildir(t testing.TB, dir string) map[string]string {
	t.Helper()
	for {
		mail, err := readMaildir(dir)
		if err == nil {
			return mail
		}
		if !errors.Is(err, fs.ErrNotExist) { // else a session has renamed one
			t.Fatal(err)
		}
	}
}

func readMaildir(dir string) (map[string]string, error) {
	mail := map[string]string{}
	for _, sub := range []string{"new", "cur"} {
		names, err := filepath.Glob(filepath.Join(dir, sub, "*"))
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				return nil, err
			}
			mail[filepath.Base(name)] = string(b)
		}
	}
	return mail, nil
}

// WaitMail waits until a virtual mailbox holds n messages and returns them.
func (i *Instance) WaitMail(box string, n int) map[string]string {
	i.T.Helper()
	i.Until(fmt.Sprintf("%d messages for %s", n, box), func() bool {
		names, _ := filepath.Glob(i.Path("mail", box, "new", "*"))
		return len(names) >= n
	})
	mail := i.Mail(box)
	if len(mail) != n {
		i.T.Fatalf("%s has %d messages, want %d", box, len(mail), n)
	}
	return mail
}

// One returns the only message of a map.
func One(t testing.TB, mail map[string]string) string {
	t.Helper()
	if len(mail) != 1 {
		t.Fatalf("%d messages, want 1", len(mail))
	}
	for _, m := range mail {
		return m
	}
	return ""
}

// WaitLog waits until a log line contains all of the texts and returns it.
func (i *Instance) WaitLog(texts ...string) string {
	i.T.Helper()
	var found string
	i.Until(fmt.Sprintf("a log line with %q", texts), func() bool {
		for line := range strings.Lines(i.Log()) {
			if containsAll(line, texts) {
				found = line
				return true
			}
		}
		return false
	})
	return found
}

func containsAll(line string, texts []string) bool {
	for _, t := range texts {
		if !strings.Contains(line, t) {
			return false
		}
	}
	return true
}
