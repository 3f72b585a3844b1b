package smtpd

import "bytes"

// fromLines takes lines "From ..." and ">From ..." of mailbox files at the very
// start of the content. They are no header field, so the header would end before it
// has begun, and all of it be text: they become fields, as Postfix has it.
type fromLines struct {
	held []byte // the start of a line that may be one
	line bool   // within one
	past bool   // the content proper has begun
}

// mailboxField is what such a line becomes.
const mailboxField = "X-Mailbox-Line: "

// maxQuotes is how many ">" may stand before the word.
const maxQuotes = 64

// feed gives p to emit, as it has to be.
func (f *fromLines) feed(p []byte, emit func([]byte)) {
	for len(p) > 0 && !f.past {
		if f.line {
			n := bytes.IndexByte(p, '\n') + 1
			if f.line = n == 0; f.line {
				n = len(p)
			}
			emit(p[:n])
			p = p[n:]
			continue
		}
		f.held = append(f.held, p[0])
		p = p[1:]
		switch word := bytes.TrimLeft(f.held, ">"); {
		case string(word) == "From ":
			f.line = true
			emit([]byte(mailboxField))
			f.release(emit)
		case !bytes.HasPrefix([]byte("From "), word) || len(f.held) > maxQuotes:
			f.end(emit)
		}
	}
	if len(p) > 0 {
		emit(p)
	}
}

// end tells that no more will come, or that the content proper has begun.
func (f *fromLines) end(emit func([]byte)) {
	f.past = true
	f.release(emit)
}

func (f *fromLines) release(emit func([]byte)) {
	if len(f.held) > 0 {
		emit(f.held)
		f.held = f.held[:0]
	}
}
