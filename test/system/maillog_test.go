package system

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"yubin/test/instance"
)

// events reads JSON lines. A last one without its end is just being written.
func events(t *testing.T, path string) []map[string]any {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []map[string]any
	for line := range strings.Lines(string(b[:bytes.LastIndexByte(b, '\n')+1])) {
		var e map[string]any
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, e)
	}
	return all
}

// Each event of a letter is a JSON object beside its line; the file is opened
// by master, and opened again after it was rotated.
func TestJSONLog(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{Stopped: true})
	path := i.Path("log.json")
	i.AppendMain("maillog_json_file = " + path)
	i.Start()
	id := i.Submit("carol@client.test", "alice@example.test", "Message-ID: <1@client.test>\nSubject: x\n\nx\n")
	i.WaitLog(id + ": removed")
	i.WaitLog("disconnect from", "mail=1")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v, want mode 0600", info, err)
	}
	i.Until("the JSON lines are there", func() bool {
		b, _ := os.ReadFile(path)
		return strings.Contains(string(b), `"event":"removed"`) && strings.Contains(string(b), `"mail":"1"`)
	})
	want := []string{
		"start host= severity=info", "connect client=localhost[127.0.0.1] client_address=127.0.0.1",
		"accept queue_id=" + id + " client=localhost[127.0.0.1]", "message-id queue_id=" + id + " message_id=<1@client.test>",
		"active from=carol@client.test nrcpt=1 size=", "delivery queue_id=" + id + " to=alice@example.test relay=virtual dsn=2.0.0 status=sent reason=delivered to maildir delay= delays=",
		"removed queue_id=" + id, "disconnect client_address=127.0.0.1 mail=1 rcpt=1 commands=",
	}
	got := events(t, path)
	for _, w := range want {
		if !slices.ContainsFunc(got, func(e map[string]any) bool { return isEvent(e, w) }) {
			t.Errorf("no event %s in %v", w, got)
		}
	}
	for _, e := range got {
		if _, secret := e["password"]; secret || len(e) < 7 {
			t.Errorf("got %v", e)
		}
	}
	// Text and JSON say the same.
	text := i.Log()
	for _, e := range got {
		if !strings.Contains(text, e["message"].(string)+"\n") {
			t.Errorf("the text has no line %q", e["message"])
		}
	}

	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	i.AppendMain("syslog_name = other")
	i.Reload()
	i.WaitLog(" other/master[", "reload -- version")
	i.Until("the file is there again", func() bool { _, err := os.Stat(path); return err == nil })
	id = i.Submit("carol@client.test", "alice@example.test", "x\n")
	i.Until("the second letter is in the new file", func() bool {
		b, _ := os.ReadFile(path)
		return strings.Contains(string(b), id+": removed")
	})
}

// isEvent tells whether e has the event and the fields of want, "event key=value
// ...": a value ends before the next key, an empty one means that there is one.
func isEvent(e map[string]any, want string) bool {
	name, rest, _ := strings.Cut(want, " ")
	if e["event"] != name {
		return false
	}
	words := strings.Fields(rest)
	for n := 0; n < len(words); n++ {
		key, value, _ := strings.Cut(words[n], "=")
		for n+1 < len(words) && !strings.Contains(words[n+1], "=") {
			n++
			value += " " + words[n]
		}
		if has, ok := e[key]; !ok || value != "" && fmt.Sprint(has) != value {
			return false
		}
	}
	return true
}

// Started by systemd, the system writes to its journal, with fields.
func TestJournal(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{Stopped: true})
	socket := i.Path("journal")
	i.AppendMain("maillog_file =", "maillog_journal_socket = "+socket)
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// As systemd does, which has made the stream to which the output goes.
	out, err := os.Create(i.Path("master.out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	var st syscall.Stat_t
	if err := syscall.Fstat(int(out.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	i.Options.Env = []string{fmt.Sprintf("JOURNAL_STREAM=%d:%d", st.Dev, st.Ino)}
	i.Start()
	i.Submit("carol@client.test", "alice@example.test", "x\n")
	b := make([]byte, 64<<10)
	hear := func(want map[string]string) {
		t.Helper()
		c.SetReadDeadline(time.Now().Add(instance.Wait))
		for len(want) > 0 {
			n, err := c.Read(b)
			if err != nil {
				t.Fatalf("%v; missing: %v", err, want)
			}
			text := string(b[:n])
			for who, line := range want {
				if strings.Contains(text, "\nSYSLOG_IDENTIFIER="+who+"\n") && strings.Contains(text, line) && strings.HasPrefix(text, "MESSAGE=") && strings.Contains(text, "\nPRIORITY=6\n") {
					delete(want, who)
				}
			}
		}
	}
	hear(map[string]string{
		"postfix/master":  "YUBIN_EVENT=start\n",
		"postfix/smtpd":   "YUBIN_CLIENT_ADDRESS=127.0.0.1\n",
		"postfix/virtual": "YUBIN_STATUS=sent\n",
		"postfix/qmgr":    "YUBIN_EVENT=removed\n",
	})
	// And so does what a later configuration has started.
	i.Reload()
	hear(map[string]string{"postfix/master": "YUBIN_EVENT=reload\n"})
	i.Until("the first smtpd has ended", func() bool {
		for _, pid := range i.Processes("smtpd") {
			syscall.Kill(pid, syscall.SIGTERM)
		}
		return len(i.Processes("smtpd")) == 0
	})
	i.Submit("carol@client.test", "alice@example.test", "y\n")
	hear(map[string]string{"postfix/smtpd": "YUBIN_CLIENT_ADDRESS=127.0.0.1\n"})
	if logs, _ := filepath.Glob(i.Path("log*")); len(logs) > 0 {
		t.Errorf("there are files: %v", logs)
	}
}
