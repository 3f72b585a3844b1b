package story

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"yubin/internal/config"
	"yubin/internal/queue"
)

const id = "0644A7B2C1D3E0"

func TestParse(t *testing.T) {
	t.Parallel()
	tags := []string{"postfix/submission", "postfix"}
	for _, test := range []struct {
		line string
		want Line // without an ID: none
	}{
		{"Nov  5 08:00:01 mx postfix/smtpd[17]: " + id + ": client=a[b]", Line{Time: "Nov  5 08:00:01", Process: "smtpd", PID: 17, ID: id, Text: "client=a[b]"}},
		{"2026-11-25T08:00:01.5+01:00 mx postfix/qmgr[1]: " + id + ": removed", Line{Time: "2026-11-25T08:00:01.5+01:00", Process: "qmgr", PID: 1, ID: id, Text: "removed"}},
		{"Nov 25 08:00:01 mx postfix/submission/smtpd[17]: warning: " + id + ": x: y", Line{Time: "Nov 25 08:00:01", Process: "smtpd", PID: 17, ID: id, Text: "warning: x: y"}},
		{"Nov 25 08:00:01 mx postfix/qmgr: " + id + "B00000: removed", Line{Time: "Nov 25 08:00:01", Process: "qmgr", ID: id + "B00000", Text: "removed"}},
		{"Nov 25 08:00:01 mx postfix/smtpd[17]: connect from a[b]", Line{}},
		{"Nov 25 08:00:01 mx postfix/smtpd[17]: NOQUEUE: reject: RCPT", Line{}},
		{"Nov 25 08:00:01 mx evil[1]: " + id + ": removed", Line{}},
		{"Nov 25 08:00:01 mx evil[1]: postfix/qmgr[1]: " + id + ": removed", Line{}},
		{"Nov 25 08:00:01 mx postfixx/qmgr[1]: " + id + ": removed", Line{}},
		{"Nov 25 08:00:01 mx", Line{}},
		{"", Line{}},
		{"2", Line{}},
	} {
		got, ok := parse(test.line, tags)
		if ok != (test.want.ID != "") || ok && fmt.Sprint(got) != fmt.Sprint(test.want) {
			t.Errorf("%q: got %+v, %t, want %+v", test.line, got, ok, test.want)
		}
	}
	l, ok := parseJSON([]byte(`{"time":"T","process":"postfix/qmgr","pid":3,"message":"`+id+`: removed"}`), tags)
	if !ok || l.Time != "T" || l.Process != "qmgr" || l.PID != 3 || l.ID != id || l.Text != "removed" || l.JSON == nil {
		t.Errorf("got %+v, %t", l, ok)
	}
}

// FuzzParse: whatever a line is, what is taken for a queue ID is one, and the
// program's tag begins as it must.
func FuzzParse(f *testing.F) {
	f.Add("Nov  5 08:00:01 mx postfix/smtpd[17]: " + id + ": client=a[b]")
	f.Add("2026-11-25T08:00:01+01:00 mx postfix/qmgr[1]: warning: " + id + ": removed")
	f.Add(`{"time":"T","process":"postfix/qmgr","pid":3,"message":"` + id + `: removed"}`)
	f.Fuzz(func(t *testing.T, line string) {
		l, ok := parse(line, []string{"postfix"})
		if ok && (!queue.ValidID(l.ID) || !strings.Contains(line, " postfix/"+l.Process) || !strings.Contains(line, l.ID+": ")) {
			t.Errorf("%q: got %+v", line, l)
		}
		if l, ok := parseJSON([]byte(line), []string{"postfix"}); ok && (!queue.ValidID(l.ID) || l.Process == "") {
			t.Errorf("%q: got %+v", line, l)
		}
	})
}

// The log is read with what it was renamed to, packed or not, the oldest first;
// what is too old, or another file, is left out; a line of any length is borne.
func TestEach(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	name := filepath.Join(dir, "mail[log]")
	line := func(n int) string {
		return fmt.Sprintf("Nov 25 08:00:0%d mx postfix/qmgr[1]: %s: line %d\n", n, id, n)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write([]byte(line(2)))
	z.Close()
	now := time.Now()
	for i, f := range []struct{ name, text string }{
		{name + ".3", line(1)}, {name + "-20261124.gz", packed.String()}, {name + ".20261125-080000", strings.Repeat("x", 200<<10) + "\n" + line(3)},
		{name + ".old", line(9)}, {name + ".4.xz", "?"}, {name + "s", line(9)}, {name, line(4) + strings.TrimSuffix(line(5), "\n")},
	} {
		if err := os.WriteFile(f.name, []byte(f.text), 0o600); err != nil {
			t.Fatal(err)
		}
		when := now.Add(time.Duration(i-10) * time.Hour)
		if err := os.Chtimes(f.name, when, when); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "main.cf"), []byte("maillog_file = "+name+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Check(Params); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		since time.Time
		want  []string
	}{
		{time.Time{}, []string{"line 1", "line 2", "line 3", "line 4", "line 5"}},
		{now.Add(-9*time.Hour - time.Minute), []string{"line 2", "line 3", "line 4", "line 5"}},
	} {
		sources, notes := Sources(c, test.since)
		if len(sources) != 1 || len(notes) != 1 || !strings.HasPrefix(notes[0], name+".4.xz is not read") {
			t.Fatalf("got %+v, %q", sources, notes)
		}
		var got []string
		if err := sources[0].Each(t.Context(), func(l *Line) error { got = append(got, l.Text); return nil }); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("since %v: got %q, want %q", test.since, got, test.want)
		}
	}
}

// A program that prints the log is a source, too.
func TestProgram(t *testing.T) {
	t.Parallel()
	s := Source{argv: []string{"/bin/sh", "-c", "echo 2026-11-25T08:00:01+0100 mx postfix/qmgr[1]: " + id + ": removed"}, tags: []string{"postfix"}}
	n := 0
	if err := s.Each(t.Context(), func(l *Line) error { n++; return nil }); err != nil || n != 1 {
		t.Errorf("got %d lines, %v", n, err)
	}
}
