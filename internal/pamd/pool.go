package pamd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"yubin/internal/fdpass"
	"yubin/internal/ipc"
)

// errBusy is what who waits in vain for a worker is told.
var errBusy = errors.New("all processes are busy: see pamd_process_limit")

// spare is how long a worker without work is kept.
const spare = 30 * time.Second

// A pool is workers that answer one question each at a time.
type pool struct {
	command func() *exec.Cmd
	limit   time.Duration // of one question, waiting for a worker included
	maxUse  int           // questions that one worker answers
	slots   chan struct{} // one taken for each worker that is at work or dying

	mu   sync.Mutex // guards idle
	idle []*worker
}

// A worker is one process.
type worker struct {
	conn   *fdpass.Conn
	cmd    *exec.Cmd
	used   int
	expire *time.Timer // runs while it is idle
}

func newPool(command func() *exec.Cmd, size, maxUse int, limit time.Duration) *pool {
	return &pool{command: command, limit: limit, maxUse: maxUse, slots: make(chan struct{}, size)}
}

// ask has a worker answer q.
func (p *pool) ask(ctx context.Context, q *ipc.PAMDWork, a any) error {
	ctx, cancel := context.WithTimeout(ctx, p.limit)
	defer cancel()
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return errBusy
	}
	w, err := p.send(q)
	if err != nil {
		<-p.slots
		return err
	}
	end, _ := ctx.Deadline()
	w.conn.Unix().SetReadDeadline(end)
	// A daemon that is told to end does not wait for modules.
	stop := context.AfterFunc(ctx, func() { w.conn.Unix().SetReadDeadline(time.Unix(1, 0)) })
	files, err := w.conn.Recv(a)
	fdpass.CloseAll(files)
	stop()
	if err != nil {
		return p.bury(w, err)
	}
	w.used++
	p.keep(w)
	<-p.slots
	return nil
}

// send gives q to a worker. One that died while it was idle has not seen it.
func (p *pool) send(q *ipc.PAMDWork) (*worker, error) {
	for w := p.take(); w != nil; w = p.take() {
		if w.conn.Send(q) == nil {
			return w, nil
		}
		w.end()
	}
	w, err := p.start()
	if err != nil {
		return nil, fmt.Errorf("start a process: %w", err)
	}
	if err := w.conn.Send(q); err != nil {
		w.end()
		return nil, fmt.Errorf("ask a process: %w", err)
	}
	return w, nil
}

// take returns an idle worker, or nil.
func (p *pool) take() *worker {
	p.mu.Lock()
	defer p.mu.Unlock()
	for n := len(p.idle); n > 0; n = len(p.idle) {
		w := p.idle[n-1]
		p.idle = p.idle[:n-1]
		if w.expire.Stop() {
			return w
		}
	}
	return nil
}

// keep has w wait for the next question, or end when it has answered enough.
func (p *pool) keep(w *worker) {
	if w.used >= p.maxUse {
		go w.end()
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, w)
	w.expire = time.AfterFunc(spare, func() { p.drop(w) })
}

// drop ends a worker that had nothing to do.
func (p *pool) drop(w *worker) {
	p.mu.Lock()
	for i, have := range p.idle {
		if have == w {
			p.idle = append(p.idle[:i], p.idle[i+1:]...)
			break
		}
	}
	p.mu.Unlock()
	w.end()
}

// bury ends a worker that did not answer, and says why. Its slot is free when
// it has gone: even what cannot be killed does not grow without bound.
func (p *pool) bury(w *worker, err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		w.kill()
		go func() {
			w.end()
			<-p.slots
		}()
		return fmt.Errorf("no answer within pamd_time_limit: process %d is killed", w.cmd.Process.Pid)
	}
	defer func() { <-p.slots }()
	state := w.end()
	return fmt.Errorf("process %d has died (%s): a module of PAM or of a name service may be to blame", w.cmd.Process.Pid, state)
}

// end closes the connection, which ends a worker that has nothing to do, and
// waits for the process.
func (w *worker) end() *os.ProcessState {
	w.conn.Close()
	late := time.AfterFunc(5*time.Second, w.kill)
	defer late.Stop()
	w.cmd.Wait()
	return w.cmd.ProcessState
}

// kill kills the process, and what its modules have started. It has not been
// waited for: end does that, and afterwards stops who calls this.
func (w *worker) kill() { syscall.Kill(-w.cmd.Process.Pid, syscall.SIGKILL) }

// start starts a worker.
func (p *pool) start() (*worker, error) {
	ours, theirs, err := fdpass.Pair()
	if err != nil {
		return nil, err
	}
	f, err := theirs.Unix().File()
	theirs.Close()
	if err != nil {
		ours.Close()
		return nil, err
	}
	defer f.Close()
	cmd := p.command()
	cmd.ExtraFiles = []*os.File{f}
	cmd.Stderr = os.Stderr
	// It must not outlive the daemon, however stuck it is.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := cmd.Start(); err != nil {
		ours.Close()
		return nil, err
	}
	return &worker{conn: ours, cmd: cmd}, nil
}

// close ends the workers that are idle.
func (p *pool) close() {
	for w := p.take(); w != nil; w = p.take() {
		w.end()
	}
}

// environment is what workers get of env: not what is said to this process
// alone.
func environment(env []string) []string {
	var keep []string
	for _, e := range env {
		if !strings.HasPrefix(e, "LISTEN_") {
			keep = append(keep, e)
		}
	}
	return keep
}
