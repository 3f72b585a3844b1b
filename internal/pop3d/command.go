package pop3d

import (
	"context"
	"strings"
	"sync"
)

// A command is a row of the TRANSACTION state. n are its numbers: first that of
// a message, counted from 0, which is there and not deleted.
type command struct {
	verb     string
	run      func(v *visit, ctx context.Context, n []int, words string) error
	min, max int  // arguments
	words    bool // they are no numbers
	usage    string
}

// sessionCommands is the table, one for all sessions.
var sessionCommands = sync.OnceValue(func() []command {
	return []command{
		{verb: "STAT", run: (*visit).stat, usage: "STAT takes no arguments."},                                 // RFC 1939, 5
		{verb: "LIST", run: (*visit).lst, max: 1, usage: "LIST takes a message number, or nothing."},          // RFC 1939, 5
		{verb: "RETR", run: (*visit).retr, min: 1, max: 1, usage: "RETR takes a message number."},             // RFC 1939, 5
		{verb: "DELE", run: (*visit).dele, min: 1, max: 1, usage: "DELE takes a message number."},             // RFC 1939, 5
		{verb: "NOOP", run: (*visit).noop, usage: "NOOP takes no arguments."},                                 // RFC 1939, 5
		{verb: "RSET", run: (*visit).rset, usage: "RSET takes no arguments."},                                 // RFC 1939, 5
		{verb: "QUIT", run: (*visit).quit, max: 9, words: true},                                               // RFC 1939, 6
		{verb: "TOP", run: (*visit).top, min: 2, max: 2, usage: "TOP takes a message and a number of lines."}, // RFC 1939, 7
		{verb: "UIDL", run: (*visit).uidl, max: 1, usage: "UIDL takes a message number, or nothing."},         // RFC 1939, 7
		{verb: "CAPA", run: (*visit).capa, max: 9, words: true},                                               // RFC 2449, 5
		{verb: "LANG", run: (*visit).lang, max: 1, words: true, usage: "LANG takes a language, or nothing."},  // RFC 6856, 3
	}
})

func (v *visit) stat(context.Context, []int, string) error {
	return v.Printf("+OK %d %d\r\n", len(v.list)-v.removed, v.total-v.removedOctets)
}

func (v *visit) lst(_ context.Context, n []int, _ string) error {
	if len(n) > 0 {
		return v.Printf("+OK %d %d\r\n", n[0]+1, v.list[n[0]].octets)
	}
	v.Printf("+OK %d messages:\r\n", len(v.list)-v.removed)
	return v.each(func(i int, m *message) error { return v.Printf("%d %d\r\n", i+1, m.octets) })
}

func (v *visit) uidl(_ context.Context, n []int, _ string) error {
	if len(n) > 0 {
		return v.Printf("+OK %d %s\r\n", n[0]+1, v.list[n[0]].uidl)
	}
	v.Printf("+OK\r\n")
	return v.each(func(i int, m *message) error { return v.Printf("%d %s\r\n", i+1, m.uidl) })
}

// each is the lines about all messages, and the dot.
func (v *visit) each(line func(i int, m *message) error) error {
	for i := range v.list {
		if v.deleted[i] {
			continue
		}
		if err := line(i, &v.list[i]); err != nil {
			return err
		}
	}
	return v.Printf(".\r\n")
}

func (v *visit) dele(_ context.Context, n []int, _ string) error {
	i := n[0]
	v.deleted[i] = true
	v.removed++
	v.removedOctets += v.list[i].octets
	return v.Printf("+OK Marked to be deleted.\r\n")
}

func (v *visit) rset(context.Context, []int, string) error {
	clear(v.deleted)
	clear(v.retrieved)
	v.removed, v.removedOctets = 0, 0
	return v.Printf("+OK\r\n")
}

func (v *visit) noop(context.Context, []int, string) error { return v.Printf("+OK\r\n") }

func (v *visit) capa(context.Context, []int, string) error {
	return v.Printf("+OK Capability list follows\r\nCAPA\r\n%s\r\nIMPLEMENTATION Yubin\r\n.\r\n", strings.Join(bothStates, "\r\n"))
}

func (v *visit) lang(_ context.Context, _ []int, words string) error {
	return lang(v.Conn, strings.TrimSpace(words))
}

// quit is the UPDATE state (RFC 1939, 6).
func (v *visit) quit(context.Context, []int, string) error {
	for i, gone := range v.deleted {
		v.retrieved[i] = v.retrieved[i] && !gone
	}
	remove, seen := indexes(v.deleted), indexes(v.retrieved)
	if len(remove) == 0 && len(seen) == 0 {
		return v.end("Logged out", "+OK Logging out.")
	}
	// Removal comes first: where the disk is full it makes room, and nothing else may.
	err := v.drop.remove(remove)
	if err != nil {
		v.complain("%v", err)
	}
	if err := v.drop.mark(seen); err != nil {
		v.complain("%v", err)
	}
	if err != nil {
		return v.end("Logged out, and some messages could not be removed", "-ERR [SYS/TEMP] Some deleted messages were not removed.")
	}
	v.done = len(remove)
	if v.done > 0 {
		return v.end("Logged out", "+OK Logging out, messages deleted.")
	}
	return v.end("Logged out", "+OK Logging out.")
}

func indexes(set []bool) (list []int) {
	for i, in := range set {
		if in {
			list = append(list, i)
		}
	}
	return list
}
