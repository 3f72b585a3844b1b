package authd

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"yubin/internal/config"
	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
)

// A rig is a daemon and a client of it.
type rig struct {
	t       *testing.T
	dir     string
	c       *config.Config
	d       *daemon
	signer  *signer
	keyring *keyring
	client  *fdpass.Conn
}

func newRig(t *testing.T, main ...string) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir()}
	r.file("main.cf", strings.ReplaceAll(strings.Join(main, "\n")+"\n", "DIR", r.dir))
	c, err := config.Load(r.dir, nil)
	if err == nil {
		err = c.Check(Command.Params)
	}
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(r.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	log, err := maillog.Open(maillog.Options{Tag: "postfix/authd", File: f})
	if err != nil {
		t.Fatal(err)
	}
	if r.d, err = newDaemon(c, log, nil, nil); err != nil {
		t.Fatal(err)
	}
	if r.signer, err = newSigner(c, log, newSubscriber(c, log)); err != nil {
		t.Fatal(err)
	}
	r.c, r.keyring = c, r.signer.keys
	r.client = r.connect(ipc.Hello{Version: ipc.RelayVersion, Role: ipc.RoleRelay})
	t.Cleanup(func() { log.Close() })
	return r
}

// connect begins a conversation.
func (r *rig) connect(h ipc.Hello) *fdpass.Conn {
	r.t.Helper()
	ours := r.dial()
	if err := ours.Send(h); err != nil {
		r.t.Fatal(err)
	}
	return ours
}

// dial connects.
func (r *rig) dial() *fdpass.Conn {
	r.t.Helper()
	ours, theirs, err := fdpass.Pair()
	if err != nil {
		r.t.Fatal(err)
	}
	served, d := make(chan struct{}), r.d
	go func() {
		defer close(served)
		defer theirs.Close()
		d.converse(r.t.Context(), theirs.Unix())
	}()
	r.t.Cleanup(func() { ours.Close(); <-served })
	return ours
}

func (r *rig) file(name, content string) string {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		r.t.Fatal(err)
	}
	return path
}

func (r *rig) ask(q ipc.RelayRequest) ipc.RelayReply {
	r.t.Helper()
	if err := r.client.Send(q); err != nil {
		r.t.Fatal(err)
	}
	r.client.Unix().SetDeadline(time.Now().Add(30 * time.Second))
	var a ipc.RelayReply
	if _, err := r.client.Recv(&a); err != nil {
		r.t.Fatal(err)
	}
	return a
}

func (r *rig) log() string {
	b, err := os.ReadFile(filepath.Join(r.dir, "log"))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(b)
}

func TestRelay(t *testing.T) {
	t.Parallel()
	r := newRig(t, "smtp_sasl_password_maps = hash:DIR/passwd", "smtp_sender_dependent_authentication = yes",
		"lmtp_sasl_password_maps = inline:{ [lmtp.test]=luke:far }", "recipient_delimiter = +")
	r.file("passwd", `# relays
[smtp.test]:587   ann:one:with colon
mx.test           ben:two
cay@own.test      cay:three
@else.test        dan:four
mx.half.test      nobody
`)
	for _, c := range []struct {
		name string
		q    ipc.RelayRequest
		want ipc.RelayReply
	}{
		{"the next hop", ipc.RelayRequest{Nexthop: "[smtp.test]:587", Host: "smtp.test"}, ipc.RelayReply{User: "ann", Secret: "one:with colon"}},
		{"the host before the next hop", ipc.RelayRequest{Nexthop: "[smtp.test]:587", Host: "MX.test"}, ipc.RelayReply{User: "ben", Secret: "two"}},
		{"another port", ipc.RelayRequest{Nexthop: "[smtp.test]:25", Host: "smtp.test"}, ipc.RelayReply{}},
		{"the sender before both", ipc.RelayRequest{Nexthop: "[smtp.test]:587", Host: "mx.test", Sender: "cay@own.test"}, ipc.RelayReply{User: "cay", Secret: "three"}},
		{"the sender without extension", ipc.RelayRequest{Nexthop: "a", Host: "b", Sender: "cay+x@own.test"}, ipc.RelayReply{User: "cay", Secret: "three"}},
		{"the sender's domain", ipc.RelayRequest{Nexthop: "a", Host: "b", Sender: "x@else.test"}, ipc.RelayReply{User: "dan", Secret: "four"}},
		{"the null sender", ipc.RelayRequest{Nexthop: "a", Host: "mx.test"}, ipc.RelayReply{User: "ben", Secret: "two"}},
		{"nobody", ipc.RelayRequest{Nexthop: "a.test", Host: "b.test", Sender: "x@own.test"}, ipc.RelayReply{}},
		{"half an entry", ipc.RelayRequest{Nexthop: "half.test", Host: "mx.half.test"},
			ipc.RelayReply{Error: `smtp_sasl_password_maps: the value for "mx.half.test": want user:password`}},
		{"LMTP", ipc.RelayRequest{LMTP: true, Nexthop: "[lmtp.test]", Host: "mx.test"}, ipc.RelayReply{User: "luke", Secret: "far"}},
	} {
		if got := r.ask(c.q); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
}

// A table that cannot be read is an error, not "no password"; no line of the
// log has a secret, not even where the table is wrong in a way that shows one.
func TestUnreadableTable(t *testing.T) {
	t.Parallel()
	r := newRig(t, "smtp_sasl_password_maps = hash:DIR/passwd")
	q := ipc.RelayRequest{Nexthop: "[smtp.test]", Host: "smtp.test"}
	if a := r.ask(q); !strings.Contains(a.Error, "passwd") || a.User != "" {
		t.Errorf("no file: got %+v", a)
	}
	r = newRig(t, "smtp_sasl_password_maps = hash:DIR/passwd")
	r.file("passwd", "ann:topsecret\n[smtp.test] ann:topsecret\n[smtp.test] ann:topsecret2\ntopsecret: x\n")
	if a := r.ask(q); a.Secret != "topsecret" {
		t.Errorf("got %+v", a)
	}
	log := r.log()
	if strings.Contains(log, "topsecret") {
		t.Errorf("the log has a secret:\n%s", log)
	}
	for _, line := range []string{"passwd:1:", "passwd:3:", "passwd:4:"} {
		if !strings.Contains(log, line) {
			t.Errorf("the log does not say what is wrong with %s\n%s", line, log)
		}
	}
}

// Who may not ask is not answered.
func TestStrangers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.d = &daemon{log: r.d.log, patience: patience, roles: map[string]role{
		ipc.RoleRelay: r.d.roles[ipc.RoleRelay],
		"smtpd":       {1, map[uint32]bool{0xfffffffe: true}, nil},
	}}
	for _, h := range []ipc.Hello{{Version: 1, Role: "smtpd"}, {Version: 1, Role: "nothing\n"}, {Version: 99, Role: ipc.RoleRelay}, {}} {
		c := r.connect(h)
		c.Send(ipc.RelayRequest{Nexthop: "a"})
		c.Unix().SetDeadline(time.Now().Add(30 * time.Second))
		var a ipc.RelayReply
		if _, err := c.Recv(&a); err == nil {
			t.Errorf("%+v: got %+v", h, a)
		}
	}
	if n := strings.Count(r.log(), "\n"); n != 4 {
		t.Errorf("got %d lines, want 4:\n%s", n, r.log())
	}
}

// An endpoint gives access tokens for refresh tokens.
type endpoint struct {
	mu     sync.Mutex // guards what follows
	forms  []string
	answer func() (int, any)
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.ParseForm()
	e.mu.Lock()
	e.forms = append(e.forms, r.PostForm.Encode())
	code, answer := e.answer()
	e.mu.Unlock()
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(answer)
}

func (e *endpoint) set(code int, answer any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.answer = func() (int, any) { return code, answer }
}

func (e *endpoint) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.forms)
}

func TestTokens(t *testing.T) {
	t.Parallel()
	e := &endpoint{}
	e.set(200, map[string]any{"access_token": "first", "expires_in": "3600", "token_type": "Bearer"})
	server := httptest.NewTLSServer(e)
	defer server.Close()
	r := newRig(t, "smtp_sasl_password_maps = inline:{ [smtp.test]=ann@test:oauth2:DIR/token }", "smtp_tls_CAfile = DIR/ca")
	r.file("ca", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	file := r.file("token", fmt.Sprintf("# for ann\ntoken_endpoint = %s/token\nclient_id = me\nclient_secret=sesame\nrefresh_token = again\n# end\n", server.URL))
	q := ipc.RelayRequest{Nexthop: "[smtp.test]"}
	want := func(step, secret string, asked int) {
		t.Helper()
		if a := r.ask(q); a != (ipc.RelayReply{User: "ann@test", Secret: secret, Token: true}) || e.count() != asked {
			t.Errorf("%s: got %+v after %d requests, want %s after %d", step, a, e.count(), secret, asked)
		}
	}
	want("first", "first", 1)
	e.mu.Lock()
	if want := "client_id=me&client_secret=sesame&grant_type=refresh_token&refresh_token=again"; e.forms[0] != want {
		t.Errorf("got %q, want %q", e.forms[0], want)
	}
	e.mu.Unlock()
	e.set(200, map[string]any{"access_token": "second", "expires_in": 3600, "refresh_token": "and again"})
	want("kept", "first", 1)
	q.Refused = true
	want("refused, but young", "first", 1)
	q.Refused = false
	if err := os.Chtimes(file, time.Time{}, time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	want("the file is another", "second", 2)
	b, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(b), "refresh_token = and again\n# end\n") || !strings.HasPrefix(string(b), "# for ann\n") {
		t.Errorf("the new refresh token was not kept: %q, %v", b, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	want("kept, with the new refresh token", "second", 2)

	for _, c := range []struct {
		name, content string
		mode          os.FileMode
		code          int
		answer        any
		say           string
	}{
		{"refused", "", 0o600, 400, map[string]any{"error": "invalid_grant"}, "400 Bad Request invalid_grant"},
		{"a page", "", 0o600, 200, "hello", "no access token"},
		{"readable", "", 0o644, 200, nil, "chmod 600"},
		{"in the clear", "token_endpoint = http://127.0.0.1/\nclient_id=a\nrefresh_token=again", 0o600, 200, nil, "want https://"},
		{"incomplete", "token_endpoint = https://127.0.0.1/", 0o600, 200, nil, "client_id is missing"},
		{"another format", `{"refresh_token": "again"}`, 0o600, 200, nil, "token:1: want name = value"},
	} {
		e.set(c.code, c.answer)
		if c.content == "" {
			c.content = string(b) + "# " + c.name + "\n"
		}
		r.file("token", c.content)
		if err := os.Chmod(file, c.mode); err != nil {
			t.Fatal(err)
		}
		if a := r.ask(q); a.Secret != "" || !strings.Contains(a.Error, c.say) {
			t.Errorf("%s: got %+v, want an error with %q", c.name, a, c.say)
		}
		if err := os.Chmod(file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, secret := range []string{"sesame", "again", "first", "second"} {
		if strings.Contains(r.log(), secret) {
			t.Errorf("the log has %q:\n%s", secret, r.log())
		}
	}
}

// A token file that is edited while its endpoint is asked stays as it was edited, and
// counts from the next request on.
func TestTokenEdited(t *testing.T) {
	t.Parallel()
	e := &endpoint{}
	server := httptest.NewTLSServer(e)
	defer server.Close()
	r := newRig(t, "smtp_sasl_password_maps = inline:{ [smtp.test]=ann:oauth2:DIR/token }", "smtp_tls_CAfile = DIR/ca")
	r.file("ca", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	content := fmt.Sprintf("token_endpoint = %s\nclient_id = me\nrefresh_token = ", server.URL)
	file := r.file("token", content+"first\n")
	e.answer = func() (int, any) {
		if err := os.WriteFile(file, []byte(content+"edited\n"), 0o600); err != nil {
			t.Error(err)
		}
		return 200, map[string]any{"access_token": "a", "expires_in": 3600, "refresh_token": "second"}
	}
	if a := r.ask(ipc.RelayRequest{Nexthop: "[smtp.test]"}); a.Secret != "a" {
		t.Fatalf("got %+v", a)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != content+"edited\n" {
		t.Errorf("the file has %q, %v", b, err)
	}
	e.set(200, map[string]any{"access_token": "b", "expires_in": 3600})
	if a := r.ask(ipc.RelayRequest{Nexthop: "[smtp.test]"}); a.Secret != "b" || !strings.HasSuffix(e.forms[1], "=edited") {
		t.Errorf("got %+v", a)
	}
}

// A refresh token that cannot be written is used all the same, while the process
// lives.
func TestRefreshTokenInMemory(t *testing.T) {
	t.Parallel()
	e := &endpoint{}
	e.set(200, map[string]any{"access_token": "a", "expires_in": 1, "refresh_token": "second\r\n"})
	server := httptest.NewTLSServer(e)
	defer server.Close()
	r := newRig(t, "smtp_sasl_password_maps = inline:{ [smtp.test]=ann:oauth2:DIR/token }", "smtp_tls_CAfile = DIR/ca")
	r.file("ca", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	r.file("token", fmt.Sprintf("token_endpoint = %s\nclient_id = me\nrefresh_token = first\n", server.URL))
	for range 2 {
		if a := r.ask(ipc.RelayRequest{Nexthop: "[smtp.test]"}); a.Secret != "a" {
			t.Fatalf("got %+v", a)
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.forms) != 2 || !strings.HasSuffix(e.forms[0], "=first") || !strings.HasSuffix(e.forms[1], "=second%0D%0A") {
		t.Errorf("got %q", e.forms)
	}
	if !strings.Contains(r.log(), "is lost when authd ends") {
		t.Errorf("no word of it:\n%s", r.log())
	}
}

// A token is used until a minute before its end, and a failed endpoint left
// alone for a minute.
func TestLifeOfAToken(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		expires string
		want    time.Duration
	}{{"3600", 59 * time.Minute}, {"60", 0}, {"1", 0}, {"", shortest}, {"-5", shortest}, {"1e30", 24*time.Hour - time.Minute}} {
		if got := (&granted{ExpiresIn: json.Number(c.expires)}).life(); got != c.want {
			t.Errorf("%q: got %v, want %v", c.expires, got, c.want)
		}
	}
}

// A value is a login or an error that has nothing of the value, whatever it is.
func FuzzLogin(f *testing.F) {
	f.Add("ann:secret")
	f.Add("ann:oauth2:/etc/token")
	f.Add("secret")
	f.Fuzz(func(t *testing.T, value string) {
		l, err := parseLogin(value)
		if err != nil {
			if !slices.Contains([]string{"want user:password", "it has a NUL character", "want user:oauth2:/FILE"}, err.Error()) {
				t.Fatalf("%q: %v", value, err)
			}
			return
		}
		if l.user == "" || l.tokenFile != "" && l.password != "" || l.tokenFile == "" && value != l.user+":"+l.password {
			t.Fatalf("%q: got %+v", value, l)
		}
	})
}
