package master

import (
	"os"

	"golang.org/x/sys/unix"
)

// A poller tells when a listening socket has a connection waiting. It reports
// a socket once and then not again until it is watched anew: while a service
// runs, its connections are no business of master's and do not wake it.
type poller struct {
	epoll, quit int // quit is an eventfd
	ready       chan int32
	done        chan struct{}
}

// quitToken is the token of the eventfd; sockets have tokens above it.
const quitToken = 0

func newPoller() (*poller, error) {
	p := &poller{ready: make(chan int32), done: make(chan struct{})}
	var err error
	if p.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if p.quit, err = unix.Eventfd(0, unix.EFD_CLOEXEC); err != nil {
		unix.Close(p.epoll)
		return nil, os.NewSyscallError("eventfd", err)
	}
	if err := unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, p.quit, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: quitToken}); err != nil {
		unix.Close(p.epoll)
		unix.Close(p.quit)
		return nil, os.NewSyscallError("epoll_ctl", err)
	}
	go p.loop()
	return p, nil
}

// loop sends the tokens of sockets that became readable on ready.
func (p *poller) loop() {
	defer close(p.done)
	var events [64]unix.EpollEvent
	for {
		n, err := unix.EpollWait(p.epoll, events[:], -1)
		if err != nil && err != unix.EINTR {
			return // the descriptor was closed: a bug, and the end
		}
		for _, e := range events[:max(n, 0)] {
			if e.Fd == quitToken {
				return
			}
			p.ready <- e.Fd
		}
	}
}

// add registers fd under token, not watched yet.
func (p *poller) add(fd int, token int32) error {
	return p.control(unix.EPOLL_CTL_ADD, fd, 0, token)
}

// watch reports token once, as soon as fd is readable; at once if it is.
func (p *poller) watch(fd int, token int32) error {
	return p.control(unix.EPOLL_CTL_MOD, fd, unix.EPOLLIN|unix.EPOLLONESHOT, token)
}

// ignore reports nothing of fd until it is watched again. A report may be on
// its way already.
func (p *poller) ignore(fd int, token int32) error {
	return p.control(unix.EPOLL_CTL_MOD, fd, 0, token)
}

// remove forgets fd. Others still have the socket open, so closing it here
// would not do.
func (p *poller) remove(fd int) error {
	return p.control(unix.EPOLL_CTL_DEL, fd, 0, 0)
}

func (p *poller) control(op, fd int, events uint32, token int32) error {
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.epoll, op, fd, &unix.EpollEvent{Events: events, Fd: token}))
}

// close ends the loop. Nobody needs to read ready any more.
func (p *poller) close() {
	unix.Write(p.quit, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	for {
		select {
		case <-p.ready:
		case <-p.done:
			unix.Close(p.epoll)
			unix.Close(p.quit)
			return
		}
	}
}
