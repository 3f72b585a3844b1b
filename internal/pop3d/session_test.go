package pop3d

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"yubin/internal/session"
	"yubin/internal/talk"
)

// A fakeDrop is a maildrop in memory.
type fakeDrop struct {
	texts   []string
	gone    map[int]bool
	broken  map[int]bool // ends with an error in the middle
	fail    error        // of remove
	noMarks error        // of mark
	removed []int
	seen    []int
}

func (d *fakeDrop) messages() (list []message) {
	for i, t := range d.texts {
		list = append(list, message{int64(len(t)), fmt.Sprintf("uid%d", i+1)})
	}
	return list
}

type brokenReader struct{ io.Reader }

func (r brokenReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (d *fakeDrop) open(i int) (io.ReadCloser, int64, error) {
	n := int64(len(d.texts[i]))
	if d.gone[i] {
		return nil, 0, fmt.Errorf("open: %w", errGone)
	}
	if d.broken[i] {
		return io.NopCloser(brokenReader{strings.NewReader(d.texts[i][:4])}), n, nil
	}
	return io.NopCloser(strings.NewReader(d.texts[i])), n, nil
}

func (d *fakeDrop) remove(list []int) error {
	if d.fail == nil {
		d.removed = list
	}
	return d.fail
}

func (d *fakeDrop) mark(list []int) error {
	d.seen = list
	return d.noMarks
}

func (d *fakeDrop) close() {}

// talkTo runs a session over d; it returns the client's end and how it ended.
func talkTo(t *testing.T, ctx context.Context, d maildrop, timeout time.Duration, hardErrors int) (net.Conn, *visit, <-chan struct{}) {
	t.Helper()
	near, far := net.Pipe()
	v := newVisit(talk.New(far, timeout, nil), d)
	v.complain = func(format string, args ...any) { t.Logf(format, args...) }
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer far.Close()
		defer v.Context(ctx)()
		v.run(ctx, hardErrors)
	}()
	t.Cleanup(func() { near.Close(); <-done })
	return near, v, done
}

// play is a dialogue: lines that begin with C: are sent, with S: expected.
func play(t *testing.T, c net.Conn, dialogue string) {
	t.Helper()
	in := bufio.NewReader(c)
	c.SetDeadline(time.Now().Add(time.Minute))
	for l := range strings.Lines(dialogue) {
		l = strings.TrimSuffix(strings.TrimLeft(l, " \t"), "\n")
		switch {
		case strings.HasPrefix(l, "C: "):
			if _, err := c.Write([]byte(strings.TrimPrefix(l, "C: ") + "\r\n")); err != nil {
				t.Fatalf("%s: %v", l, err)
			}
		case strings.HasPrefix(l, "S:"):
			got, err := in.ReadString('\n')
			want := strings.TrimPrefix(strings.TrimPrefix(l, "S:"), " ")
			head, open := strings.CutSuffix(want, "...")
			if open && strings.HasPrefix(got, head) && strings.HasSuffix(got, "\r\n") {
				continue
			}
			if got != want+"\r\n" {
				t.Fatalf("got %q, %v, want %q", got, err, want)
			}
		}
	}
}

var letters = []string{
	"Subject: one\r\n\r\nfirst\r\n.dot\r\n..two\r\n.\r\nlast\r\n",
	"Subject: two\r\n\r\n",
	"Subject: three\r\n\r\nno end",
}

func TestTransaction(t *testing.T) {
	t.Parallel()
	d := &fakeDrop{texts: letters, gone: map[int]bool{1: true}}
	c, v, done := talkTo(t, t.Context(), d, time.Minute, 20)
	play(t, c, `
		S: +OK Logged in.
		C: STAT
		S: +OK 3 85
		C: list
		S: +OK 3 messages:
		S: 1 45
		S: 2 16
		S: 3 24
		S: .
		C: LIST 2
		S: +OK 2 16
		C: UIDL
		S: +OK
		S: 1 uid1
		S: 2 uid2
		S: 3 uid3
		S: .
		C: UIDL 3
		S: +OK 3 uid3
		C: RETR 1
		S: +OK 45 octets
		S: Subject: one
		S:
		S: first
		S: ..dot
		S: ...two
		S: ..
		S: last
		S: .
		C: RETR 2
		S: -ERR Message 2 is no longer there.
		C: RETR 3
		S: +OK 24 octets
		S: Subject: three
		S:
		S: no end
		S: .
		C: TOP 1 0
		S: +OK
		S: Subject: one
		S:
		S: .
		C: TOP 1 2
		S: +OK
		S: Subject: one
		S:
		S: first
		S: ..dot
		S: .
		C: TOP 1 100
		S: +OK
		S: Subject: one
		S:
		S: first
		S: ..dot
		S: ...two
		S: ..
		S: last
		S: .
		C: DELE 1
		S: +OK Marked to be deleted.
		C: DELE 1
		S: -ERR Message is deleted.
		C: RETR 1
		S: -ERR Message is deleted.
		C: STAT
		S: +OK 2 40
		C: LIST
		S: +OK 2 messages:
		S: 2 16
		S: 3 24
		S: .
		C: RSET
		S: +OK
		C: STAT
		S: +OK 3 85
		C: NOOP
		S: +OK
		C: LANG
		S: +OK Language listing follows:
		S: en English
		S: .
		C: LANG fr
		S: -ERR There is no such language here
		C: DELE 2
		S: +OK Marked to be deleted.
		C: RETR 3
		S: +OK 24 octets
		S: Subject: three
		S:
		S: no end
		S: .
		C: QUIT
		S: +OK Logging out, messages deleted.`)
	<-done
	if !slices.Equal(d.removed, []int{1}) || !slices.Equal(d.seen, []int{2}) {
		t.Errorf("removed %v, seen %v", d.removed, d.seen)
	}
	if v.why != "Logged out" || v.tops != 3 || v.retrs != 3 || v.retrOctets != 138 || v.done != 1 || v.total != 85 {
		t.Errorf("log: %+v", v)
	}
}

// What is malformed is refused and changes nothing.
func TestMalformed(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		"", " ", "X", "USER ann", "STAT 1", "LIST 1 2", "LIST x", "RETR", "RETR 0", "RETR 4", "RETR -1", "RETR 1 2", "RETR +1",
		"RETR 99999999999999999999", "TOP 1", "TOP 1 x", "TOP 1 -1", "DELE", "DELE 1x", "UIDL 0", "NOOP x", "RSET 1", "UTF8", "STLS",
		"LANG a b", "RETR \x00", strings.Repeat("x", 5000),
	} {
		d := &fakeDrop{texts: letters}
		c, _, _ := talkTo(t, t.Context(), d, time.Minute, 20)
		play(t, c, "S: +OK Logged in.\nC: "+line+"\nS: -ERR ...\nC: STAT\nS: +OK 3 85\nC: QUIT\nS: +OK Logging out.")
	}
}

// A session that does not end with QUIT deletes nothing (RFC 1939, 6).
func TestNoQuit(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	for _, c := range []struct {
		name, dialogue, why string
		timeout             time.Duration
		after               func(net.Conn)
	}{
		{"hung up", "", "Connection closed", time.Minute, func(c net.Conn) { c.Close() }},
		{"silent", "S: -ERR Disconnected for inactivity.", "Inactivity", 3 * time.Second, nil},
		{"too many errors", "C: X\nS: -ERR ...\nC: X\nS: -ERR ...\nS: -ERR Too many bad commands.", "Too many bad commands", time.Minute, nil},
		{"broken message", "C: RETR 2", "Connection closed", time.Minute, nil},
		{"kicked", "S: -ERR [SYS/TEMP] Disconnected by administrator.", "Kicked by administrator", time.Minute, nil},
	} {
		d := &fakeDrop{texts: letters, broken: map[int]bool{1: true}}
		conn, v, done := talkTo(t, ctx, d, c.timeout, 2)
		play(t, conn, "S: +OK Logged in.\nC: DELE 1\nS: +OK Marked to be deleted.")
		if c.name == "kicked" {
			cancel(session.ErrKicked)
		}
		play(t, conn, c.dialogue)
		if c.after != nil {
			c.after(conn)
		}
		rest, _ := io.ReadAll(conn)
		<-done
		if strings.Contains(string(rest), "\r\n.\r\n") {
			t.Errorf("%s: half a message has an end", c.name)
		}
		if d.removed != nil || v.done != 0 || v.why != c.why {
			t.Errorf("%s: removed %v, why %q, want %q", c.name, d.removed, v.why, c.why)
		}
	}
}

// When messages cannot be removed, QUIT says so.
func TestUpdateFails(t *testing.T) {
	t.Parallel()
	d := &fakeDrop{texts: letters, fail: io.ErrShortWrite}
	c, v, done := talkTo(t, t.Context(), d, time.Minute, 20)
	play(t, c, "S: +OK Logged in.\nC: DELE 1\nS: +OK Marked to be deleted.\nC: QUIT\nS: -ERR [SYS/TEMP] Some deleted messages were not removed.")
	<-done
	if v.done != 0 {
		t.Errorf("got %d deletions", v.done)
	}
}

// Marks that cannot be set keep no message from being removed.
func TestMarksFail(t *testing.T) {
	t.Parallel()
	d := &fakeDrop{texts: letters, noMarks: io.ErrShortWrite}
	c, _, done := talkTo(t, t.Context(), d, time.Minute, 20)
	play(t, c, "S: +OK Logged in.\nC: RETR 2\nS: +OK 16 octets\nS: Subject: two\nS:\nS: .\n"+
		"C: DELE 1\nS: +OK Marked to be deleted.\nC: QUIT\nS: +OK Logging out, messages deleted.")
	<-done
	if !slices.Equal(d.removed, []int{0}) || !slices.Equal(d.seen, []int{1}) {
		t.Errorf("removed %v, marked %v", d.removed, d.seen)
	}
}

// Commands that are sent ahead are answered in order (RFC 2449, 6.6).
func TestPipelining(t *testing.T) {
	t.Parallel()
	c, _, _ := talkTo(t, t.Context(), &fakeDrop{texts: letters}, time.Minute, 20)
	go c.Write([]byte("STAT\r\nDELE 1\nSTAT\r\nQUIT\r\n"))
	play(t, c, "S: +OK Logged in.\nS: +OK 3 85\nS: +OK Marked to be deleted.\nS: +OK 2 40\nS: +OK Logging out, messages deleted.")
}

// Mistakes count while nothing else comes between them.
func TestMistakesApart(t *testing.T) {
	t.Parallel()
	c, _, _ := talkTo(t, t.Context(), &fakeDrop{texts: letters}, time.Minute, 2)
	play(t, c, "S: +OK Logged in."+strings.Repeat("\nC: X\nS: -ERR ...\nC: NOOP\nS: +OK", 3)+"\nC: X\nS: -ERR ...\nC: LIST 9\nS: -ERR ...\nS: -ERR Too many bad commands.")
}
