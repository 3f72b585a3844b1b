//go:build interop

package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var imapWays = []way{{"plain", "1143", false, false}, {"STARTTLS", "1143", true, false}, {"TLS", "1993", false, true}}

// imapReaders read the two letters of INBOX; the result is what they have read.
var imapReaders = map[string]func(t *testing.T, dir, host string, w way) string{
	"curl": func(t *testing.T, dir, host string, w way) (text string) {
		url := "imap://" + host + ":" + w.port
		flags := []string{"curl", "-sS", "-k", "--user", popUser + ":" + popSecret}
		if w.tls {
			url = "imaps://" + host + ":" + w.port
		}
		if w.stls {
			flags = append(flags, "--ssl-reqd")
		}
		for _, n := range []string{"1", "2"} {
			text += succeed(t, "", append(flags, url+"/INBOX;UID="+n)...)
		}
		if got := succeed(t, "", append(flags, url+"/INBOX?SUBJECT%202")...); got != "* SEARCH 2\r\n" {
			t.Errorf("SEARCH: %q", got)
		}
		succeed(t, "", append(flags, "-T", popFile(t, dir, "up", "Subject: from curl\r\n\r\nup\r\n"), url+"/INBOX")...)
		succeed(t, "", append(flags, "-X", `STORE 1 +FLAGS (\Flagged)`, url+"/INBOX")...)
		if got := succeed(t, "", append(flags, "-X", "FETCH 1:3 FLAGS", url+"/INBOX")...); !strings.Contains(got, "* 3 FETCH") || !strings.Contains(got, `\Flagged`) {
			t.Errorf("FETCH: %q", got)
		}
		return text
	},
	"imaplib": func(t *testing.T, dir, host string, w way) string {
		return succeed(t, fmt.Sprintf(`
import imaplib, ssl, sys, time
c = ssl.create_default_context(); c.check_hostname = False; c.verify_mode = ssl.CERT_NONE
m = imaplib.IMAP4_SSL(%[1]q, %[2]s, ssl_context=c) if %[4]d else imaplib.IMAP4(%[1]q, %[2]s)
if %[3]d: m.starttls(c)
def ok(r):
    assert r[0] == 'OK', r
    return r[1]
ok(m.login(%[5]q, %[6]q))
ok(m.create('py/deep')); ok(m.create('py'))
assert any(b'"/" py' in l for l in ok(m.list())), m.list()
assert ok(m.select('INBOX')) == [b'2']
for n in ok(m.search(None, 'ALL'))[0].split():
    sys.stdout.write(ok(m.fetch(n, '(BODY[] FLAGS)'))[0][1].decode())
ok(m.append('INBOX', '(\\Seen kw)', imaplib.Time2Internaldate(1700000000), b'Subject: from imaplib\r\n\r\ntext\r\n'))
assert ok(m.uid('SEARCH', 'KEYWORD', 'kw')) == [b'3']
head, text = ok(m.fetch('3', '(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY[])'))[0]
assert time.mktime(imaplib.Internaldate2tuple(head)) == 1700000000, head
assert text == b'Subject: from imaplib\r\n\r\ntext\r\n', text
ok(m.store('3', '+FLAGS', '\\Deleted'))
ok(m.copy('1', 'py'))
assert ok(m.expunge()) == [b'3']
assert ok(m.sort('(REVERSE SUBJECT)', 'UTF-8', 'ALL')) == [b'2 1']
assert ok(m.thread('REFERENCES', 'UTF-8', 'ALL')) == [b'(1)(2)']
assert b'MESSAGES 1' in ok(m.status('py', '(MESSAGES UNSEEN)'))[0]
ok(m.subscribe('py')); assert b'py' in ok(m.lsub())[0]
ok(m.unsubscribe('py')); ok(m.rename('py', 'snake')); ok(m.delete('snake/deep')); ok(m.delete('snake'))
ok(m.close()); m.logout()
`, host, w.port, bit(w.stls), bit(w.tls), popUser, popSecret), "python3", "-")
	},
	"imaplib and zlib": func(t *testing.T, dir, host string, w way) string {
		return succeed(t, fmt.Sprintf(`
import imaplib, ssl, sys, zlib
c = ssl.create_default_context(); c.check_hostname = False; c.verify_mode = ssl.CERT_NONE
m = imaplib.IMAP4_SSL(%[1]q, %[2]s, ssl_context=c) if %[4]d else imaplib.IMAP4(%[1]q, %[2]s)
if %[3]d: m.starttls(c)
def ok(r):
    assert r[0] == 'OK', r
    return r[1]
ok(m.login(%[5]q, %[6]q))
assert b'COMPRESS=DEFLATE' in ok(m.capability())[0]
imaplib.Commands['COMPRESS'] = ('AUTH', 'SELECTED')
ok(m._simple_command('COMPRESS', 'DEFLATE'))
class File:
    def __init__(self, sock): self.sock, self.z, self.b = sock, zlib.decompressobj(-15), b''
    def more(self):
        d = self.sock.recv(1000)
        assert d, 'the server has gone'
        self.b += self.z.decompress(d)
    def read(self, n):
        while len(self.b) < n: self.more()
        r, self.b = self.b[:n], self.b[n:]
        return r
    def readline(self, most=-1):
        while b'\n' not in self.b: self.more()
        return self.read(self.b.index(b'\n') + 1)
    def close(self): pass
out = zlib.compressobj(9, zlib.DEFLATED, -15)
f = File(m.sock)
m.read, m.readline = f.read, f.readline
m.send = lambda d: m.sock.sendall(out.compress(d) + out.flush(zlib.Z_SYNC_FLUSH))
assert ok(m.select('INBOX')) == [b'2']
for n in ok(m.search(None, 'ALL'))[0].split():
    sys.stdout.write(ok(m.fetch(n, '(BODY[] FLAGS)'))[0][1].decode())
long = b'Subject: long\r\n\r\n' + b'All work and no play makes Jack a dull boy.\r\n' * 20000
ok(m.append('INBOX', None, None, long))
assert ok(m.fetch('3', '(BODY.PEEK[])'))[0][1] == long
m.logout()
`, host, w.port, bit(w.stls), bit(w.tls), popUser, popSecret), "python3", "-")
	},
	"Mail::IMAPClient": func(t *testing.T, dir, host string, w way) string {
		return succeed(t, fmt.Sprintf(`use Mail::IMAPClient;
my @tls = (SSL_verify_mode => 0);
my $m = Mail::IMAPClient->new(Server => %[1]q, Port => %[2]s, User => %[5]q, Password => %[6]q, Uid => 1,
	%[4]d ? (Ssl => \@tls) : (), %[3]d ? (Starttls => \@tls) : ()) or die "connect: $@";
sub ok { defined $_[0] or die $m->LastError; $_[0] }
ok($m->select("INBOX"));
for my $n (@{ok(scalar $m->messages)}) { print ok($m->message_string($n)) }
my $uid = ok($m->append_string("INBOX", "Subject: from perl\r\n\r\nx\r\n", "\\Flagged"));
ok($m->select("INBOX"));
my @found = $m->search("FLAGGED"); "@found" eq $uid or die "found @found, appended $uid";
ok($m->create("perl/sub")); ok($m->move("perl/sub", $uid)); ok($m->expunge);
$m->message_count("perl/sub") == 1 or die "moved";
my $e = ok($m->get_envelope(1)); $e->subject eq "1" or die $e->subject;
my $b = ok($m->get_bodystructure(1)); $b->bodytype =~ /text/i or die $b->bodytype;
my $f = ok(scalar $m->fetch_hash("RFC822.SIZE", "INTERNALDATE", "FLAGS")); keys %%$f == 2 or die;
grep { $_ eq "perl/sub" } $m->folders or die; ok($m->idle); ok($m->done);
$m->logout;
`, host, w.port, bit(w.stls), bit(w.tls), popUser, popSecret), "perl", "-")
	},
	// PHP's imap is the library of pine, and alpine's: c-client.
	"c-client": func(t *testing.T, dir, host string, w way) string {
		flags := "/imap/notls"
		if w.tls {
			flags = "/imap/ssl/novalidate-cert"
		}
		return succeed(t, fmt.Sprintf(`<?php
function fail($what) { echo "$what: ", implode("; ", imap_errors() ?: []), "\n"; exit(1); }
set_error_handler(fn($no, $text) => fail($text));
function ok($r, $what) { return $r ?: fail($what); }
$b = "{%[1]s:%[2]s%[3]s}";
$m = ok(imap_open($b . "INBOX", %[4]q, %[5]q, 0, 1), "open");
for ($n = 1; $n <= ok(imap_num_msg($m), "messages"); $n++) echo imap_fetchheader($m, $n, FT_PREFETCHTEXT), imap_body($m, $n);
$o = imap_fetch_overview($m, "1:2");
ok(count($o) == 2 && $o[0]->subject == "1" && $o[1]->seen && $o[1]->uid == 2, "overview");
ok(imap_fetchstructure($m, 1)->subtype == "PLAIN", "structure");
ok(imap_setflag_full($m, "2", '\\Flagged kw'), "STORE");
ok(imap_search($m, "KEYWORD kw", SE_UID) == [2] && imap_search($m, "FLAGGED UNDELETED") == [2], "SEARCH");
ok(imap_sort($m, SORTSUBJECT, 1, 0, "ALL") == [2, 1], "SORT");
$f = "H&APY-he/sub";
ok(imap_createmailbox($m, $b . $f) && imap_subscribe($m, $b . $f), "CREATE");
ok(imap_append($m, $b . $f, "Subject: from php\r\n\r\ntext\r\n", '\\Seen', "01-Jan-2020 00:00:00 +0000"), "APPEND");
ok(imap_mail_copy($m, "1:2", $f) && imap_mail_move($m, "1", $f, CP_UID) && imap_expunge($m), "COPY");
$s = imap_status($m, $b . $f, SA_ALL);
ok($s->messages == 4 && $s->uidnext == 5, "STATUS");
ok(imap_renamemailbox($m, $b . $f, $b . "php"), "RENAME");
ok(in_array($b . "php", imap_list($m, $b, "*")), "LIST");
ok(imap_reopen($m, $b . "php") && imap_num_msg($m) == 4 && imap_headerinfo($m, 1)->udate == 1577836800, "SELECT");
ok(imap_mail_move($m, "2:*", "INBOX") && imap_expunge($m) && imap_num_msg($m) == 1 && imap_ping($m), "move back");
ok(imap_reopen($m, $b . "INBOX") && imap_num_msg($m) == 4 && imap_deletemailbox($m, $b . "php"), "DELETE");
imap_close($m);
`, host, w.port, flags, popUser, popSecret), "php", "-d", "display_errors=stderr")
	},
	"mutt": func(t *testing.T, dir, host string, w way) string {
		scheme, starttls := "imap", "no"
		if w.tls {
			scheme = "imaps"
		}
		if w.stls {
			starttls = "yes"
		}
		box := filepath.Join(dir, "box")
		rc := popFile(t, dir, "muttrc", fmt.Sprintf(`set imap_user=%q
set imap_pass=%q
set imap_authenticators=login
set ssl_starttls=%s
set ssl_force_tls=no
set ssl_verify_host=no
set ssl_verify_dates=no
set certificate_file=%s
set folder=%[5]s://%[6]s:%[7]s/
set mbox_type=Maildir
set confirmappend=no
set confirmcreate=no
set delete=yes
set quit=yes
set wait_key=no
set copy=no
set mark_old=no
set header_cache=""
set imap_deflate=yes
`, popUser, popSecret, starttls, serverCertificate(t, dir, host), scheme, host, w.port))
		mutt := fmt.Sprintf(`exec mutt -n -F %s -f %s://%s:%s/INBOX -e 'push "<tag-pattern>~A<enter><tag-prefix><copy-message>%s<enter><exit>"'`,
			rc, scheme, host, w.port, box)
		output := succeed(t, "", "script", "-q", "-e", "-c", mutt, "/dev/null")
		return maildirText(t, box, output)
	},
	"getmail": func(t *testing.T, dir, host string, w way) string {
		kind := "SimpleIMAPRetriever"
		if w.tls {
			kind = "SimpleIMAPSSLRetriever"
		}
		// getmail begins to wait for its child after it has started it; one that has ended
		// by then it awaits for a minute.
		rc := popFile(t, dir, "rc", fmt.Sprintf(
			"[retriever]\ntype = %s\nserver = %s\nport = %s\nusername = %s\npassword = %s\nmailboxes = (\"INBOX\",)\n"+
				"[destination]\ntype = MDA_external\npath = /bin/sh\narguments = ('-c', 'cat >>%s/box; sleep 0.5')\nallow_root_commands = true\n"+
				"[options]\nread_all = true\ndelete = false\nverbose = 0\n",
			kind, host, w.port, popUser, popSecret, dir))
		succeed(t, "", "getmail", "--getmaildir", dir, "--rcfile", rc)
		return fetchedBox(t, dir)
	},
}

// maildirText is the text of all messages of a Maildir.
func maildirText(t *testing.T, box, output string) (text string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(box, "*", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("nothing in %s, %v; printed was\n%s", box, err, output)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		text += string(b)
	}
	return text
}

// The programs and libraries that people read IMAP with do, over plain
// connections, STARTTLS and TLS.
func TestIMAPClients(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"curl", "python3", "perl", "php", "mutt", "script", "getmail"} {
		need(t, program)
	}
	for name, read := range imapReaders {
		for _, w := range imapWays {
			if (name == "getmail" || name == "c-client") && w.stls {
				continue // it speaks no STARTTLS, or none above TLS 1.0
			}
			t.Run(name+" "+w.name, func(t *testing.T) {
				t.Parallel()
				s := newShared(t)
				_, host := mailServer(t, s.dir, "imapd", ":1143", ":1993")
				s.asOwner(s.deliver)
				s.asOwner(s.deliver)
				dir := t.TempDir()
				text := strings.ReplaceAll(read(t, dir, host, w), "\r", "")
				for n := 1; n <= 2; n++ {
					if !strings.Contains(text, fmt.Sprintf("Subject: %d\n", n)) || strings.Count(text, "\nline") != 3 {
						t.Errorf("letter %d was not read: %q", n, text)
					}
				}
			})
		}
	}
}

// imapSyncers bring a local copy and the server together, both ways. The local
// INBOX is the Maildir dir/local/INBOX.
var imapSyncers = map[string]func(t *testing.T, dir, host string, w way) (sync func()){
	"mbsync": func(t *testing.T, dir, host string, w way) func() {
		kind := "None"
		switch {
		case w.tls:
			kind = "IMAPS"
		case w.stls:
			kind = "STARTTLS"
		}
		certificate := ""
		if kind != "None" {
			certificate = "CertificateFile " + serverCertificate(t, dir, host) + "\n"
		}
		rc := popFile(t, dir, "mbsyncrc", fmt.Sprintf(`IMAPStore far
Host %s
Port %s
User %s
Pass %s
AuthMechs LOGIN
SSLType %s
%sPipelineDepth 50

MaildirStore near
Path %[7]s/local/
Inbox %[7]s/local/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Remove Both
Expunge Both
SyncState *
`, host, w.port, popUser, popSecret, kind, certificate, dir))
		return func() { succeed(t, "", "mbsync", "-c", rc, "-a") }
	},
	"offlineimap": func(t *testing.T, dir, host string, w way) func() {
		security := "ssl = no\nstarttls = no"
		if w.tls || w.stls {
			security = fmt.Sprintf("ssl = %s\nstarttls = %s\nsslcacertfile = %s\nssl_version = tls1_2",
				map[bool]string{true: "yes", false: "no"}[w.tls], map[bool]string{true: "yes", false: "no"}[w.stls], serverCertificate(t, dir, host))
		}
		rc := popFile(t, dir, "offlineimaprc", fmt.Sprintf(`[general]
metadata = %[1]s/meta
accounts = a
ui = quiet
[Account a]
localrepository = near
remoterepository = far
[Repository near]
type = Maildir
localfolders = %[1]s/local
sep = /
sync_deletes = yes
[Repository far]
type = IMAP
remotehost = %[2]s
remoteport = %[3]s
remoteuser = %[4]s
remotepass = %[5]s
auth_mechanisms = PLAIN
sync_deletes = yes
%[6]s
`, dir, host, w.port, popUser, popSecret, security))
		return func() { succeed(t, "", "offlineimap", "-o", "-c", rc) }
	},
}

// serverCertificate asks a server for its certificate, to be trusted.
func serverCertificate(t *testing.T, dir, host string) (path string) {
	t.Helper()
	out := succeed(t, "", "openssl", "s_client", "-connect", host+":1993")
	pem := regexp.MustCompile(`(?s)-----BEGIN CERTIFICATE.*?END CERTIFICATE-----\n`).FindString(out)
	return popFile(t, dir, "server.pem", pem)
}

// Letters, flags, removals and folders go both ways, and a sync without news
// changes nothing.
func TestIMAPSyncers(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"mbsync", "offlineimap", "openssl"} {
		need(t, program)
	}
	for name, make := range imapSyncers {
		for _, w := range imapWays {
			if name == "offlineimap" && w.stls {
				// imaplib2 2.57 stands still at times, whoever the server is: its reader thread ends at the
				// next line when starttls() has begun, and that line may still be the end of the answer
				// to CAPABILITY. Then nobody reads the answer to STARTTLS.
				continue
			}
			t.Run(name+" "+w.name, func(t *testing.T) {
				t.Parallel()
				s := newShared(t)
				_, host := mailServer(t, s.dir, "imapd", ":1143", ":1993")
				s.asOwner(func() {
					for range 3 {
						s.deliver()
					}
					s.must(s.tree.Create("Work/Höhe"))
				})
				dir := t.TempDir()
				local := filepath.Join(dir, "local")
				if err := os.Mkdir(local, 0o700); err != nil {
					t.Fatal(err)
				}
				sync := make(t, dir, host, w)
				sync()
				s.sameAs(local, "1 ", "2 ", "3 ")

				// What is done here: one read, one removed, one new.
				change := func(subject string, do func(path string) error) {
					t.Helper()
					if err := do(localLetter(t, local, subject)); err != nil {
						t.Fatal(err)
					}
				}
				change("1", func(path string) error {
					base, _, _ := strings.Cut(filepath.Base(path), ":")
					return os.Rename(path, filepath.Join(local, "INBOX", "cur", base+":2,FS"))
				})
				change("2", os.Remove)
				popFile(t, filepath.Join(local, "INBOX", "cur"), "1.1.here:2,S", "Subject: here\n\ntext\n")
				sync()
				s.sameAs(local, `1 \Flagged \Seen`, "3 ", `here \Seen`)

				// And there.
				out := s.dovecot("imap", "SELECT INBOX", `STORE 1 -FLAGS (\Flagged)`, `STORE 2 +FLAGS (\Deleted \Answered)`, "EXPUNGE", "LOGOUT")
				if !strings.Contains(out, "EXPUNGE") {
					t.Fatal(out)
				}
				s.asOwner(s.deliver)
				sync()
				s.sameAs(local, `1 \Seen`, "4 ", `here \Seen`)
				before := s.ourView("INBOX")
				sync()
				s.sameAs(local, `1 \Seen`, "4 ", `here \Seen`)
				if after := s.ourView("INBOX"); !slices.Equal(before, after) {
					t.Errorf("a sync without news: before %q, after %q", before, after)
				}
				if _, err := os.Stat(filepath.Join(local, "Work", "H&APY-he")); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

var subjectLine = regexp.MustCompile(`(?m)^Subject: (\w+)\r?$`)

// localLetter finds a letter of the local INBOX.
func localLetter(t *testing.T, local, subject string) (path string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(local, "INBOX", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if m := subjectLine.FindSubmatch(b); err == nil && m != nil && string(m[1]) == subject {
			return f
		}
	}
	t.Fatalf("no letter %s in %q", subject, files)
	return ""
}

// sameAs checks that the local INBOX and the server's have these letters: subject
// and flags.
func (s *shared) sameAs(local string, want ...string) {
	s.t.Helper()
	for _, box := range []string{filepath.Join(local, "INBOX"), filepath.Join(s.dir, "Maildir")} {
		if got := lettersOf(s.t, box); !slices.Equal(got, want) {
			s.t.Errorf("%s: got %q, want %q", box, got, want)
		}
	}
}

// lettersOf are the letters of a Maildir: subject and flags.
func lettersOf(t *testing.T, box string) (got []string) {
	t.Helper()
	for _, sub := range []string{"cur", "new"} {
		files, err := filepath.Glob(filepath.Join(box, sub, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			_, letters, _ := strings.Cut(filepath.Base(f), ":2,")
			var flags []string
			for _, l := range letters {
				flags = append(flags, map[rune]string{'S': `\Seen`, 'F': `\Flagged`, 'R': `\Answered`, 'T': `\Deleted`, 'D': `\Draft`}[l])
			}
			got = append(got, string(subjectLine.FindSubmatch(append(b, "\nSubject: none\n"...))[1])+" "+strings.Join(flags, " "))
		}
	}
	slices.Sort(got)
	return got
}
