package main

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
)

// The talker is the server that does nothing but talk: it says yes to
// everything and forgets every message. It is a process of its own, as the
// systems are, and a goroutine a session, as a Go server would be.
type talker struct {
	address string
	process *exec.Cmd
}

func newTalker() (*talker, error) { return &talker{}, nil }

func (t *talker) name() string       { return "talk" }
func (t *talker) version() string    { return "" }
func (t *talker) addr() string       { return t.address }
func (t *talker) pid() int           { return t.process.Process.Pid }
func (t *talker) mail() string       { return "" }
func (t *talker) sendmail() []string { return nil }

func (t *talker) start(setup) error {
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
	self, err := os.Executable()
	if err != nil {
		return err
	}
	t.address = l.Addr().String()
	t.process = exec.Command(self, "-talk")
	t.process.ExtraFiles = []*os.File{f}
	t.process.Stderr = os.Stderr
	return t.process.Start()
}

func (t *talker) stop() error {
	t.process.Process.Kill()
	t.process.Wait()
	return nil
}

// talk serves f until the process is killed.
func talk(f *os.File) error {
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
		go converse(c)
	}
}

var (
	talkGreeting = []byte("220 talk.test ESMTP\r\n")
	talkOK       = []byte("250 2.0.0 Ok\r\n")
	talkGo       = []byte("354 End data with <CR><LF>.<CR><LF>\r\n")
	talkBye      = []byte("221 2.0.0 Bye\r\n")
	endOfData    = []byte("\r\n.\r\n")
)

// converse speaks SMTP with a client that sends one command at a time.
func converse(c net.Conn) {
	defer c.Close()
	buf := make([]byte, 64<<10)
	reply := talkGreeting
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
			if _, err := c.Write(talkGo); err != nil || readData(c, buf) != nil {
				return
			}
			reply = talkOK
		case bytes.HasPrefix(buf[:n], []byte("QUIT")):
			c.Write(talkBye)
			return
		default:
			reply = talkOK
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
