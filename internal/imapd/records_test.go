package imapd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"yubin/internal/durable"
	"yubin/internal/mailbox"
	"yubin/internal/talk"
)

// recordLetters are messages whose answers are not alike.
func recordLetters() (list []string) {
	list = []string{
		"From: a@a.test\nSubject: one\nDate: Mon, 1 Jan 2024 10:00:00 +0000\nMessage-ID: <1@a>\n\nhello\n",
		"From: \"B, C\" <b@b.test>\nTo: a@a.test\nSubject: Re: one\nDate: Mon, 1 Jan 2024 11:00:00 +0000\nMessage-ID: <2@a>\nReferences: <1@a>\n" +
			"Content-Type: multipart/mixed; boundary=x\n\n--x\n\nfirst\n--x\nContent-Type: text/html\nContent-Transfer-Encoding: base64\n\nPGI+w6RwZmVsPC9iPg==\n--x--\n",
		"Subject: gr\xfc\xdfe\n\n",
		"no header at all",
		"",
		"Subject: large\nContent-Type: text/plain\n\n" + strings.Repeat("0123456789abcdef\n", 20000),
		"Subject: nul\n\na\x00b\n",
	}
	for i := range 150 {
		list = append(list, fmt.Sprintf("From: u%d@a.test\nSubject: topic %d\nMessage-ID: <t%d@a>\nReferences: <t%d@a>\nContent-Type: text/plain; name=n%d\n\nbody %d\n", i%7, i%10, i, i%10, i, i))
	}
	return list
}

// recordCommands ask for what records have.
var recordCommands = []string{
	"FETCH 1:* (ENVELOPE BODYSTRUCTURE BODY)",
	"UID FETCH 1:* (FLAGS RFC822.SIZE PREVIEW)",
	"FETCH 1:* (BODY.PEEK[1] BODY.PEEK[2])",
	"FETCH 2:7 (BODY.PEEK[])",
	"FETCH 1:* (BODY.PEEK[TEXT]<0.5> BINARY.PEEK[1])",
	"FETCH 1:* BODY.PEEK[HEADER.FIELDS (SUBJECT)]",
	"FETCH 1:* (INTERNALDATE BODY.PEEK[HEADER.FIELDS (From Content-Type Message-ID)]<3.40>)",
	"FETCH 1:* BODY.PEEK[HEADER.FIELDS (X-Other SUBJECT)]", "SEARCH SUBJECT topic SINCE 1-Feb-2024",
	"SEARCH SUBJECT topic", "SEARCH FROM b@b SENTON 1-Jan-2024", `SEARCH BODY "äpfel"`, "SEARCH TEXT 0123456789abcdef0",
	"SORT (SUBJECT REVERSE DATE) UTF-8 ALL", "SORT (FROM) UTF-8 SUBJECT topic",
	"THREAD REFERENCES UTF-8 ALL", "THREAD REFS UTF-8 SUBJECT topic", "UID THREAD ORDEREDSUBJECT UTF-8 ALL",
}

func answers(u *user) (list []string) {
	u.cmd("ENABLE UTF8=ACCEPT")
	u.cmd("SELECT INBOX")
	for _, c := range recordCommands {
		list = append(list, strings.Join(u.cmd("%s", c), "\n"))
	}
	return list
}

// compareAnswers wants what was answered when there were no records.
func compareAnswers(t *testing.T, what string, got, want []string) {
	t.Helper()
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%s: %s is answered\n%.2000q, want\n%.2000q", what, recordCommands[i], got[i], want[i])
		}
	}
}

const recordsName = "yubin-records"

// What is answered does not depend on records: not made yet, made, damaged, of
// another process, or of another version.
func TestRecordsAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for i, text := range recordLetters() {
		r.deliver("", fmt.Sprintf("%d.M%dP1.h", 1700000000+i, i), text)
	}
	r.connect().cmd("SELECT INBOX") // \Recent no more
	want := answers(r.connect())
	for i, a := range want {
		if !strings.Contains(a, "\nx OK ") {
			t.Fatalf("%s: %.500q", recordCommands[i], a)
		}
	}
	file := filepath.Join(r.dir, recordsName)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	compareAnswers(t, "with records", answers(r.connect()), want)
	for name, b := range map[string][]byte{
		"cut":             whole[:len(whole)/2],
		"empty":           nil,
		"foreign":         []byte("yubin records 9\n and more"),
		"another version": append([]byte("yubin records 1\n\x01\x02\x03\x04\x01\x02\x03\x04"), whole[24:]...),
		"damaged":         slices.Concat(whole[:len(whole)/3], []byte("xx"), whole[len(whole)/3+2:]),
	} {
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		compareAnswers(t, name, answers(r.connect()), want)
		// As another process.
		r.srv.store.Close()
		r.srv.store = mailbox.New(mailbox.Options{Flush: durable.New(durable.Options{})})
		t.Cleanup(r.srv.store.Close)
		compareAnswers(t, name+", in another process", answers(r.connect()), want)
	}
	// Where no file can be made, too.
	os.Remove(file)
	if err := os.Mkdir(file, 0o700); err != nil {
		t.Fatal(err)
	}
	compareAnswers(t, "without a file", answers(r.connect()), want)
}

// A file that another program has changed under its name is read as it is.
func TestChangedUnderItsName(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.deliver("", "1.M1P1.h", "Subject: x\nContent-Type: multipart/x; boundary=b\n\n--b\n\nold\n--b--\n")
	u := r.connect()
	u.cmd("SELECT INBOX")
	if got := u.cmd("FETCH 1 (BODYSTRUCTURE BODY.PEEK[1])"); len(got) != 3 || got[1] != "old)" {
		t.Fatalf("%q", got)
	}
	names, _ := filepath.Glob(filepath.Join(r.dir, "cur", "*"))
	if err := os.WriteFile(names[0], []byte("Subject: x\nContent-Type: multipart/x; boundary=b\n\n--b\n\nquite new\n--b--\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := u.cmd("FETCH 1 BODY.PEEK[1]"); len(got) != 3 || got[1] != "quite new)" {
		t.Errorf("%q", got)
	}
}

// FETCH of many messages answers as FETCH of each does, also for those that are
// gone or large.
func TestFetchAhead(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.srv.crew = &crew{free: make(chan struct{}, 3)}
	for i, text := range recordLetters() {
		r.deliver("", fmt.Sprintf("%d.M%dP1.h", 1700000000+i, i), text)
	}
	u := r.connect()
	u.cmd("SELECT INBOX")
	gone, _ := filepath.Glob(filepath.Join(r.dir, "cur", "1700000050.*"))
	if err := os.Remove(gone[0]); err != nil {
		t.Fatal(err)
	}
	all := u.cmd("FETCH 1:* (UID FLAGS BODY.PEEK[])")
	if last := all[len(all)-1]; !strings.HasPrefix(last, "x NO [EXPUNGEISSUED]") {
		t.Errorf("%q", last)
	}
	var each []string
	for i := range len(recordLetters()) {
		got := u.cmd("FETCH %d (UID FLAGS BODY.PEEK[])", i+1)
		if (got[len(got)-1] == "x OK Fetch completed.") != (i != 50) {
			t.Errorf("message %d: %q", i+1, got)
		}
		each = append(each, got[:len(got)-1]...)
	}
	if !slices.Equal(all[:len(all)-1], each) {
		t.Errorf("%.3000q\nwant %.3000q", all, each)
	}
}

// What is recent is known to all who help, also where nothing is changed.
func TestRecentAhead(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.srv.crew = &crew{free: make(chan struct{}, 3)}
	for i := range 300 {
		r.deliver("", fmt.Sprintf("%d.M%dP1.h", 1700000000+i, i), "Subject: x\n\n")
	}
	u := r.connect()
	u.cmd("EXAMINE INBOX")
	for i, l := range u.cmd("FETCH 1:* FLAGS")[:300] {
		if want := fmt.Sprintf(`* %d FETCH (FLAGS (\Recent))`, i+1); l != want {
			t.Fatalf("%s, want %s", l, want)
		}
	}
	if got := u.cmd("SEARCH RETURN (COUNT) RECENT"); !strings.HasSuffix(got[0], "COUNT 300") {
		t.Errorf("%q", got)
	}
}

// A search ends when its client has gone, and not when it only says no more.
func TestClientGoesWhileSearching(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	v := r.srv.newVisit(talk.New(far, time.Minute, nil), nil)
	p := newPatience()
	look := func() error {
		p.looked = time.Time{}
		return v.still(context.Background(), p, "Searched 1% of the mailbox")
	}
	if err := look(); err != nil {
		t.Fatalf("a client that is there: %v", err)
	}
	client.(*net.TCPConn).CloseWrite()
	for end := time.Now().Add(time.Minute); !p.asked; time.Sleep(time.Millisecond) {
		if err := look(); err != nil || time.Now().After(end) {
			t.Fatalf("a client that listens: %v", err)
		}
	}
	if err := look(); err != nil {
		t.Fatalf("a client that listens: %v", err)
	}
	client.Close()
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		p.asked = false
		if err := look(); err != nil {
			break // errGone, or a failed write
		}
		if time.Now().After(end) {
			t.Fatal("a search goes on though its client is gone")
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	over := errors.New("over")
	cancel(over)
	if err := v.still(ctx, p, ""); err != over {
		t.Errorf("%v, want %v", err, over)
	}
}

// What THREAD says while a message is out of its mailbox is not remembered for
// when it is back.
func TestThreadOfOneAway(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	deliver := func(i int) {
		r.deliver("", fmt.Sprintf("%d.M1P1.h", 1700000000+i), fmt.Sprintf("Subject: s\nDate: Mon, 1 Jan 2024 1%d:00:00 +0000\nMessage-ID: <%[1]d@a>\nReferences: <0@a>\n\nx\n", i))
	}
	deliver(0)
	deliver(1)
	u := r.connect()
	u.cmd("SELECT INBOX")
	u.cmd("THREAD REFERENCES UTF-8 ALL") // and there are records
	deliver(2)
	u.cmd("NOOP")
	name, _ := filepath.Glob(filepath.Join(r.dir, "cur", "1700000002.*"))
	away := filepath.Join(r.dir, "tmp", "away")
	if err := os.Rename(name[0], away); err != nil {
		t.Fatal(err)
	}
	u.cmd("THREAD REFERENCES UTF-8 ALL")
	if err := os.Rename(away, name[0]); err != nil {
		t.Fatal(err)
	}
	if got := u.cmd("NOOP"); len(got) > 1 {
		t.Errorf("%q", got)
	}
	if got := u.cmd("THREAD REFERENCES UTF-8 ALL"); got[0] != "* THREAD (1 (2)(3))" {
		t.Errorf("%q", got)
	}
}
