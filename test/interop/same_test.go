//go:build interop

package interop

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"yubin/internal/header"
	"yubin/internal/smtp"
	"yubin/test/instance"
)

// A trial is the same configuration, and the same dialogue with a client, for
// Postfix and for this system. What the client is told, where each letter goes and
// what its header becomes has to be the same.
//
// In main, files and the names of tables, %ETC is the directory of files, and %OUT
// one that everybody may write to: what is there in the end is compared too. Mail of
// each class goes to a next hop of its own, so that every delivery shows of which
// class an address was found to be.
type trial struct {
	name  string
	main  []string
	files map[string]string
	// master are further lines of master.cf.
	master []string
	// letters are sent one after another, each in a session of its own.
	letters []letterIn
	// ours are lines that are ours instead of Postfix's: an intended difference,
	// which docs/postfix-differences.md explains.
	ours map[string]string
	// once are lines that Postfix has once more than this system: likewise.
	once []string
}

// A letterIn is what a client says.
type letterIn struct {
	from string
	to   []string // may have parameters behind a blank
	head []string // header fields; none: From and To are those of the envelope
}

// sameMain is what both systems are.
const sameMain = `myhostname = mx.example.test
mydomain = example.test
myorigin = own.test
mydestination = own.test, local.test
relay_domains = relay.test
virtual_mailbox_domains = box.test
virtual_mailbox_maps = inline:{ {ann@box.test=x}, {bob@box.test=x}, {@all.test=x} }
relay_recipient_maps =
local_recipient_maps = inline:{ {ann=x}, {bob=x}, {carol=x} }
alias_maps =
mynetworks = 127.0.0.0/8
recipient_delimiter = +
append_dot_mydomain = no
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_delay_reject = yes
local_transport = smtp:[%SINK]:%LOCAL
virtual_transport = smtp:[%SINK]:%VIRTUAL
relay_transport = smtp:[%SINK]:%RELAY
default_transport = smtp:[%SINK]:%DEFAULT
smtp_destination_recipient_limit = 1
default_destination_recipient_limit = 1
smtputf8_enable = no
minimal_backoff_time = 1000s
maximal_backoff_time = 2000s
disable_dns_lookups = yes
smtp_host_lookup = native
local_header_rewrite_clients = permit_mynetworks
`

// classes of next hops, as they stand in sameMain.
var classes = []string{"local", "virtual", "relay", "default"}

// A sink takes mail of every class and writes down what it gets.
type sink struct {
	t     *testing.T
	mu    sync.Mutex
	lines []string
	ports map[string]string
}

func newSink(t *testing.T) *sink {
	s := &sink{t: t, ports: map[string]string{}}
	for _, class := range classes {
		s.listen(class, func(c net.Conn) { s.serve(c, class) })
	}
	s.listen("policy", s.decide)
	return s
}

// listen has serve serve those who connect to a port of that name.
func (s *sink) listen(name string, serve func(net.Conn)) {
	l, err := net.Listen("tcp", serverHost+":0")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { l.Close() })
	_, s.ports[name], _ = net.SplitHostPort(l.Addr().String())
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
}

func (s *sink) serve(c net.Conn, class string) {
	defer c.Close()
	in := bufio.NewReader(c)
	fmt.Fprintf(c, "220 sink\r\n")
	var from string
	var to []string
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSpace(line)
		verb, rest, _ := strings.Cut(line, ":")
		reply := "250 ok"
		switch verb = strings.ToUpper(verb); {
		case strings.HasPrefix(verb, "EHLO"):
			reply = "250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 DSN"
		case verb == "MAIL FROM":
			from, to = strings.Fields(rest)[0], nil
		case verb == "RCPT TO":
			to = append(to, rest)
		case verb == "DATA":
			fmt.Fprintf(c, "354 go\r\n")
			var text strings.Builder
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				text.WriteString(strings.TrimSuffix(strings.TrimPrefix(line, "."), "\r\n") + "\n")
			}
			s.note(class, from, to, text.String())
		case verb == "QUIT":
			fmt.Fprintf(c, "221 bye\r\n")
			return
		}
		fmt.Fprintf(c, "%s\r\n", reply)
	}
}

// note writes down a delivery: one line for each recipient, one for the header.
func (s *sink) note(class, from string, to []string, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if from == "<>" || strings.HasPrefix(from, "<double-bounce@") { // a notice: what it says of whom
		said := strings.ReplaceAll(strings.Join(statusFields.FindAllString(text, -1), ", "), "rfc822; ", "rfc822;")
		said = sameRecipients.ReplaceAllStringFunc(said, func(both string) string {
			if m := sameRecipients.FindStringSubmatch(both); m[1] != m[2] {
				return both
			}
			return sameRecipients.ReplaceAllString(both, "Final-Recipient: rfc822;$1")
		})
		s.lines = append(s.lines, fmt.Sprintf("notice to %s by %s: %s", strings.Fields(to[0])[0], class, said))
		return
	}
	for _, r := range to {
		s.lines = append(s.lines, fmt.Sprintf("%s: %s to %s", class, from, plainly(r)))
	}
	var fields []string
	header.Each([]byte(text), func(name string, value []byte) {
		switch name {
		case "received", "date", "message-id", "resent-date", "resent-message-id":
		default:
			fields = append(fields, name+": "+strings.Join(strings.Fields(header.Line(value)), " "))
		}
	})
	s.lines = append(s.lines, "header: "+strings.Join(fields, " | "))
}

// plainly is a recipient with its parameters in order, without an ORCPT that says
// no more than the address.
func plainly(rcpt string) string {
	words := strings.Fields(rcpt)
	slices.Sort(words[1:])
	return strings.Join(slices.DeleteFunc(words, func(word string) bool {
		orcpt, ok := strings.CutPrefix(word, "ORCPT=")
		if !ok {
			return false
		}
		plain, err := smtp.ParseOrcpt(orcpt)
		return err == nil && "<"+strings.TrimPrefix(plain, "rfc822;")+">" == words[0]
	}), " ")
}

// sameRecipients are those of a notice; where they are the same, Postfix alone says both.
var sameRecipients = regexp.MustCompile(`Final-Recipient: rfc822;([^,]+), Original-Recipient: rfc822;([^,]+)`)

var statusFields = regexp.MustCompile(`(?m)^(Final-Recipient|Original-Recipient|Action|Status): .*$`)

// told is what one letter's client hears: code, detail, and of refusals the text.
func told(t *testing.T, addr string, l letterIn) []string {
	c, err := instance.Dial(t, addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var heard []string
	say := func(line string) bool {
		reply, err := c.Cmd(line)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		first, _, _ := strings.Cut(reply, "\n")
		ok := first[0] < '4'
		if ok {
			first = first[:3]
		}
		if !strings.HasPrefix(line, "EHLO") {
			heard = append(heard, strings.Fields(line)[0]+" "+first)
		}
		return ok
	}
	say("EHLO client.test")
	say("MAIL FROM:<" + l.from + ">")
	some := false
	for _, r := range l.to {
		address, params, _ := strings.Cut(r, " ")
		some = say(strings.TrimSpace("RCPT TO:<"+address+"> "+params)) || some
	}
	if !some {
		return heard
	}
	if say("DATA") {
		head := l.head
		if head == nil {
			head = []string{"From: <" + l.from + ">", "To: <" + strings.Fields(l.to[0])[0] + ">"}
		}
		if err := c.Send(strings.Join(head, "\r\n") + "\r\nSubject: x\r\n\r\nFrom: ann\r\n"); err != nil {
			t.Fatal(err)
		}
		say(".")
	}
	return heard
}

// busy tells whether a queue has mail that has not been tried.
func busy(queue string, dirs ...string) bool {
	for _, d := range dirs {
		entries, err := os.ReadDir(filepath.Join(queue, d))
		if err != nil || len(entries) > 0 {
			return true
		}
	}
	return false
}

// fill puts the values of a system into a text.
func fill(text, etc, out string, s *sink) string {
	pairs := []string{"%ETC", etc, "%OUT", out, "%SINK", serverHost}
	for name, port := range s.ports {
		pairs = append(pairs, "%"+strings.ToUpper(name), port)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// viaPostfix runs a trial in Postfix.
func (c *trial) viaPostfix(t *testing.T) []string {
	s := newSink(t)
	dir, out := serverDir(t, "same", nil), outDir(t)
	etc := filepath.Join(dir, "tables")
	c.putFiles(t, etc, out, s)
	p := serveIn(t, "same", dir, fmt.Sprintf("127.8.%d.%d:2525", rand.IntN(255), 1+rand.IntN(254)), map[string]string{
		"main":   fill(sameMain+strings.Join(c.main, "\n"), etc, out, s),
		"master": fill(strings.Join(c.master, "\n"), etc, out, s),
	})
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(p.dir, "postfix.log")) // there may be none
			t.Logf("Postfix says:\n%s%s", p.read(t, "out"), log)
		}
	})
	lines := c.run(t, s, p.addr, func() bool {
		return !busy(filepath.Join(p.dir, "spool"), "incoming", "active", "maildrop")
	}, func() string { return p.read(t, "postfix.log") })
	return append(lines, written(t, etc, out)...)
}

// viaOurs runs it in this system.
func (c *trial) viaOurs(t *testing.T) []string {
	s, out := newSink(t), outDir(t)
	i := instance.New(t, instance.Options{Stopped: true, Master: c.master})
	i.AppendMain(strings.Split(fill(sameMain+strings.Join(c.main, "\n"), i.Etc(), out, s), "\n")...)
	master, err := os.ReadFile(i.Path("etc", "master.cf"))
	if err != nil {
		t.Fatal(err)
	}
	i.WriteFile("etc/master.cf", []string{fill(string(master), i.Etc(), out, s)})
	c.putFiles(t, i.Etc(), out, s)
	i.Start()
	lines := c.run(t, s, i.Addr, func() bool { return !busy(i.Path("queue"), "incoming", "maildrop") }, i.Log)
	return append(lines, written(t, i.Etc(), out)...)
}

// putFiles writes the files of a trial, for everybody to read.
func (c *trial) putFiles(t *testing.T, etc, out string, s *sink) {
	t.Helper()
	for name, text := range c.files {
		mode := os.FileMode(0o644)
		if strings.HasPrefix(text, "#!") {
			mode = 0o755
		}
		name = filepath.Join(etc, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(fill(text, etc, out, s)), mode); err != nil {
			t.Fatal(err)
		}
	}
}

// run sends the letters and returns what has come of them.
func (c *trial) run(t *testing.T, s *sink, addr string, quiet func() bool, log func() string) []string {
	var lines []string
	for n, l := range c.letters {
		for k, h := range told(t, addr, l) {
			lines = append(lines, fmt.Sprintf("client %d.%d: %s", n+1, k+1, h))
		}
	}
	accepted := len(slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return !strings.HasSuffix(line, ": . 250") }))
	wait(t, "everything has been tried", func() bool { return quiet() && tried(log())+len(dropped.FindAllString(log(), -1)) >= accepted })
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.Sort(s.lines)
	lines = append(lines, s.lines...)
	// What stays in the system, or is dropped.
	var fated []string
	for _, m := range fates.FindAllStringSubmatch(log(), -1) {
		fated = append(fated, "log: "+m[1]+m[2]+" "+m[3])
	}
	for _, m := range waits.FindAllStringSubmatch(log(), -1) {
		fated = append(fated, "log: "+m[1]+m[2])
	}
	for _, m := range deeds.FindAllStringSubmatch(log(), -1) {
		said := m[2]
		for class, port := range s.ports {
			said = strings.ReplaceAll(said, ":"+port, ":"+class)
		}
		fated = append(fated, "log: "+m[1]+" from client"+said)
	}
	slices.Sort(fated)
	return append(lines, fated...)
}

// wait polls until something is so.
func wait(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(instance.Wait); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited for %v: %s", instance.Wait, what)
		}
	}
}

// tried is how many messages have been tried, or -1 while one is on its way.
func tried(log string) int {
	ids := map[string]bool{}
	for _, m := range begun.FindAllStringSubmatch(log, -1) {
		ids[m[1]] = true
	}
	for id := range ids {
		if !strings.Contains(log, id+": removed") && !regexp.MustCompile(id+": .* status=deferred").MatchString(log) {
			return -1
		}
	}
	return len(ids)
}

var begun = regexp.MustCompile(`: ([0-9A-F]+): from=<.*\(queue active\)`)

// fates are the log lines of recipients that no server has been asked about.
var fates = regexp.MustCompile(`: (to=<[^>]*>, (?:orig_to=<[^>]*>, )?relay=none), .*?(, dsn=[0-9.]+, status=\S+) (\(.*\))`)

// waits are those of recipients that local(8) and pipe(8) have deferred, without
// the reason.
var waits = regexp.MustCompile(`: (to=<[^>]*>), .*?relay=(?:local|p[0-9]), .*?(, dsn=[0-9.]+, status=deferred)`)

// deeds are those of what restrictions do beside refusing.
var deeds = regexp.MustCompile(`: ((?:filter|redirect|bcc|discard|prepend|info|warn|reject_warning): [-A-Z]+) from \S+\[[0-9.]+\](: .*)`)

// dropped are those of messages that are taken and forgotten, one each.
var dropped = regexp.MustCompile(`: discard: `)

// sameAs runs trials in both systems, and compares.
func sameAs(t *testing.T, trials []trial) {
	for _, c := range trials {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			theirs, ours := c.viaPostfix(t), c.viaOurs(t)
			for i, line := range theirs {
				if other, differs := c.ours[line]; differs {
					theirs[i] = other
				}
			}
			theirs = slices.DeleteFunc(theirs, func(line string) bool { return line == "" })
			for _, line := range c.once {
				i := slices.Index(theirs, line)
				if i < 0 {
					t.Errorf("Postfix does not have %q any more", line)
					continue
				}
				theirs = slices.Delete(theirs, i, i+1)
			}
			slices.Sort(theirs)
			slices.Sort(ours)
			if a, b := without(theirs, ours), without(ours, theirs); len(a)+len(b) > 0 {
				t.Errorf("Postfix alone:\n  %s\nthis system alone:\n  %s", strings.Join(a, "\n  "), strings.Join(b, "\n  "))
			}
		})
	}
}

// without returns the lines of a that are not in b, each as often as it is there
// more often.
func without(a, b []string) []string {
	count := map[string]int{}
	for _, line := range b {
		count[line]++
	}
	var left []string
	for _, line := range a {
		if count[line]--; count[line] < 0 {
			left = append(left, line)
		}
	}
	return left
}
