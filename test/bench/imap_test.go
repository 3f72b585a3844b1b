package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// An answer is read up to its tagged response, whatever its literals hold.
func TestAnswer(t *testing.T) {
	t.Parallel()
	client, server := net.Pipe()
	defer client.Close()
	long := strings.Repeat("1 ", 20000)
	go func() {
		bufio.NewReader(server).ReadSlice('\n')
		io.WriteString(server, "* 1 FETCH (BODY[] {8}\r\na OK\r\nxx UID 7)\r\n* SEARCH "+long+"9\r\n* 2 EXISTS\r\na OK Done\r\n")
	}()
	p := &imapper{Conn: client, in: bufio.NewReaderSize(client, 4<<10)}
	var messages, found, exists int
	got, err := p.hear("NOOP", func(line []byte) {
		messages += fetched(line)
		found += numbers(line)
		exists += one("EXISTS")(line)
	})
	if err != nil || got.octets != 8 || got.tagged != "OK Done" || messages != 1 || found != 20001 || exists != 1 {
		t.Errorf("%+v, %v, %d messages, %d found, %d EXISTS", got, err, messages, found, exists)
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]int{
		"* THREAD (1)(2 3 (4)(5 61))\r\n": 6, "* SEARCH\r\n": 0, "* SEARCH 10 2\r\n": 2, "* 3 EXISTS\r\n": 0,
	} {
		if got := numbers([]byte(line)); got != want {
			t.Errorf("%q: %d, want %d", line, got, want)
		}
	}
}

// The mailbox has what it is to have: the messages of the list, of the sizes in
// their names, whole, and with the words that are looked for.
func TestStock(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return // the files are given to somebody else
	}
	const n = 400
	r := &run{dir: t.TempDir()}
	base := filepath.Join(r.dir, "mail")
	owner := func(i int) int { return mailUID + i } // the second has copies
	if err := makeBoxes(base, 2, owner); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		if err := (stock{messages: n}).lay(r, base, i, owner(i)); err != nil {
			t.Fatal(err)
		}
	}
	list, err := os.ReadFile(filepath.Join(base, mailbox(1), "dovecot-uidlist"))
	if err != nil || bytes.Count(list, []byte("\n")) != n+1 {
		t.Fatalf("%v: %.200q", err, list)
	}
	files, err := filepath.Glob(filepath.Join(base, mailbox(1), "cur", "*"))
	if err != nil || len(files) != n {
		t.Fatalf("%d files, %v", len(files), err)
	}
	subjects, bodies := 0, 0
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name, _, _ := strings.Cut(filepath.Base(path), ":")
		wire := bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))
		if !strings.HasSuffix(name, fmt.Sprintf(",S=%d,W=%d", len(text), len(wire))) || !bytes.Contains(list, []byte(" :"+name+"\n")) {
			t.Errorf("%s has %d octets; or it is not in the list", name, len(text))
		}
		m, err := mail.ReadMessage(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(m.Body)
		if err != nil {
			t.Fatal(err)
		}
		subjects += strings.Count(m.Header.Get("Subject"), subjectWord)
		bodies += min(1, bytes.Count(body, []byte(bodyWord)))
	}
	if want := having(n, hasSubjectWord); subjects != want || want == 0 {
		t.Errorf("%d subjects, want %d", subjects, want)
	}
	if want := having(n, hasBodyWord); bodies != want {
		t.Errorf("%d bodies, want %d", bodies, want)
	}
}
