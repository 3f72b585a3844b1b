package mailctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"yubin/internal/account"
	"yubin/internal/aliases"
	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/queue"
	"yubin/internal/resolve"
	"yubin/internal/rewrite"
	"yubin/internal/route"
	"yubin/internal/smtp"
	"yubin/internal/table"
)

// routeSynopsis is what follows `mailctl route`.
const routeSynopsis = "[--from SENDER] ADDRESS"

// routeParams are the parameters that the subcommand reads.
var routeParams = slices.Concat(rewrite.FilterParams(), route.Params(), rewrite.Params(), aliases.Params(), account.VirtualParams, account.PlaceParams, account.FinalParams, resolve.Params(), []*config.Def{
	config.InetProtocols.Def, config.DefaultPrivs.Def, config.DisableDNSLookups.Def,
}, config.SmtpDNSSupportLevel.Rows(), config.SmtpHostLookup.Rows())

// maxLegs is how many addresses one address is followed to.
const maxLegs = 1000

// A leg is an address that is still to be followed.
type leg struct {
	addr, sender string
	exact        bool // aliases have been applied
	first        bool // what was asked for: it is new mail
}

// A trip is one question: how mail for an address travels.
type trip struct {
	env  *cli.Env
	bad  bool // mail would go back, or wait
	err  error
	dns  *resolve.Resolver
	want resolve.Network

	router   *route.Router
	rewriter *rewrite.Rewriter
	expander *aliases.Expander
	final    *account.Final
	next     []leg
	seen     map[leg]bool
	sender   string // of the leg at hand
}

// showRoute prints the way of an address step by step. The exit status is 1 if
// mail would not be delivered now.
func showRoute(ctx context.Context, env *cli.Env, args []string) error {
	fs := pflag.NewFlagSet("mailctl route", pflag.ContinueOnError)
	fs.SetOutput(io.Discard)
	sender := fs.StringP("from", "f", "", "the envelope sender")
	err := fs.Parse(args)
	if err == nil && fs.NArg() != 1 {
		err = fmt.Errorf("want one address")
	}
	if err != nil {
		return cli.Fail(cli.ExUsage, "route: %v; usage: mailctl route %s", err, routeSynopsis)
	}
	t := &trip{env: env, want: network(config.InetProtocols.Of(env.Config)), seen: map[leg]bool{}}
	if err := t.open(); err != nil {
		return &cli.Status{Code: cli.ExConfig, Err: err}
	}
	if t.dns, err = resolve.Configured(env.Config); err != nil {
		return &cli.Status{Code: cli.ExConfig, Err: err}
	}
	if err := t.filter(); err != nil {
		return err
	}
	t.follow(ctx, leg{addr: bracketless(fs.Arg(0)), sender: bracketless(*sender), first: true})
	for n := 1; len(t.next) > 0 && t.err == nil; n++ {
		l := t.next[0]
		if t.next = t.next[1:]; t.seen[l] {
			continue
		}
		if n == maxLegs {
			t.fail("stops", "%d addresses have been followed, and there are more", maxLegs)
			break
		}
		t.blank()
		t.print("follow", "%s", l.addr)
		t.follow(ctx, l)
	}
	if t.err == nil && t.bad {
		return &cli.Status{Code: 1}
	}
	return t.err
}

// open makes what decides.
func (t *trip) open() error {
	c := t.env.Config
	report := func(p config.Problem) { warn(t.env, "%v", p) }
	read := func(path string, _ *account.Person, nofollow bool) (*aliases.Content, error) {
		return aliases.Read(path, nofollow)
	}
	var err1, err2, err3, err4 error
	t.router, err1 = route.New(c, report)
	t.rewriter, err2 = rewrite.New(c, report)
	t.expander, err3 = aliases.New(c, read, func(text string) { warn(t.env, "%s", text) }, table.Report(report), table.Site(c))
	t.final, err4 = account.NewFinal(c, table.Report(report), table.Site(c))
	return errors.Join(err1, err2, err3, err4)
}

// filter says where mail goes before all that, and comes back from.
func (t *trip) filter() error {
	to, err := rewrite.ContentFilter(t.env.Config)
	if err != nil {
		return &cli.Status{Code: cli.ExConfig, Err: err}
	}
	if to != "" {
		t.print("filter", "%s: by content_filter, which master.cf may set otherwise for a service; what comes back goes on so:", to)
		t.blank()
	}
	return nil
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

// blank parts two addresses.
func (t *trip) blank() {
	if t.err == nil {
		_, t.err = fmt.Fprintln(t.env.Stdout)
	}
}

// fail is print of something that keeps mail from being delivered.
func (t *trip) fail(what, format string, args ...any) {
	t.bad = true
	t.print(what, format, args...)
}

// follow rewrites an address, as the writers and qmgr do, and says where each that
// it becomes goes.
func (t *trip) follow(ctx context.Context, l leg) {
	t.seen[l] = true
	if l.exact {
		t.sender = l.sender
		t.deliver(ctx, l.addr, true)
		return
	}
	env, steps, err := t.rewriter.Explain(l.sender, l.addr, rewrite.Options{Copies: l.first})
	t.steps(steps)
	if err != nil {
		t.fail("waits", "%v", err)
		return
	}
	t.sender = env.Sender
	if env.Sender != l.sender {
		t.print("sender", "%s", env.Sender)
	}
	for i, r := range env.Recipients {
		if i > 0 {
			t.blank()
		}
		if r.Attrs[queue.AttrNotify] == smtp.NotifyNever.String() {
			t.print("copy", "to %s", r.Address)
		}
		addr := r.Address
		if addr == t.rewriter.Complete(l.addr) {
			addr = l.addr // as it was given: the postmaster needs no domain
		}
		t.deliver(ctx, addr, r.Exact)
	}
}

func (t *trip) steps(steps []route.Step) {
	for _, s := range steps {
		t.print("asked", "%s: %s", s.Rule, s.Said)
	}
}

// deliver says how mail for an address that has been rewritten is delivered.
func (t *trip) deliver(ctx context.Context, addr string, exact bool) {
	res, steps, err := t.router.Explain(addr, t.sender)
	t.steps(steps)
	if err != nil {
		t.fail("waits", "%v", err)
		return
	}
	t.print("recipient", "%s", res.Recipient)
	t.print("class", "%s", res.Class)
	t.print("transport", "%s", res.Transport)
	t.print("next hop", "%s", res.Nexthop)
	t.print("by", "%s", res.Rule)
	if t.kept(res) {
		return
	}
	t.exists(addr)
	switch {
	case res.Mailbox == "":
		t.agent(ctx, res)
	case res.Transport == "local":
		t.service(res.Transport)
		t.local(ctx, res.Recipient, exact)
	case res.Transport == "virtual":
		t.service(res.Transport)
		t.virtual(res.Recipient)
	default:
		t.service(res.Transport)
	}
}

// kept says what qmgr(8) does itself; false: an agent delivers.
func (t *trip) kept(res route.Result) bool {
	switch res.Transport {
	case "error":
		t.fail("goes back", "%s", orElse(res.Nexthop, "Address is undeliverable"))
	case "retry":
		t.fail("waits", "%s", orElse(res.Nexthop, "address is temporarily not deliverable"))
	case "discard":
		t.print("dropped", "%s", res.Nexthop)
	default:
		return false
	}
	return true
}

// agent says who delivers, and, unless it is a program of pipe(8)'s, to where.
func (t *trip) agent(ctx context.Context, res route.Result) {
	if s := t.service(res.Transport); s.Command != "pipe" {
		t.hops(ctx, res, t.lookups(s))
	}
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// exists says whether there is such a recipient.
func (t *trip) exists(addr string) {
	known, table, err := t.router.Known(addr)
	switch {
	case err != nil:
		t.fail("waits", "%v", err)
	case !known:
		t.fail("refused", "smtpd says: User unknown in %s", table)
	}
}

// service says who delivers, and returns what is known of it.
func (t *trip) service(transport string) (s config.MasterService) {
	services, err := config.Services(t.env.Config)
	if err != nil {
		t.fail("waits", "%v", err)
		return s
	}
	i := slices.IndexFunc(services, func(s config.MasterService) bool {
		return s.Name == transport && s.Type == "unix" && s.Private
	})
	switch {
	case i < 0:
		t.fail("waits", "master.cf has no service %s that is started", transport)
		return s
	case services[i].File == "":
		t.print("service", "%s, built in, by %s(8)", transport, services[i].Command)
	default:
		t.print("service", "%s, %s line %d, by %s(8)", transport, services[i].File, services[i].Line, services[i].Command)
	}
	return services[i]
}
