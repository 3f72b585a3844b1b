package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
)

// The talker is the server that does nothing but talk: it says yes to
// everything and forgets every message. It is a process of its own, as the
// systems are, and a goroutine a session, as a Go server would be. In the relay
// rows it passes each message on, over connections that it keeps, before it
// says yes.
type talker struct {
	addresses map[int]string // by port
	process   *exec.Cmd
}

func newTalker() (*talker, error) { return &talker{}, nil }

func (t *talker) name() string       { return "talk" }
func (t *talker) version() string    { return "" }
func (t *talker) addr() string       { return t.at(smtpPort) }
func (t *talker) at(port int) string { return t.addresses[port] }
func (t *talker) pid() int           { return t.process.Process.Pid }
func (t *talker) mail() string       { return "" }
func (t *talker) sendmail() []string { return nil }

// talkPorts are those that the talker stands in for, in the order of its
// descriptors, from 3.
var talkPorts = [...]int{smtpPort, popPort, popsPort, submitPort, submitsPort, imapPort, imapsPort}

func (t *talker) start(s setup) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	// A next hop in brackets is an address for Go once they are gone.
	t.process = exec.Command(self, "-talk", "-onward", strings.NewReplacer("[", "", "]", "").Replace(s.relayhost))
	t.process.Stderr = os.Stderr
	t.addresses = map[int]string{}
	for _, port := range talkPorts {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer l.Close()
		f, err := l.(*net.TCPListener).File()
		if err != nil {
			return err
		}
		defer f.Close()
		t.addresses[port] = l.Addr().String()
		t.process.ExtraFiles = append(t.process.ExtraFiles, f)
	}
	return t.process.Start()
}

func (t *talker) stop() error {
	t.process.Process.Kill()
	t.process.Wait()
	return nil
}

// talkAll serves the descriptors of talkPorts until the process is killed.
func talkAll(next string) error {
	cert, key, err := newCert()
	if err != nil {
		return err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return err
	}
	over := &tls.Config{Certificates: []tls.Certificate{pair}}
	ended := make(chan error)
	for i, port := range talkPorts {
		f := os.NewFile(uintptr(3+i), "listener")
		d := smtpDialect
		switch port {
		case popPort, popsPort:
			d = popDialect
		case imapPort, imapsPort:
			d = imapDialect
		}
		if port == popsPort || port == submitsPort || port == imapsPort {
			d.tls = over
		}
		go func() { ended <- d.talk(f, next) }()
	}
	return <-ended
}

// A dialect is what the talker says.
type dialect struct {
	greeting, ok, bye []byte
	tls               *tls.Config
	converse          func(net.Conn) // in place of all that, where replies depend on commands
}

var (
	smtpDialect = dialect{greeting: []byte("220 talk.test ESMTP\r\n"), ok: talkOK, bye: talkBye}
	imapDialect = dialect{converse: talkIMAP}
	popDialect  = dialect{greeting: []byte("+OK ready\r\n"), ok: []byte("+OK 0 0\r\n"), bye: []byte("+OK bye\r\n")}
)

// talk serves f until the process is killed, and passes messages to next, if it
// is not empty.
func (d dialect) talk(f *os.File, next string) error {
	pass := forget
	if next != "" {
		pass = (&onward{addr: next, idle: make(chan *dialer, 200)}).pass
	}
	l, err := net.FileListener(f)
	if err != nil {
		return err
	}
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		if d.tls != nil {
			c = tls.Server(c, d.tls)
		}
		go d.serve(c, pass)
	}
}

var (
	talkOK    = []byte("250 2.0.0 Ok\r\n")
	talkGo    = []byte("354 End data with <CR><LF>.<CR><LF>\r\n")
	talkBye   = []byte("221 2.0.0 Bye\r\n")
	endOfData = []byte("\r\n.\r\n")
)

// A passer takes a message off the connection and does with it what its
// recipient, given as the RCPT command, needs.
type passer func(c net.Conn, buf []byte, rcpt []byte) error

func forget(c net.Conn, buf, _ []byte) error { return readData(c, buf) }

// serve speaks with a client that sends one command at a time.
func (d dialect) serve(c net.Conn, pass passer) {
	defer c.Close()
	if d.converse != nil {
		d.converse(c)
		return
	}
	buf := make([]byte, 64<<10)
	reply := d.greeting
	var rcpt []byte
	for {
		if _, err := c.Write(reply); err != nil {
			return
		}
		n, err := readLine(c, buf)
		if err != nil {
			return
		}
		switch {
		case bytes.HasPrefix(buf[:n], []byte("DATA")):
			if _, err := c.Write(talkGo); err != nil || pass(c, buf, rcpt) != nil {
				return
			}
			reply = d.ok
		case bytes.HasPrefix(buf[:n], []byte("QUIT")):
			c.Write(d.bye)
			return
		default:
			if bytes.HasPrefix(buf[:n], []byte("RCPT")) {
				rcpt = append(rcpt[:0], buf[:n]...)
			}
			reply = d.ok
		}
	}
}

func readLine(c net.Conn, buf []byte) (int, error) {
	n := 0
	for {
		m, err := c.Read(buf[n:])
		if err != nil {
			return n, err
		}
		n += m
		if buf[n-1] == '\n' {
			return n, nil
		}
		if n == len(buf) {
			return n, errors.New("line too long")
		}
	}
}

// readData reads up to the final dot; only the last octets are kept in mind.
func readData(c net.Conn, buf []byte) error {
	kept := 0
	for {
		n, err := c.Read(buf[kept:])
		if err != nil {
			return err
		}
		n += kept
		if bytes.HasSuffix(buf[:n], endOfData) {
			return nil
		}
		kept = copy(buf, buf[max(0, n-len(endOfData)+1):n])
	}
}

// An onward is the way of messages to the next server, over connections kept
// from message to message.
type onward struct {
	addr string
	idle chan *dialer
}

func (o *onward) pass(c net.Conn, buf, rcpt []byte) error {
	n := 0
	for !bytes.HasSuffix(buf[:n], endOfData) {
		if n == len(buf) {
			return errors.New("message too long")
		}
		m, err := c.Read(buf[n:])
		if err != nil {
			return err
		}
		n += m
	}
	d, err := o.connect()
	if err != nil {
		return err
	}
	err = d.ask(append([]byte("MAIL FROM:<sender@load.test>\r\n"), rcpt...), 2, "250")
	if err == nil {
		err = d.ask([]byte("DATA\r\n"), 1, "354")
	}
	if err == nil {
		err = d.ask(buf[:n], 1, "250")
	}
	if err != nil {
		d.Close()
		return err
	}
	select {
	case o.idle <- d:
	default:
		d.Close()
	}
	return nil
}

func (o *onward) connect() (*dialer, error) {
	select {
	case d := <-o.idle:
		return d, nil
	default:
		return dial(o.addr)
	}
}
