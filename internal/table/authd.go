package table

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"yubin/internal/fdpass"
	"yubin/internal/ipc"
)

const (
	// answerTime is how long authd may take, which may have to ask others.
	answerTime = 10 * time.Second
	// quietTime is how long a connection is kept that nobody asks on: authd
	// cannot end while it is open.
	quietTime = 5 * time.Second
	// keepAccounts is how long an account that was found is not asked for again:
	// one delivery asks for several of its fields. That there is none is never
	// kept. Domains are kept either way: all mail asks for them, that for other
	// hosts too.
	keepAccounts = time.Second
	maxAccounts  = 1000 // that are kept
	// After an authd that has not answered, nobody waits for it for a while, and
	// then not for long, until it answers: not every message can wait.
	silentTime  = 2 * time.Second
	shorterTime = time.Second
)

var (
	errEnded  = errors.New("authd has ended before it has answered")
	errSilent = errors.New("authd has not answered in time")
)

// authd is the client's side of the conversation about accounts.
type authd struct {
	path string

	mu   sync.Mutex // guards what follows
	talk *talk      // nil: none
	kept map[string]keptReply
	// silent is when authd last failed to answer in time, zero since it has
	// answered.
	silent time.Time
}

type keptReply struct {
	reply ipc.UserReply
	until time.Time
}

// A talk is one connection.
type talk struct {
	conn *fdpass.Conn

	mu      sync.Mutex // guards what follows
	over    bool
	next    uint64
	waiting map[uint64]chan ipc.UserReply // closed at the end
	quiet   *time.Timer                   // ends the talk
}

// user asks for an account, or for "@domain".
func (a *authd) user(name string) (ipc.UserReply, error) {
	if r, ok := a.recall(name); ok {
		return r, nil
	}
	r, err := a.ask(name)
	if err != nil {
		return r, fmt.Errorf("account of %s: %w", name, err)
	}
	if r.Account != nil || strings.HasPrefix(name, "@") {
		a.keep(name, r)
	}
	return r, nil
}

// ask asks on the connection that there is; should that end meanwhile, because
// another generation of authd takes over, once more on a new one.
func (a *authd) ask(name string) (r ipc.UserReply, err error) {
	wait := a.patience()
	if wait == 0 {
		return r, errSilent
	}
	for range 2 {
		var t *talk
		if t, err = a.connection(); err != nil {
			return r, fmt.Errorf("authd does not answer: %w", err)
		}
		if r, err = t.ask(name, wait); err == nil || errors.Is(err, errSilent) {
			a.note(err)
			break
		}
	}
	if err == nil && r.Error != "" {
		err = errors.New("authd: " + r.Error)
	}
	return r, err
}

// patience is how long to wait for an answer; 0: not at all.
func (a *authd) patience() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.silent.IsZero():
		return answerTime
	case time.Since(a.silent).Abs() < silentTime:
		return 0
	}
	return shorterTime
}

func (a *authd) note(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.silent = time.Time{}
	if err != nil {
		a.silent = time.Now()
	}
}

func (a *authd) connection() (*talk, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.talk != nil && a.talk.usable() {
		return a.talk, nil
	}
	conn, err := fdpass.Dial(a.path)
	if err != nil {
		return nil, err
	}
	if err := conn.Send(ipc.Hello{Version: ipc.UserVersion, Role: ipc.RoleUser}); err != nil {
		conn.Close()
		return nil, err
	}
	t := &talk{conn: conn, waiting: map[uint64]chan ipc.UserReply{}}
	t.quiet = time.AfterFunc(quietTime, t.rest)
	go t.receive()
	a.talk = t
	return t, nil
}

// usable tells whether there will be an answer to another question: it puts the
// end of a quiet connection off.
func (t *talk) usable() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.over {
		t.quiet.Reset(quietTime)
	}
	return !t.over
}

func (t *talk) ask(name string, wait time.Duration) (ipc.UserReply, error) {
	answer := make(chan ipc.UserReply, 1)
	t.mu.Lock()
	if t.over {
		t.mu.Unlock()
		return ipc.UserReply{}, errEnded
	}
	t.next++
	id := t.next
	t.waiting[id] = answer
	t.mu.Unlock()
	t.conn.Unix().SetWriteDeadline(time.Now().Add(wait)) // who reads nothing does not answer either
	if err := t.conn.Send(ipc.UserRequest{ID: id, User: name}); err != nil {
		t.forget(id)
		t.end()
		return ipc.UserReply{}, err
	}
	select {
	case r, ok := <-answer:
		if !ok {
			return r, errEnded
		}
		return r, nil
	case <-time.After(wait):
		t.forget(id)
		return ipc.UserReply{}, errSilent
	}
}

func (t *talk) forget(id uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.waiting, id)
}

// receive hands answers out, until the connection ends.
func (t *talk) receive() {
	defer t.conn.Close()
	for {
		var r ipc.UserReply
		files, err := t.conn.Recv(&r)
		fdpass.CloseAll(files)
		if err != nil {
			break
		}
		t.mu.Lock()
		answer := t.waiting[r.ID]
		delete(t.waiting, r.ID)
		t.quiet.Reset(quietTime)
		t.mu.Unlock()
		if answer != nil {
			answer <- r
		}
	}
	t.end()
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, answer := range t.waiting {
		delete(t.waiting, id)
		close(answer)
	}
}

// end has nothing more asked here. Answers to what was asked still come.
func (t *talk) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
	t.quiet.Stop()
}

// rest closes a connection on which nobody waits.
func (t *talk) rest() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) > 0 {
		t.quiet.Reset(quietTime)
		return
	}
	t.over = true
	t.conn.Close()
}

func (a *authd) recall(name string) (ipc.UserReply, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	k, ok := a.kept[name]
	return k.reply, ok && time.Until(k.until) > 0
}

func (a *authd) keep(name string, r ipc.UserReply) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.kept == nil || len(a.kept) >= maxAccounts {
		a.kept = map[string]keptReply{}
	}
	a.kept[name] = keptReply{r, time.Now().Add(keepAccounts)}
}
