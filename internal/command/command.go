package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// An Identity is who a program runs as.
type Identity struct {
	UID, GID int
	Groups   []int // supplementary; empty: GID alone
}

// A Program is one program to run once.
type Program struct {
	// Args are the argument list. Args[0] without a slash is looked for in the
	// PATH of Env; in Line's choice of words, where it is not found, a shell.
	Args []string
	// Shell, if it is not empty, is what is executed when Args[0] has no slash
	// and is not found: it may be a word that only a shell knows. Line sets it.
	Shell []string
	As    Identity
	// Env is the whole environment (Environment makes one).
	Env    []string
	Dir    string // entered with the program's rights; "": where this process is
	Chroot string // root directory; "": none. Dir and Args[0] are below it
	// Stdin writes what the program reads. An EPIPE that it returns says that the
	// program reads no more; any other error is one of the message itself.
	Stdin func(io.Writer) error
	// Time is how long the program may take; then its process group is killed.
	Time time.Duration
	// Name is what texts call it; "": Args[0].
	Name string
}

// maxOutput is how much of the output is kept, octets; the rest is read and
// dropped. It ends up in a log line and in a notice.
const maxOutput = 4096

// grace is how long the output is read after the program has ended: a process
// that it has left behind may hold the pipe open for good.
const grace = 2 * time.Second

// Run runs p and says what becomes of the delivery. When ctx ends, p is killed.
func (p *Program) Run(ctx context.Context) *Outcome {
	if p.Name == "" && len(p.Args) > 0 {
		p.Name = p.Args[0]
	}
	r, err := p.start()
	if err != nil {
		return p.unable(err)
	}
	return r.follow(ctx)
}

// A running program.
type running struct {
	p       *Program
	cmd     *exec.Cmd
	in, out *os.File // our ends
	fed     chan error
	output  *tail
	read    chan struct{} // all output is read
}

// start executes the program.
func (p *Program) start() (*running, error) {
	argv, path, err := p.find()
	if err != nil {
		return nil, err
	}
	attr, err := p.attr()
	if err != nil {
		return nil, err
	}
	inRead, inWrite, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer inRead.Close()
	outRead, outWrite, err := os.Pipe()
	if err != nil {
		inWrite.Close()
		return nil, err
	}
	defer outWrite.Close()
	cmd := &exec.Cmd{
		Path: path, Args: argv, Env: p.Env, Dir: p.Dir, SysProcAttr: attr,
		Stdin: inRead, Stdout: outWrite, Stderr: outWrite,
	}
	if cmd.Env == nil {
		cmd.Env = []string{} // nil would be ours
	}
	if err := cmd.Start(); err != nil {
		inWrite.Close()
		outRead.Close()
		return nil, err
	}
	r := &running{p: p, cmd: cmd, in: inWrite, out: outRead, fed: make(chan error, 1), output: &tail{}, read: make(chan struct{})}
	go func() {
		defer close(r.read)
		io.Copy(r.output, outRead)
	}()
	go func() { r.fed <- r.feed() }()
	return r, nil
}

// attr are the credentials. Only root can give others than its own.
func (p *Program) attr() (*syscall.SysProcAttr, error) {
	attr := &syscall.SysProcAttr{Setsid: true, Chroot: p.Chroot}
	if os.Geteuid() != 0 {
		if p.As.UID != os.Geteuid() {
			return nil, errNotRoot
		}
		return attr, nil
	}
	if !fits(p.As.UID) || !fits(p.As.GID) {
		return nil, fmt.Errorf("uid %d, gid %d: no program is run with the rights of root", p.As.UID, p.As.GID)
	}
	groups := []uint32{uint32(p.As.GID)}
	for _, g := range p.As.Groups {
		if g != p.As.GID {
			groups = append(groups, uint32(g))
		}
	}
	attr.Credential = &syscall.Credential{Uid: uint32(p.As.UID), Gid: uint32(p.As.GID), Groups: groups}
	return attr, nil
}

// fits tells whether a number can be a user's or a group's, and is not root's.
// The highest one means "leave it as it is" to the kernel.
func fits(id int) bool { return id > 0 && id < math.MaxUint32 }

// feed writes the message, then closes the pipe. A message that cannot be read
// must not look complete to the program: it is killed first.
func (r *running) feed() error {
	defer r.in.Close()
	if r.p.Stdin == nil {
		return nil
	}
	err := r.p.Stdin(r.in)
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, os.ErrClosed) {
		return nil
	}
	if err != nil {
		r.kill()
	}
	return err
}

// kill ends the program and all that it has started, as far as they have not
// left its session. It is called before the program is waited for, so that the
// number is not another's yet.
func (r *running) kill() { unix.Kill(-r.cmd.Process.Pid, unix.SIGKILL) }

// follow waits for the end.
func (r *running) follow(ctx context.Context) *Outcome {
	ctx, cancel := context.WithTimeoutCause(ctx, r.p.Time, errTime)
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		ends(r.cmd.Process.Pid)
	}()
	var stopped error
	select {
	case <-ended:
	case <-ctx.Done():
		stopped = context.Cause(ctx)
		r.kill()
		<-ended
	}
	// Who does not read the rest of the message has had its chance: the writer
	// may be blocked by a process that was left behind with the pipe.
	r.in.Close()
	failed := <-r.fed
	r.drain()
	err := r.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return r.p.unable(err)
	}
	return r.p.judge(r.cmd.ProcessState, stopped, failed, r.output.String())
}

// drain reads the output to its end, or until grace is over.
func (r *running) drain() {
	t := time.NewTimer(grace)
	defer t.Stop()
	select {
	case <-r.read:
	case <-t.C:
	}
	r.out.Close()
	<-r.read
}

// ends returns when the child has ended; it stays to be waited for.
func ends(pid int) {
	for {
		var info unix.Siginfo
		if err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOWAIT, nil); !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// A tail keeps the beginning of the output and drops its tail.
type tail struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf.Write(b[:min(len(b), maxOutput-t.buf.Len())])
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.String()
}
