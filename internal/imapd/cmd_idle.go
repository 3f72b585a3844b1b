package imapd

import (
	"context"
	"errors"
	"strings"

	"yubin/internal/imap"
)

// idle is IDLE (RFC 9051, 6.3.13): what happens is told when it happens.
func (v *visit) idle(context.Context) (reply, error) {
	if err := v.only(); err != nil {
		return reply{}, err
	}
	if v.box != nil {
		defer v.box.view.Watch(v.Wake)()
	}
	v.Printf("+ idling\r\n")
	err := v.vigil("* OK Still here\r\n", func() error {
		return errors.Join(v.sync(false), v.sayHighest(), v.sayOthers())
	})
	if err != nil || v.over {
		return reply{}, err
	}
	return reply{}, v.done()
}

// done reads the end of IDLE.
func (v *visit) done() error {
	const most = 100
	var line []byte
	for {
		c, err := v.Peek()
		if err != nil {
			return err
		}
		v.Take()
		if c == '\n' {
			break
		}
		if len(line) < most {
			line = append(line, c)
		}
	}
	if strings.EqualFold(strings.TrimSuffix(string(line), "\r"), "DONE") {
		return nil
	}
	return &imap.SyntaxError{Text: "Expected DONE."}
}
