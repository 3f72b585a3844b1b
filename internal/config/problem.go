package config

import (
	"fmt"
	"strings"
)

// A Problem is something in a configuration file that a person should look
// at. It stops nothing by itself.
type Problem struct {
	File string // path, or "-o" for an override
	Line int    // 0: the file as a whole
	What string
	Mend string // how to mend it; may be empty
	// Notice marks what needs no repair: an entry of Postfix's that has
	// another meaning, or none, here.
	Notice bool
	// Warning marks a risk: it is as the administrator wants it, or he will be
	// surprised.
	Warning bool
}

// String returns "file:line: what; how to mend it".
func (p Problem) String() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File)
		if p.Line > 0 {
			fmt.Fprintf(&b, ":%d", p.Line)
		}
		b.WriteString(": ")
	}
	b.WriteString(p.What)
	if p.Mend != "" {
		b.WriteString("; " + p.Mend)
	}
	return b.String()
}

// Error makes a Problem that stops a program its error.
func (p Problem) Error() string { return p.String() }
