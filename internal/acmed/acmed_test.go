package acmed

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
)

// newDaemon is one whose authd knows the proof for "good-Token_1".
func newDaemon(t testing.TB) *daemon {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	log, err := maillog.Open(maillog.Options{Tag: "postfix/acmed", File: f})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	return &daemon{log, func() (*fdpass.Conn, error) {
		ours, theirs, err := fdpass.Pair()
		if err != nil {
			return nil, err
		}
		go func() {
			defer theirs.Close()
			var h ipc.Hello
			var q ipc.ACMERequest
			if _, err := theirs.Recv(&h); err != nil || h.Role != ipc.RoleACME {
				return
			}
			if _, err := theirs.Recv(&q); err != nil {
				return
			}
			var a ipc.ACMEReply
			if q.Token == "good-Token_1" {
				a.Proof = "good-Token_1.thumb"
			}
			theirs.Send(a)
		}()
		return ours, nil
	}}
}

// ask sends octets and returns all that comes back.
func ask(t testing.TB, d *daemon, text string) string {
	t.Helper()
	near, far := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer far.Close()
		d.serve(far)
	}()
	go func() {
		io.WriteString(near, text)
	}()
	b, _ := io.ReadAll(near)
	near.Close()
	<-done
	return string(b)
}

func TestServe(t *testing.T) {
	t.Parallel()
	d := newDaemon(t)
	for request, want := range map[string]string{
		"GET /.well-known/acme-challenge/good-Token_1 HTTP/1.1\r\nHost: a.test\r\n\r\n":     "200 good-Token_1.thumb",
		"GET /.well-known/acme-challenge/other HTTP/1.1\r\nHost: a.test\r\n\r\n":            "404 ",
		"GET /.well-known/acme-challenge/ HTTP/1.1\r\nHost: a.test\r\n\r\n":                 "404 ",
		"GET /.well-known/acme-challenge/../../x HTTP/1.1\r\nHost: a.test\r\n\r\n":          "404 ",
		"GET /.well-known/acme-challenge/a%2fb HTTP/1.1\r\nHost: a.test\r\n\r\n":            "404 ",
		"GET /.well-known/acme-challenge/" + strings.Repeat("x", 201) + " HTTP/1.0\r\n\r\n": "404 ",
		"POST /.well-known/acme-challenge/good-Token_1 HTTP/1.1\r\nHost: a.test\r\n\r\n":    "404 ",
		"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n":                                            "404 ",
		"hello\r\n\r\n":                                                                     "400 ",
		"GET /" + strings.Repeat("x", 2*maxRequest) + " HTTP/1.1\r\n\r\n":                   "400 ",
	} {
		r, err := http.ReadResponse(bufio.NewReader(strings.NewReader(ask(t, d, request))), nil)
		if err != nil {
			t.Errorf("%.60q: %v", request, err)
			continue
		}
		body, err := io.ReadAll(r.Body)
		if got := r.Status[:4] + string(body); err != nil || got != want {
			t.Errorf("%.60q: %q, %v, want %q", request, got, err, want)
		}
	}
	d.dial = func() (*fdpass.Conn, error) { return nil, errors.New("nobody there") }
	if got := ask(t, d, "GET /.well-known/acme-challenge/x HTTP/1.1\r\nHost: a.test\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 503 ") {
		t.Errorf("without authd: %q", got)
	}
}

// Whatever comes, the answer is one of HTTP that has nothing of it.
func FuzzServe(f *testing.F) {
	f.Add("GET /.well-known/acme-challenge/good-Token_1 HTTP/1.1\r\nHost: a.test\r\n\r\n")
	f.Add("GET / HTTP/1.1\r\nContent-Length: 99999999999\r\nTransfer-Encoding: chunked\r\n\r\n")
	f.Add("\x00")
	d := newDaemon(f)
	f.Fuzz(func(t *testing.T, text string) {
		text += "\r\n\r\n" // a request that ends
		got := ask(t, d, text)
		if !strings.HasPrefix(got, "HTTP/1.1 ") || len(got) > 300 {
			t.Errorf("%q: %q", text, got)
		}
	})
}
