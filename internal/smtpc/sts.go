package smtpc

import (
	"context"
	"crypto/x509"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"

	"yubin/internal/config"
	"yubin/internal/maillog"
	"yubin/internal/mtasts"
	"yubin/internal/resolve"
)

// stsDirectory is where policies are kept, below data_directory. master makes
// it for the account of this program.
const stsDirectory = "mta-sts"

// newSTS returns the policies of domains (RFC 8461); nil when they do not count.
func newSTS(c *config.Config, lmtp bool, f *finder, log *maillog.Logger) *mtasts.Cache {
	if lmtp || !config.SmtpTLSMTASTS.Of(c) {
		return nil
	}
	dir := filepath.Join(config.DataDirectory.Of(c), stsDirectory)
	if err := os.Mkdir(dir, 0o700); err != nil && !os.IsExist(err) {
		log.Warn("MTA-STS policies are kept in memory only: %v", err)
		dir = ""
	}
	return mtasts.New(mtasts.Options{
		TXT: f.texts, Dial: f.dialHost, Dir: dir, Report: log.Warn,
		Roots: func() (*x509.CertPool, error) { return f.o.tls.public.Get() },
	})
}

// texts returns the TXT records of a name.
func (f *finder) texts(ctx context.Context, name string) ([]string, error) {
	a, err := f.dns.TXT(ctx, name)
	if kind := resolve.KindOf(err); err != nil && kind != resolve.Temporary {
		return nil, nil
	}
	return a.Records, err
}

// dialHost connects to a host at the first of its addresses that answers.
func (f *finder) dialHost(ctx context.Context, network, addr string) (net.Conn, error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return nil, err
	}
	a, err := f.addresses(ctx, host)
	for _, ip := range a.Records {
		d := net.Dialer{Timeout: f.o.wait.connect}
		if from := f.o.bind(ip); from.IsValid() {
			d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
		}
		var c net.Conn
		if c, err = d.DialContext(ctx, network, netip.AddrPortFrom(ip, uint16(port)).String()); err == nil {
			return c, nil
		}
	}
	return nil, err
}

// subject tells whether the domain of a target has a say in how mail goes to
// it: not against a table, and not where there is no TLS at all.
func (f *finder) subject(t *target) bool {
	l := t.policy.level
	return f.sts != nil && t.MX && !t.policy.listed && !t.policy.relaxed && (l == levelMay || l == levelEncrypt || l == levelDane)
}

// strict applies the policy of a domain (RFC 8461, 5) to its servers, but not
// where DANE has (RFC 8461, 2).
func (f *finder) strict(t *target, sites []*site, p *mtasts.Policy) ([]*site, error) {
	if p == nil || p.Mode != mtasts.Enforce {
		return sites, nil
	}
	var left []*site
	for _, s := range sites {
		switch {
		case s.policy.level > levelEncrypt:
		case !p.Matches(s.host):
			f.log.Warn("the MTA-STS policy of %s does not have its mail exchanger %s", t.name, s.host)
			continue
		default:
			s.policy = f.public(t)
		}
		left = append(left, s)
	}
	if len(left) == 0 {
		return nil, fails(4, badTLS, "none of the mail exchangers of %s is one that its MTA-STS policy has", t.name)
	}
	return left, nil
}
