package mailctl

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/resolve"
	"yubin/internal/route"
)

// routeSynopsis is what follows `mailctl route`.
const routeSynopsis = "[-f SENDER] ADDRESS"

// routeParams are the parameters that the subcommand reads.
var routeParams = slices.Concat(route.Params(), resolve.Params(), []*config.Def{config.InetProtocols.Def})

// A trip is one question: how mail for an address travels.
type trip struct {
	env  *cli.Env
	bad  bool // mail would go back, or wait
	err  error
	dns  *resolve.Resolver
	want resolve.Network
}

// showRoute prints the way of an address step by step. The exit status is 1 if
// mail would not be delivered now.
func showRoute(ctx context.Context, env *cli.Env, args []string) error {
	fs := pflag.NewFlagSet("mailctl route", pflag.ContinueOnError)
	fs.SetOutput(io.Discard)
	sender := fs.StringP("sender", "f", "", "the envelope sender")
	err := fs.Parse(args)
	if err == nil && fs.NArg() != 1 {
		err = fmt.Errorf("want one address")
	}
	if err != nil {
		return cli.Fail(cli.ExUsage, "route: %v; usage: mailctl route %s", err, routeSynopsis)
	}
	router, err := route.New(env.Config, func(p config.Problem) { warn(env, "%v", p) })
	if err != nil {
		return &cli.Status{Code: cli.ExConfig, Err: err}
	}
	t := &trip{env: env, want: network(config.InetProtocols.Of(env.Config))}
	if t.dns, err = resolve.Configured(env.Config); err != nil {
		return &cli.Status{Code: cli.ExConfig, Err: err}
	}
	t.follow(ctx, router, bracketless(fs.Arg(0)), bracketless(*sender))
	if t.err == nil && t.bad {
		return &cli.Status{Code: 1}
	}
	return t.err
}

func bracketless(addr string) string {
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(addr), "<"), ">")
}

// network is which addresses inet_protocols lets be used.
func network(protocols []string) resolve.Network {
	four, six := slices.Contains(protocols, "ipv4"), slices.Contains(protocols, "ipv6")
	switch {
	case four && !six:
		return resolve.IP4
	case six && !four:
		return resolve.IP6
	}
	return resolve.IP
}

func (t *trip) print(what, format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.env.Stdout, "%-10s %s\n", what, fmt.Sprintf(format, args...))
	}
}

// fail is print of something that keeps mail from being delivered.
func (t *trip) fail(what, format string, args ...any) {
	t.bad = true
	t.print(what, format, args...)
}

func (t *trip) follow(ctx context.Context, router *route.Router, addr, sender string) {
	res, steps, err := router.Explain(addr, sender)
	for _, s := range steps {
		t.print("asked", "%s: %s", s.Rule, s.Said)
	}
	if err != nil {
		t.fail("waits", "%v", err)
		return
	}
	t.print("recipient", "%s", res.Recipient)
	t.print("class", "%s", res.Class)
	t.print("transport", "%s", res.Transport)
	t.print("next hop", "%s", res.Nexthop)
	t.print("by", "%s", res.Rule)
	switch res.Transport {
	case "error":
		t.fail("goes back", "%s", orElse(res.Nexthop, "address is not deliverable"))
		return
	case "retry":
		t.fail("waits", "%s", orElse(res.Nexthop, "address is temporarily not deliverable"))
		return
	case "discard":
		t.print("dropped", "%s", res.Nexthop)
		return
	}
	t.exists(router, addr)
	t.service(res.Transport)
	if res.Mailbox == "" {
		t.hops(ctx, res)
	}
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// exists says whether there is such a recipient.
func (t *trip) exists(router *route.Router, addr string) {
	known, table, err := router.Known(addr)
	switch {
	case err != nil:
		t.fail("waits", "%v", err)
	case !known:
		t.fail("refused", "smtpd says: User unknown in %s", table)
	}
}

// service says who delivers.
func (t *trip) service(transport string) {
	services, err := config.Services(t.env.Config)
	if err != nil {
		t.fail("waits", "%v", err)
		return
	}
	i := slices.IndexFunc(services, func(s config.MasterService) bool {
		return s.Name == transport && s.Type == "unix" && s.Private
	})
	switch {
	case i < 0:
		t.fail("waits", "master.cf has no service %s that is started", transport)
	case services[i].File == "":
		t.print("service", "%s, built in, by %s(8)", transport, services[i].Command)
	default:
		t.print("service", "%s, %s line %d, by %s(8)", transport, services[i].File, services[i].Line, services[i].Command)
	}
}

// hops says to which hosts the next hop leads. One of them is enough.
func (t *trip) hops(ctx context.Context, res route.Result) {
	parse := route.ParseHops
	if res.Transport == "lmtp" || strings.HasPrefix(res.Nexthop, "unix:") || strings.HasPrefix(res.Nexthop, "inet:") {
		parse = route.ParseLMTP
	}
	hops, err := parse(res.Nexthop)
	if err != nil {
		t.fail("waits", "%v", err)
		return
	}
	found := false
	for _, h := range hops {
		switch {
		case h.Unix != "":
			t.print("socket", "%s", h.Unix)
			found = true
		case h.Addr.IsValid():
			t.print("host", "%v", h)
			found = true
		case h.MX:
			found = t.exchangers(ctx, h) || found
		default:
			found = t.addresses(ctx, h.Host, h.Port, "") || found
		}
	}
	t.bad = t.bad || !found
}

// exchangers prints the hosts that take mail for a domain.
func (t *trip) exchangers(ctx context.Context, h route.Hop) (found bool) {
	mx, err := t.dns.MX(ctx, h.Host)
	switch {
	case err == nil:
		for _, m := range mx.Records {
			how := fmt.Sprintf("MX %d of %s%s", m.Preference, h.Host, secured(mx.Secure))
			found = t.addresses(ctx, m.Host, h.Port, how) || found
		}
	case resolve.KindOf(err) == resolve.NoData: // RFC 5321, 5.1
		found = t.addresses(ctx, h.Host, h.Port, "no MX")
	default:
		t.unresolved(err)
	}
	return found
}

func (t *trip) addresses(ctx context.Context, host string, port uint16, how string) (found bool) {
	addrs, err := t.dns.Addresses(ctx, host, t.want)
	if err != nil {
		t.unresolved(err)
	}
	for _, a := range addrs.Records {
		where := fmt.Sprintf("%s[%v]", host, a)
		if port != 0 {
			where += fmt.Sprintf(":%d", port)
		}
		t.print("host", "%s", strings.TrimSpace(where+secured(addrs.Secure)+" "+how))
	}
	return err == nil
}

func secured(secure bool) string {
	if secure {
		return " (secure)"
	}
	return ""
}

// unresolved says what follows if no other host is found.
func (t *trip) unresolved(err error) {
	what := "goes back"
	if resolve.KindOf(err) == resolve.Temporary {
		what = "waits"
	}
	t.print(what, "%v", err)
}
