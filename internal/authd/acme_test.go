package authd

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"yubin/internal/ipc"
)

// When a certificate is asked for: at two thirds of its life, when it is for
// other names, and later and later after failures.
func TestACMEDue(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, c := range []struct {
		name     string
		certFor  string
		life     time.Duration // from now; it began sixty days ago
		failures int
		ahead    time.Duration // of the clock, when the last one was
		want     time.Duration // from now; 0: at once
	}{
		{name: "none"},
		{name: "fresh", certFor: "a.test", life: 60 * 24 * time.Hour, want: 20 * 24 * time.Hour},
		{name: "old", certFor: "a.test", life: 23 * time.Hour},
		{name: "another name", certFor: "b.test", life: 88 * 24 * time.Hour},
		{name: "none, one failure", failures: 1, want: time.Hour},
		{name: "none, three failures", failures: 3, want: 4 * time.Hour},
		{name: "none, many failures", failures: 5000, want: 24 * time.Hour},
		{name: "none, a failure by a clock that was wrong", failures: 1, ahead: 300 * 24 * time.Hour},
		{name: "fresh, a failure", certFor: "a.test", life: 60 * 24 * time.Hour, failures: 1, want: 20 * 24 * time.Hour},
	} {
		r := newRig(t, "tls_acme_domains = a.test", "tls_acme_state_directory = DIR")
		if c.certFor != "" {
			k := newKey(t, "ecdsa")
			r.file("yubin.pem", keyPEM(t, k)+certPEM(t, k, c.certFor, c.life))
		}
		if c.failures > 0 {
			r.file("failures", strings.Repeat("\n", c.failures))
			if at := now.Add(c.ahead); c.ahead > 0 {
				if err := os.Chtimes(filepath.Join(r.dir, "failures"), at, at); err != nil {
					t.Fatal(err)
				}
			}
		}
		due := r.d.acme.due()
		if got := due.Sub(now); c.want == 0 && got > 0 || c.want != 0 && (got < c.want-time.Minute || got > c.want+time.Minute) {
			t.Errorf("%s: in %v, want %v", c.name, got, c.want)
		}
		if ok, next := r.d.idle(); ok != (c.want > 0) || next != due {
			t.Errorf("%s: may end %t, next %v", c.name, ok, next)
		}
	}
}

// An order that brought what is no use counts as a failure: the next one comes
// later, not at once.
func TestACMEUseless(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, certFor string
		life          time.Duration
		useful        bool
	}{
		{"good", "a.test", 60 * 24 * time.Hour, true},
		{"another name", "b.test", 60 * 24 * time.Hour, false},
		{"over", "a.test", -time.Hour, false},
	} {
		r := newRig(t, "tls_acme_domains = a.test", "tls_acme_state_directory = DIR")
		k := newKey(t, "ecdsa")
		r.file("yubin.pem", keyPEM(t, k)+certPEM(t, k, c.certFor, c.life))
		r.file("failures", "\n")
		r.d.acme.succeeded()
		if _, err := os.Stat(filepath.Join(r.dir, "failures")); (err != nil) != c.useful {
			t.Errorf("%s: failures: %v", c.name, err)
		}
		if due := r.d.acme.due(); time.Until(due) < 50*time.Minute {
			t.Errorf("%s: the next order in %v", c.name, time.Until(due))
		}
	}
}

// The certificate of an authority serves as soon as it is there; meanwhile, and
// where another is configured, things are as they were.
func TestACMECertificate(t *testing.T) {
	t.Parallel()
	r := newRig(t, "tls_acme_domains = a.test", "tls_acme_state_directory = DIR", "myhostname = self.test", "imapd_tls_cert_file = DIR/own.pem")
	r.file("own.pem", both(t, "ecdsa", "own.test"))
	k, now := r.keys()
	if got := names(k, "smtpd", "") + " " + names(k, "imapd", ""); got != "self.test+0 own.test+0" {
		t.Error(got)
	}
	if strings.Contains(r.log(), "not usable") {
		t.Errorf("a certificate that is on its way is missed:\n%s", r.log())
	}
	old, _, err := k.get("smtpd", "")
	if err != nil {
		t.Fatal(err)
	}
	r.file("yubin.pem", both(t, "ecdsa", "a.test"))
	*now = now.Add(2 * time.Second)
	if got := names(k, "smtpd", "") + " " + names(k, "imapd", ""); got != "a.test+0 own.test+0" {
		t.Error(got)
	}
	if _, err := k.find("smtpd", "", old[0].id[:]); err != nil {
		t.Errorf("a handshake under way: %v", err)
	}
}

// Without leave nothing is asked of anybody, and that counts as a failure; acmed
// gets the proof for a token, and for that alone.
func TestACMEConversation(t *testing.T) {
	t.Parallel()
	r := newRig(t, "tls_acme_domains = a.test", "tls_acme_state_directory = DIR/acme", "tls_acme_directory = http://127.0.0.1:1/")
	s := r.d.acme
	s.attempt(t.Context())
	if !strings.Contains(r.log(), "tls_acme_agree_to_terms = yes is missing") {
		t.Errorf("log:\n%s", r.log())
	}
	if info, err := os.Stat(filepath.Join(r.dir, "acme", "failures")); err != nil || info.Size() != 1 || info.Mode().Perm() != 0o600 {
		t.Errorf("failures: %v, %v", info, err)
	}
	s.mu.Lock()
	s.proofs["known"] = "known.proof"
	s.mu.Unlock()
	for token, want := range map[string]string{"known": "known.proof", "unknown": "", "": ""} {
		c := r.connect(ipc.Hello{Version: ipc.ACMEVersion, Role: ipc.RoleACME})
		c.Unix().SetDeadline(time.Now().Add(time.Minute))
		var a ipc.ACMEReply
		err := c.Send(ipc.ACMERequest{Token: token})
		if err == nil {
			_, err = c.Recv(&a)
		}
		if got := fmt.Sprint(a.Proof, err); got != want+"<nil>" {
			t.Errorf("%q: %s", token, got)
		}
	}
}
