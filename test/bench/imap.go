package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// An imapper is an IMAP session that has logged in.
type imapper struct {
	net.Conn
	in   *bufio.Reader
	long []byte // a line that is longer than in's buffer
	out  []byte
}

// A heard is what came as the answer to a command.
type heard struct {
	octets int    // of literals
	tagged string // the last line, without its tag
}

// imapIn opens a session of account i.
func imapIn(addr string, i int, over *tls.Config) (*imapper, error) {
	c, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		return nil, err
	}
	c.SetDeadline(time.Now().Add(5 * time.Minute))
	if over != nil {
		c = tls.Client(c, over)
	}
	p := &imapper{Conn: c, in: bufio.NewReaderSize(c, 64<<10)}
	if _, err = p.in.ReadSlice('\n'); err == nil {
		err = p.ask(fmt.Sprintf("LOGIN %s@%s %q", mailbox(i), domain, secret))
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return p, nil
}

// errNo is an answer NO: the command was understood, and could not be done.
var errNo = errors.New("the answer is NO")

// ask gives a command that has nothing to say but OK.
func (p *imapper) ask(command string) error {
	_, err := p.hear(command, nil)
	return err
}

// hear gives a command and lets see have each line of the untagged responses,
// until its next. Of a line with literals it gets the pieces around them, which are
// no longer told apart.
func (p *imapper) hear(command string, see func(line []byte)) (heard, error) {
	if err := p.send("a " + command + "\r\n"); err != nil {
		return heard{}, err
	}
	return p.answer(see)
}

func (p *imapper) send(text string) error {
	p.out = append(p.out[:0], text...)
	_, err := p.Write(p.out)
	return err
}

// answer reads up to the tagged response.
func (p *imapper) answer(see func(line []byte)) (heard, error) {
	var h heard
	for begins := true; ; {
		line, err := p.line()
		if err != nil {
			return h, err
		}
		if begins && bytes.HasPrefix(line, []byte("a ")) {
			h.tagged = string(bytes.TrimRight(line[2:], "\r\n"))
			return h, judge(line[2:])
		}
		if see != nil {
			see(line)
		}
		n := literal(line)
		h.octets += max(n, 0)
		if begins = n < 0; n > 0 {
			if _, err := p.in.Discard(n); err != nil {
				return h, err
			}
		}
	}
}

// judge makes an error of a tagged response that is not OK.
func judge(response []byte) error {
	switch {
	case bytes.HasPrefix(response, []byte("OK")):
		return nil
	case bytes.HasPrefix(response, []byte("NO")):
		return fmt.Errorf("%w: %q", errNo, response)
	}
	return fmt.Errorf("response %q", response)
}

// line reads one; it is valid until the next call.
func (p *imapper) line() ([]byte, error) {
	b, err := p.in.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return b, err
	}
	for p.long = append(p.long[:0], b...); errors.Is(err, bufio.ErrBufferFull); p.long = append(p.long, b...) {
		b, err = p.in.ReadSlice('\n')
	}
	return p.long, err
}

// literal is the length of the literal, of the kind that waits or of the one that does
// not ({n+}), that line announces at its end; -1: none.
func literal(line []byte) int {
	b, ok := bytes.CutSuffix(line, []byte("}\r\n"))
	at := bytes.LastIndexByte(b, '{')
	if !ok || at < 0 {
		return -1
	}
	n, err := strconv.Atoi(string(bytes.TrimSuffix(b[at+1:], []byte("+"))))
	if err != nil {
		return -1
	}
	return n
}

// idle begins IDLE (RFC 2177).
func (p *imapper) idle(see func(line []byte)) error {
	if err := p.send("a IDLE\r\n"); err != nil {
		return err
	}
	for {
		line, err := p.line()
		if err != nil || line[0] == '+' {
			return err
		}
		if line[0] != '*' {
			return fmt.Errorf("IDLE: response %q", line)
		}
		if see != nil {
			see(line)
		}
	}
}

// done ends it.
func (p *imapper) done(see func(line []byte)) error {
	if err := p.send("DONE\r\n"); err != nil {
		return err
	}
	_, err := p.answer(see)
	return err
}

// logout ends the session, and waits until the server has hung up.
func (p *imapper) logout() error {
	defer p.Close()
	if err := p.ask("LOGOUT"); err != nil {
		return err
	}
	p.in.ReadByte() // the end, or a reset
	return nil
}
