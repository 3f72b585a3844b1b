package imapd

import (
	"context"
	"strings"
)

// A state says when a command may be given.
type state uint8

const (
	always     state = iota
	unselected       // before a mailbox is selected
	selected
)

// A command is a row of the table: the loop knows no names. run reads the
// arguments up to the end of the command. Its error is a *imap.SyntaxError
// (BAD), a *refusal (NO), or one that ends the session.
type command struct {
	run  func(v *visit, ctx context.Context) (reply, error)
	in   state
	done string // what OK says
	// holds: no EXPUNGE may be said before its end, since its numbers are those
	// of the client (RFC 9051, 7.5.1).
	holds bool
	uid   bool // its numbers are UIDs
	names bool // it changes what mailboxes there are, or subscriptions
	// asks: what has happened is told behind it, whatever NOTIFY says.
	asks bool
}

// commands returns the table.
func commands() map[string]*command {
	t := map[string]*command{
		"CAPABILITY":   {run: (*visit).capability, done: "Capability completed."},
		"NOOP":         {run: (*visit).noop, done: "NOOP completed.", asks: true},
		"LOGOUT":       {run: (*visit).logout, done: "Logout completed."},
		"ID":           {run: (*visit).id, done: "ID completed."},
		"ENABLE":       {run: (*visit).enable, in: unselected, done: "Enabled."},
		"LOGIN":        {run: (*visit).loggedIn},
		"AUTHENTICATE": {run: (*visit).loggedIn},
		"STARTTLS":     {run: (*visit).loggedIn},

		"SELECT":      {run: (*visit).selectBox, done: "Select completed."},
		"EXAMINE":     {run: (*visit).examine, done: "Examine completed."},
		"CREATE":      {run: (*visit).create, done: "Create completed.", names: true},
		"DELETE":      {run: (*visit).delete, done: "Delete completed.", names: true},
		"RENAME":      {run: (*visit).rename, done: "Rename completed.", names: true},
		"SUBSCRIBE":   {run: (*visit).subscribe, done: "Subscribe completed.", names: true},
		"UNSUBSCRIBE": {run: (*visit).unsubscribe, done: "Unsubscribe completed.", names: true},
		"LIST":        {run: (*visit).list, done: "List completed."},
		"LSUB":        {run: (*visit).lsub, done: "Lsub completed."},
		"NAMESPACE":   {run: (*visit).namespace, done: "Namespace completed."},
		"STATUS":      {run: (*visit).status, done: "Status completed."},
		"APPEND":      {run: (*visit).append, done: "Append completed.", asks: true},
		"IDLE":        {run: (*visit).idle, done: "Idle completed."},
		"NOTIFY":      {run: (*visit).setNotify, done: "Notify completed.", asks: true},
		"COMPRESS":    {run: (*visit).compress, done: "DEFLATE active."},

		"GETQUOTA":     {run: (*visit).getQuota, done: "Getquota completed."},
		"GETQUOTAROOT": {run: (*visit).getQuotaRoot, done: "Getquotaroot completed."},
		"SETQUOTA":     {run: (*visit).setQuota},

		"CHECK":    {run: (*visit).check, in: selected, done: "Check completed.", asks: true},
		"CLOSE":    {run: (*visit).closeBox, in: selected, done: "Close completed."},
		"UNSELECT": {run: (*visit).unselect, in: selected, done: "Unselect completed."},
		"EXPUNGE":  {run: (*visit).expunge, in: selected, done: "Expunge completed.", asks: true},

		"SEARCH": {run: (*visit).search, in: selected, done: "Search completed.", holds: true},
		"SORT":   {run: (*visit).sort, in: selected, done: "Sort completed.", holds: true},
		"THREAD": {run: (*visit).thread, in: selected, done: "Thread completed.", holds: true},
		"FETCH":  {run: (*visit).fetch, in: selected, done: "Fetch completed.", holds: true},
		"STORE":  {run: (*visit).store, in: selected, done: "Store completed.", holds: true},
		"COPY":   {run: (*visit).copy, in: selected, done: "Copy completed.", asks: true},
		"MOVE":   {run: (*visit).move, in: selected, done: "Move completed.", asks: true},

		"REPLACE": {run: (*visit).replace, in: selected, done: "Replace completed.", asks: true},
	}
	for _, name := range []string{"SEARCH", "SORT", "THREAD", "FETCH", "STORE", "COPY", "MOVE", "EXPUNGE", "REPLACE"} {
		c := *t[name]
		c.holds, c.uid = false, true
		t["UID "+name] = &c
	}
	return t
}

func (v *visit) capability(context.Context) (reply, error) {
	if err := v.only(); err != nil {
		return reply{}, err
	}
	return reply{}, v.Printf("* CAPABILITY %s\r\n", v.srv.capabilities())
}

func (v *visit) noop(context.Context) (reply, error)  { return reply{}, v.only() }
func (v *visit) check(context.Context) (reply, error) { return reply{}, v.only() }

func (v *visit) logout(context.Context) (reply, error) {
	if err := v.only(); err != nil {
		return reply{}, err
	}
	return reply{}, v.end("Logged out", "Logging out")
}

func (v *visit) id(context.Context) (reply, error) {
	readID(v.d)
	if err := v.d.Err(); err != nil {
		return reply{}, err
	}
	return reply{}, v.Printf("%s", serverID)
}

// loggedIn answers what belongs before the login.
func (v *visit) loggedIn(context.Context) (reply, error) {
	v.d.Fail("You are already logged in")
	return reply{}, v.d.Err()
}

// enable is ENABLE (RFC 9051, 6.3.1). What is not known is passed over.
func (v *visit) enable(context.Context) (reply, error) {
	v.d.SP()
	words := []string{v.d.Keyword()}
	for v.d.Space() {
		words = append(words, v.d.Keyword())
	}
	if err := v.only(); err != nil {
		return reply{}, err
	}
	var list strings.Builder
	for _, w := range words {
		switch w {
		case "IMAP4REV2":
			v.rev2, v.utf8 = true, true
			list.WriteString(" IMAP4rev2")
		case "UTF8=ACCEPT":
			v.utf8 = true
			list.WriteString(" UTF8=ACCEPT")
		case "CONDSTORE":
			v.condstore = true
			list.WriteString(" CONDSTORE")
		case "QRESYNC":
			v.condstore, v.qresync = true, true
			list.WriteString(" QRESYNC")
		}
	}
	if v.utf8 {
		v.d.AcceptUTF8()
	}
	return reply{}, v.Printf("* ENABLED%s\r\n", list.String())
}

func (v *visit) namespace(context.Context) (reply, error) {
	if err := v.only(); err != nil {
		return reply{}, err
	}
	return reply{}, v.Printf("* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n")
}
