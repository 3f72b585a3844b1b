package smtpd

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

	"yubin/internal/intake"
	"yubin/internal/queue"
)

// What the client asks of delivery reports goes into the queue, decoded.
func TestDSNKept(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.connect(stranger)
	c.play(`
		S: 220 ...
		C: HELO h
		S: 250 mx.example
		C: MAIL FROM:<a@b.example> RET=hdrs ENVID=a+2Bb
		S: 250 2.1.0 Ok
		C: RCPT TO:<ann@example.org> NOTIFY=Delay,Success ORCPT=rfc822;ann+2Bx@example.net
		S: 250 2.1.5 Ok
		C: RCPT TO:<bob@example.org>
		S: 250 2.1.5 Ok
		C: DATA
		S: 354 ...
		C: .
		S: 250 2.0.0 Ok: queued as ...
		C: QUIT
		S: 221 2.0.0 Bye`)
	c.close()
	env := r.taken()[0].env
	if env.Attrs[queue.AttrRet] != "HDRS" || env.Attrs[queue.AttrEnvID] != "a+b" {
		t.Errorf("attributes %v", env.Attrs)
	}
	want := "[map[dsn_notify:SUCCESS,DELAY dsn_orcpt:rfc822;ann+x@example.net] map[]]"
	if got := fmt.Sprint([]any{env.Recipients[0].Attrs, env.Recipients[1].Attrs}); got != want {
		t.Errorf("recipients have %s, want %s", got, want)
	}
}

// 250 is never said when the message is not known to be safe, and what is told
// instead asks to come again.
func TestNotSafe(t *testing.T) {
	t.Parallel()
	const untilData = `
		S: 220 ...
		C: MAIL FROM:<a@b.example>
		S: 250 2.1.0 Ok
		C: RCPT TO:<ann@example.org>
		S: 250 2.1.5 Ok
		C: DATA
		`
	const letter = `S: 354 ...
		C: x
		C: .
		`
	for _, tc := range []struct {
		name   string
		set    func(*fakeDepot)
		script string
	}{
		{"full at MAIL", func(d *fakeDepot) { d.full = true }, `
			S: 220 ...
			C: MAIL FROM:<a@b.example>
			S: 452 4.3.1 Insufficient system storage`},
		{"full at DATA", func(d *fakeDepot) { d.blankErr = intake.ErrFull }, untilData + `S: 452 4.3.1 Insufficient system storage`},
		{"down at DATA", func(d *fakeDepot) { d.blankErr = intake.ErrDown }, untilData + `S: 451 4.3.0 Error: queue file write error`},
		{"write fails", func(d *fakeDepot) { d.spoiled = true }, untilData + letter + `S: 451 4.3.0 Error: queue file write error`},
		{"down at the end", func(d *fakeDepot) { d.commit = intake.ErrDown }, untilData + letter + `S: 451 4.3.0 Error: queue file write error`},
		{"refused", func(d *fakeDepot) { d.commit = &intake.Refused{Reason: "EIO"} }, untilData + letter + `S: 451 4.3.0 Error: queue file write error`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			tc.set(r.depot)
			c := r.connect(stranger)
			c.play(tc.script + `
				C: QUIT
				S: 221 2.0.0 Bye`)
			c.close()
			if n := len(r.taken()); n != 0 {
				t.Errorf("%d messages taken", n)
			}
		})
	}
	for err, want := range map[error]bool{syscall.ENOSPC: true, syscall.EDQUOT: true, syscall.EIO: false, errors.New("x"): false} {
		if isFull(fmt.Errorf("write: %w", err)) != want {
			t.Errorf("isFull(%v) is not %t", err, want)
		}
	}
}
