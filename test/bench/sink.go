package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"golang.org/x/sys/unix"
)

// A sink is where mail goes that leaves a system: SMTP servers of any number of
// addresses, all in one thread over epoll for the reason that the load is (they
// share the processors with the system). Who speaks with them is in peer.go.
//
// A message has its number in the local part of its recipient, m123@domain, and
// counts when its final dot was answered. So the sink knows what was lost and
// what came twice.
type sink struct {
	epoll int
	wake  int     // eventfd: close was called
	peers []*peer // by descriptor
	buf   [64 << 10]byte
	stop  sync.Once
	done  chan error

	ledger
}

// A manner is how a server of the sink treats those who connect.
type manner int

const (
	takes  manner = iota // takes all mail
	stalls               // answers as far as MAIL, and nothing behind that
	mute                 // lets connect and never says a word
	absent               // refuses connections
)

// openSink serves addresses, each in the manner of its place.
func openSink(addrs []netip.AddrPort, how func(i int) manner) (*sink, error) {
	s := &sink{epoll: -1, wake: -1, done: make(chan error, 1)}
	err := s.open(addrs, how)
	if err != nil {
		s.release()
		return nil, fmt.Errorf("sink: %w", err)
	}
	go func() { s.done <- s.serve() }()
	return s, nil
}

func (s *sink) open(addrs []netip.AddrPort, how func(i int) manner) (err error) {
	if s.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return err
	}
	if s.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return err
	}
	if err := s.watch(s.wake); err != nil {
		return err
	}
	for i, a := range addrs {
		if how(i) == absent {
			continue
		}
		if err := s.listen(a, how(i)); err != nil {
			return fmt.Errorf("%v: %w", a, err)
		}
	}
	return nil
}

// listen opens a server. Connections have its options: replies leave at once,
// and a close is a reset, so that no run is bounded by ports in TIME-WAIT. Who
// is mute need not accept: the kernel does, as far as a client sees.
func (s *sink) listen(a netip.AddrPort, m manner) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	s.keep(fd, &peer{manner: m, listens: true})
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}),
	)
	if err != nil {
		return err
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}); err != nil {
		return err
	}
	if err := unix.Listen(fd, 4096); err != nil || m == mute {
		return err
	}
	return s.watch(fd)
}

func (s *sink) watch(fd int) error {
	return unix.EpollCtl(s.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
}

// keep remembers who is behind a descriptor.
func (s *sink) keep(fd int, p *peer) {
	for len(s.peers) <= fd {
		s.peers = append(s.peers, nil)
	}
	s.peers[fd] = p
}

// serve answers until close is called. An error is the sink's own: a peer that
// fails is hung up on.
func (s *sink) serve() error {
	var events [128]unix.EpollEvent
	for {
		n, err := unix.EpollWait(s.epoll, events[:], -1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("sink: epoll: %w", err)
		}
		for _, e := range events[:max(n, 0)] {
			fd := int(e.Fd)
			if fd == s.wake {
				return nil
			}
			p := s.peers[fd]
			if p.listens {
				err = s.accept(fd, p.manner)
			} else if s.hear(fd, p) != nil {
				s.peers[fd] = nil
				err = unix.Close(fd)
			}
			if err != nil {
				return fmt.Errorf("sink: %w", err)
			}
		}
	}
}

func (s *sink) accept(listener int, m manner) error {
	for {
		fd, _, err := unix.Accept4(listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return nil
		case errors.Is(err, unix.ECONNABORTED):
			continue
		case err != nil:
			return fmt.Errorf("accept: %w", err)
		}
		p := &peer{manner: m, out: bytes.Clone(sinkGreeting)}
		s.keep(fd, p)
		if s.answer(fd, p) != nil {
			s.peers[fd] = nil
			unix.Close(fd)
		} else if err := s.watch(fd); err != nil {
			return err
		}
	}
}

// hear reads what a peer sent and answers. An error ends the connection: the
// peer has ended it, or does not read what it is told.
func (s *sink) hear(fd int, p *peer) error {
	kept := copy(s.buf[:], p.rest)
	n, err := unix.Read(fd, s.buf[kept:])
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		return nil
	}
	if err != nil {
		return err
	}
	if n == 0 {
		return errors.New("connection closed")
	}
	p.rest = append(p.rest[:0], p.feed(s.buf[:kept+n])...)
	if len(p.rest) > longestCommand {
		return errors.New("command too long")
	}
	if err := s.answer(fd, p); err != nil || !p.stalled {
		return err
	}
	s.stall()
	return unix.EpollCtl(s.epoll, unix.EPOLL_CTL_DEL, fd, nil)
}

// answer sends the replies that are due and counts the messages that are taken
// by them.
func (s *sink) answer(fd int, p *peer) error {
	if len(p.out) == 0 {
		return nil
	}
	n, err := unix.Write(fd, p.out)
	if err == nil && n < len(p.out) {
		err = errors.New("the peer does not read")
	}
	if err != nil {
		return err
	}
	p.out = p.out[:0]
	s.took(p.taken)
	p.taken = p.taken[:0]
	return nil
}

// close ends all connections. Only the first call does something.
func (s *sink) close() (err error) {
	s.stop.Do(func() {
		one := [8]byte{1}
		if _, err = unix.Write(s.wake, one[:]); err == nil {
			err = <-s.done
		}
		s.release()
	})
	return err
}

func (s *sink) release() {
	for fd, p := range s.peers {
		if p != nil {
			unix.Close(fd)
		}
	}
	for _, fd := range []int{s.wake, s.epoll} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}
