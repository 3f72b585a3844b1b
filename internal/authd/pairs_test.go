package authd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"yubin/internal/config"
)

// --check names certificates that do not fit their key, by line; what is not
// there is mailctl's to say.
func TestCheckPairs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	key := newKey(t, "ecdsa")
	for name, text := range map[string]string{
		"cert.pem": certPEM(t, key, "a.test", year), "key.pem": keyPEM(t, key), "other.pem": keyPEM(t, newKey(t, "ecdsa")), "junk.pem": "x",
		"main.cf": strings.ReplaceAll(`tls_cert_file = DIR/cert.pem
tls_key_file = DIR/key.pem
smtpd_tls_cert_file = DIR/cert.pem
smtpd_tls_key_file = DIR/other.pem
imapd_tls_cert_file = DIR/missing.pem
pop3d_tls_chain_files = DIR/junk.pem
`, "DIR", dir),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := config.Load(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Check(Command.Params); err != nil {
		t.Fatal(err)
	}
	err = checkPairs(c)
	if err == nil {
		t.Fatal("no error")
	}
	text := err.Error()
	for _, want := range []string{
		"main.cf:3: smtpd_tls_cert_file: " + dir + "/cert.pem, " + dir + "/other.pem: the key is not that of the certificate",
		"main.cf:6: pop3d_tls_chain_files: " + dir + "/junk.pem: ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Count(text, "\n") != 1 {
		t.Errorf("got\n%s\nwant two lines", text)
	}
}
