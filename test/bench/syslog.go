package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
)

// devLog is where syslog(3) sends.
const devLog = "/dev/log"

// A syslog is the reader of /dev/log while the bench runs, so that both
// systems log as they do on a real host. Where a syslog daemon runs already it
// keeps its socket.
type syslog struct {
	conn *net.UnixConn // nil: somebody else serves /dev/log
	done chan error
}

// serveLog writes what is logged to path until close is called.
func serveLog(path string) (*syslog, error) {
	if c, err := net.Dial("unixgram", devLog); err == nil {
		c.Close()
		return &syslog{}, nil
	}
	if err := os.Remove(devLog); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: devLog, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("serve %s: %w", devLog, err)
	}
	if err := os.Chmod(devLog, 0o666); err != nil {
		return nil, err
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	s := &syslog{c, make(chan error, 1)}
	go func() { s.done <- copyLines(f, c) }()
	return s, nil
}

// copyLines writes each datagram as a line, without its priority.
func copyLines(f *os.File, c *net.UnixConn) error {
	w := bufio.NewWriter(f)
	buf := make([]byte, 8<<10)
	for {
		n, err := c.Read(buf)
		if errors.Is(err, net.ErrClosed) {
			return errors.Join(w.Flush(), f.Close())
		}
		if err != nil {
			return err
		}
		line := strings.TrimRight(string(buf[:n]), "\n\x00")
		if i := strings.IndexByte(line, '>'); i > 0 && i < 5 && line[0] == '<' {
			line = line[i+1:]
		}
		w.WriteString(line + "\n")
	}
}

func (s *syslog) close() error {
	if s.conn == nil {
		return nil
	}
	s.conn.Close()
	err := <-s.done
	return errors.Join(err, os.Remove(devLog))
}
