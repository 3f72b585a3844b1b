//go:build interop

package interop

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"

	"yubin/test/instance"
)

const (
	annMail   = "ann@" + instance.Domain
	annSecret = "vier Birnen & 12 Aepfel"
)

// newDesk starts a desk where ann has an account that every mechanism can
// check, and returns the certificate that it made itself, in a file.
func newDesk(t *testing.T) (d *instance.Desk, ca string) {
	t.Helper()
	d = instance.NewDesk(t, "myhostname = localhost.localdomain")
	d.KeepPlain(annMail, annSecret)
	d.Start()
	c, err := tls.Dial("tcp", d.Host+":"+instance.SubmissionsPort, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	der := c.ConnectionState().PeerCertificates[0].Raw
	return d, writeFile(t, "ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
}

// arrived looks at the letter that ann has sent to bob, and at what the log says
// of how she logged in.
func arrived(t *testing.T, d *instance.Desk, subject, method string) {
	t.Helper()
	d.Until("the letter "+subject+" arrives", func() bool {
		for _, m := range d.Mail("bob") {
			if strings.Contains(m, "Subject: "+subject+"\n") {
				wantText(t, m, "From: ", "Date: ", "\nMessage-I")
				return true
			}
		}
		return false
	})
	d.WaitLog(": client=", "sasl_method="+method+", sasl_username="+annMail)
}

// swaks logs in by every mechanism that it knows, at both ports.
func TestSwaksLogin(t *testing.T) {
	t.Parallel()
	need(t, "swaks")
	d, _ := newDesk(t)
	for _, mechanism := range []string{"PLAIN", "LOGIN", "CRAM-MD5"} {
		for port, options := range map[string]string{instance.SubmissionPort: "--tls", instance.SubmissionsPort: "--tls-on-connect"} {
			args := []string{"swaks", "--server", d.Host, "--port", port, options, "--from", annMail, "--to", bob,
				"--auth", mechanism, "--auth-user", annMail, "--header", "Subject: " + mechanism + port, "--auth-password"}
			succeed(t, "", append(args, annSecret)...)
			arrived(t, d, mechanism+port, mechanism)
			if o := peer(t, "", append(args, "wrong")...); o.code != 28 || !strings.Contains(o.output, "535 5.7.8 Error: authentication failed") {
				t.Errorf("a wrong password with %s: exit status %d\n%s", mechanism, o.code, o.output)
			}
		}
	}
	if o := peer(t, "", "swaks", "--server", d.Host, "--port", instance.SubmissionPort, "--from", annMail, "--to", bob,
		"--auth", "PLAIN", "--auth-user", annMail, "--auth-password", annSecret); o.code == 0 {
		t.Errorf("swaks logs in without TLS:\n%s", o.output)
	}
	d.KeepsSecret(annMail, annSecret)
}

// msmtp logs in by every mechanism that it knows, and trusts the certificate.
func TestMsmtpLogin(t *testing.T) {
	t.Parallel()
	need(t, "msmtp")
	d, ca := newDesk(t)
	for _, method := range []string{"plain", "login", "cram-md5", "scram-sha-1", "scram-sha-256"} {
		for port, starttls := range map[string]string{instance.SubmissionPort: "on", instance.SubmissionsPort: "off"} {
			rc := writeFile(t, "msmtprc", fmt.Sprintf("account default\nhost %s\nport %s\ntls on\ntls_starttls %s\ntls_trust_file %s\n"+
				"tls_host_override localhost.localdomain\nauth %s\nuser %s\npassword %s\nfrom %s\n",
				d.Host, port, starttls, ca, method, annMail, annSecret, annMail))
			subject := method + port
			succeed(t, "Subject: "+subject+"\n\nhello\n", "msmtp", "-C", rc, bob)
			arrived(t, d, subject, strings.ToUpper(method))
		}
	}
}

// curl sends by its URLs of both kinds.
func TestCurlLogin(t *testing.T) {
	t.Parallel()
	need(t, "curl")
	d, _ := newDesk(t)
	for _, method := range []string{"PLAIN", "LOGIN", "CRAM-MD5"} {
		for _, url := range []string{"smtp://" + d.Host + ":" + instance.SubmissionPort, "smtps://" + d.Host + ":" + instance.SubmissionsPort} {
			subject := method + " by " + url
			letter := writeFile(t, "letter", "Subject: "+subject+"\r\n\r\nhello\r\n")
			rc := writeFile(t, "curlrc", fmt.Sprintf("url = \"%s\"\nuser = \"%s:%s\"\nssl-reqd\ninsecure\nlogin-options = \"AUTH=%s\"\n"+
				"mail-from = \"%s\"\nmail-rcpt = \"%s\"\nupload-file = \"%s\"\nsilent\nshow-error\n", url, annMail, annSecret, method, annMail, bob, letter))
			succeed(t, "", "curl", "-K", rc)
			arrived(t, d, subject, method)
		}
	}
}

// mutt sends by itself, without a sendmail command.
func TestMuttLogin(t *testing.T) {
	t.Parallel()
	need(t, "mutt")
	d, ca := newDesk(t)
	rc := writeFile(t, "muttrc", fmt.Sprintf(`set smtp_url = "smtps://%s@%s:%s/"
set smtp_pass = "%s"
set smtp_authenticators = "plain"
set certificate_file = "%s"
set ssl_verify_host = no
set ssl_usesystemcerts = no
set from = %s
set use_envelope_from = yes
set record = ""
set copy = no
`, strings.ReplaceAll(annMail, "@", "%40"), d.Host, instance.SubmissionsPort, annSecret, ca, annMail))
	succeed(t, "hello\n", "mutt", "-n", "-F", rc, "-s", "by mutt", "--", bob)
	arrived(t, d, "by mutt", "PLAIN")
}

// openssl s_client, by hand; all is said at once, as these services allow.
func TestOpenSSLLogin(t *testing.T) {
	t.Parallel()
	need(t, "openssl")
	d, ca := newDesk(t)
	for port, options := range map[string][]string{instance.SubmissionPort: {"-starttls", "smtp"}, instance.SubmissionsPort: nil} {
		argv := append([]string{"openssl", "s_client", "-quiet", "-crlf", "-verify_return_error", "-CAfile", ca,
			"-connect", d.Host + ":" + port}, options...)
		said := succeed(t, strings.Join([]string{
			"EHLO client.test", "AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00"+annMail+"\x00"+annSecret)),
			"MAIL FROM:<" + annMail + ">", "RCPT TO:<" + bob + ">", "DATA", "Subject: s_client" + port, "", "hello", ".", "QUIT", "",
		}, "\n"), argv...)
		wantText(t, said, "235 2.7.0 Authentication successful", "verify return:1", "221 2.0.0 Bye")
		arrived(t, d, "s_client"+port, "PLAIN")
	}
	d.KeepsSecret(annMail, annSecret)
}
