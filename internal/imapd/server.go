package imapd

import (
	"context"
	"time"

	"yubin/internal/imap"
	"yubin/internal/mailbox"
	"yubin/internal/mimescan"
	"yubin/internal/session"
	"yubin/internal/talk"
)

// A server is what the sessions of a process share.
type server struct {
	store       *mailbox.Store
	timeout     time.Duration
	stillHere   time.Duration // between two words in IDLE
	hardErrors  int
	limits      imap.Limits
	appendLimit int64
	overQuota   string // what a client is told when its mailbox is full
	mime        mimescan.Limits
	crew        *crew
	commands    map[string]*command
	notified    int // in place of maxNotified, in tests
}

// serve is the handler of a session.
func (srv *server) serve(ctx context.Context, s *session.Session) {
	if err := s.Accept(); err != nil {
		return // the login process has answered the client, or is gone
	}
	t := talk.New(s.Conn, srv.timeout, s.Start.Start.Unread)
	defer t.Context(ctx)()
	tag := s.Start.Start.Tag
	tree, err := srv.store.Tree(&s.Start.Account)
	if err != nil {
		s.Log("Error: Couldn't open the mailbox: %v", err)
		t.Printf("%s* BYE [UNAVAILABLE] The mailbox cannot be opened.\r\n", tagged(tag, "NO", "UNAVAILABLE", internalError))
		t.Flush()
		return
	}
	defer tree.Close()
	v := srv.newVisit(t, tree)
	v.complain = func(format string, args ...any) { s.Log("Error: "+format, args...) }
	defer v.close()
	v.Printf("%s", tagged(tag, "OK", "CAPABILITY "+srv.capabilities(), "Logged in"))
	v.run(ctx)
	s.Part("Disconnected: %s", v.summary())
}

// newVisit begins a session.
func (srv *server) newVisit(t *talk.Conn, tree *mailbox.Tree) *visit {
	v := &visit{Conn: t, srv: srv, tree: tree}
	v.d = imap.NewDecoder(t, srv.limits, func() error { return v.Printf("+ OK\r\n") })
	return v
}
