package table

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// serve has answer answer everything that is read on connections to a fresh
// address; an answer of "" closes the connection.
func serve(t *testing.T, network, address string, read func(*bufio.Reader) (string, error), answer func(string) string) (at string, connections *atomic.Int64) {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	connections = new(atomic.Int64)
	var wg sync.WaitGroup
	t.Cleanup(func() { l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			t.Cleanup(func() { c.Close() })
			wg.Go(func() {
				defer c.Close()
				r := bufio.NewReader(c)
				for {
					request, err := read(r)
					if err != nil {
						return
					}
					reply := answer(request)
					if _, err := io.WriteString(c, reply); err != nil || reply == "" {
						return
					}
				}
			})
		}
	})
	return l.Addr().String(), connections
}

func requestLine(r *bufio.Reader) (string, error) { return r.ReadString('\n') }

type remoteTest struct{ key, reply, want string } // want: "" for not found, or what the error has behind !

func (test remoteTest) run(t *testing.T, table Table) {
	t.Helper()
	got, found, err := table.Lookup(test.key)
	if err != nil {
		got = "!" + err.Error()
	}
	problem, fails := strings.CutPrefix(test.want, "!")
	switch {
	case fails && (err == nil || !strings.Contains(got, problem)),
		!fails && (got != test.want || found != (test.want != "")):
		t.Errorf("%q, answered by %.100q: got %.300q, %t, want %q", test.key, test.reply, got, found, test.want)
	}
}

func TestTCP(t *testing.T) {
	t.Parallel()
	tests := []remoteTest{
		{"ann@example.com", "200 ann%20b\n", "ann b"},
		{"a b%\n\xc3\xa9", "200 odd\r\n", "odd"},
		{"nobody", "500 not here\n", ""},
		{"nobody2", "500\n", ""},
		{"later", "400 try%20again\n", `!the server says: "try again"`},
		{"empty", "200 \n", "!empty value"},
		{"bad", "200 %4\n", "!% must stand before two hexadecimal digits"},
		{"worse", "250 x\n", "!want 200, 400 or 500"},
		{"worst", "hello\n", "!bad reply"},
		{"long", "200 " + strings.Repeat("x", maxTCPReply) + "\n", "!more than 4096 octets"},
		{"gone", "", "!EOF"},
		{"two", "200 x\n200 y\n", "x"},
		{"after two", "200 z\n", "z"},
	}
	replies := map[string]string{}
	for _, test := range tests {
		replies["get "+escape(test.key)+"\n"] = test.reply
	}
	at, connections := serve(t, "tcp", "127.0.0.1:0", requestLine, func(s string) string { return replies[s] })
	table, err := Open("tcp:" + at)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range tests {
		test.run(t, table)
	}
	if n := connections.Load(); n < 2 || n >= int64(len(tests)) {
		t.Errorf("got %d connections for %d lookups, want some that serve several", n, len(tests))
	}
	if value, found, err := Part(table, "ann@example.com"); found || err != nil {
		t.Errorf("part of a key: got %q, %v", value, err)
	}
}

func TestSocketmap(t *testing.T) {
	t.Parallel()
	netstring := func(s string) string { return fmt.Sprintf("%d:%s,", len(s), s) }
	tests := []remoteTest{
		{"ann@example.com", netstring("OK ann, bob"), "ann, bob"},
		{"", netstring("OK empty key"), "empty key"},
		{"nobody", netstring("NOTFOUND "), ""},
		{"nobody2", netstring("NOTFOUND"), ""},
		{"temp", netstring("TEMP later"), `!the server says: TEMP: "later"`},
		{"timeout", netstring("TIMEOUT "), "!the server says: TIMEOUT"},
		{"perm", netstring("PERM never"), "!the server says: PERM"},
		{"empty", netstring("OK "), "!empty value"},
		{"odd", netstring("WHAT"), "!want OK, NOTFOUND"},
		{"line", "OK x\n", "!no netstring"},
		{"comma", "4:OK x;", "!no netstring"},
		{"zero", "04:OK x,", "!no netstring"},
		{"long", netstring("OK " + strings.Repeat("x", maxSocketmapReply)), "!more than 100000 octets"},
		{"fits", netstring("OK " + strings.Repeat("x", maxSocketmapReply-3)), strings.Repeat("x", maxSocketmapReply-3)},
		{"huge", "99999999999999999999999:", "!more than 100000 octets"},
		{"gone", "", "!EOF"},
	}
	replies := map[string]string{}
	for _, test := range tests {
		replies["map "+test.key] = test.reply
	}
	read := func(r *bufio.Reader) (string, error) { return readNetstring(r, 1000) }
	answer := func(s string) string { return replies[s] }
	dir := t.TempDir()
	at, _ := serve(t, "tcp", "127.0.0.1:0", read, answer)
	serve(t, "unix", filepath.Join(dir, "socket"), read, answer)
	for _, spec := range []string{"socketmap:inet:" + at + ":map", "socketmap:unix:" + dir + "/socket:map", "socketmap:unix:socket:map"} {
		table, err := Open(spec, Sockets(dir))
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range tests {
			test.run(t, table)
		}
	}
}

// A server that is not there yet, and one that closes each connection after an answer:
// the next lookup finds it closed, and makes another.
func TestRemoteCloses(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "socket")
	table, err := Open("socketmap:unix:" + path + ":map")
	if err != nil {
		t.Fatal(err)
	}
	remoteTest{"key", "", "!no such file"}.run(t, table)
	var served sync.Map // the connections that are done
	_, connections := serve(t, "unix", path, func(r *bufio.Reader) (string, error) {
		if _, done := served.LoadOrStore(r, true); done {
			return "", io.EOF
		}
		return readNetstring(r, 1000)
	}, func(string) string { return "4:OK x," })
	for range 5 {
		remoteTest{"key", "", "x"}.run(t, table)
	}
	if n := connections.Load(); n != 5 {
		t.Errorf("got %d connections, want 5", n)
	}
}

// Many lookups at once share a bounded number of connections.
func TestRemoteTurns(t *testing.T) {
	t.Parallel()
	at, connections := serve(t, "tcp", "127.0.0.1:0", requestLine, func(s string) string {
		return "200 " + strings.TrimSpace(strings.TrimPrefix(s, "get ")) + "\n"
	})
	table, err := Open("tcp:" + at)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() { remoteTest{fmt.Sprint("key", i), "", fmt.Sprint("key", i)}.run(t, table) })
	}
	wg.Wait()
	if n := connections.Load(); n > int64(remoteLimits.Turns) {
		t.Errorf("got %d connections, want at most %d", n, remoteLimits.Turns)
	}
}

// FuzzTCPReply: a reply is found, not found or an error, never two of them; what
// escape writes reads back.
func FuzzTCPReply(f *testing.F) {
	for _, s := range []string{"200 a%20b", "500 x", "400 %zz", "", "200"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		if value, found, err := parseTCPReply(line); found && err != nil || found != (value != "") {
			t.Errorf("%q: got %q, %t, %v", line, value, found, err)
		}
		if back, ok := unescape(escape(string(line))); !ok || back != string(line) {
			t.Errorf("%q: reads back as %q", line, back)
		}
	})
}

// FuzzSocketmapReply: no reply makes a value that is longer than the limit, or one
// with an error; reading takes the netstring and no more.
func FuzzSocketmapReply(f *testing.F) {
	for _, s := range []string{"4:OK x,", "9:NOTFOUND ,", "0:,", "05:OK xx,", "99:OK", ":,"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bufio.NewReader(strings.NewReader(string(data)))
		reply, err := readNetstring(r, 100)
		if err != nil {
			return
		}
		if want := fmt.Sprintf("%d:%s,", len(reply), reply); len(reply) > 100 || !strings.HasPrefix(string(data), want) {
			t.Errorf("%q: read %q", data, reply)
		}
		if value, found, err := parseSocketmapReply(reply); found && err != nil || found != (value != "") {
			t.Errorf("%q: got %q, %t, %v", reply, value, found, err)
		}
	})
}
