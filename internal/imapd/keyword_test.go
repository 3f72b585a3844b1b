package imapd

import "testing"

// A client hears of a keyword before a message has it: c-client (alpine, PHP's
// imap) takes no notice of keywords that FLAGS has not named.
func TestKeywordsFirst(t *testing.T) {
	r := newRig(t)
	r.deliver("", "1.M1.x", letter)
	r.deliver("", "2.M1.x", letter)
	u, other := r.connect(), r.connect()
	for _, u := range []*user{u, other} {
		u.cmd("SELECT INBOX")
	}
	u.play(`
		C: b STORE 1 +FLAGS (work)
		S: * FLAGS (\Answered \Flagged \Deleted \Seen \Draft work)
		S: * OK [PERMANENTFLAGS (\Answered \Flagged \Deleted \Seen \Draft work \*)] Flags permitted.
		S: * 1 FETCH (FLAGS (\Recent work))
		S: b OK ...
		C: c STORE 1 +FLAGS.SILENT (home)
		S: * FLAGS (\Answered \Flagged \Deleted \Seen \Draft work home)
		S: * OK [PERMANENTFLAGS (...)] Flags permitted.
		S: c OK ...
	`)
	other.play(`
		C: d FETCH 1 FLAGS
		S: * 1 FETCH (FLAGS ())
		S: * FLAGS (\Answered \Flagged \Deleted \Seen \Draft work home)
		S: * OK [PERMANENTFLAGS (...)] Flags permitted.
		S: * 1 FETCH (FLAGS (work home))
		S: d OK ...
		C: e STORE 2 +FLAGS (work)
		S: * 2 FETCH (FLAGS (work))
		S: e OK ...
		C: f STORE 2 +FLAGS.SILENT (third)
		S: * FLAGS (\Answered \Flagged \Deleted \Seen \Draft work home third)
		S: * OK [PERMANENTFLAGS (...)] Flags permitted.
		S: f OK ...
	`)
	// While an EXPUNGE is held back, so is the other news: but not of keywords that FETCH tells.
	other.cmd(`STORE 1 +FLAGS (fourth)`)
	other.cmd(`STORE 2 +FLAGS.SILENT (\Deleted)`)
	other.cmd(`EXPUNGE`)
	u.cmd(`FETCH 1 UID`)
	u.play(`
		C: g FETCH 1 FLAGS
		S: * FLAGS (\Answered \Flagged \Deleted \Seen \Draft work home third fourth)
		S: * OK [PERMANENTFLAGS (...)] Flags permitted.
		S: * 1 FETCH (FLAGS (\Recent work home fourth))
		S: g OK ...
		C: h NOOP
		S: * 2 EXPUNGE
		S: h OK ...
	`)
}
