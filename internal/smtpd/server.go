package smtpd

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"path"
	"path/filepath"
	"sync"
	"time"

	"yubin/internal/config"
	"yubin/internal/fdpass"
	"yubin/internal/intake"
	"yubin/internal/maillog"
	"yubin/internal/match"
	"yubin/internal/queue"
	"yubin/internal/resolve"
	"yubin/internal/rewrite"
	"yubin/internal/route"
	"yubin/internal/servertls"
	"yubin/internal/smtp"
	"yubin/internal/table"
)

// A depot is where messages go: an *intake.Client.
type depot interface {
	Blank(ctx context.Context) (*intake.Blank, error)
	Commit(ctx context.Context, b *intake.Blank, as string) (id string, err error)
	Return(b *intake.Blank)
	Full(ctx context.Context) bool
}

// A server is what the sessions of a process share. Its exported state does
// not change after newServer.
type server struct {
	service string // master.cf's name
	local   bool   // of -S: one session with the user who runs it
	log     *maillog.Logger
	cleanup *maillog.Logger // Postfix logs message-id under this name
	depot   depot
	router  *route.Router
	rewrite *rewrite.Rewriter
	tls     *tlsState
	login   *login // nil: AUTH is not enabled
	ours    []rule // local_header_rewrite_clients
	discard *discarder
	load    *load
	calm    *settings
	tense   *settings // under stress; it may be calm

	networks   *match.List // mynetworks
	unlimited  *match.List // smtpd_client_event_limit_exceptions
	bareNoted  *match.List // smtpd_forbid_bare_newline_exclusions
	flushed    *match.List // fast_flush_domains
	xclients   *match.List // smtpd_authorized_xclient_hosts
	xforwards  *match.List // smtpd_authorized_xforward_hosts
	forbidden  *match.List // smtpd_forbidden_commands
	noops      *match.List // smtpd_noop_commands
	flush      func(site string) error
	delimiters string

	teller      *teller
	stats       *statistics
	clientRates *rates[netip.Addr]
	userRates   *rates[string]
	names       *resolve.Resolver // nil: clients' names are not asked for

	mu      sync.Mutex // guards clients
	clients map[netip.Addr]int
}

// settings are the parameters in the form that sessions use.
type settings struct {
	rules                                          rulebook
	hostname, mailName, banner, origin             string
	override                                       rewrite.Overrides
	filter                                         string // content_filter
	stress                                         string // yes under stress
	timeout, errorSleep                            time.Duration
	recipients, overshoot                          int
	softErrors, hardErrors, junk                   int
	perClient, lineLimit, dataRate, hops           int
	messageLimit, fieldLimit                       int64
	heloRequired, noVrfy, strict, synchronized     bool
	delayReject, unlistedRecipient, unlistedSender bool
	utf8, strictUTF8                               bool
	showTable, etrn                                bool
	unknown                                        map[string]int // reply codes by table, see unknownCode
	bareNewline                                    string
	bareNewlineCode                                int
	futureRelease                                  time.Duration
	rate, userRate                                 [events]int
	addMissing, showUser, hideClient               bool
	proxy                                          string
	proxyTimeout                                   time.Duration
}

func newServer(c *config.Config, service string, log *maillog.Logger, d depot) (*server, error) {
	// In the names of programs that there are once, whatever this service is called.
	as := func(name string) *maillog.Logger {
		return log.Tagged(path.Join(config.SyslogName.Of(c.Shared()), name))
	}
	s := &server{
		service: service, log: log, cleanup: as("cleanup"), depot: d, load: newLoad(service, 0, log),
		delimiters: config.RecipientDelimiter.Of(c), clients: map[netip.Addr]int{}, flush: newFlush(c),
		teller:      newTeller(c),
		stats:       newStatistics(service, config.AnvilRateTimeUnit.Of(c), config.AnvilStatusUpdateTime.Of(c), as("anvil")),
		clientRates: newRates[netip.Addr](config.AnvilRateTimeUnit.Of(c)),
		userRates:   newRates[string](config.SmtpdUserRateTimeUnit.Of(c)),
	}
	var err error
	report := func(p config.Problem) { log.Warn("%v", p) }
	if s.router, err = route.New(c, report); err != nil {
		return nil, err
	}
	if s.rewrite, err = rewrite.New(c, report); err != nil {
		return nil, err
	}
	for _, l := range []struct {
		list  **match.List
		param config.List
	}{
		{&s.networks, config.Mynetworks},
		{&s.unlimited, config.SmtpdClientEventExceptions},
		{&s.bareNoted, config.SmtpdForbidBareNewlineExcl},
		{&s.flushed, config.FastFlushDomains},
		{&s.xclients, config.SmtpdAuthorizedXclientHosts},
		{&s.xforwards, config.SmtpdAuthorizedXforwardHosts},
		{&s.forbidden, config.SmtpdForbiddenCommands},
		{&s.noops, config.SmtpdNoopCommands},
	} {
		if *l.list, err = match.Of(c, l.param, table.Report(report)); err != nil {
			return nil, err
		}
	}
	if config.SmtpdPeernameLookup.Of(c) {
		if s.names, err = resolve.Configured(c); err != nil {
			return nil, err
		}
	}
	if s.discard, err = newDiscarder(c, log); err != nil {
		return nil, err
	}
	if s.tls, err = newTLS(c, log); err != nil {
		return nil, err
	}
	if err = s.configure(c); err != nil {
		return nil, err
	}
	if s.login, err = newLogin(c, log); err != nil {
		return nil, err
	}
	if s.login != nil && s.tls.Level() == servertls.Encrypt {
		s.login.tlsOnly = true // nothing is done in the clear
	}
	s.ours, err = compileClients(c, log)
	return s, err
}

func read(c *config.Config) *settings {
	p := &settings{
		hostname: config.Myhostname.Of(c), mailName: config.MailName.Of(c),
		banner: config.SmtpdBanner.Of(c), origin: config.Myorigin.Of(c),
		timeout: config.SmtpdTimeout.Of(c), errorSleep: config.SmtpdErrorSleepTime.Of(c),
		recipients: config.SmtpdRecipientLimit.Of(c), overshoot: config.SmtpdRecipientOvershootLimit.Of(c),
		softErrors: config.SmtpdSoftErrorLimit.Of(c), hardErrors: config.SmtpdHardErrorLimit.Of(c),
		junk: config.SmtpdJunkCommandLimit.Of(c), perClient: config.SmtpdConnectionCountLimit.Of(c),
		lineLimit: config.LineLengthLimit.Of(c), dataRate: config.SmtpdMinDataRate.Of(c),
		hops: config.HopcountLimit.Of(c), messageLimit: config.MessageSizeLimit.Of(c),
		fieldLimit: config.HeaderSizeLimit.Of(c), heloRequired: config.SmtpdHeloRequired.Of(c),
		noVrfy: config.DisableVrfyCommand.Of(c), strict: config.StrictRFC821Envelopes.Of(c),
		synchronized: config.SmtpdForbidUnauthPipelining.Of(c), delayReject: config.SmtpdDelayReject.Of(c),
		unlistedRecipient: config.SmtpdRejectUnlistedRecipient.Of(c), unlistedSender: config.SmtpdRejectUnlistedSender.Of(c),
		showTable: config.ShowUserUnknownTableName.Of(c), etrn: len(config.FastFlushDomains.Of(c)) > 0,
		utf8: config.SMTPUTF8Enable.Of(c), strictUTF8: config.StrictSMTPUTF8.Of(c),
		unknown: map[string]int{
			"local recipient table": config.UnknownLocalRejectCode.Of(c),
			route.AliasTable:        config.UnknownAliasRejectCode.Of(c),
			"virtual mailbox table": config.UnknownVirtualRejectCode.Of(c),
			"relay recipient table": config.UnknownRelayRejectCode.Of(c),
		},
		bareNewline: config.SmtpdForbidBareNewline.Of(c), bareNewlineCode: config.SmtpdForbidBareNewlineCode.Of(c),
		futureRelease: config.SmtpdFutureReleaseLimit.Of(c),
		showUser:      config.SmtpdSASLAuthenticatedHeader.Of(c), hideClient: config.SmtpdHideClientSession.Of(c),
		addMissing: config.AlwaysAddMissingHeaders.Of(c),
		proxy:      config.SmtpdUpstreamProxyProtocol.Of(c), proxyTimeout: config.SmtpdUpstreamProxyTimeout.Of(c),
	}
	for e, limit := range eventLimits {
		p.rate[e] = limit.Of(c)
	}
	p.userRate[eventMessage] = config.SmtpdUserMessageRateLimit.Of(c)
	p.userRate[eventRecipient] = config.SmtpdUserRecipientRateLimit.Of(c)
	return p
}

// unknownCode is the reply to a recipient that is not in one of package route's
// tables.
func (p *settings) unknownCode(table string) int {
	if code := p.unknown[table]; code != 0 {
		return code
	}
	return 550
}

// newDepot returns the way to qmgr.
func newDepot(c *config.Config, log *maillog.Logger) *intake.Client {
	socket := filepath.Join(config.QueueDirectory.Of(c), queue.DirPublic, "qmgr")
	return intake.New(intake.Options{
		Dial:    func() (*fdpass.Conn, error) { return fdpass.Dial(socket) },
		Program: "smtpd", Log: log,
	})
}

// A peer is the client of a session.
type peer struct {
	name string // "unknown" without a name
	ip   netip.Addr
	port uint16

	reverse string // what DNS says, confirmed or not; "unknown": nothing
	// Why there is no name, or no reverse one.
	noName, noReverse doubt
}

// String is how the log shows a client.
func (p peer) String() string { return p.name + "[" + p.address() + "]" }

// LogFields says what of a log line the client is.
func (p peer) LogFields(note func(key, value string)) {
	note("client", p.String())
	note("client_address", p.address())
}

func (p peer) address() string {
	if !p.ip.IsValid() {
		return "unknown"
	}
	return p.ip.String()
}

// known is the name, if something vouches for it.
func (p peer) known() string {
	if p.name == "unknown" {
		return ""
	}
	return p.name
}

func peerOf(c net.Conn) peer {
	p := nobody
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		ap := a.AddrPort()
		p.ip, p.port = ap.Addr().Unmap().WithZone(""), ap.Port()
	}
	if p.ip.IsLoopback() {
		p.name, p.reverse, p.noName, p.noReverse = "localhost", "localhost", certain, certain
	}
	return p
}

// serve is the handler of a connection.
func (s *server) serve(ctx context.Context, c net.Conn) {
	s.load.enter()
	defer s.load.leave()
	if c = s.unproxy(c); c != nil {
		s.session(ctx, c, peerOf(c))
	}
}

func (s *server) session(ctx context.Context, c net.Conn, who peer) {
	n := newSession(s, c, who)
	n.life = ctx
	if n.tooOften(eventConnect) || !n.admit() {
		n.w.reply(n.hangUp(421, smtp.SecurityOther, "too many connections from "+who.address()))
		n.w.flush()
		n.logDisconnect()
		return
	}
	defer s.release(who)
	n.identify()
	defer n.tell(ctx)
	// An idle session hears of the end of the service at once.
	stop := context.AfterFunc(ctx, func() { c.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	n.run(ctx)
}

// clientKey is what counts as one client: an IPv6 site has at least a /64.
func clientKey(ip netip.Addr) netip.Addr {
	if ip.Is6() {
		p, err := ip.Prefix(64)
		if err == nil {
			return p.Addr()
		}
	}
	return ip
}

// admit counts a connection; it is false when its client has too many.
func (s *session) admit() bool {
	srv := s.srv
	if !s.peer.ip.IsValid() {
		return true
	}
	key := clientKey(s.peer.ip)
	srv.mu.Lock()
	srv.clients[key]++
	n := srv.clients[key]
	srv.mu.Unlock()
	if !s.isFree(false) {
		srv.stats.count(n, s.peer.address(), time.Now())
	}
	if limit := srv.p().perClient; limit == 0 || n <= limit {
		return true
	}
	if s.isFree(true) {
		return true
	}
	srv.log.On(maillog.Limit).Warn("Connection concurrency limit exceeded: %d from %v for service %s", n, s.client(), srv.service)
	srv.release(s.peer)
	return false
}

func (s *server) release(who peer) {
	if !who.ip.IsValid() {
		return
	}
	key := clientKey(who.ip)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.clients[key]--; s.clients[key] == 0 {
		delete(s.clients, key)
	}
}

// lastWord is what the client of a session that panicked hears.
func (s *server) lastWord(c net.Conn) {
	fmt.Fprintf(s.tls.outermost(c), "421 4.3.0 %s Error: internal error, closing connection\r\n", s.p().hostname)
}
