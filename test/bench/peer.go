package main

import (
	"bytes"
	"strconv"
)

// A peer is one connection of a sink, or one of the sockets it listens on.
type peer struct {
	manner  manner
	listens bool
	rest    []byte // a command that is not whole yet, or the end of what came of a message
	data    bool   // a message is coming
	rcpts   []int  // numbers of the messages that its recipients name
	taken   []int  // those whose final dot is answered by out
	out     []byte // replies that are due
	stalled bool   // no more answers
}

// longestCommand is room for any command of a system under test.
const longestCommand = 4 << 10

var (
	sinkGreeting = []byte("220 sink.test ESMTP\r\n")
	sinkEhlo     = []byte("250-sink.test\r\n250-PIPELINING\r\n250-SIZE 20971520\r\n250-ENHANCEDSTATUSCODES\r\n250 8BITMIME\r\n")
	sinkNoRcpt   = []byte("554 5.5.1 No valid recipients\r\n")
	sinkNobody   = []byte("550 5.1.1 Not a number of the load\r\n")
	sinkUnknown  = []byte("500 5.5.2 Command unknown\r\n")
)

// feed takes what came, pipelined or in pieces (RFC 2920), and returns what is
// to be seen again together with what comes next.
func (p *peer) feed(in []byte) []byte {
	for !p.stalled {
		if p.data {
			end := bytes.Index(in, endOfData)
			if end < 0 {
				return in[max(0, len(in)-len(endOfData)+1):]
			}
			in = in[end+len(endOfData):]
			p.data = false
			p.taken, p.rcpts = append(p.taken, p.rcpts...), p.rcpts[:0]
			p.out = append(p.out, talkOK...)
			continue
		}
		end := bytes.IndexByte(in, '\n')
		if end < 0 {
			return in
		}
		p.out = append(p.out, p.command(in[:end])...)
		if p.data {
			end -= 2 // a final dot may follow at once: its line began with this CR LF
		}
		in = in[end+1:]
	}
	return nil
}

// command returns the reply to a command. Its line end is not needed but for
// DATA, where the message is to begin on a line of its own.
func (p *peer) command(line []byte) []byte {
	verb := bytes.ToUpper(line[:min(4, len(line))])
	switch string(verb) {
	case "EHLO", "HELO":
		p.rcpts = p.rcpts[:0]
		return sinkEhlo
	case "MAIL":
		p.stalled = p.manner == stalls
		p.rcpts = p.rcpts[:0]
		return talkOK
	case "RCPT":
		id, ok := messageNumber(line)
		if !ok {
			return sinkNobody
		}
		p.rcpts = append(p.rcpts, id)
		return talkOK
	case "DATA":
		if len(p.rcpts) == 0 {
			return sinkNoRcpt
		}
		if p.data = bytes.HasSuffix(line, []byte("\r")); p.data {
			return talkGo
		}
	case "RSET":
		p.rcpts = p.rcpts[:0]
		return talkOK
	case "NOOP":
		return talkOK
	case "QUIT":
		return talkBye // the client hangs up, see listen
	}
	return sinkUnknown
}

// messageNumber is the number in RCPT TO:<m123@domain>.
func messageNumber(line []byte) (int, bool) {
	_, local, _ := bytes.Cut(line, []byte("<m"))
	local, _, found := bytes.Cut(local, []byte("@"))
	id, err := strconv.Atoi(string(local))
	return id, found && err == nil && id >= 0 && id < mostMessages
}

// mostMessages bounds the sink's memory, whatever a system sends.
const mostMessages = 10_000_000
