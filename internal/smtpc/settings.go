package smtpc

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"yubin/internal/addrmap"
	"yubin/internal/config"
	"yubin/internal/match"
	"yubin/internal/route"
	"yubin/internal/smtp"
	"yubin/internal/table"
)

// settings are what main.cf says of one protocol, SMTP or LMTP. They do not
// change.
type settings struct {
	lmtp     bool
	hostname string // myhostname
	queueDir string // what paths of Unix sockets are relative to

	port         uint16
	fallback     []string
	bind4, bind6 netip.Addr // not valid: the system's choice
	v4, v6       bool       // inet_protocols
	prefer       string     // any, ipv4, ipv6
	balance      bool
	shuffle      bool
	addresses    int // of one destination; 0: no limit
	sessions     int
	deferNoMX    bool
	own          func(netip.Addr) bool
	noDNS        bool     // a next hop is a host, whatever the DNS says
	lookup       []string // dns, native

	heloName      string
	alwaysEhlo    bool
	neverEhlo     bool
	skip5xx       bool
	skipQuit      bool
	discard       map[string]bool
	xforward      bool // smtp_send_xforward_command
	lineLimit     int
	minRate       int
	cacheOnDemand bool
	cacheDomains  *match.List
	cacheTime     time.Duration
	reuseTime     time.Duration
	reuseCount    int
	wait          timeouts
	generic       *addrmap.Map // nil: addresses stay as they are
	assumeFinal   bool         // an LMTP server without DSN has the mailboxes itself
	tls           *tlsSettings
	requireTLS    bool          // RFC 8689
	utf8          origins       // smtputf8_autodetect_classes
	auth          *authSettings // nil: nobody logs in
	tells         bool          // the postmaster wants to hear of sessions that go wrong
	trace         func(string)  // gets each line of a session; nil: nobody looks
}

// timeouts are how long the steps of a session may take.
type timeouts struct {
	connect, helo, startTLS, mail, rcpt, dataInit, dataXfer, dataDone, rset, quit time.Duration
}

// newSettings reads the parameters. An error names the one that is wrong.
func newSettings(c *config.Config, lmtp bool, report table.Option) (*settings, error) {
	s := &settings{
		lmtp: lmtp, hostname: config.Myhostname.Of(c), queueDir: config.QueueDirectory.Of(c),
		prefer:     config.SmtpAddressPreference.In(lmtp).Of(c),
		balance:    config.SmtpBalanceInetProtocols.In(lmtp).Of(c),
		shuffle:    config.SmtpRandomizeAddresses.In(lmtp).Of(c),
		addresses:  config.SmtpMXAddressLimit.In(lmtp).Of(c),
		sessions:   config.SmtpMXSessionLimit.In(lmtp).Of(c),
		deferNoMX:  config.SmtpDeferIfNoMXAddress.In(lmtp).Of(c),
		heloName:   config.SmtpHeloName.Of(c),
		alwaysEhlo: config.SmtpAlwaysSendEhlo.Of(c), neverEhlo: config.SmtpNeverSendEhlo.Of(c),
		skip5xx:  config.SmtpSkip5xxGreeting.In(lmtp).Of(c),
		skipQuit: config.SmtpSkipQuitResponse.In(lmtp).Of(c),
		discard:  map[string]bool{},
		xforward: config.SmtpSendXforward.In(lmtp).Of(c),

		lineLimit: config.SmtpLineLengthLimit.In(lmtp).Of(c), minRate: config.SmtpMinDataRate.In(lmtp).Of(c),
		cacheOnDemand: config.SmtpConnectionCacheOnDemand.In(lmtp).Of(c),
		cacheTime:     config.SmtpConnectionCacheTimeLimit.In(lmtp).Of(c),
		reuseTime:     config.SmtpConnectionReuseTimeLimit.In(lmtp).Of(c),
		reuseCount:    config.SmtpConnectionReuseCountLimit.In(lmtp).Of(c),
		wait: timeouts{
			connect: config.SmtpConnectTimeout.In(lmtp).Of(c), helo: config.SmtpHeloTimeout.In(lmtp).Of(c),
			startTLS: config.SmtpStarttlsTimeout.In(lmtp).Of(c), mail: config.SmtpMailTimeout.In(lmtp).Of(c),
			rcpt: config.SmtpRcptTimeout.In(lmtp).Of(c), dataInit: config.SmtpDataInitTimeout.In(lmtp).Of(c),
			dataXfer: config.SmtpDataXferTimeout.In(lmtp).Of(c), dataDone: config.SmtpDataDoneTimeout.In(lmtp).Of(c),
			rset: config.SmtpRsetTimeout.In(lmtp).Of(c), quit: config.SmtpQuitTimeout.In(lmtp).Of(c),
		},
	}
	helo := config.SmtpHeloName
	if lmtp {
		helo = config.LmtpLhloName
		s.heloName, s.assumeFinal = helo.Of(c), config.LmtpAssumeFinal.Of(c)
	} else {
		s.fallback = config.SmtpFallbackRelay.Of(c)
	}
	if _, literal := smtp.ParseLiteral(s.heloName); !literal && !smtp.ValidDomain(s.heloName) {
		return nil, c.Fault(helo.Def, fmt.Sprintf("want a host name or an address in brackets, have %q", s.heloName))
	}
	for _, k := range config.SmtpDiscardEhloKeywords.In(lmtp).Of(c) {
		s.discard[strings.ToUpper(k)] = true
	}
	if err := s.network(c); err != nil {
		return nil, err
	}
	s.requireTLS = config.RequireTLSEnable.Of(c)
	s.tells = slices.Contains(config.NotifyClasses.Of(c), "protocol")
	var err error
	if s.utf8, err = readOrigins(c); err != nil {
		return nil, err
	}
	if s.cacheDomains, err = match.Of(c, config.SmtpConnectionCacheDestinations.In(lmtp), report); err != nil {
		return nil, err
	}
	if s.generic, err = addrmap.Open(c, config.SmtpGenericMaps.In(lmtp), "generic", report); err != nil {
		return nil, err
	}
	if s.auth, err = newAuthSettings(c, lmtp, s.queueDir); err != nil {
		return nil, err
	}
	s.tls, err = newTLSSettings(c, lmtp, report)
	return s, err
}

// network reads what has to do with addresses and ports.
func (s *settings) network(c *config.Config) error {
	port := config.SmtpTCPPort.In(s.lmtp)
	var err error
	if s.port, err = config.Port(context.Background(), port.Of(c)); err != nil || s.port == 0 {
		return c.Fault(port.Def, fmt.Sprintf("want a port, have %q", port.Of(c)))
	}
	for _, b := range []struct {
		param config.String
		to    *netip.Addr
		six   bool
	}{
		{config.SmtpBindAddress.In(s.lmtp), &s.bind4, false},
		{config.SmtpBindAddress6.In(s.lmtp), &s.bind6, true},
	} {
		text := strings.Trim(b.param.Of(c), "[]")
		if text == "" {
			continue
		}
		a, err := netip.ParseAddr(text)
		if err != nil || a.Is6() != b.six {
			return c.Fault(b.param.Def, fmt.Sprintf("want an address of that protocol, have %q", text))
		}
		*b.to = a
	}
	for _, p := range config.InetProtocols.Of(c) {
		p = strings.ToLower(p)
		s.v4 = s.v4 || p == "all" || p == "ipv4"
		s.v6 = s.v6 || p == "all" || p == "ipv6"
	}
	if !s.v4 && !s.v6 {
		return c.Fault(config.InetProtocols.Def, "want all, ipv4 or ipv6")
	}
	lookup := config.SmtpHostLookup.In(s.lmtp)
	for _, how := range lookup.Of(c) {
		if how != "dns" && how != "native" {
			return c.Fault(lookup.Def, fmt.Sprintf("want dns, native, or both, have %q", how))
		}
	}
	ways, off := config.HostLookup(c, s.lmtp)
	s.lookup, s.noDNS = ways, off != ""
	own := route.OwnAddresses(append(config.InetInterfaces.Of(c), config.ProxyInterfaces.Of(c)...))
	s.own = func(a netip.Addr) bool { return own(behind(a)) }
	return nil
}

// behind is where a connection to an address ends: the unspecified ones, which a
// domain may name as well as any, lead to this host's loopback.
func behind(a netip.Addr) netip.Addr {
	switch a {
	case netip.IPv4Unspecified():
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	case netip.IPv6Unspecified():
		return netip.IPv6Loopback()
	}
	return a
}

// bind is where connections to a come from.
func (s *settings) bind(a netip.Addr) netip.Addr {
	if a.Unmap().Is4() {
		return s.bind4
	}
	return s.bind6
}
