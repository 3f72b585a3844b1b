package main

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"time"
)

// A popper is a POP3 session that has logged in.
type popper struct {
	net.Conn
	in   *bufio.Reader
	stat string
	buf  []byte
}

// popIn opens a session of account i up to STAT.
func popIn(addr string, i int, over *tls.Config) (*popper, error) {
	c, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		return nil, err
	}
	c.SetDeadline(time.Now().Add(5 * time.Minute))
	if over != nil {
		c = tls.Client(c, over)
	}
	p := &popper{Conn: c, in: bufio.NewReaderSize(c, 64<<10)}
	if _, err = p.reply(); err == nil {
		for _, command := range []string{"USER " + mailbox(i) + "@" + domain, "PASS " + secret, "STAT"} {
			if p.stat, err = p.ask(command); err != nil {
				break
			}
		}
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return p, nil
}

func (p *popper) reply() (string, error) {
	line, err := p.in.ReadString('\n')
	if err == nil && !strings.HasPrefix(line, "+OK") {
		err = fmt.Errorf("reply %q", line)
	}
	return line, err
}

func (p *popper) ask(command string) (string, error) {
	if _, err := p.Write(append([]byte(command), "\r\n"...)); err != nil {
		return "", err
	}
	return p.reply()
}

// wants checks what STAT said.
func (p *popper) wants(n int) error {
	if !strings.HasPrefix(p.stat, fmt.Sprintf("+OK %d ", n)) {
		return fmt.Errorf("STAT says %q, want %d messages", p.stat, n)
	}
	return nil
}

// retr fetches message i; it is valid until the next call. Nothing in the
// messages of the load begins with a dot.
func (p *popper) retr(i int) ([]byte, error) {
	if _, err := p.ask(fmt.Sprintf("RETR %d", i)); err != nil {
		return nil, err
	}
	p.buf = p.buf[:0]
	for {
		line, err := p.in.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		if string(line) == ".\r\n" {
			return p.buf, nil
		}
		p.buf = append(p.buf, line...)
	}
}

// quit ends the session, and waits until the server has hung up.
func (p *popper) quit() error {
	defer p.Close()
	if _, err := p.ask("QUIT"); err != nil {
		return err
	}
	p.in.ReadByte() // the end, or a reset
	return nil
}
