package mtasts

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestRecordID(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		texts []string
		id    string
	}{
		{[]string{"v=STSv1; id=20160831085700Z;"}, "20160831085700Z"},
		{[]string{"v=STSv1;id=1"}, "1"},
		{[]string{"v=STSv1; x=y; id=a; z"}, "a"},
		{[]string{"v=spf1 -all", "v=STSv1; id=a;"}, "a"},
		{[]string{"v=STSv1; id=a;", "v=STSv1; id=b;"}, ""},
		{[]string{"v=STSv1; id=;"}, ""},
		{[]string{"v=STSv1; id=a-b;"}, ""},
		{[]string{"v=STSv1; id=" + strings.Repeat("a", 33)}, ""},
		{[]string{"v=STSv2; id=a;"}, ""},
		{[]string{"id=a; v=STSv1;"}, ""},
		{nil, ""},
	} {
		id, ok := recordID(c.texts)
		if ok != (c.id != "") || ok && id != c.id {
			t.Errorf("%q: got %q, %t, want %q", c.texts, id, ok, c.id)
		}
	}
}

const sound = "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.Example.net\r\nmax_age: 604800\r\n"

func TestParsePolicy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, body, want string }{
		{"that of RFC 8461, 3.2", sound, "enforce [mail.example.com *.example.net] 168h0m0s"},
		{"LF, no end, other fields", "mode:testing\nversion:STSv1\nx: y\nmx:a.test\nmax_age:1", "testing [a.test] 1s"},
		{"the first counts", "version: STSv1\nmode: none\nmode: enforce\nmax_age: 5\nmax_age: 6", "none [] 5s"},
		{"an age beyond measure", "version: STSv1\nmode: none\nmax_age: 9999999999", "none [] 8766h0m0s"},
		{"no version", strings.Replace(sound, "STSv1", "STSv2", 1), ""},
		{"no mode", strings.Replace(sound, "enforce", "force", 1), ""},
		{"no mx", "version: STSv1\nmode: enforce\nmax_age: 5", ""},
		{"no host", "version: STSv1\nmode: enforce\nmx: *\nmax_age: 5", ""},
		{"two stars", "version: STSv1\nmode: enforce\nmx: *.*.test\nmax_age: 5", ""},
		{"no age", "version: STSv1\nmode: none", ""},
		{"an age below zero", "version: STSv1\nmode: none\nmax_age: -1", ""},
		{"a page", "<html>", ""},
	} {
		p, err := parsePolicy(c.body)
		got := ""
		if err == nil {
			got = fmt.Sprint(p.Mode, " ", p.MX, " ", p.MaxAge)
		}
		if got != c.want {
			t.Errorf("%s: got %q, %v, want %q", c.name, got, err, c.want)
		}
	}
}

func TestMatches(t *testing.T) {
	t.Parallel()
	p, err := parsePolicy(sound)
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]bool{
		"mail.example.com": true, "MAIL.example.com.": true, "a.mail.example.com": false, "example.com": false,
		"a.example.net": true, "a.b.example.net": false, "example.net": false, ".example.net": false, "": false,
	} {
		if got := p.Matches(host); got != want {
			t.Errorf("%q: got %t, want %t", host, got, want)
		}
	}
}

// A body is a policy that can be applied, or an error, whatever it holds; what
// was read once reads the same from disk.
func FuzzPolicy(f *testing.F) {
	f.Add(sound, "mail.example.com")
	f.Add("version: STSv1\nmode: none\nmax_age: 0", "")
	f.Fuzz(func(t *testing.T, body, host string) {
		p, err := parsePolicy(body)
		if err != nil {
			return
		}
		if p.MaxAge < 0 || p.MaxAge > maxMaxAge || p.Mode != None && len(p.MX) == 0 {
			t.Fatalf("%q gave %+v", body, p)
		}
		if p.Matches(host) && !strings.Contains(host, ".") && len(p.MX) == 0 {
			t.Fatalf("%q matches nothing, but %q", body, host)
		}
	})
}

// A world is a domain example.test: its record, its server of policies, the time.
type world struct {
	t       *testing.T
	mu      sync.Mutex // guards what follows
	record  []string
	dns     error
	now     time.Time
	fetches int
	reports []string
	handler http.HandlerFunc

	server *httptest.Server
	roots  *x509.CertPool
	dir    string
}

// newWorld has a server whose certificate is for name.
func newWorld(t *testing.T, name string) *world {
	w := &world{
		t: t, record: []string{"v=STSv1; id=one;"}, now: time.Now(), dir: t.TempDir(), roots: x509.NewCertPool(),
		handler: body("enforce", "604800"),
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	w.roots.AddCert(cert)
	w.server = httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.fetches++
		h := w.handler
		w.mu.Unlock()
		if r.Host != "mta-sts.example.test" || r.URL.Path != "/.well-known/mta-sts.txt" {
			t.Errorf("asked for %s%s", r.Host, r.URL)
		}
		h(rw, r)
	}))
	w.server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	w.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	w.server.StartTLS()
	t.Cleanup(w.server.Close)
	return w
}

func body(mode, age string) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/plain; charset=us-ascii")
		fmt.Fprintf(rw, "version: STSv1\nmode: %s\nmx: mx.example.test\nmax_age: %s\n", mode, age)
	}
}

func (w *world) cache() *Cache {
	return New(Options{
		TXT: func(_ context.Context, name string) ([]string, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if name != "_mta-sts.example.test" {
				w.t.Errorf("asked for %s", name)
			}
			return w.record, w.dns
		},
		Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if addr != "mta-sts.example.test:443" {
				w.t.Errorf("dialled %s", addr)
			}
			return (&net.Dialer{}).DialContext(ctx, network, w.server.Listener.Addr().String())
		},
		Roots: func() (*x509.CertPool, error) { return w.roots, nil },
		Dir:   w.dir,
		Report: func(format string, args ...any) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.reports = append(w.reports, fmt.Sprintf(format, args...))
		},
		Now: func() time.Time {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.now
		},
	})
}

func (w *world) set(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

// want checks the mode of the policy that is found, "" for none, and how many
// fetches there have been in all.
func (w *world) want(c *Cache, step, mode string, fetches int) {
	w.t.Helper()
	got := ""
	if p, _ := c.Policy(w.t.Context(), "Example.test"); p != nil {
		got = p.Mode
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if got != mode || w.fetches != fetches {
		w.t.Errorf("%s: got %q after %d fetches, want %q after %d; reports %q", step, got, w.fetches, mode, fetches, w.reports)
	}
}

// The life of a policy (RFC 8461, 5.1).
func TestLifeOfAPolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "mta-sts.example.test")
	c := w.cache()
	w.want(c, "first", Enforce, 1)
	w.want(c, "again", Enforce, 1)
	w.set(func() { w.handler = body("testing", "604800") })
	w.want(c, "the record has not changed", Enforce, 1)
	w.set(func() { w.record = nil })
	w.want(c, "the record is gone", Enforce, 1)
	w.set(func() { w.dns = errors.New("SERVFAIL") })
	w.want(c, "the DNS does not answer", Enforce, 1)
	w.set(func() { w.dns, w.record = nil, []string{"v=STSv1; id=two;"} })
	w.want(c, "another record", Testing, 2)
	w.set(func() { w.now = w.now.Add(25 * time.Hour) })
	w.want(c, "a day later", Testing, 3)

	w.set(func() { w.handler = http.NotFound; w.record = []string{"v=STSv1; id=three;"} })
	w.want(c, "the server has lost it", Testing, 4)
	w.want(c, "and is left alone", Testing, 4)
	w.set(func() { w.now = w.now.Add(6 * time.Minute) })
	w.want(c, "for a while", Testing, 5)
	w.want(w.cache(), "another process", Testing, 6)
	w.set(func() { w.now = w.now.Add(7 * 24 * time.Hour) })
	w.want(c, "until it is over", "", 7)
	w.want(w.cache(), "in every process", "", 8)

	w.set(func() { w.handler = body("none", "604800"); w.now = w.now.Add(6 * time.Minute) })
	w.want(c, "none", "", 9)
	w.want(c, "is remembered", "", 9)
}

// A policy outlives the process; what is damaged is fetched again.
func TestDisk(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "mta-sts.example.test")
	w.want(w.cache(), "first", Enforce, 1)
	w.want(w.cache(), "another process", Enforce, 1)
	file := filepath.Join(w.dir, "example.test.json")
	for _, content := range []string{"", "{}", "null", `{"domain":"example.test","policy":{"mode":"enforce"}}`, `{"domain":"other.test"}`} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		before := w.fetches
		w.want(w.cache(), fmt.Sprintf("%q", content), Enforce, before+1)
	}
	names, err := os.ReadDir(w.dir)
	if err != nil || len(names) != 1 {
		t.Errorf("files: got %v, %v, want one", names, err)
	}
}

// What is no policy: there is none, with a line that says why, and the domain
// is left alone for a while.
func TestNoPolicy(t *testing.T) {
	t.Parallel()
	plain := func(code int, kind, text string) http.HandlerFunc {
		return func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", kind)
			rw.Header().Set("Location", "https://mta-sts.example.test/.well-known/mta-sts.txt")
			rw.WriteHeader(code)
			fmt.Fprint(rw, text)
		}
	}
	ok := strings.ReplaceAll(sound, "mail.example.com", "mx.example.test")
	for _, c := range []struct {
		name, certificate string
		handler           http.HandlerFunc
		fetches           int
		report            string
	}{
		{"a redirection", "mta-sts.example.test", plain(302, "text/plain", ok), 1, "302"},
		{"no such page", "mta-sts.example.test", plain(404, "text/plain", ok), 1, "404"},
		{"a page for people", "mta-sts.example.test", plain(200, "text/html", ok), 1, "text/html"},
		{"a page without end", "mta-sts.example.test", plain(200, "text/plain", ok+strings.Repeat("x: y\n", 20000)), 1, "64 kilobytes"},
		{"no policy", "mta-sts.example.test", plain(200, "text/plain", "hello"), 1, "name: value"},
		{"another's certificate", "www.example.test", body("enforce", "604800"), 0, "certificate"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.certificate)
			w.handler = c.handler
			cache := w.cache()
			w.want(cache, "first", "", c.fetches)
			w.want(cache, "again", "", c.fetches)
			if len(w.reports) != 1 || !strings.Contains(w.reports[0], c.report) {
				t.Errorf("reports: got %q, want one with %q", w.reports, c.report)
			}
		})
	}
}

// Who does not wait for the policy says nothing of it: the next one fetches it.
func TestGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "mta-sts.example.test")
	c := w.cache()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if p, sure := c.Policy(ctx, "example.test"); p != nil || sure {
		t.Errorf("got %+v", p)
	}
	w.want(c, "the next one", Enforce, 1)
	if len(w.reports) != 0 {
		t.Errorf("reports %q", w.reports)
	}
}

// A certificate of an authority that nobody trusts is none.
func TestUnknownAuthority(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "mta-sts.example.test")
	w.roots = x509.NewCertPool()
	w.want(w.cache(), "first", "", 0)
}

// Many who ask at once cause one fetch.
func TestManyAsk(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "mta-sts.example.test")
	c := w.cache()
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if p, _ := c.Policy(t.Context(), "example.test"); p == nil || p.Mode != Enforce {
				t.Errorf("got %+v", p)
			}
		})
	}
	all.Wait()
	w.want(c, "after all", Enforce, 1)
}
