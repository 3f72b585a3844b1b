package pickup

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

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

// Of a letter that waits the log has one warning, until there is something new to
// say or an hour is over, and it is not copied every few seconds.
func TestWaitingLetterIsQuiet(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.drop(id1, id1, &plain, "\n")
	f.l.inUse = id1
	warnings := func() int { return strings.Count(f.log(), id1+": stays in maildrop: ") }
	begin := f.at
	for f.at.Before(begin.Add(sayAgain)) {
		f.turn()
		f.at = f.at.Add(editRetry)
	}
	if n := warnings(); n != 1 {
		t.Errorf("%d warnings in the first %v, want 1\n%s", n, sayAgain, f.log())
	}
	if n := strings.Count(f.log(), id1+": uid="); n != 1 {
		t.Errorf("%d lines of its sender, want 1", n)
	}
	if n, most := f.l.n, int(sayAgain/lastEditRetry)+3; n > most {
		t.Errorf("copied %d times in %v, want at most %d", n, sayAgain, most)
	}
	f.at = f.at.Add(lastEditRetry)
	f.turn()
	if n := warnings(); n != 2 {
		t.Errorf("%d warnings after %v, want 2", n, sayAgain)
	}
	f.w.edit = editorOf(t, f.w.log, "virtual_alias_maps = hash:"+f.path("virtual"))
	f.at = f.at.Add(lastEditRetry)
	f.turn()
	if n := warnings(); n != 3 {
		t.Errorf("%d warnings after another reason, want 3\n%s", n, f.log())
	}
	f.l.inUse = ""
	f.w.edit = editorOf(t, f.w.log, "")
	f.at = f.at.Add(lastEditRetry)
	f.turn()
	if f.names("incoming") != id1 || len(f.w.postponed) != 0 {
		t.Errorf("incoming holds %q, %d letters postponed", f.names("incoming"), len(f.w.postponed))
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
	for _, f.at = range []time.Time{early, early.Add(editRetry)} {
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

// A letter that the queue has and cannot remove is not copied whenever another comes.
func TestLetterCannotBeRemoved(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.drop(id1, id1, &plain, "\n")
	f.l.keep = true
	f.turn()
	f.turn()
	if n := len(f.l.commits); n != 1 {
		t.Errorf("committed %d times before its time", n)
	}
	f.at = f.at.Add(editRetry)
	f.turn()
	if n := len(f.l.commits); n != 2 {
		t.Errorf("committed %d times when its time had come, want 2", n)
	}
	for what, want := range map[string]int{"stays in maildrop: its message is in the queue": 1, "uid=": 1} {
		if n := strings.Count(f.log(), id1+": "+what); n != want {
			t.Errorf("%d lines with %q, want %d\n%s", n, what, want, f.log())
		}
	}
	f.l.keep = false
	f.at = f.at.Add(lastEditRetry)
	f.turn()
	if f.names("maildrop") != "" || len(f.w.postponed) != 0 {
		t.Errorf("maildrop holds %q, %d letters postponed", f.names("maildrop"), len(f.w.postponed))
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
