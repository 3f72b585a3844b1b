// Package peer is an SMTP or LMTP server for tests that does what the test says
// at each step: it answers as told, says nothing, hangs up, sends rubbish, or
// shows a certificate that it should not. Left alone it takes every message.
//
//	p := peer.Start(t, peer.Options{Script: peer.Script{
//		"RCPT bob@far.test": "550 5.1.1 no such user",
//		"DATA":              peer.Drop,
//	}})
//	p.Port() ... p.Messages()
package peer

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// A Script says what is done at a step in place of the usual. Steps are
// CONNECT, the verbs, RCPT with an address behind it, END for the end of a
// message, BODY for its beginning (a reply there ends the session), END with an address for that recipient in LMTP, TLS for the
// handshake. A value is a reply, lines apart by "\n"; or one of the constants;
// or several of them apart by "||": one a time, "" meaning the usual; the last
// one stays.
type Script map[string]string

// What a peer does in place of a reply.
const (
	Drop  = "(drop)"  // hang up
	Stall = "(stall)" // say nothing until the client hangs up
	Deaf  = "(deaf)"  // nor read anything
	// Dribble is a reply without end, an octet now and then.
	Dribble = "(dribble)"
)

// Options make a Peer. The zero value is one with the usual extensions.
type Options struct {
	Script Script
	Addr   string   // host:port to listen at, or the path of a Unix socket; "": a port of 127.0.0.1
	Name   string   // in greeting and EHLO; "": peer.test
	Ehlo   []string // extensions; nil: PIPELINING, SIZE, 8BITMIME, DSN, ENHANCEDSTATUSCODES
	LMTP   bool
	// TLS makes it offer STARTTLS; with Wrapper it begins with TLS.
	TLS     *tls.Config
	Wrapper bool
	// Auth answers AUTH, which Ehlo offers; MAIL wants it first.
	Auth Auth
	// Behind is sent with the reply to STARTTLS, in the same segment.
	Behind string
}

// A Message is one that was taken.
type Message struct {
	Mail string   // arguments of MAIL
	Rcpt []string // arguments of RCPT, those accepted
	Data string   // as it came, without dots; lines end in CRLF
	TLS  bool
	From string // the client's address
	Conn int    // the connection that it came by, from 1
}

// A Peer is a running server.
type Peer struct {
	o    Options
	l    net.Listener
	wg   sync.WaitGroup
	done chan struct{} // closed by Stop

	mu       sync.Mutex // guards what is below
	messages []Message
	lines    []string // all that was said, with C: and S:
	conns    map[net.Conn]bool
	count    int
	uses     map[string]int
	closed   bool
}

// Start runs a peer until the test ends.
func Start(t testing.TB, o Options) *Peer {
	t.Helper()
	if o.Name == "" {
		o.Name = "peer.test"
	}
	if o.Ehlo == nil {
		o.Ehlo = []string{"PIPELINING", "SIZE 10240000", "8BITMIME", "DSN", "ENHANCEDSTATUSCODES"}
	}
	network, addr := "tcp", o.Addr
	switch {
	case strings.HasPrefix(addr, "/"):
		network = "unix"
	case addr == "":
		addr = "127.0.0.1:0"
	}
	l, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	p := &Peer{o: o, l: l, done: make(chan struct{}), conns: map[net.Conn]bool{}, uses: map[string]int{}}
	p.wg.Go(p.accept)
	t.Cleanup(p.Stop)
	return p
}

// Stop hangs up on everybody and listens no more.
func (p *Peer) Stop() {
	p.l.Close()
	p.mu.Lock()
	if !p.closed {
		close(p.done)
	}
	p.closed = true
	for c := range p.conns {
		c.Close()
	}
	p.mu.Unlock()
	p.wg.Wait()
}

// HangUp ends all connections and goes on listening.
func (p *Peer) HangUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
	}
}

// Addr is where it listens.
func (p *Peer) Addr() string { return p.l.Addr().String() }

// Port is its port.
func (p *Peer) Port() int { return p.l.Addr().(*net.TCPAddr).Port }

// Messages are those that were taken.
func (p *Peer) Messages() []Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Message(nil), p.messages...)
}

// Conns is how many connections there have been.
func (p *Peer) Conns() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}

// Open is how many connections are open, as the server sees it.
func (p *Peer) Open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns)
}

// Said are the commands that clients have given, a line each; contents of
// messages are left out.
func (p *Peer) Said() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.lines...)
}

func (p *Peer) accept() {
	for {
		c, err := p.l.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		if p.closed {
			p.mu.Unlock()
			c.Close()
			return
		}
		p.count++
		n := p.count
		p.conns[c] = true
		p.mu.Unlock()
		p.wg.Go(func() {
			s := &session{p: p, raw: c, conn: c, r: bufio.NewReader(c), number: n}
			s.serve()
			s.conn.Close()
			p.mu.Lock()
			delete(p.conns, c)
			p.mu.Unlock()
		})
	}
}

// action is what the script has for a step; the first key that it knows counts.
func (p *Peer) action(keys ...string) (string, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range keys {
		all, ok := p.o.Script[k]
		if !ok {
			continue
		}
		list := strings.Split(all, "||")
		a := list[min(p.uses[k], len(list)-1)]
		p.uses[k]++
		return a, a != ""
	}
	return "", false
}

// A session is one connection.
type session struct {
	p         *Peer
	raw, conn net.Conn
	r         *bufio.Reader
	number    int
	tls       bool

	greeted, mail bool
	authed        bool
	m             Message
	taking        []string // recipients for whom the next reply takes the message
	behind        string   // goes out with the next reply
	over          bool
}

func (s *session) serve() {
	if s.p.o.Wrapper && !s.handshake() {
		return
	}
	s.reply([]string{"CONNECT"}, "220 "+s.p.o.Name+" ESMTP")
	for !s.over {
		line, err := s.r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		s.p.mu.Lock()
		s.p.lines = append(s.p.lines, line)
		s.p.mu.Unlock()
		verb, args, _ := strings.Cut(line, " ")
		s.command(strings.ToUpper(verb), args)
	}
}

func (s *session) command(verb, args string) {
	keys := []string{verb}
	switch verb {
	case "EHLO", "LHLO":
		ext := append([]string{s.p.o.Name}, s.p.o.Ehlo...)
		if s.p.o.TLS != nil && !s.tls {
			ext = append(ext, "STARTTLS")
		}
		s.greeted = s.reply(keys, "250 "+strings.Join(ext, "\n250 "))
	case "HELO":
		s.greeted = s.reply(keys, "250 "+s.p.o.Name)
	case "MAIL":
		if s.mail {
			s.write("503 5.5.1 nested MAIL")
			return
		}
		s.m = Message{Mail: strings.TrimPrefix(args, "FROM:"), TLS: s.tls, Conn: s.number}
		if a, ok := s.raw.RemoteAddr().(*net.TCPAddr); ok {
			s.m.From = a.IP.String()
		}
		normal := "250 2.1.0 Ok"
		if s.p.o.Auth != nil && !s.authed {
			normal = "530 5.7.0 Authentication required"
		}
		s.mail = s.reply(keys, normal)
	case "RCPT":
		s.rcpt(strings.TrimPrefix(args, "TO:"))
	case "AUTH":
		s.auth(args)
	case "DATA":
		s.data()
	case "BDAT":
		s.bdat(args)
	case "RSET":
		s.mail, s.m = false, Message{}
		s.reply(keys, "250 2.0.0 Ok")
	case "STARTTLS":
		if s.p.o.TLS == nil {
			s.reply(keys, "502 5.5.1 no TLS here")
			return
		}
		s.behind = s.p.o.Behind
		if s.reply(keys, "220 2.0.0 Ready") && !s.over {
			s.over = !s.handshake()
		}
	case "QUIT":
		s.reply(keys, "221 2.0.0 Bye")
		s.over = true
	default:
		s.reply(keys, "502 5.5.2 what?")
	}
}

func (s *session) rcpt(args string) {
	path, _, _ := strings.Cut(args, " ")
	normal := "250 2.1.5 Ok"
	if !s.mail {
		normal = "503 5.5.1 need MAIL"
	}
	if s.reply([]string{"RCPT " + strings.Trim(path, "<>"), "RCPT"}, normal) && s.mail {
		s.m.Rcpt = append(s.m.Rcpt, args)
	}
}

func (s *session) data() {
	normal := "354 go on"
	if len(s.m.Rcpt) == 0 {
		normal = "554 5.5.1 no valid recipients"
	}
	if !s.reply([]string{"DATA"}, normal) || s.over {
		return
	}
	if a, ok := s.p.action("BODY"); ok {
		if !s.special(a) {
			s.write(a)
		}
		s.over = true
		return
	}
	var b strings.Builder
	for {
		line, err := s.r.ReadString('\n')
		if err != nil {
			s.over = true
			return
		}
		if line == ".\r\n" {
			break
		}
		b.WriteString(strings.TrimPrefix(line, "."))
	}
	s.end(b.String())
}

func (s *session) bdat(args string) {
	var n int
	var last string
	fmt.Sscanf(args, "%d %s", &n, &last)
	b := make([]byte, n)
	for i := range b {
		c, err := s.r.ReadByte()
		if err != nil {
			s.over = true
			return
		}
		b[i] = c
	}
	if len(s.m.Rcpt) == 0 {
		s.reply([]string{"END"}, "503 5.5.1 no valid recipients")
		return
	}
	s.end(string(b))
}

// end answers a message.
func (s *session) end(data string) {
	s.m.Data = data
	if !s.p.o.LMTP {
		if len(s.m.Rcpt) == 0 {
			s.reply([]string{"END"}, "554 5.5.1 no valid recipients")
			return
		}
		s.taking = s.m.Rcpt
		s.reply([]string{"END"}, "250 2.0.0 Ok: queued as 4711")
		s.taking, s.mail = nil, false
		return
	}
	for _, r := range s.m.Rcpt {
		path, _, _ := strings.Cut(r, " ")
		s.taking = []string{r}
		s.reply([]string{"END " + strings.Trim(path, "<>"), "END"}, "250 2.1.5 Saved")
		s.taking = nil
		if s.over {
			break
		}
	}
	s.mail = false
}

// take keeps the message for those whom the reply takes it for; in LMTP it is
// one message for each.
func (s *session) take() {
	m := s.m
	m.Rcpt = append([]string(nil), s.taking...)
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.p.messages = append(s.p.messages, m)
}

// reply answers as the script has it, or as usual. It tells whether the answer
// was one with which a client may go on.
func (s *session) reply(keys []string, normal string) bool {
	text := normal
	if a, ok := s.p.action(keys...); ok {
		text = a
	}
	if s.special(text) {
		return false
	}
	if text[0] == '2' && s.taking != nil {
		s.take() // before the client hears of it
	}
	s.write(text)
	s.over = s.over || strings.HasPrefix(text, "421")
	return text[0] == '2' || text[0] == '3'
}

// special does what is no reply.
func (s *session) special(a string) bool {
	switch a {
	case Drop:
	case Deaf:
		<-s.p.done
	case Dribble:
		s.dribble()
	case Stall:
		for {
			if _, err := s.r.ReadByte(); err != nil {
				break
			}
		}
	default:
		return false
	}
	s.over = true
	return true
}

func (s *session) dribble() {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-s.p.done:
			return
		case <-tick.C:
			if _, err := s.conn.Write([]byte("2")); err != nil {
				return
			}
		}
	}
}

// write writes a reply: all its lines but the last get a hyphen behind the
// code. What does not look like a reply goes out as it is.
func (s *session) write(text string) {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if i < len(lines)-1 && len(l) > 3 && l[3] == ' ' {
			lines[i] = l[:3] + "-" + l[4:]
		}
	}
	s.conn.Write([]byte(strings.Join(lines, "\r\n") + "\r\n" + s.behind))
	s.behind = ""
}

func (s *session) handshake() bool {
	if a, ok := s.p.action("TLS"); ok && s.special(a) {
		return false
	}
	c := tls.Server(s.conn, s.p.o.TLS)
	if c.Handshake() != nil {
		return false
	}
	s.conn, s.r, s.tls = c, bufio.NewReader(c), true
	return true
}
