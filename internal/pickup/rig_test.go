package pickup

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"yubin/internal/config"
	"yubin/internal/intake"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
	"yubin/internal/queue"
)

// lender is qmgr as pickup sees it.
type lender struct {
	dir string

	mu      sync.Mutex
	n       int
	full    bool
	refuse  bool
	inUse   string // an ID that another message in the queue has
	keep    bool   // maildrop's name is not removed: qmgr died
	lent    int
	commits []string // IDs, in order
	want    int      // when so many are there
	reached chan struct{}
}

func (l *lender) Blank(context.Context) (*intake.Blank, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.full {
		return nil, intake.ErrFull
	}
	l.n++
	l.lent++
	id := fmt.Sprintf("0660000000%03X0", l.n)
	f, err := os.OpenFile(filepath.Join(l.dir, "pool", id), os.O_WRONLY|os.O_CREATE, 0o600)
	return &intake.Blank{ID: id, File: f}, err
}

func (l *lender) Return(b *intake.Blank) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lent--
	b.File.Close()
}

func (l *lender) Commit(_ context.Context, b *intake.Blank, as string) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lent--
	if l.refuse {
		return "", &intake.Refused{Reason: "test"}
	}
	if as == l.inUse {
		return "", &intake.Refused{Reason: ipc.ErrorIDInUse}
	}
	l.commits = append(l.commits, as)
	if !l.keep {
		if err := os.Remove(filepath.Join(l.dir, "maildrop", as)); err != nil {
			return "", err
		}
	}
	if len(l.commits) == l.want {
		defer close(l.reached)
	}
	return as, os.Rename(filepath.Join(l.dir, "pool", b.ID), filepath.Join(l.dir, "incoming", as))
}

type fixture struct {
	t   testing.TB
	dir string
	l   *lender
	w   *worker
	at  time.Time
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{"maildrop", "pool", "incoming", "corrupt"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	sink, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	log, err := maillog.Open(maillog.Options{Tag: "postfix/pickup", File: sink})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	f := &fixture{t: t, dir: dir, l: &lender{dir: dir}, at: time.Now()}
	f.w = &worker{
		log: log, queue: f.l, edit: editorOf(t, log, ""), postponed: map[string]*waiting{}, left: map[string]time.Time{}, hostname: "mx.example.com", mailName: "Yubin", limit: 10,
		now: func() time.Time { return f.at }, wake: make(chan struct{}, 1), quit: make(chan struct{}),
	}
	for name, to := range map[string]**os.File{"maildrop": &f.w.dir, "corrupt": &f.w.corrupt} {
		if *to, err = os.Open(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(f.w.close)
	return f
}

// editorOf is what the lines of a main.cf do to addresses.
func editorOf(t testing.TB, log *maillog.Logger, main string) *editor {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.cf"), []byte("myhostname = mx.example.com\n"+main), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(dir, nil)
	if err == nil {
		err = c.Check(Command.Params)
	}
	if err != nil {
		t.Fatal(err)
	}
	e, err := newEditor(c, log)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (f *fixture) path(names ...string) string {
	return filepath.Join(append([]string{f.dir}, names...)...)
}

var plain = queue.Envelope{Sender: "ann@example.com", Recipients: []queue.Recipient{{Address: "bob@example.org"}}}

// drop writes a letter as sendmail does.
func (f *fixture) drop(name, id string, env *queue.Envelope, content string) {
	f.t.Helper()
	file, err := os.Create(f.path("maildrop", name))
	if err != nil {
		f.t.Fatal(err)
	}
	w, err := queue.NewWriter(file, id, 0, env)
	if err != nil {
		f.t.Fatal(err)
	}
	if _, err := w.Write([]byte(content)); err != nil {
		f.t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		f.t.Fatal(err)
	}
	f.mode(name, 0o744)
}

func (f *fixture) mode(name string, mode os.FileMode) {
	f.t.Helper()
	if err := os.Chmod(f.path("maildrop", name), mode); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) names(dir string) string {
	f.t.Helper()
	entries, err := os.ReadDir(f.path(dir))
	if err != nil {
		f.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func (f *fixture) turn() {
	f.t.Helper()
	if _, err := f.w.turns(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
	if f.l.lent != 0 {
		f.t.Errorf("%d blanks were neither committed nor returned", f.l.lent)
	}
}

func (f *fixture) log() string {
	b, err := os.ReadFile(f.path("log"))
	if err != nil {
		f.t.Fatal(err)
	}
	return string(b)
}

const id1, id2 = "0652A1B2C3D4E1", "0652A1B2C3D4F1"
