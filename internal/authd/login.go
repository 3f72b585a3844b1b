package authd

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"yubin/internal/config"
	"yubin/internal/fdpass"
	"yubin/internal/hands"
	"yubin/internal/ids"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
	"yubin/internal/passdb"
	"yubin/internal/sasl"
)

const (
	// mostExchanges is how many exchanges one program may have under way;
	// mostOfClient how many of them one client, so that it takes nobody's place.
	mostExchanges = 10000
	mostOfClient  = 1000
	// exchangeTime is how long a client may think, rememberTime how long a
	// success is good for a session.
	exchangeTime = 150 * time.Second
	rememberTime = 10 * time.Second
	// beat is the raster of answers that could tell by their time how an account
	// is kept.
	beat = 5 * time.Millisecond
)

// loginParams are the parameters that say who logs in, and how.
var loginParams = slices.Concat([]*config.Def{
	config.DataDirectory.Def, config.SmtpdUser.Def, config.LoginUser.Def, config.LoginSyslogName.Def, config.AuthMechanisms.Def, config.AuthFailureDelay.Def,
}, oauthParams)

// logins lets clients log in. Its fields do not change.
type logins struct {
	log      *maillog.Logger // what is wrong here
	auth     *maillog.Logger // who has failed to log in
	backends passdb.List
	hasher   *passdb.Hasher
	bearers  *bearers // nil: no tokens
	guard    *guard
	host     string
	delay    time.Duration
	allowed  []string // mechanisms; nil: those that serve every account
	open     *census
	// connections counts those of Dovecot's protocol.
	connections atomic.Uint64
	// Who may ask for what: users that serve SMTP, and those of the login roles.
	ofSMTP, ofLogin map[uint32]bool
	// sessions gives a connection to master.
	sessions func(ctx context.Context, s *ipc.SessionStart, conn, ack fdpass.Handle) error
}

// newLogins reads what the configuration says.
func newLogins(c *config.Config, log, auth *maillog.Logger, backends passdb.List, hasher *passdb.Hasher) (*logins, error) {
	l := &logins{
		log: log, auth: auth, backends: backends, hasher: hasher, guard: newGuard(),
		host: config.Myhostname.Of(c), delay: config.AuthFailureDelay.Of(c), open: newCensus(),
		ofSMTP: ids.Trusted(config.SmtpdUser.Of(c)), ofLogin: ids.Trusted(config.LoginUser.Of(c)),
		sessions: (&usher{queueDir: config.QueueDirectory.Of(c)}).pass,
	}
	var err error
	if l.bearers, err = newBearers(c, log); err != nil {
		return nil, err
	}
	for _, m := range config.AuthMechanisms.Of(c) {
		m = strings.ToUpper(m)
		if !slices.Contains(sasl.Offer(^sasl.Abilities(0), sasl.Channel{Exporter: []byte{}, CertName: "x"}), m) {
			return nil, c.Fault(config.AuthMechanisms.Def, "no such mechanism: "+maillog.Clean(m))
		}
		l.allowed = append(l.allowed, m)
	}
	return l, nil
}

// can is what the accounts, and the certificate, if there is one, are good for.
func (l *logins) can() sasl.Abilities {
	var can sasl.Abilities
	if l.bearers != nil {
		can |= sasl.Tokens
	}
	if len(l.backends) == 0 {
		return can
	}
	can |= sasl.Passwords
	if l.allowed != nil {
		// Somebody has said which, and has accounts for them.
		return can | sasl.Verifiers256 | sasl.Verifiers1 | sasl.Plaintexts | sasl.Certificates
	}
	for _, s := range []struct {
		use  passdb.Use
		give sasl.Abilities
	}{{passdb.UseSCRAM256, sasl.Verifiers256}, {passdb.UseSCRAM1, sasl.Verifiers1}, {passdb.UsePlain, sasl.Plaintexts}} {
		if l.backends.All(s.use) {
			can |= s.give
		}
	}
	return can
}

func channel(host string, f *ipc.AuthFacts) sasl.Channel {
	ch := sasl.Channel{Host: host}
	if f.TLS != nil {
		ch.CertName = f.TLS.CertName
		if len(f.TLS.Exporter) > 0 {
			ch.Exporter = f.TLS.Exporter
		}
	}
	return ch
}

// mechanisms are those for a client.
func (l *logins) mechanisms(f *ipc.AuthFacts) []string {
	offer := sasl.Offer(l.can(), channel(l.host, f))
	if l.allowed == nil {
		return offer
	}
	return slices.DeleteFunc(offer, func(m string) bool { return !slices.Contains(l.allowed, m) })
}

// services tells for which protocols a program of uid may ask. What it says of its
// clients, a certificate's name even, is its word alone: who has taken smtpd over
// must not read mail by that.
func (l *logins) services(uid uint32) func(service string) bool {
	return func(service string) bool {
		switch service {
		case "smtp":
			return l.ofSMTP[uid]
		case "pop3", "imap":
			return l.ofLogin[uid]
		}
		return false
	}
}

// serve has the conversation with one program.
func (l *logins) serve(ctx context.Context, c *fdpass.Conn) {
	peer, err := c.Peer()
	if err != nil {
		l.log.Warn("who is connected: %v", err)
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	v := newConversation(ctx, l, func(r *ipc.AuthReply) error {
		// Who does not take an answer has gone, or wants to keep us.
		c.Unix().SetWriteDeadline(time.Now().Add(patience))
		return c.Send(r)
	})
	v.may = l.services(peer.Uid)
	stop := context.AfterFunc(ctx, func() { c.Unix().SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	for {
		q := new(ipc.AuthRequest)
		handles, err := c.RecvHandles(q)
		if err != nil && !errors.Is(err, fdpass.ErrFiles) { // without its descriptors a session is refused
			break
		}
		v.take(q, handles)
	}
	v.drain()
}

// A conversation is the exchanges of one program.
type conversation struct {
	l     *logins
	ctx   context.Context // of the connection
	send  func(*ipc.AuthReply) error
	may   func(service string) bool // what it may ask for; nil: anything
	busy  sync.WaitGroup            // steps that are under way
	hands *hands.Pool

	mu sync.Mutex // guards xs
	xs map[uint64]*exchange
}

func newConversation(ctx context.Context, l *logins, send func(*ipc.AuthReply) error) *conversation {
	return &conversation{l: l, ctx: ctx, send: send, hands: hands.New(), xs: map[uint64]*exchange{}}
}

// take carries out one request; handles are those that came with it.
func (v *conversation) take(q *ipc.AuthRequest, handles []fdpass.Handle) {
	s := &seat{start: q.Session, handles: handles}
	defer s.close()
	if !bounded(q) {
		v.fail(q.Exchange, ipc.AuthCodeMalformed, "Invalid authentication data")
		return
	}
	if q.Facts != nil && v.may != nil && !v.may(q.Facts.Service) {
		v.l.log.Warn("a program asks about logins for %q, which is not its service", maillog.Clean(q.Facts.Service))
		v.fail(q.Exchange, ipc.AuthCodeMalformed, "not your service")
		return
	}
	switch q.Op {
	case ipc.AuthMechanisms:
		r := &ipc.AuthReply{Exchange: q.Exchange, State: ipc.AuthFailed, Code: ipc.AuthCodeMalformed, Text: "no facts"}
		if q.Facts != nil {
			r = &ipc.AuthReply{Exchange: q.Exchange, State: ipc.AuthOK, Mechanisms: v.l.mechanisms(q.Facts)}
		}
		v.answer(r)
	case ipc.AuthBegin:
		v.begin(q, s)
	case ipc.AuthContinue:
		if q.Response == nil {
			q.Response = []byte{}
		}
		v.proceed(q)
	case ipc.AuthCancel:
		v.mu.Lock()
		x := v.xs[q.Exchange]
		v.mu.Unlock()
		if x != nil {
			x.end()
		}
	case ipc.AuthSession:
		v.session(q, s)
	default:
		v.fail(q.Exchange, ipc.AuthCodeMalformed, "no such request")
	}
}

// maxFact is the longest of a client's facts, octets: a program that has been
// taken over shall not fill our memory with them.
const maxFact = 512

// What may go along with a session: octets that came behind the login, and
// capabilities.
const (
	maxUnread  = 64 << 10
	maxEnabled = 32
)

// bounded tells whether a request is of a size that is worked on.
func bounded(q *ipc.AuthRequest) bool {
	facts := []string{q.Mechanism}
	if f := q.Facts; f != nil {
		facts = append(facts, f.Service, f.Client, f.Local, f.Session)
		if t := f.TLS; t != nil {
			facts = append(facts, t.Version, t.Cipher, t.SNI, t.CertName, string(t.Exporter))
		}
	}
	if s := q.Session; s != nil {
		facts = append(append(facts, s.Entry, s.Tag), s.Enabled...)
		if len(s.Unread) > maxUnread || len(s.Enabled) > maxEnabled {
			return false
		}
	}
	return len(q.Response) <= sasl.MaxMessage && !slices.ContainsFunc(facts, func(s string) bool { return len(s) > maxFact })
}

// answer sends a reply. An error is the end of the connection, which the reader
// sees.
func (v *conversation) answer(r *ipc.AuthReply) { _ = v.send(r) }

func (v *conversation) fail(number uint64, code, text string) {
	v.answer(&ipc.AuthReply{Exchange: number, State: ipc.AuthFailed, Code: code, Text: text})
}

// unavailable says that the client may try again later.
func unavailable(number uint64) *ipc.AuthReply {
	return &ipc.AuthReply{Exchange: number, State: ipc.AuthTempFail, Code: ipc.AuthCodeUnavailable, Text: "Temporary authentication failure"}
}

// begin starts an exchange.
func (v *conversation) begin(q *ipc.AuthRequest, s *seat) {
	if q.Facts == nil {
		v.fail(q.Exchange, ipc.AuthCodeMalformed, "no facts")
		return
	}
	var party sasl.Party
	x := newExchange(v, q)
	if offered := v.l.mechanisms(q.Facts); slices.Contains(offered, q.Mechanism) {
		ch := channel(v.l.host, q.Facts)
		if !sasl.Binds(offered) {
			ch.Exporter = nil
		}
		party = sasl.Server(q.Mechanism, x, v.l.can(), ch)
	}
	if party == nil {
		x.cancel()
		v.fail(q.Exchange, ipc.AuthCodeUnknown, "Unsupported authentication mechanism")
		return
	}
	x.party, x.seat = party, s.take()
	v.mu.Lock()
	full := len(v.xs) >= mostExchanges || v.xs[q.Exchange] != nil || !v.l.open.enter(x.client)
	if !full {
		v.xs[q.Exchange] = x
	}
	v.mu.Unlock()
	if full {
		x.cancel()
		x.seat.close()
		v.answer(unavailable(q.Exchange))
		return
	}
	var initial []byte
	if q.Initial {
		initial = append([]byte{}, q.Response...)
	}
	x.run(initial)
}

// proceed passes a response on. One that comes before the last is answered ends
// the exchange: nobody speaks out of turn.
func (v *conversation) proceed(q *ipc.AuthRequest) {
	v.mu.Lock()
	x := v.xs[q.Exchange]
	ok := x != nil && x.state == waiting
	if ok {
		x.state = working
	}
	v.mu.Unlock()
	if ok {
		x.run(q.Response)
		return
	}
	if x != nil {
		x.end()
	}
	v.fail(q.Exchange, ipc.AuthCodeMalformed, "no such exchange")
}

// session gives the connection of a login that succeeded to master.
func (v *conversation) session(q *ipc.AuthRequest, s *seat) {
	v.mu.Lock()
	x := v.xs[q.Exchange]
	ok := x != nil && x.state == succeeded && s.good()
	if ok {
		x.state = working
	}
	v.mu.Unlock()
	if !ok {
		v.fail(q.Exchange, ipc.AuthCodeMalformed, "no such login")
		return
	}
	s = s.take()
	v.busy.Go(func() {
		defer x.end()
		v.answer(x.settle(s))
	})
}

// drain answers what is under way and forgets the rest.
func (v *conversation) drain() {
	v.busy.Wait()
	v.hands.Close()
	v.mu.Lock()
	left := make([]*exchange, 0, len(v.xs))
	for _, x := range v.xs {
		left = append(left, x)
	}
	v.mu.Unlock()
	for _, x := range left {
		x.end()
	}
}

// A census counts the exchanges of all programs, by client.
type census struct {
	mu      sync.Mutex // guards what follows
	clients map[string]int
	changed chan struct{} // closed at the next change
}

func newCensus() *census {
	return &census{clients: map[string]int{}, changed: make(chan struct{})}
}

// enter is false where the client has too many.
func (c *census) enter(client string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.clients[client] >= mostOfClient {
		return false
	}
	c.clients[client]++
	return true
}

func (c *census) leave(client string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.clients[client]--; c.clients[client] == 0 {
		delete(c.clients, client)
	}
	close(c.changed)
	c.changed = make(chan struct{})
}

// empty waits until there are none, or ctx ends.
func (c *census) empty(ctx context.Context) {
	for {
		c.mu.Lock()
		n, changed := len(c.clients), c.changed
		c.mu.Unlock()
		if n == 0 {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}
