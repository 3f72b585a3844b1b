//go:build interop

package interop

import (
	"bufio"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"yubin/test/instance"
)

const popUser, popSecret = "dave", "correct-horse"

// popServer is an instance whose POP3 service serves dave's Maildir below home,
// in the clear and STLS at the first port, TLS from the start at the second.
func popServer(t *testing.T, home string) (i *instance.Instance, host string) {
	t.Helper()
	return mailServer(t, home, "pop3d", ":1110", ":1995")
}

// mailServer is popServer for another program and its ports.
func mailServer(t *testing.T, home, program, plain, wrapped string) (i *instance.Instance, host string) {
	t.Helper()
	return readerServer(t, program, plain, wrapped, map[string]string{popUser: home})
}

// readerServer is mailServer for users with homes of their own.
func readerServer(t *testing.T, program, plain, wrapped string, homes map[string]string) (i *instance.Instance, host string) {
	t.Helper()
	host = fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(254), rand.IntN(255), 1+rand.IntN(254))
	i = instance.New(t, instance.Options{
		Main: []string{
			"home_mailbox = Maildir/", "auth_backends = passwd-file:$config_directory/users", "virtual_minimum_uid = 1",
			program + "_tls_chain_files = $config_directory/chain.pem", "auth_failure_delay = 0s",
		},
		Master: []string{
			host + plain + " inet n - n - - " + program,
			host + wrapped + " inet n - n - - " + program + " -o " + program + "_tls_wrappermode=yes",
		},
		Stopped: true,
	})
	files, _ := certificate(t, host)
	i.WriteFile("etc/chain.pem", []string{files["key.pem"], files["cert.pem"]})
	var users []string
	for user, home := range homes {
		users = append(users, fmt.Sprintf("%s:{PLAIN}%s:%d:%d::%s::", user, popSecret, mailOwner, mailOwner, home))
	}
	i.WriteFile("etc/users", users)
	for _, f := range []string{"etc/users", "etc/chain.pem"} {
		if err := os.Chmod(i.Path(f), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	i.Start()
	return i, host
}

// popTalk has a session of our POP3 service.
func popTalk(t *testing.T, host string, commands ...string) (lines []string) {
	t.Helper()
	c, err := net.DialTimeout("tcp", host+":1110", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	fmt.Fprintf(c, "USER %s\r\nPASS %s\r\n%s\r\nQUIT\r\n", popUser, popSecret, strings.Join(commands, "\r\n"))
	for in := bufio.NewScanner(c); in.Scan(); {
		lines = append(lines, strings.TrimSuffix(in.Text(), "\r"))
	}
	return lines
}

// A way is how a client connects.
type way struct {
	name      string
	port      string
	stls, tls bool
}

var ways = []way{{"plain", "1110", false, false}, {"STLS", "1110", true, false}, {"TLS", "1995", false, true}}

// popClients fetch all mail into a directory that is theirs, and leave it on the
// server or remove it. The result is what they have fetched.
var popClients = map[string]func(t *testing.T, dir, host string, w way, keep bool) string{
	"curl": func(t *testing.T, dir, host string, w way, keep bool) (text string) {
		url := "pop3://" + host + ":" + w.port
		flags := []string{"curl", "-sS", "-k", "--user", popUser + ":" + popSecret}
		if w.tls {
			url = "pop3s://" + host + ":" + w.port
		}
		if w.stls {
			flags = append(flags, "--ssl-reqd")
		}
		for _, n := range []string{"1", "2"} {
			text += succeed(t, "", append(flags, url+"/"+n)...)
		}
		for _, n := range []string{"2", "1"} {
			if !keep {
				succeed(t, "", append(flags, "-X", "DELE "+n, "-I", url)...)
			}
		}
		return text
	},
	"poplib": func(t *testing.T, dir, host string, w way, keep bool) string {
		return succeed(t, fmt.Sprintf(`
import poplib, ssl, sys
c = ssl.create_default_context(); c.check_hostname = False; c.verify_mode = ssl.CERT_NONE
p = poplib.POP3_SSL(%[1]q, %[2]s, context=c) if %[4]d else poplib.POP3(%[1]q, %[2]s)
p.capa()
if %[3]d: p.stls(c)
p.user(%[6]q); p.pass_(%[7]q)
n, size = p.stat()
assert size == sum(int(l.split()[1]) for l in p.list()[1])
assert len(p.uidl()[1]) == n
for i in range(1, n + 1):
    answer, lines, octets = p.retr(i)
    assert sum(len(l) + 2 for l in lines) == int(p.list(i).split()[2]), (lines, octets)
    assert p.top(i, 0)[1] == lines[:lines.index(b'') + 1]
    sys.stdout.write(b'\n'.join(lines).decode() + '\n')
    if not %[5]d: p.dele(i)
p.quit()
`, host, w.port, bit(w.stls), bit(w.tls), bit(keep), popUser, popSecret), "python3", "-")
	},
	"Net::POP3": func(t *testing.T, dir, host string, w way, keep bool) string {
		return succeed(t, fmt.Sprintf(`use Net::POP3;
my $p = Net::POP3->new(%[1]q, Port => %[2]s, SSL => %[4]d, SSL_verify_mode => 0) or die "connect: $@";
if (%[3]d) { $p->starttls(SSL_verify_mode => 0) or die "stls" }
defined $p->login(%[6]q, %[7]q) or die "login";
for my $n (sort { $a <=> $b } keys %%{$p->list}) { print @{$p->get($n)}; $p->delete($n) unless %[5]d }
$p->quit;
`, host, w.port, bit(w.stls), bit(w.tls), bit(keep), popUser, popSecret), "perl", "-")
	},
	"fetchmail": func(t *testing.T, dir, host string, w way, keep bool) string {
		security, keeping := "sslproto ''", "nokeep"
		switch {
		case w.stls:
			security = "sslproto 'TLS1.2+' no sslcertck"
		case w.tls:
			security = "ssl no sslcertck"
		}
		if keep {
			keeping = "keep"
		}
		rc := popFile(t, dir, "rc", fmt.Sprintf(
			"poll %s port %s proto POP3 uidl user %q password %q %s fetchall %s mda \"cat >>%s/box\"\n", host, w.port, popUser, popSecret, security, keeping, dir))
		succeed(t, "", "env", "FETCHMAILHOME="+dir, "fetchmail", "--nodetach", "--nosyslog", "-f", rc)
		return fetchedBox(t, dir)
	},
	"mpop": func(t *testing.T, dir, host string, w way, keep bool) string {
		security, keeping := "tls off", "keep off"
		switch {
		case w.stls:
			security = "tls on\ntls_starttls on\ntls_certcheck off"
		case w.tls:
			security = "tls on\ntls_starttls off\ntls_certcheck off"
		}
		if keep {
			keeping = "keep on"
		}
		rc := popFile(t, dir, "rc", fmt.Sprintf(
			"account a\nhost %s\nport %s\nuser %s\npassword %s\nauth on\n%s\n%s\nuidls_file %s/uidls\ndelivery mbox %[7]s/box\n", host, w.port, popUser, popSecret, security, keeping, dir))
		succeed(t, "", "mpop", "-C", rc, "-q", "a")
		return fetchedBox(t, dir)
	},
	"mutt": func(t *testing.T, dir, host string, w way, keep bool) string {
		url, deletes := "pop://"+popUser+"@"+host+":"+w.port, "yes"
		if w.tls {
			url = strings.Replace(url, "pop:", "pops:", 1)
		}
		if keep {
			deletes = "no"
		}
		starttls, accept := "no", "" // what it is told of a certificate that nobody has signed
		if w.stls {
			starttls = "yes"
		}
		if w.stls || w.tls {
			accept = "o"
		}
		box := popFile(t, dir, "box", "")
		rc := popFile(t, dir, "rc", fmt.Sprintf("set pop_host=%q\nset pop_pass=%q\nset pop_delete=%s\nset ssl_starttls=%s\nset ssl_force_tls=no\n"+
			"set spoolfile=%q\nset folder=%q\nset wait_key=no\nset quit=yes\nset header_cache=\"\"\nset mark_old=no\n"+
			// mutt 2.2 with GNU SASL would take SCRAM-SHA-256-PLUS, has no channel binding for it, and loses count of the replies.
			"set pop_authenticators=\"scram-sha-256:user\"\n", url, popSecret, deletes, starttls, box, dir))
		mutt := fmt.Sprintf(`exec mutt -n -F %s -f %s -e 'push "<fetch-mail><exit>"'`, rc, box)
		succeed(t, accept, "env", "HOME="+dir, "TERM=xterm", "script", "-q", "-e", "-c", mutt, "/dev/null")
		return fetchedBox(t, dir)
	},
	"getmail": func(t *testing.T, dir, host string, w way, keep bool) string {
		kind := "SimplePOP3Retriever"
		if w.tls {
			kind = "SimplePOP3SSLRetriever"
		}
		if w.stls {
			return "" // it has none
		}
		// getmail begins to wait for its child after it has started it; one that has ended
		// by then it awaits for a minute.
		rc := popFile(t, dir, "rc", fmt.Sprintf(
			"[retriever]\ntype = %s\nserver = %s\nport = %s\nusername = %s\npassword = %s\n"+
				"[destination]\ntype = MDA_external\npath = /bin/sh\narguments = ('-c', 'cat >>%s/box; sleep 0.5')\nallow_root_commands = true\n"+
				"[options]\nread_all = true\ndelete = %t\nverbose = 0\n",
			kind, host, w.port, popUser, popSecret, dir, !keep))
		succeed(t, "", "getmail", "--getmaildir", dir, "--rcfile", rc)
		return fetchedBox(t, dir)
	},
}

// popFile writes a file of a client's.
func popFile(t *testing.T, dir, name, text string) (path string) {
	t.Helper()
	path = filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

func fetchedBox(t *testing.T, dir string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "box"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The programs that people fetch mail with do, over plain connections, STLS and
// TLS, leaving it on the server and removing it.
func TestPOP3Clients(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"curl", "python3", "perl", "fetchmail", "mpop", "mutt", "script", "getmail"} {
		need(t, program)
	}
	s := newShared(t)
	_, host := popServer(t, s.dir)
	for name, fetch := range popClients {
		for _, w := range ways {
			for _, keep := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s %s keep %t", name, w.name, keep), func(t *testing.T) {
					if name == "getmail" && w.stls {
						return // it speaks no STLS
					}
					popTalk(t, host, "DELE 1", "DELE 2", "DELE 3")
					s.asOwner(s.deliver)
					s.asOwner(s.deliver)
					dir := t.TempDir()
					if err := os.Chmod(dir, 0o700); err != nil {
						t.Fatal(err)
					}
					text := fetch(t, dir, host, w, keep)
					for n := s.n - 1; n <= s.n; n++ {
						if !strings.Contains(strings.ReplaceAll(text, "\r", ""), fmt.Sprintf("Subject: %d\n", n)) {
							t.Errorf("letter %d was not fetched: %q", n, text)
						}
					}
					left := "+OK 2 "
					if !keep {
						left = "+OK 0 "
					}
					if got := popTalk(t, host, "STAT"); len(got) < 4 || !strings.HasPrefix(got[3], left) {
						t.Errorf("afterwards: got %q, want %s", got, left)
					}
				})
			}
		}
	}
}

// Dovecot and pop3d name the messages of a Maildir alike, whoever saw them
// first, and say the same of their sizes and text.
func TestPOP3AsDovecot(t *testing.T) {
	t.Parallel()
	s := newShared(t)
	_, host := popServer(t, s.dir)
	commands := []string{"STAT", "LIST", "UIDL", "RETR 1", "TOP 2 1"}
	for round := range 4 {
		s.asOwner(s.deliver)
		s.asOwner(s.deliver)
		var theirs []string
		ask := func() {
			for l := range strings.Lines(s.dovecot("pop3", append(slices.Clone(commands), "QUIT")...)) {
				theirs = append(theirs, strings.TrimRight(l, "\r\n"))
			}
		}
		if round%2 == 0 {
			ask()
		}
		ours := popTalk(t, host, commands...)[3:]
		if round%2 == 1 {
			ask()
		}
		if got, want := answers(ours), answers(theirs); !slices.Equal(got, want) {
			t.Errorf("round %d: got\n%s\nDovecot says\n%s", round, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// answers are the lines that both servers say in the same words.
func answers(lines []string) (list []string) {
	for _, l := range lines {
		if strings.HasPrefix(l, "pop3(") { // its log
			continue
		}
		if !strings.HasPrefix(l, "+OK") || strings.HasPrefix(l, "+OK ") && strings.Trim(l[4:], "0123456789 ") == "" {
			list = append(list, l)
		}
	}
	return list
}

// People change between the two servers and back: a letter that one has shown
// is marked as seen for the other, what one has removed is gone, and all others
// keep their UIDLs and flags.
func TestPOP3InTurns(t *testing.T) {
	t.Parallel()
	s := newShared(t)
	_, host := popServer(t, s.dir)
	ours := func(commands ...string) []string { return answers(popTalk(t, host, commands...)[3:]) }
	theirs := func(commands ...string) (lines []string) {
		for l := range strings.Lines(s.dovecot("pop3", append(commands, "QUIT")...)) {
			lines = append(lines, strings.TrimRight(l, "\r\n"))
		}
		return answers(lines)
	}
	for range 6 {
		s.asOwner(s.deliver)
	}
	want := ours("UIDL")
	for round := range 4 {
		talk, other := ours, theirs
		if round%2 == 1 {
			talk, other = theirs, ours
		}
		talk("RETR 1", "DELE 2")
		left := flagsByName(t, s.dir)
		now := other("UIDL")
		for n, ids := 1, 0; n < len(want); n++ { // without the dot; the second is gone
			if n == 2 {
				continue
			}
			_, was, _ := strings.Cut(want[n-1], " ")
			if _, is, _ := strings.Cut(now[ids], " "); is != was {
				t.Errorf("round %d: UIDL %q became %q", round, was, is)
			}
			ids++
		}
		if after := flagsByName(t, s.dir); !maps.Equal(after, left) {
			t.Errorf("round %d: flags %v became %v", round, left, after)
		}
		seen := 0
		for _, flags := range left {
			if flags == "S" {
				seen++
			}
		}
		if seen != 1 {
			t.Errorf("round %d: %d letters are marked as seen, want 1: %v", round, seen, left)
		}
		want = now
	}
}

// flagsByName are the flags of a Maildir's messages.
func flagsByName(t *testing.T, home string) map[string]string {
	t.Helper()
	flags := map[string]string{}
	entries, err := os.ReadDir(filepath.Join(home, "Maildir", "cur"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name, info, _ := strings.Cut(e.Name(), ":2,")
		flags[name] = info
	}
	return flags
}
