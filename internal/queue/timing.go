package queue

import (
	"strconv"
	"strings"
	"time"
)

// A Deadline is when a message is to be delivered by (RFC 2852).
type Deadline struct {
	At     time.Time
	Return bool // it goes back then; else its sender is told, and it is tried on
	Trace  bool // the sender is told when it is relayed
}

// SetRelease says that a message is not to be tried before t (RFC 4865). A
// version that does not know the attribute tries it at once.
func (e *Envelope) SetRelease(t time.Time) {
	e.set(AttrRelease, strconv.FormatInt(t.UnixMicro(), 10))
}

// Release is when a message may first be tried; the zero time: at once.
func (e *Envelope) Release() time.Time { return micros(e.Attrs[AttrRelease]) }

// SetDeadline says when a message is to be delivered by. A version that does not
// know the attribute has no such limit.
func (e *Envelope) SetDeadline(d Deadline) {
	mode := ";N"
	if d.Return {
		mode = ";R"
	}
	if d.Trace {
		mode += "T"
	}
	e.set(AttrDeliverBy, strconv.FormatInt(d.At.UnixMicro(), 10)+mode)
}

// ReadDeadline reads the value of AttrDeliverBy; ok is false where nobody has
// said.
func ReadDeadline(attr string) (d Deadline, ok bool) {
	at, mode, ok := strings.Cut(attr, ";")
	d = Deadline{At: micros(at), Return: strings.HasPrefix(mode, "R"), Trace: strings.HasSuffix(mode, "T")}
	return d, ok && !d.At.IsZero()
}

func (e *Envelope) set(name, value string) {
	if e.Attrs == nil {
		e.Attrs = map[string]string{}
	}
	e.Attrs[name] = value
}

// micros reads microseconds since 1970; the zero time stands for what is not.
func micros(s string) time.Time {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 {
		return time.Time{}
	}
	return time.UnixMicro(n)
}
