package mailbox

import (
	"errors"
	"time"
)

const pop3File = "dovecot-pop3-session"

// pop3Stale is when Dovecot takes over a session's lock.
const pop3Stale = 5 * time.Minute

// A SessionLock keeps other POP3 sessions, Dovecot's too, out of a mailbox.
type SessionLock struct {
	l   *dotlock
	dir *dir
}

// LockPOP3 takes the lock that Dovecot takes with pop3_lock_session. ErrInUse:
// another session had it for the time of wait.
func (t *Tree) LockPOP3(wait time.Duration) (*SessionLock, error) {
	d, err := t.openDir(".")
	if err != nil {
		return nil, err
	}
	l, err := d.lock(pop3File, lockTimes{wait, pop3Stale})
	if err != nil {
		d.Close()
		if errors.Is(err, ErrLocked) {
			err = errors.Join(ErrInUse, err)
		}
		return nil, err
	}
	return &SessionLock{l, d}, nil
}

// Touch shows that the session lives: at least every two minutes. An error says
// that the lock is lost.
func (l *SessionLock) Touch() error { return l.l.touch() }

// Release lets other sessions in.
func (l *SessionLock) Release() {
	l.l.unlock()
	l.dir.Close()
}
