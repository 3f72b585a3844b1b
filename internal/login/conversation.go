package login

import (
	"context"
	"errors"

	"yubin/internal/talk"
)

// A Conversation is what a Client says before it has logged in, as POP3 and
// IMAP both have it: commands, each answered, until one of them is the last.
type Conversation struct {
	*Client
	BadLimit int    // commands that may be bad
	TooBad   string // what is said then
	Bye      string // what stands before a last word that no command has asked for

	Bad  int  // commands that were not understood
	Over bool // nothing more is read
	why  string
}

// Hold runs step, which reads a command and answers it and whose error is one of
// the connection, until the conversation is over. It says why it ended.
func (v *Conversation) Hold(ctx context.Context, step func(context.Context) error) (why string) {
	for !v.Over {
		if err := step(ctx); err != nil {
			if errors.Is(err, talk.ErrTimeout) || ctx.Err() != nil { // it is still there
				v.Printf("%s %s\r\n", v.Bye, v.Why(ctx, err))
				v.Flush()
			}
			return v.Why(ctx, err)
		}
		if v.Bad >= v.BadLimit && !v.Over {
			v.End("Too many bad commands", v.Bye+" "+v.TooBad)
		}
	}
	v.Flush()
	return v.why
}

// End says the last thing; why is for the log.
func (v *Conversation) End(why, reply string) error {
	v.Over, v.why = true, why
	return v.Printf("%s\r\n", reply)
}
