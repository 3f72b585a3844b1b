package maillog

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// client is an argument that knows its fields.
type client struct{ name, address string }

func (c client) String() string { return c.name + "[" + c.address + "]" }
func (c client) LogFields(note func(key, value string)) {
	note("client", c.String())
	note("client_address", c.address)
}

const aQueueID = "0644A7B2C1D3E0"

// fieldTests are lines and what JSON has of them beside time, host, process,
// pid and message.
var fieldTests = []struct {
	name  string
	write func(l *Logger)
	text  string
	want  string
}{
	{
		"format", func(l *Logger) {
			l.On(Pickup).Info("%s: uid=%s from=<%s>", aQueueID, "1000", "ann@example.com")
		}, aQueueID + ": uid=1000 from=<ann@example.com>",
		`{"severity":"info","event":"pickup","queue_id":"` + aQueueID + `","uid":1000,"from":"ann@example.com"}`,
	},
	{
		"arguments that know", func(l *Logger) {
			l.On(Connect).Info("connect from %v", client{"mx.example", "192.0.2.1"})
		}, "connect from mx.example[192.0.2.1]",
		`{"severity":"info","event":"connect","client":"mx.example[192.0.2.1]","client_address":"192.0.2.1"}`,
	},
	{
		"warning", func(l *Logger) { l.Warn("%s: message-id=%s, 100%% of %5.1f", aQueueID, "<a@b>", 2.25) },
		"warning: " + aQueueID + ": message-id=<a@b>, 100% of   2.2",
		`{"severity":"warning","event":"warning","queue_id":"` + aQueueID + `","message_id":"<a@b>"}`,
	},
	{
		"no queue ID", func(l *Logger) { l.Error("%s: open: gone, size=%s", "NOQUEUE", "12a") },
		"error: NOQUEUE: open: gone, size=12a", `{"severity":"error","event":"error","size":"12a"}`,
	},
	{
		"forged", func(l *Logger) {
			l.On(Pickup).Info("%s: uid=%d from=<%s>", aQueueID, 7, `"a>, to=<b>, event=removed, uid=0 x`+"\n"+`\`)
		}, aQueueID + `: uid=7 from=<"a>, to=<b>, event=removed, uid=0 x?\>`,
		`{"severity":"info","event":"pickup","queue_id":"` + aQueueID + `","uid":7,"from":"\"a>, to=<b>, event=removed, uid=0 x?\\"}`,
	},
	{
		"built", func(l *Logger) {
			text := l.Text(0)
			text.ID(aQueueID)
			text.Address("", "to", "grüße@exämple.org")
			text.PairOf(", ", "delay", func(b []byte) []byte { return append(b, "0.02"...) })
			text.Number(", ", "size", 17)
			text.Pair(", ", "status", "sent")
			text.Pair(", ", "status", "twice")
			text.Say(" (")
			text.Field("reason", "delivered\x00")
			text.Say(")")
			text.Note("event", "reserved")
			text.Note("nothing", "")
			l.On(Delivery).Write(&text)
		}, aQueueID + ": to=<grüße@exämple.org>, delay=0.02, size=17, status=sent, status=twice (delivered?)",
		`{"severity":"info","event":"delivery","queue_id":"` + aQueueID + `","to":"grüße@exämple.org","delay":0.02,"size":17,"status":"sent","reason":"delivered?"}`,
	},
	{
		"tally", func(l *Logger) {
			text := l.Text(0)
			text.Say("Disconnected: ")
			text.Pairs("Logged out in=118 out=1422, user=<x> path=a=1 retr=2/29 BAD=1 del= =")
			l.On(Session).Write(&text)
		}, "Disconnected: Logged out in=118 out=1422, user=<x> path=a=1 retr=2/29 BAD=1 del= =",
		`{"severity":"info","event":"session","in":118,"out":1422,"retr":"2/29"}`,
	},
	{
		"built warning", func(l *Logger) {
			text := l.Text(0)
			text.Printf("%s: to=<%s>: lost", aQueueID, "ann")
			l.On(Lost).WarnText(&text)
		}, "warning: " + aQueueID + ": to=<ann>: lost",
		`{"severity":"warning","event":"lost","queue_id":"` + aQueueID + `","to":"ann"}`,
	},
}

func TestJSON(t *testing.T) {
	t.Parallel()
	for _, test := range fieldTests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			l, err := Open(Options{Tag: "postfix/x", File: openFile(t, dir+"/log"), JSON: openFile(t, dir+"/json")})
			if err != nil {
				t.Fatal(err)
			}
			test.write(l)
			l.Close()
			text, _ := os.ReadFile(dir + "/log")
			if _, got, _ := strings.Cut(string(text), "]: "); got != test.text+"\n" {
				t.Errorf("text: got %q, want %q", got, test.text)
			}
			line, _ := os.ReadFile(dir + "/json")
			var got map[string]any
			if err := json.Unmarshal(line, &got); err != nil || strings.Count(string(line), "\n") != 1 {
				t.Fatalf("%q: %v", line, err)
			}
			if got["message"] != test.text || got["process"] != "postfix/x" || got["pid"] != float64(os.Getpid()) {
				t.Errorf("got %s", line)
			}
			if when, err := time.Parse(time.RFC3339Nano, got["time"].(string)); err != nil || time.Since(when).Abs() > time.Hour {
				t.Errorf("time: got %v, %v", got["time"], err)
			}
			for _, key := range []string{"time", "host", "process", "pid", "message"} {
				delete(got, key)
			}
			var want map[string]any
			if err := json.Unmarshal([]byte(test.want), &want); err != nil {
				t.Fatal(err)
			}
			g, _ := json.Marshal(got)
			w, _ := json.Marshal(want)
			if string(g) != string(w) {
				t.Errorf("got\n%s\nwant\n%s", g, w)
			}
			// Without a receiver of fields the text is the same.
			plain, err := Open(Options{Tag: "postfix/x", File: openFile(t, dir+"/plain")})
			if err != nil {
				t.Fatal(err)
			}
			test.write(plain)
			plain.Close()
			text, _ = os.ReadFile(dir + "/plain")
			if _, got, _ := strings.Cut(string(text), "]: "); got != test.text+"\n" {
				t.Errorf("text alone: got %q, want %q", got, test.text)
			}
		})
	}
}

// The journal has its own fields, and ours.
func TestJournal(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "j") // sockets have short names
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	daemon := listenSyslog(t, filepath.Join(dir, "s"))
	l, err := Open(Options{Tag: "postfix/pickup", Journal: filepath.Join(dir, "s")})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.On(Pickup).Warn("%s: uid=%s from=<%s>", aQueueID, "1000", "a\nPRIORITY=0")
	l.Bare("dovecot").Info("x")
	got := strings.ReplaceAll(receive(t, daemon), "SYSLOG_PID="+strconv.Itoa(os.Getpid())+"\n", "SYSLOG_PID=N\n")
	want := "MESSAGE=warning: " + aQueueID + ": uid=1000 from=<a?PRIORITY=0>\nPRIORITY=4\nSYSLOG_FACILITY=2\n" +
		"SYSLOG_IDENTIFIER=postfix/pickup\nSYSLOG_PID=N\nYUBIN_EVENT=pickup\nYUBIN_QUEUE_ID=" + aQueueID + "\nYUBIN_UID=1000\nYUBIN_FROM=a?PRIORITY=0\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := receive(t, daemon); got != "MESSAGE=x\nPRIORITY=6\nSYSLOG_FACILITY=2\nSYSLOG_IDENTIFIER=dovecot\nYUBIN_EVENT=info\n" {
		t.Errorf("got\n%s", got)
	}
}

// JSON lines can begin, go to another file, and end, while the text goes on.
func TestRedirectJSON(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l, err := Open(Options{Tag: "t", File: openFile(t, dir+"/log")})
	if err != nil {
		t.Fatal(err)
	}
	l.Info("none")
	l.RedirectJSON(openFile(t, dir+"/1"))
	l.Info("one")
	l.RedirectJSON(openFile(t, dir+"/2"))
	l.Info("two")
	l.RedirectJSON(nil)
	l.Info("three")
	l.Close()
	for name, want := range map[string]int{"log": 4, "1": 1, "2": 1} {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || strings.Count(string(b), "\n") != want {
			t.Errorf("%s: got %q, %v, want %d lines", name, b, err, want)
		}
	}
}

// FuzzJSON: whatever is logged, a line is one JSON object below 32 KiB whose
// message is the text, whose fields are what was given, cleaned, as far as the
// line is not cut, and nothing else is a field.
func FuzzJSON(f *testing.F) {
	f.Add("ann@example.com", "mx.example", uint(9))
	f.Add("a>, to=<b>\",\"event\":\"x", "\\\x00\xff\u2028", uint(0))
	f.Add(strings.Repeat("é\"", 3000), strings.Repeat("\\", 5000), uint(1<<63))
	f.Fuzz(func(t *testing.T, from, helo string, size uint) {
		l := &Logger{out: &output{host: "h", pid: 1}, tag: "postfix/x"}
		text := Text{marked: true}
		text.Printf("%s: from=<%s>, size=%d", aQueueID, from, size)
		text.Pair(", ", "helo", helo)
		e := entry{severity: info, event: Active, log: l, text: Clean(cut(string(text.b), maxText)), marks: text.marks, time: time.Now()}
		line := e.appendJSON(nil, l.out)
		var got map[string]any
		if err := json.Unmarshal(line, &got); err != nil || len(line) > 32<<10 {
			t.Fatalf("%d octets: %q: %v", len(line), line, err)
		}
		want := map[string]string{"message": e.text, "queue_id": aQueueID, "from": Clean(from), "helo": Clean(helo)}
		for key, value := range want {
			if !strings.HasPrefix(value, got[key].(string)) || got[key] != value && len(text.b) <= maxText {
				t.Errorf("%s: got %q, want %q", key, got[key], value)
			}
		}
		if len(got) != 11 {
			t.Errorf("got %d members, want 11: %s", len(got), line)
		}
	})
}

// BenchmarkJSON is BenchmarkInfo with JSON lines beside the text.
func BenchmarkJSON(b *testing.B) {
	f, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	l, err := Open(Options{Tag: "postfix/qmgr", File: f, JSON: f})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		l.Info("%s: from=<%s>, size=%d, nrcpt=%d (queue active)", "6473B2E0A1B2C", "ann@example.com", 1234, 1)
	}
}
