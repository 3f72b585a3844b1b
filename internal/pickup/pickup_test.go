package pickup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

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
		log: log, queue: f.l, edit: editorOf(t, log, ""), postponed: map[string]time.Time{}, left: map[string]time.Time{}, hostname: "mx.example.com", mailName: "Yubin", limit: 10,
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

func TestLetter(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	env := &queue.Envelope{
		Sender: "ann@example.com",
		Attrs: map[string]string{
			"origin": "smtpd", "uid": "0", "client_address": "10.0.0.1", "parent": id2, "body": "8BITMIME",
			"dsn_ret": "HDRS", "dsn_envid": "e", "verbose": "yes",
		},
		Recipients: []queue.Recipient{
			{Address: "john doe@example.org", Original: "root@example.org", Exact: true, Attrs: map[string]string{"dsn_notify": "NEVER", "x": "y"}},
			{Address: "bob@example.org"},
		},
	}
	f.drop(id1, id1, env, "Return-Path: <evil>\nBcc: x\nSubject: s\nMessage-ID: <1@x>\n\nBcc: body\n")
	f.turn()
	if got := f.names("maildrop") + f.names("corrupt") + f.names("pool"); got != "" || f.names("incoming") != id1 {
		t.Fatalf("left %q, incoming %q", got, f.names("incoming"))
	}
	file, err := os.Open(f.path("incoming", id1))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	m, err := queue.Read(file)
	if err != nil || m.ID != id1 {
		t.Fatalf("%v, %v", m, err)
	}
	want := map[string]string{
		"origin": "pickup", "uid": fmt.Sprint(os.Getuid()), "body": "8BITMIME", "dsn_ret": "HDRS", "dsn_envid": "e", "verbose": "yes",
		"blank": "06600000000010",
	}
	if fmt.Sprint(m.Env.Attrs) != fmt.Sprint(want) || m.Env.Sender != "ann@example.com" {
		t.Errorf("attributes %v, want %v", m.Env.Attrs, want)
	}
	if r := m.Env.Recipients[0]; r.Exact || r.Original != "" || r.Address != "john doe@example.org" || fmt.Sprint(r.Attrs) != "map[dsn_notify:NEVER]" {
		t.Errorf("recipient %+v", r)
	}
	content := make([]byte, m.Content)
	if _, err := file.ReadAt(content, m.ContentOffset()); err != nil {
		t.Fatal(err)
	}
	received := fmt.Sprintf("Received: by mx.example.com (Yubin, from userid %d)\n\tid %s; ", os.Getuid(), id1)
	if got := string(content); !strings.HasPrefix(got, received) || !strings.HasSuffix(got, ")\nSubject: s\nMessage-ID: <1@x>\n\nBcc: body\n") {
		t.Errorf("content:\n%s", got)
	}
	for _, line := range []string{
		fmt.Sprintf("]: %s: uid=%d from=<ann@example.com>\n", id1, os.Getuid()),
		fmt.Sprintf("postfix/cleanup[%d]: %s: message-id=<1@x>\n", os.Getpid(), id1),
	} {
		if !strings.Contains(f.log(), line) {
			t.Errorf("log lacks %q:\n%s", line, f.log())
		}
	}
}

// Addresses of a letter go through the tables, in the envelope and in the header. A
// letter that cannot be rewritten now stays, and keeps no other waiting.
func TestAddresses(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const tables = "canonical_maps = inline:{ {ann@example.com=Ann.Smith@example.com} }\n" +
		"always_bcc = log\nvirtual_alias_maps = inline:{ {bob@example.org=carol@example.net} }, hash:"
	f.w.edit = editorOf(t, f.w.log, tables+f.path("virtual"))
	f.drop(id1, id1, &plain, "From: ann@example.com\nTo: Bob <bob>\n\nFrom: ann@example.com\n")
	f.drop(id2, id2, &queue.Envelope{Sender: "ann@example.com", Recipients: []queue.Recipient{{Address: "bob@example.org"}}}, "From: ann\n\nx\n")
	f.turn()
	if f.names("maildrop") != id1+" "+id2 || !strings.Contains(f.log(), id1+": stays in maildrop: ") {
		t.Fatalf("without a table maildrop holds %q\n%s", f.names("maildrop"), f.log())
	}
	if err := os.WriteFile(f.path("virtual"), []byte("dave@example.org eve@example.org\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.turn()
	if f.names("maildrop") != id1+" "+id2 {
		t.Fatalf("before its time maildrop holds %q", f.names("maildrop"))
	}
	f.at = f.at.Add(editRetry)
	f.w.edit = editorOf(t, f.w.log, tables+f.path("virtual")) // which has not looked for the file yet
	f.turn()
	if f.names("maildrop") != "" {
		t.Fatalf("maildrop holds %q\n%s", f.names("maildrop"), f.log())
	}
	file, err := os.Open(f.path("incoming", id1))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	m, err := queue.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	content := make([]byte, m.Content)
	if _, err := file.ReadAt(content, m.ContentOffset()); err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(string(content), "\nFrom: Ann.Smith@example.com\nTo: Bob <bob@mx.example.com>\n\nFrom: ann@example.com\n") {
		t.Errorf("content:\n%s", content)
	}
	got := m.Env.Sender
	for _, r := range m.Env.Recipients {
		got += " " + r.Address + "[" + r.Original + "]" + fmt.Sprint(r.Attrs)
	}
	want := "Ann.Smith@example.com carol@example.net[bob@example.org]map[] log@mx.example.com[]map[dsn_notify:NEVER]"
	if got != want {
		t.Errorf("envelope %s, want %s", got, want)
	}
}

// What may lie in maildrop: where it goes, after no time, a minute, a day.
func TestEntries(t *testing.T) {
	t.Parallel()
	garbage := func(f *fixture) {
		if err := os.WriteFile(f.path("maildrop", id1), []byte("garbage"), 0o600); err != nil {
			f.t.Fatal(err)
		}
	}
	letter := func(env *queue.Envelope) func(f *fixture) {
		return func(f *fixture) { f.drop(id1, id1, env, "A: b\n\nc\n") }
	}
	for _, c := range []struct {
		name             string
		put              func(f *fixture)
		now, minute, day string // "" left, else incoming, corrupt, gone
	}{
		{"complete", letter(&plain), "incoming", "incoming", "incoming"},
		{"mark lost", func(f *fixture) { letter(&plain)(f); f.mode(id1, 0o644) }, "", "incoming", "incoming"},
		{"unfinished", garbage, "", "", "gone"},
		{"empty", func(f *fixture) { os.WriteFile(f.path("maildrop", id1), nil, 0o600) }, "", "", "gone"},
		{"garbage with a mark", func(f *fixture) { garbage(f); f.mode(id1, 0o700) }, "corrupt", "corrupt", "corrupt"},
		{"another ID inside", func(f *fixture) { f.drop(id1, id2, &plain, "") }, "corrupt", "corrupt", "corrupt"},
		{"no recipients", letter(&queue.Envelope{Sender: "a@b"}), "corrupt", "corrupt", "corrupt"},
		{"recipient without domain", letter(&queue.Envelope{Recipients: []queue.Recipient{{Address: "a"}}}), "corrupt", "corrupt", "corrupt"},
		{"long recipient", letter(&queue.Envelope{Recipients: []queue.Recipient{{Address: strings.Repeat("a", 1000) + "@b"}}}), "corrupt", "corrupt", "corrupt"},
		{"bad sender", letter(&queue.Envelope{Sender: "a\u0085@b", Recipients: plain.Recipients}), "corrupt", "corrupt", "corrupt"},
		{"null sender", letter(&queue.Envelope{Recipients: plain.Recipients}), "incoming", "incoming", "incoming"},
		{"two names", func(f *fixture) { letter(&plain)(f); os.Link(f.path("maildrop", id1), f.path("elsewhere")) }, "corrupt", "corrupt", "corrupt"},
		{"symbolic link", func(f *fixture) { os.Symlink("/etc/passwd", f.path("maildrop", id1)) }, "", "corrupt", "corrupt"},
		{"fifo", func(f *fixture) { syscall.Mkfifo(f.path("maildrop", id1), 0o700) }, "", "corrupt", "corrupt"},
		{"directory", func(f *fixture) { os.Mkdir(f.path("maildrop", id1), 0o700) }, "", "corrupt", "corrupt"},
		{"flipped bit", func(f *fixture) {
			letter(&plain)(f)
			b, _ := os.ReadFile(f.path("maildrop", id1))
			b[queue.HeaderSize+3] ^= 1
			os.WriteFile(f.path("maildrop", id1), b, 0o744)
		}, "corrupt", "corrupt", "corrupt"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for age, want := range map[time.Duration]string{0: c.now, 2 * unmarked: c.minute, abandoned + time.Hour: c.day} {
				f := newFixture(t)
				c.put(f)
				f.at = f.at.Add(age)
				f.turn()
				got := "gone"
				for _, dir := range []string{"maildrop", "incoming", "corrupt"} {
					if f.names(dir) == id1 {
						got = strings.TrimPrefix(dir, "maildrop")
					}
				}
				if got != want {
					t.Errorf("after %v: in %q, want %q\n%s", age, got, want, f.log())
				}
				if _, next := f.w.idle(); want == "" && next.IsZero() {
					t.Errorf("after %v: left and not to be looked at again", age)
				}
			}
		})
	}
}

func TestForeignNames(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, name := range []string{"README", ".x", queue.CounterName(os.Getuid())} {
		if err := os.WriteFile(f.path("maildrop", name), []byte(strings.Repeat(".", 9)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f.turn()
	if got := f.names("maildrop"); got != ".x README" {
		t.Errorf("maildrop holds %q; want the counter removed and the rest left", got)
	}
	f.at = f.at.Add(2 * unmarked)
	f.turn()
	if f.names("maildrop") != ".x" || f.names("corrupt") != "README" {
		t.Errorf("maildrop %q, corrupt %q", f.names("maildrop"), f.names("corrupt"))
	}
}

// The queue takes nothing: every letter stays, and is taken later, once.
func TestQueueUnwilling(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for n := range 5 {
		id := fmt.Sprintf("0652A1B2C3D%02X1", n)
		f.drop(id, id, &plain, "\n")
	}
	for _, set := range []func(bool){func(v bool) { f.l.full = v }, func(v bool) { f.l.refuse = v }} {
		set(true)
		if _, err := f.w.turns(t.Context()); err == nil {
			t.Error("no error")
		}
		if n := len(strings.Fields(f.names("maildrop"))); n != 5 || f.l.lent != 0 {
			t.Errorf("%d letters left, %d blanks held", n, f.l.lent)
		}
		set(false)
	}
	f.turn()
	if f.names("maildrop") != "" || len(f.l.commits) != 5 {
		t.Errorf("left %q, committed %q", f.names("maildrop"), f.l.commits)
	}
}

// A letter whose ID another message in the queue has waits until that has gone: under
// another ID it could be taken twice.
func TestIDInUse(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.drop(id1, id1, &plain, "\n")
	f.drop(id2, id2, &plain, "\n")
	f.l.inUse = id1
	f.turn()
	if f.names("maildrop") != id1 || f.names("incoming") != id2 {
		t.Errorf("maildrop holds %q, incoming %q", f.names("maildrop"), f.names("incoming"))
	}
	f.l.inUse = ""
	f.at = f.at.Add(editRetry)
	f.turn()
	if f.names("maildrop") != "" || f.names("incoming") != id1+" "+id2 {
		t.Errorf("maildrop holds %q, incoming %q", f.names("maildrop"), f.names("incoming"))
	}
}

// A letter that is taken again has the same octets: by them qmgr knows it.
func TestTakenAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.drop(id1, id1, &plain, "\n")
	early := time.Date(2026, 11, 9, 23, 59, 59, 0, time.UTC)
	if err := os.Chtimes(f.path("maildrop", id1), early, early); err != nil {
		t.Fatal(err)
	}
	f.l.keep = true
	var took []string
	for _, f.at = range []time.Time{early, early.Add(time.Second)} {
		f.turn()
		b, err := os.ReadFile(f.path("incoming", id1))
		if err != nil {
			t.Fatal(err)
		}
		_, content, _ := strings.Cut(string(b), "Received: ")
		took = append(took, strings.TrimRight(content, "\x00"))
	}
	if took[0] != took[1] {
		t.Errorf("took %q, then %q", took[0], took[1])
	}
}

// A letter that cannot be read now stays, is tried again later, and keeps no other
// waiting.
func TestUnreadableLetter(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.drop(id1, id1, &plain, "\n")
	file, err := os.OpenFile(f.path("maildrop", id1), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := unix.FcntlInt(file.Fd(), unix.F_SETLEASE, unix.F_WRLCK); err != nil { // others' opens fail
		t.Fatal(err)
	}
	for n := range 2 * parallel {
		id := fmt.Sprintf("0652A1B2C3E%02X1", n)
		f.drop(id, id, &plain, "\n")
	}
	f.turn()
	if f.names("maildrop") != id1 || !strings.Contains(f.log(), id1+": stays in maildrop: open "+id1) {
		t.Errorf("maildrop holds %q\n%s", f.names("maildrop"), f.log())
	}
	if _, err := unix.FcntlInt(file.Fd(), unix.F_SETLEASE, unix.F_UNLCK); err != nil {
		t.Fatal(err)
	}
	f.turn()
	if f.names("maildrop") != id1 {
		t.Error("taken before its time")
	}
	f.at = f.at.Add(editRetry)
	f.turn()
	if got := f.names("maildrop") + f.names("corrupt"); got != "" {
		t.Errorf("left %q", got)
	}
}

// Another generation of pickup works: nothing is touched.
func TestLocked(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.drop(id1, id1, &plain, "\n")
	other, err := os.Open(f.path("maildrop"))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(other.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if _, err := f.w.turns(t.Context()); !errors.Is(err, errLocked) || f.names("maildrop") != id1 {
		t.Errorf("got %v, maildrop %q", err, f.names("maildrop"))
	}
	other.Close()
	f.turn()
}

func TestRoundRobin(t *testing.T) {
	t.Parallel()
	var files []file
	for n := range 1000 {
		files = append(files, file{fmt.Sprintf("%04d", 999-n), 1})
	}
	files = append(files, file{"b", 2}, file{"a", 2}, file{"c", 3})
	got := roundRobin(files, 6)
	if want := "[{0000 1} {a 2} {c 3} {0001 1} {b 2} {0002 1}]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
	if n := len(roundRobin(files, 5000)); n != len(files) {
		t.Errorf("%d of %d files", n, len(files))
	}
}

// run takes what is there and what comes, and ends when it is drained.
func TestRun(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const n = 3*turn/2 + 7
	for n := range n {
		id := fmt.Sprintf("0652A1B2C%04X1", n)
		f.drop(id, id, &plain, "\n")
	}
	f.l.want, f.l.reached = n, make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.w.run(t.Context())
	}()
	f.w.poke()
	<-f.l.reached
	f.w.drain()
	<-done
	if got := len(strings.Fields(f.names("incoming"))); got != n {
		t.Errorf("%d letters of %d", got, n)
	}
}

// FuzzMaildrop: whatever a file in maildrop holds, with or without the mark,
// nothing panics, no blank is lost, the file is not deleted, and what reaches
// the queue has only clean complete addresses and allowed attributes.
func FuzzMaildrop(f *testing.F) {
	fx := newFixture(f)
	fx.drop(id1, id1, &plain, "A: b\n\nc\n")
	seed, err := os.ReadFile(fx.path("maildrop", id1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed[:300], true)
	f.Add([]byte("yubin q1"), false)
	f.Fuzz(func(t *testing.T, b []byte, marked bool) {
		fx := newFixture(t)
		mode := os.FileMode(0o600)
		if marked {
			mode = 0o744
		}
		if err := os.WriteFile(fx.path("maildrop", id1), b, mode); err != nil {
			t.Fatal(err)
		}
		fx.at = fx.at.Add(2 * unmarked)
		fx.turn()
		if fx.names("incoming")+fx.names("corrupt")+fx.names("maildrop") != id1 {
			t.Fatalf("the file has gone: %s", fx.log())
		}
		if fx.names("incoming") == "" {
			return
		}
		file, err := os.Open(fx.path("incoming", id1))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		m, err := queue.Read(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range m.Env.Recipients {
			if err := checkAddress(r.Address); err != nil || r.Exact {
				t.Fatalf("recipient %+v: %v", r, err)
			}
		}
		for name := range m.Env.Attrs {
			switch name {
			case "origin", "uid", "blank", "body", "dsn_ret", "dsn_envid", "verbose":
			default:
				t.Fatalf("attribute %s", name)
			}
		}
	})
}

// Files that sendmail never finished are looked at once a minute, and keep no
// letter waiting, however many they are.
func TestUnfinishedHoldNobodyUp(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for n := range turn + 100 {
		if err := os.WriteFile(f.path("maildrop", fmt.Sprintf("0652000000%03X1", n)), []byte("unfinished"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f.drop(id1, id1, &plain, "text\n")
	f.at = f.at.Add(2 * unmarked)
	more := true
	for turns := 0; more; turns++ {
		if turns == 5 {
			t.Fatalf("the same files are looked at again and again; incoming holds %q", f.names("incoming"))
		}
		var err error
		if more, err = f.w.turns(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if f.names("incoming") != id1 {
		t.Error("the letter was not taken")
	}
	if ok, next := f.w.idle(); ok && !next.Equal(f.at.Add(unmarked)) {
		t.Errorf("next look at %v, want in a minute, %v", next, f.at.Add(unmarked))
	}
	// One that is finished now is taken at once.
	late := "06520000000001"
	f.drop(late, late, &plain, "text\n")
	f.turn()
	if !strings.Contains(f.names("incoming"), late) {
		t.Error("a letter that was unfinished waits for its minute")
	}
}
