package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// devLog is where syslog(3) sends.
const devLog = "/dev/log"

// A syslog is the reader of /dev/log while the bench runs, so that both
// systems log as they do on a real host. Where a syslog daemon runs already it
// keeps its socket.
type syslog struct {
	fd   int // -1: somebody else serves /dev/log
	stop chan struct{}
	done chan error
}

// queueLength is how many lines a log socket holds before who logs must wait:
// what systemd sets on every host that it runs.
const (
	queueLength     = "512"
	queueLengthFile = "/proc/sys/net/unix/max_dgram_qlen"
)

// serveLog writes what is logged to path until close is called.
func serveLog(path string) (*syslog, error) {
	if c, err := net.Dial("unixgram", devLog); err == nil {
		c.Close()
		return &syslog{fd: -1}, nil
	}
	if err := os.Remove(devLog); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	fd, err := listenLog()
	if err != nil {
		return nil, fmt.Errorf("serve %s: %w", devLog, err)
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	s := &syslog{fd, make(chan struct{}), make(chan error, 1)}
	go func() { s.done <- s.copyLines(f) }()
	return s, nil
}

// listenLog makes the socket. A socket keeps the queue length of its birth, so
// the host's setting is put back at once.
func listenLog() (int, error) {
	old, err := os.ReadFile(queueLengthFile)
	if err != nil {
		return -1, err
	}
	if err := os.WriteFile(queueLengthFile, []byte(queueLength), 0); err != nil {
		return -1, err
	}
	defer os.WriteFile(queueLengthFile, old, 0)
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: devLog}); err != nil {
		return -1, err
	}
	return fd, os.Chmod(devLog, 0o666)
}

// copyLines writes each datagram as a line, without its priority.
func (s *syslog) copyLines(f *os.File) error {
	w := bufio.NewWriter(f)
	buf := make([]byte, 8<<10)
	for {
		n, _, err := unix.Recvfrom(s.fd, buf, 0)
		switch {
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
			select {
			case <-s.stop:
				return errors.Join(w.Flush(), f.Close())
			case <-time.After(pause):
			}
			continue
		case err != nil:
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
	if s.fd < 0 {
		return nil
	}
	close(s.stop)
	err := <-s.done
	return errors.Join(err, unix.Close(s.fd), os.Remove(devLog))
}
