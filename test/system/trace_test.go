package system

import (
	"compress/gzip"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"yubin/test/instance"
)

// wantStory looks for lines with these words, in this order, in what mailctl
// trace prints.
func wantStory(t *testing.T, what, text string, want ...string) {
	t.Helper()
	lines := strings.Split(text, "\n")
	for _, w := range want {
		at := -1
		for i, l := range lines {
			if regexp.MustCompile(w).MatchString(l) {
				at = i
				break
			}
		}
		if at < 0 {
			t.Errorf("%s: no line %s, in this order, in\n%s", what, w, text)
			return
		}
		lines = lines[at+1:]
	}
}

// mailctl trace tells a letter's story: from log and queue, with the notice that
// was made of it, by ID, Message-ID and recipient, also when the log was rotated.
func TestTrace(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{Main: []string{
		"transport_maps = inline:{ {far.test = error:5.1.2 no such domain} {later.test = retry:4.3.0 come back later} }",
	}})
	i.Sendmail("Message-ID: <story@example.test>\nSubject: x\n\nx\n", "-f", "alice@example.test", "bob@example.test", "dave@far.test")
	line := i.WaitLog("cleanup", "message-id=<story@example.test>")
	id := regexp.MustCompile(`\]: ([0-9A-F]+): `).FindStringSubmatch(line)[1]
	i.WaitMail("alice", 1)
	i.WaitLog(id + "B00000: removed")
	i.WaitLog(id + ": removed")
	bounced := []string{
		`pickup +` + id + `: uid=\d+ from=<alice@example\.test>`, `cleanup +` + id + `: message-id=<story@`,
		`qmgr +` + id + `: from=<alice@example\.test>, size=\d+, nrcpt=2 \(queue active\)`,
		`error +` + id + `: to=<dave@far\.test>, .*status=bounced`,
		`bounce +` + id + `: sender non-delivery notification: ` + id + `B00000`,
	}
	child := `virtual +` + id + `B00000: to=<alice@example\.test>, .*status=sent`
	r := i.Mailctl("trace", id)
	if r.Code != 0 || r.Stderr != "" || strings.Contains(r.Stdout, "now: ") {
		t.Errorf("trace: %+v", r)
	}
	wantStory(t, "by ID", r.Stdout, bounced...)
	wantStory(t, "delivered", r.Stdout, `virtual +`+id+`: to=<bob@example\.test>, .*status=sent \(delivered to maildir\)`)
	wantStory(t, "child", r.Stdout, child, id+`B00000: removed`)
	for _, by := range [][]string{{"--message-id", "<story@example.test>"}, {"--message-id=story@example.test"}, {"--to", "BOB@example.test"}, {"--to=<dave@far.test>"}} {
		if s := i.Mailctl(append([]string{"trace"}, by...)...); s != r {
			t.Errorf("trace %q: %+v, want %+v", by, s, r)
		}
	}

	i.Sendmail("Subject: y\n\ny\n", "-f", "alice@example.test", "carl@later.test")
	line = i.WaitLog("to=<carl@later.test>", "status=deferred")
	late := regexp.MustCompile(`\]: ([0-9A-F]+): `).FindStringSubmatch(line)[1]
	wait := func() {
		t.Helper()
		i.Until("it is in deferred/", func() bool { return queued(t, i, "deferred") == 1 }) // a moment after the line
	}
	wait()
	r = i.Mailctl("trace", late)
	wantStory(t, "deferred", r.Stdout, `pickup +`+late, `to=<carl@later\.test>, .*status=deferred`,
		`^now: `+late+` is in the queue \(deferred\), from alice@example\.test, next attempt `,
		`^ +carl@later\.test: deferred: come back later, last tried .*; next by retry to .* \(transport_maps`)

	// Rotated and packed, and the letter in the queue with a new log.
	i.Stop()
	packed, err := os.Create(i.Path("log.1.gz"))
	if err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(packed)
	z.Write([]byte(i.Log()))
	z.Close()
	packed.Close()
	if err := os.Remove(i.Path("log")); err != nil {
		t.Fatal(err)
	}
	i.AppendMain("maillog_json_file = " + i.Path("log.json"))
	i.Start()
	i.Mailctl("queue", "flush")
	wantStory(t, "rotated", i.Mailctl("trace", id).Stdout, bounced...)
	i.WaitLog(late+": to=<carl@later.test>", "status=deferred")
	wait()
	r = i.Mailctl("trace", "--json", late)
	queued := false
	for line := range strings.Lines(r.Stdout) {
		var o map[string]any
		if err := json.Unmarshal([]byte(line), &o); err != nil || o["queue_id"] != late {
			t.Errorf("%q: %v", line, err)
		}
		queued = queued || o["event"] == "queue" && o["queue"] == "deferred" && strings.Contains(line, `"recipients":[{"to":"carl@later.test","state":"deferred","dsn":"4.3.0","reason":"come back later"`)
	}
	if !queued {
		t.Errorf("trace --json: no line about the queue in\n%s", r.Stdout)
	}

	if r := i.Mailctl("queue", "delete", late); r.Code != 0 {
		t.Fatal(r)
	}
	for _, c := range []struct {
		args []string
		code int
	}{{[]string{"0644A7B2C1D3E0"}, 1}, {[]string{"--message-id", "nothing"}, 1}, {nil, 64}, {[]string{"x"}, 64}, {[]string{id, "--to", "x"}, 64}} {
		if r := i.Mailctl(append([]string{"trace"}, c.args...)...); r.Code != c.code || r.Stdout != "" {
			t.Errorf("trace %q: %+v, want exit status %d", c.args, r, c.code)
		}
	}
}

// A list's members are followed.
func TestTraceForward(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{Aliases: []string{"friends: alice@example.test, bob@example.test"}})
	i.Sendmail("Message-ID: <list@example.test>\n\nx\n", "-f", "alice@example.test", "friends")
	i.WaitMail("alice", 1)
	i.WaitMail("bob", 1)
	line := i.WaitLog("(forwarded as ")
	id := regexp.MustCompile(`\]: ([0-9A-F]+): `).FindStringSubmatch(line)[1]
	i.WaitLog(id + ": removed")
	i.WaitLog(id+"A", ": removed")
	r := i.Mailctl("trace", id)
	wantStory(t, "forward", r.Stdout, `pickup +`+id+`:`, `local +`+id+`: to=<friends@.*\(forwarded as `+id+`A`)
	wantStory(t, "members", r.Stdout, id+`A\d+: to=<(alice|bob)@example.test>`, id+`A\d+: to=<(alice|bob)@example.test>`)
}
