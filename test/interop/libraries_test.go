//go:build interop

package interop

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"yubin/test/instance"
)

// Python's smtplib sends with the extensions that it knows, and understands what
// is refused.
func TestSmtplib(t *testing.T) {
	t.Parallel()
	need(t, "python3")
	i := start(t)
	host, port := port(t, i)
	succeed(t, fmt.Sprintf(`
import smtplib
from email.message import EmailMessage
s = smtplib.SMTP(%q, %s, local_hostname='peer.test')
s.ehlo()
for word in 'size', 'pipelining', '8bitmime', 'smtputf8', 'dsn', 'chunking', 'enhancedstatuscodes':
    assert s.has_extn(word), word
m = EmailMessage()
m['From'], m['To'], m['Subject'], m['Message-ID'] = 'ann@peer.test', 'alice@example.test', 'Ein Gruß', '<1@peer.test>'
m.set_content('dots\n.\n..\nGrüße\n', cte='8bit')
assert s.send_message(m) == {}
refused = s.sendmail('bob@example.test', ['alice@example.test', 'nobody@example.test'], b'Subject: raw\r\n\r\n.\r\nGr\xc3\xbc\xc3\x9fe\r\n' + b'x' * 900 + b'\r\n',
    mail_options=['BODY=8BITMIME', 'RET=HDRS', 'ENVID=here+20it+20is'], rcpt_options=['NOTIFY=SUCCESS,FAILURE', 'ORCPT=rfc822;alice@example.test'])
assert list(refused) == ['nobody@example.test'] and refused['nobody@example.test'][0] == 550, refused
s.sendmail('grüße@peer.test', ['alice@example.test'], 'Subject: utf8\r\n\r\nx\r\n', mail_options=['SMTPUTF8'])
for sender, recipient, refusal in ('ann@peer.test', 'nobody@example.test', smtplib.SMTPRecipientsRefused), ('ann@@peer.test', 'alice@example.test', smtplib.SMTPSenderRefused):
    try:
        s.sendmail(sender, [recipient], 'x')
        assert False
    except refusal:
        pass
assert s.noop()[0] == 250 and s.verify('alice@example.test')[0] == 252 and s.quit()[0] == 221
`, host, port), "python3", "-")
	var subjects []string
	for _, m := range i.WaitMail("alice", 3) {
		switch {
		case strings.Contains(m, "Subject: raw\n"):
			subjects = append(subjects, "raw")
			wantLetter(t, m, "bob@example.test", "Subject: raw\n\n.\nGrüße\n"+strings.Repeat("x", 900)+"\n")
		case strings.Contains(m, "Subject: utf8\n"):
			subjects = append(subjects, "utf8")
			wantLetter(t, m, "grüße@peer.test", "Subject: utf8\n\nx\n")
		default:
			wantLetter(t, m, "ann@peer.test", "From: ann@peer.test\nTo: alice@example.test\nSubject: Ein =?utf-8?q?Gru=C3=9F?=\nMessage-ID: <1@peer.test>\n"+
				"Content-Type: text/plain; charset=\"utf-8\"\nContent-Transfer-Encoding: 8bit\nMIME-Version: 1.0\n\ndots\n.\n..\nGrüße\n")
		}
	}
	if len(subjects) != 2 {
		t.Errorf("alice has %q", subjects)
	}
	wantText(t, one(t, i, "bob"), "Subject: Successful Mail Delivery Report\n", "Original-Envelope-Id: here it is\n", "Action: delivered\n", "\nSubject: raw\n")
	wantEmpty(t, i)
}

// Python's smtplib logs in, in every way that it knows.
func TestSmtplibLogin(t *testing.T) {
	t.Parallel()
	need(t, "python3")
	d, ca := newDesk(t)
	succeed(t, fmt.Sprintf(`
import smtplib, ssl
host, user, secret = %q, %q, %q
tls = ssl.create_default_context(cafile=%q); tls.check_hostname = False
def connect(wrapped):
    s = smtplib.SMTP_SSL(host, %s, context=tls) if wrapped else smtplib.SMTP(host, %s)
    s.ehlo()
    if not wrapped:
        assert not s.has_extn('auth')
        s.starttls(context=tls)
        s.ehlo()
    return s
for wrapped in False, True:
    for way in 'plain', 'login', 'cram_md5':
        s = connect(wrapped)
        s.user, s.password = user, 'wrong'
        try:
            s.auth(way.upper().replace('_', '-'), getattr(s, 'auth_' + way))
            assert False
        except smtplib.SMTPAuthenticationError as e:
            assert e.smtp_code == 535, e
        s.password = secret
        s.auth(way.upper().replace('_', '-'), getattr(s, 'auth_' + way))
        s.sendmail(user, ['bob@example.test'], 'Subject: %%s%%d\r\n\r\nhello\r\n' %% (way, wrapped))
        s.quit()
`, d.Host, annMail, annSecret, ca, instance.SubmissionsPort, instance.SubmissionPort), "python3", "-")
	for _, way := range []string{"plain", "login", "cram_md5"} {
		for _, wrapped := range []string{"0", "1"} {
			arrived(t, d, way+wrapped, strings.ToUpper(strings.ReplaceAll(way, "_", "-")))
		}
	}
	d.KeepsSecret(annMail, annSecret)
}

// Perl's Net::SMTP sends, in lines and in chunks, and understands what is refused.
func TestNetSMTP(t *testing.T) {
	t.Parallel()
	need(t, "perl")
	i := start(t)
	host, port := port(t, i)
	succeed(t, fmt.Sprintf(`use strict; use Net::SMTP;
my $s = Net::SMTP->new(%q, Port => %s, Hello => 'peer.test') or die "connect: $@";
for my $word (qw(SIZE 8BITMIME DSN CHUNKING PIPELINING)) { defined $s->supports($word) or die $word }
$s->mail('bob@example.test', Bits => 8, Return => 'FULL', Envelope => 'here') or die 'mail';
$s->to('nobody@example.test') and die 'nobody'; $s->code == 550 or die $s->code;
my @good = $s->to('alice@example.test', 'nobody@example.test', { SkipBad => 1, Notify => ['SUCCESS'], ORcpt => 'rfc822;alice@example.test' });
"@good" eq 'alice@example.test' or die "@good";
$s->data or die 'data';
$s->datasend("Subject: lines\n", "\n.\n..\nGr\xc3\xbc\xc3\x9fe\n", 'x' x 900, "\n") or die 'datasend';
$s->dataend or die 'dataend'; $s->message =~ /queued as [0-9A-F]{13,}/ or die $s->message;
$s->mail('ann@peer.test', Bits => 'binary') && $s->to('alice@example.test') or die 'second';
$s->bdat("Subject: chunks\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: binary\r\n\r\n.\r\nGr\xc3\xbc") or die 'bdat';
$s->bdatlast("\xc3\x9fe\r\n") or die 'bdatlast';
$s->mail('ann@peer.test', Size => 1 << 40) and die 'size'; $s->code == 552 or die $s->code;
$s->reset && $s->quit or die 'quit';
`, host, port), "perl", "-")
	for _, m := range i.WaitMail("alice", 2) {
		if strings.Contains(m, "Subject: lines\n") {
			wantLetter(t, m, bob, "Subject: lines\n\n.\n..\nGrüße\n"+strings.Repeat("x", 900)+"\n")
		} else {
			wantLetter(t, m, "ann@peer.test", "Subject: chunks\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: *\n\n.\nGrüße\n")
		}
	}
	wantText(t, one(t, i, "bob"), "Subject: Successful Mail Delivery Report\n", "Original-Envelope-Id: here\n")
	wantEmpty(t, i)
}

// Perl's Net::SMTP logs in with Authen::SASL.
func TestNetSMTPLogin(t *testing.T) {
	t.Parallel()
	need(t, "perl")
	d, ca := newDesk(t)
	succeed(t, fmt.Sprintf(`use strict; use Net::SMTP; use Authen::SASL;
my ($host, $user, $secret, $ca) = (%q, '%s', '%s', %q);
for my $wrapped (0, 1) { for my $way (qw(PLAIN LOGIN CRAM-MD5)) {
	my %%tls = (SSL_ca_file => $ca, SSL_verifycn_name => 'localhost.localdomain');
	my $s = Net::SMTP->new($host, Port => $wrapped ? %s : %s, $wrapped ? (SSL => 1, %%tls) : ()) or die "connect: $@";
	$wrapped or $s->starttls(%%tls) or die 'starttls';
	my $sasl = sub { Authen::SASL->new(mechanism => $way, callback => { user => $user, authname => $user, pass => shift }) };
	$s->auth($sasl->('wrong')) and die "$way: wrong"; $s->code == 535 or die $s->code;
	$s->auth($sasl->($secret)) or die "$way: " . $s->message;
	$s->mail($user) && $s->to('bob@example.test') && $s->data("Subject: $way$wrapped\n\nhello\n") && $s->quit or die $s->message;
} }
`, d.Host, annMail, annSecret, ca, instance.SubmissionsPort, instance.SubmissionPort), "perl", "-")
	for _, way := range []string{"PLAIN", "LOGIN", "CRAM-MD5"} {
		for _, wrapped := range []string{"0", "1"} {
			arrived(t, d, way+wrapped, way)
		}
	}
	d.KeepsSecret(annMail, annSecret)
}

// nodemailer and Symfony's mailer submit letters, at both ports, and tell of a
// wrong password.
func TestMailersLogin(t *testing.T) {
	t.Parallel()
	need(t, "node")
	need(t, "php")
	d, ca := newDesk(t)
	script := writeFile(t, "send.php", symfony+`$m->send((new Email())->from('ann@example.test')->to('alice@example.test')->subject($argv[2])->text("hello\n"));
`)
	for port, wrapped := range map[string]bool{instance.SubmissionPort: false, instance.SubmissionsPort: true} {
		for n, secret := range []string{annSecret, "wrong"} {
			o := runNodemailer(t, fmt.Sprintf(`{host: %q, port: %s, secure: %t, requireTLS: true, auth: {user: %q, pass: %q}, tls: {ca: require('fs').readFileSync(%q), servername: 'localhost.localdomain'}}`,
				d.Host, port, wrapped, annMail, secret, ca), "envelope: {from: 'ann@example.test', to: ['alice@example.test', 'bob@example.test']}, dsn: {id: 'x', return: 'headers', notify: 'failure'}")
			scheme := map[bool]string{false: "smtp", true: "smtps"}[wrapped]
			dsn := fmt.Sprintf("%s://%s:%s@%s:%s?verify_peer=0", scheme, url.QueryEscape(annMail), url.PathEscape(secret), d.Host, port)
			p := peer(t, "", "php", script, dsn, "Symfony at "+port)
			if n == 0 && (o.code != 0 || p.code != 0) {
				t.Errorf("port %s: nodemailer exits %d: %s\nSymfony %d: %s", port, o.code, o.output, p.code, p.output)
			}
			if n == 1 && (!strings.Contains(o.output, "535 5.7.8") || !strings.Contains(p.output, "535")) {
				t.Errorf("port %s, wrong password: nodemailer exits %d: %s\nSymfony %d: %s", port, o.code, o.output, p.code, p.output)
			}
		}
	}
	for _, m := range d.WaitMail("bob", 2) {
		wantLetter(t, m, annMail, nodemailerWant)
	}
	d.WaitMail("alice", 4)
	d.KeepsSecret(annMail, annSecret)
}
