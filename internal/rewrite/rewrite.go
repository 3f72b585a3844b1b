package rewrite

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"yubin/internal/addrmap"
	"yubin/internal/config"
	"yubin/internal/smtp"
	"yubin/internal/table"
)

// Params are the parameters that New reads.
func Params() []*config.Def {
	return append(addrmap.Params(),
		config.RemoteHeaderRewriteDomain.Def,
		config.CanonicalMaps.Def, config.CanonicalClasses.Def,
		config.SenderCanonicalMaps.Def, config.SenderCanonicalClasses.Def,
		config.RecipientCanonicalMaps.Def, config.RecipientCanonicalClasses.Def,
		config.MasqueradeDomains.Def, config.MasqueradeClasses.Def, config.MasqueradeExceptions.Def,
		config.VirtualAliasMaps.Def, config.VirtualAliasRecursionLimit.Def, config.VirtualAliasExpansionLimit.Def,
		config.VirtualAliasLengthLimit.Def,
		config.AlwaysBcc.Def, config.SenderBccMaps.Def, config.RecipientBccMaps.Def,
		config.EnableOriginalRecipient.Def,
	)
}

// A class is the kind of place that an address stands in.
type class byte

const (
	envelopeSender class = 1 << iota
	envelopeRecipient
	headerSender
	headerRecipient
)

// A className is how parameters name a class.
type className struct {
	name string
	is   class
}

var classNames = [...]className{
	{"envelope_sender", envelopeSender}, {"envelope_recipient", envelopeRecipient},
	{"header_sender", headerSender}, {"header_recipient", headerRecipient},
}

// canonical is a parameter with canonical addresses, and where it holds.
type canonical struct {
	*addrmap.Map
	classes class
}

// A Rewriter gives addresses their final form. It does not change; its methods
// are safe for concurrent use.
type Rewriter struct {
	complete smtp.Completion
	remote   smtp.Completion // of headers of others
	others   bool            // such headers are rewritten at all

	canonical  [3]canonical // of senders, of recipients, of both, in the order in which they are asked
	masquerade masquerade

	virtual              *addrmap.Map
	recursion, expansion int
	length               int

	always           string // always_bcc
	senderBcc, rcBcc *addrmap.Map
	original         bool // enable_original_recipient

	report func(config.Problem)
}

// New reads the parameters of c. report takes what is wrong with tables; it may be
// nil. The error is the join of a config.Problem for each wrong value.
func New(c *config.Config, report func(config.Problem)) (*Rewriter, error) {
	if report == nil {
		report = func(config.Problem) {}
	}
	b := builder{c: c, report: report}
	r := &Rewriter{
		complete: addrmap.Completion(c), remote: addrmap.Completion(c),
		virtual:   b.open(config.VirtualAliasMaps, "virtual"),
		recursion: config.VirtualAliasRecursionLimit.Of(c), expansion: config.VirtualAliasExpansionLimit.Of(c),
		length:    config.VirtualAliasLengthLimit.Of(c),
		senderBcc: b.open(config.SenderBccMaps, ""), rcBcc: b.open(config.RecipientBccMaps, ""),
		original: config.EnableOriginalRecipient.Of(c), report: report,
	}
	const senders, recipients = envelopeSender | headerSender, envelopeRecipient | headerRecipient
	r.canonical = [...]canonical{
		b.canonical(config.SenderCanonicalMaps, config.SenderCanonicalClasses, senders),
		b.canonical(config.RecipientCanonicalMaps, config.RecipientCanonicalClasses, recipients),
		b.canonical(config.CanonicalMaps, config.CanonicalClasses, senders|recipients),
	}
	r.masquerade = newMasquerade(config.MasqueradeDomains.Of(c), config.MasqueradeExceptions.Of(c),
		b.classes(config.MasqueradeClasses, senders|recipients))
	if domain := config.RemoteHeaderRewriteDomain.Of(c); domain != "" {
		if !smtp.ValidDomain(domain) {
			b.fail(config.RemoteHeaderRewriteDomain.Def, fmt.Sprintf("want a domain, have %q", domain))
		}
		r.others, r.remote.Origin = true, domain
		if r.remote.Domain != "" {
			r.remote.Domain = domain
		}
	}
	if r.always = config.AlwaysBcc.Of(c); r.always != "" && smtp.Check(r.always) != nil {
		b.fail(config.AlwaysBcc.Def, fmt.Sprintf("want an address, have %q", r.always))
	}
	if b.errs != nil {
		return nil, errors.Join(b.errs...)
	}
	return r, nil
}

// A builder opens tables and remembers what is wrong with values.
type builder struct {
	c      *config.Config
	report func(config.Problem)
	errs   []error // each a config.Problem
}

func (b *builder) fail(d *config.Def, what string) { b.errs = append(b.errs, b.c.Fault(d, what)) }

func (b *builder) open(p config.List, propagation string) *addrmap.Map {
	m, err := addrmap.Open(b.c, p, propagation, table.Report(b.report))
	if err != nil {
		b.errs = append(b.errs, err)
	}
	return m
}

func (b *builder) canonical(maps, classes config.List, possible class) canonical {
	return canonical{b.open(maps, "canonical"), b.classes(classes, possible)}
}

// classes reads the value of a parameter that names classes.
func (b *builder) classes(p config.List, possible class) class {
	var all class
	for _, word := range p.Of(b.c) {
		i := slices.IndexFunc(classNames[:], func(n className) bool {
			return strings.EqualFold(n.name, word) && n.is&possible != 0
		})
		if i < 0 {
			var want []string
			for _, n := range classNames {
				if n.is&possible != 0 {
					want = append(want, n.name)
				}
			}
			b.fail(p.Def, fmt.Sprintf("want some of %s, have %q", strings.Join(want, ", "), word))
			continue
		}
		all |= classNames[i].is
	}
	return all
}

// Known tells whether the tables have something for addr, so that it is a
// recipient whatever those of its domain say; sender says that it is asked as one.
// The error is temporary.
func (r *Rewriter) Known(addr string, sender bool) (bool, error) {
	addr = r.Complete(addr)
	for i, m := range [...]*addrmap.Map{r.canonical[0].Map, r.canonical[1].Map, r.canonical[2].Map, r.virtual} {
		if i == 0 && !sender {
			continue
		}
		if _, found, err := m.Find(addr); found || err != nil {
			return found, err
		}
	}
	return false, nil
}

// Complete returns an address with the domain that it lacks, in A-labels.
func (r *Rewriter) Complete(addr string) string {
	return smtp.ASCIIAddress(r.complete.Complete(addr))
}
