package pickup

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"yubin/internal/queue"
)

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
	if n := strings.Count(f.log(), id1+": uid="); n != 1 {
		t.Errorf("%d lines say whose letter it was, want 1\n%s", n, f.log())
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
