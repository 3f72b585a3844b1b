package smtpc

import (
	"context"
	"net"
	"slices"

	"github.com/spf13/pflag"

	"yubin/internal/addrmap"
	"yubin/internal/agent"
	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/maillog"
	"yubin/internal/resolve"
	"yubin/internal/service"
	"yubin/internal/table"
)

// Command is smtp(8).
var Command = &cli.Command{
	Name: "smtp", Section: 8,
	Params: slices.Concat([]*config.Def{
		config.RequireTLSEnable.Def, config.NotifyClasses.Def, config.SMTPUTF8Enable.Def, config.SMTPUTF8AutodetectClasses.Def,
		config.Myhostname.Def, config.MailOwner.Def, config.QueueDirectory.Def, config.InetInterfaces.Def,
		config.InetProtocols.Def, config.ProxyInterfaces.Def, config.ParentDomainMatchesSubdomains.Def,
		config.SmtpFallbackRelay.Def, config.SmtpHeloName.Def, config.LmtpLhloName.Def, config.LmtpAssumeFinal.Def, config.SmtpAlwaysSendEhlo.Def,
		config.SmtpNeverSendEhlo.Def, config.TLSAppendDefaultCA.Def, config.DataDirectory.Def, config.SmtpTLSMTASTS.Def, config.DisableDNSLookups.Def,
	}, clientParams(), config.SmtpKeys.Rows(), config.LmtpKeys.Rows(), addrmap.Params(), resolve.Params(), service.Params),
	Setup: func(fs *pflag.FlagSet) func(context.Context, *cli.Env) error {
		lmtp := fs.Bool("lmtp", false, "speak LMTP; master(8) says so for services that master.cf has as lmtp")
		try := &trial{}
		fs.StringVar(&try.nexthop, "trial", "", "make one session with this `next hop` and show it, without a message; an operand is a recipient to ask for")
		fs.StringVarP(&try.sender, "sender", "f", "", "the sender of --trial")
		o := service.Flags(fs)
		return func(ctx context.Context, env *cli.Env) error {
			if try.nexthop != "" {
				try.out = env.Stdout
				if len(env.Args) > 0 {
					try.recipient = env.Args[0]
				}
				return try.run(ctx, env, *lmtp)
			}
			var d *deliverer
			return service.Run(ctx, env, o, service.Handler{
				Start: func(_ context.Context, s *service.Service) (err error) {
					d, err = newDeliverer(s, *lmtp)
					return err
				},
				Check: func(c *config.Config, log *maillog.Logger) error {
					_, _, err := configured(c, *lmtp, log)
					return err
				},
				Conn: func(ctx context.Context, c net.Conn) { d.serve(ctx, c) },
				Stop: func(context.Context) { d.pool.close() },
			})
		}
	},
}

// clientParams are the rows that SMTP and LMTP have each.
func clientParams() []*config.Def {
	var defs []*config.Def
	for _, p := range []interface{ Rows() []*config.Def }{
		config.SmtpTCPPort, config.SmtpHostLookup, config.SmtpDNSSupportLevel, config.SmtpBindAddress, config.SmtpBindAddress6,
		config.SmtpAddressPreference,
		config.SmtpBalanceInetProtocols, config.SmtpRandomizeAddresses, config.SmtpMXAddressLimit, config.SmtpMXSessionLimit,
		config.SmtpDeferIfNoMXAddress, config.SmtpSkip5xxGreeting, config.SmtpSkipQuitResponse,
		config.SmtpDiscardEhloKeywords, config.SmtpConnectTimeout, config.SmtpHeloTimeout, config.SmtpStarttlsTimeout,
		config.SmtpMailTimeout, config.SmtpRcptTimeout, config.SmtpDataInitTimeout, config.SmtpDataXferTimeout,
		config.SmtpMinDataRate, config.SmtpDataDoneTimeout, config.SmtpRsetTimeout, config.SmtpQuitTimeout,
		config.SmtpLineLengthLimit, config.SmtpConnectionCacheOnDemand, config.SmtpConnectionCacheDestinations,
		config.SmtpConnectionCacheTimeLimit, config.SmtpConnectionReuseTimeLimit, config.SmtpConnectionReuseCountLimit,
		config.SmtpTLSSecurityLevel, config.SmtpUseTLS, config.SmtpEnforceTLS, config.SmtpTLSEnforcePeername,
		config.SmtpTLSPolicyMaps, config.SmtpTLSWrappermode, config.SmtpTLSCAfile,
		config.SmtpTLSCApath, config.SmtpTLSProtocols, config.SmtpTLSMandatoryProtocols, config.SmtpTLSVerifyCertMatch,
		config.SmtpTLSSecureCertMatch, config.SmtpTLSFingerprintCertMatch, config.SmtpTLSFingerprintDigest,
		config.SmtpTLSServername, config.SmtpTLSLoglevel, config.SmtpTLSNoteStarttlsOffer,
		config.SmtpSASLAuthEnable, config.SmtpSASLPasswordMaps, config.SmtpSenderDependentAuth, config.SmtpSASLSecurityOptions,
		config.SmtpSASLTLSSecurityOptions, config.SmtpSASLTLSVerifiedSecurityOptions, config.SmtpSASLMechanismFilter,
		config.SmtpSASLAuthSoftBounce, config.SmtpGenericMaps, config.SmtpSendXforward,
	} {
		defs = append(defs, p.Rows()...)
	}
	return defs
}

// maxDeliveries is the most requests under way when master.cf sets no maxproc.
const maxDeliveries = 1000

// configured reads what main.cf says.
func configured(c *config.Config, lmtp bool, log *maillog.Logger) (*settings, *resolve.Resolver, error) {
	o, err := newSettings(c, lmtp, table.Report(func(p config.Problem) { log.Warn("%v", p) }))
	if err != nil {
		return nil, nil, err
	}
	dns, err := resolve.Configured(c)
	return o, dns, err
}

func newDeliverer(s *service.Service, lmtp bool) (*deliverer, error) {
	c := s.Config
	o, dns, err := configured(c, lmtp, s.Log)
	if err != nil {
		return nil, err
	}
	limit := maxDeliveries
	if s.MaxConns > 0 {
		limit = s.MaxConns
	}
	f := &finder{o: o, log: s.Log, dns: dns}
	f.sts = newSTS(c, lmtp, f, s.Log)
	return &deliverer{
		log: s.Log, o: o, finder: f, pool: newPool(o, limit), trusted: agent.Trusted(c),
		work: make(chan struct{}, limit),
	}, nil
}
