package talk

import (
	"errors"
	"os"
	"time"
)

// ErrWoken is what Wait returns after Wake.
var ErrWoken = errors.New("woken")

// Wake has a Wait that goes on, or the next one, return ErrWoken. Any goroutine
// may call it.
func (t *Conn) Wake() {
	t.woken.Store(true)
	t.base.SetReadDeadline(time.Unix(1, 0))
}

// Wait sends the output and waits until there is input. by is when patience
// ends; zero: the timeout from now on.
func (t *Conn) Wait(by time.Time) error {
	if t.r < t.w {
		return nil
	}
	return t.more(by, true)
}

// Peek waits for the next octet and shows it.
func (t *Conn) Peek() (byte, error) {
	if t.r == t.w {
		if err := t.more(time.Time{}, false); err != nil {
			return 0, err
		}
	}
	return t.in[t.r], nil
}

// Take takes the octet that Peek has shown.
func (t *Conn) Take() { t.r++ }

// Read returns what there is, and waits when that is nothing.
func (t *Conn) Read(p []byte) (int, error) {
	if _, err := t.Peek(); err != nil {
		return 0, err
	}
	n := copy(p, t.in[t.r:t.w])
	t.r += n
	return n, nil
}

// more waits for input; awake tells that Wake counts.
func (t *Conn) more(by time.Time, awake bool) error {
	if err := t.Flush(); err != nil {
		return err
	}
	if by.IsZero() {
		by = time.Now().Add(t.timeout)
	}
	if !t.bound.IsZero() && by.After(t.bound) {
		by = t.bound
	}
	for {
		t.c.SetReadDeadline(by)
		if awake && t.woken.Swap(false) {
			return ErrWoken
		}
		if err := t.ended(); err != nil {
			return err
		}
		err := t.fill()
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		// By Wake, by the end of the context, or by the clock.
		if !time.Now().Before(by) {
			return ErrTimeout
		}
	}
}
