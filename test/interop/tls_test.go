//go:build interop

package interop

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"yubin/test/instance"
)

func startTLS(t *testing.T) *instance.Instance {
	t.Helper()
	return instance.New(t, instance.Options{Main: []string{"smtpd_tls_security_level = may"}})
}

// openssl speaks TLS 1.2 and 1.3 with smtpd, takes a session up again, and
// nothing older or weaker.
func TestOpenSSL(t *testing.T) {
	t.Parallel()
	need(t, "openssl")
	i := startTLS(t)
	client := []string{"openssl", "s_client", "-starttls", "smtp", "-connect", i.Addr, "-crlf", "-quiet"}
	for _, c := range []struct {
		name string
		args []string
		ok   bool
	}{
		{"TLS 1.3", []string{"-tls1_3"}, true},
		{"TLS 1.2", []string{"-tls1_2"}, true},
		{"TLS 1.2, ChaCha20", []string{"-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"}, true},
		{"TLS 1.1", []string{"-tls1_1", "-cipher", "ALL:@SECLEVEL=0"}, false},
		{"TLS 1.0", []string{"-tls1", "-cipher", "ALL:@SECLEVEL=0"}, false},
		{"CBC", []string{"-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA384:@SECLEVEL=0"}, false},
		{"RSA key exchange", []string{"-tls1_2", "-cipher", "kRSA:@SECLEVEL=0"}, false},
		{"anonymous", []string{"-tls1_2", "-cipher", "aNULL:@SECLEVEL=0"}, false},
	} {
		// A line that begins with Q is for openssl itself.
		o := peer(t, "quit\n", append(client, c.args...)...)
		if said := strings.Contains(o.output, "221 2.0.0 Bye"); said != c.ok {
			t.Errorf("%s: got on: %t\n%s", c.name, said, o.output)
		}
	}
	session := filepath.Join(t.TempDir(), "session")
	plain := []string{"openssl", "s_client", "-starttls", "smtp", "-connect", i.Addr, "-crlf", "-tls1_2"}
	succeed(t, "QUIT\n", append(plain, "-sess_out", session)...)
	if out := succeed(t, "QUIT\n", append(plain, "-sess_in", session)...); !strings.Contains(out, "Reused, TLSv1.2") {
		t.Errorf("the session was not taken up again:\n%s", out)
	}
}

// sslscan finds no old version and no suite that is not an AEAD with ECDHE.
func TestSSLScan(t *testing.T) {
	t.Parallel()
	need(t, "sslscan")
	i := startTLS(t)
	out := succeed(t, "", "sslscan", "--starttls-smtp", "--no-colour", "--connect-timeout=10", i.Addr)
	for _, old := range []string{"SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1"} {
		if !regexp.MustCompile(regexp.QuoteMeta(old) + ` +disabled`).MatchString(out) {
			t.Errorf("%s is not disabled", old)
		}
	}
	suites := regexp.MustCompile(`(?m)^(?:Preferred|Accepted) +(\S+) +\d+ bits +(\S+)`).FindAllStringSubmatch(out, -1)
	if len(suites) < 4 {
		t.Errorf("%d suites only", len(suites))
	}
	for _, s := range suites {
		if !strings.Contains(s[2], "GCM") && !strings.Contains(s[2], "CHACHA20") || s[1] == "TLSv1.2" && !strings.HasPrefix(s[2], "ECDHE-") {
			t.Errorf("%s %s", s[1], s[2])
		}
	}
	if strings.Contains(out, "vulnerable to heartbleed") && !strings.Contains(out, "not vulnerable to heartbleed") {
		t.Error("heartbleed")
	}
	if t.Failed() {
		t.Log(out)
	}
}

// testssl.sh finds nothing that is worse than a remark, but for the certificate,
// which vouches for itself.
func TestTestSSL(t *testing.T) {
	t.Parallel()
	need(t, "testssl")
	i := startTLS(t)
	report := filepath.Join(t.TempDir(), "report.json")
	// It takes a minute or two, more than other programs have.
	out, err := exec.CommandContext(t.Context(), "testssl", "--starttls", "smtp", "--quiet", "--color", "0", "--nodns", "none", "--jsonfile", report,
		"--protocols", "--server-defaults", "--server-preference", "--vulnerable", "--std", "--fs", i.Addr).CombinedOutput()
	var exit *exec.ExitError // the number of findings
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	b, err := os.ReadFile(report)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var findings []struct{ ID, Severity, Finding string }
	if err := json.Unmarshal(b, &findings); err != nil || len(findings) < 40 {
		t.Fatalf("%d findings, %v:\n%s", len(findings), err, b)
	}
	for _, f := range findings {
		bad := f.Severity == "MEDIUM" || f.Severity == "HIGH" || f.Severity == "CRITICAL" || f.Severity == "FATAL"
		if bad && !strings.HasPrefix(f.ID, "cert_") && f.ID != "DNS_CAArecord" {
			t.Errorf("%s: %s %s", f.ID, f.Severity, f.Finding)
		}
	}
}
