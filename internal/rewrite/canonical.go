package rewrite

import (
	"fmt"
	"strings"

	"yubin/internal/addrmap"
	"yubin/internal/config"
	"yubin/internal/header"
	"yubin/internal/smtp"
)

// maxChain is how often canonical addresses may lead on to others.
const maxChain = 1000

// An Error says that an address cannot be rewritten now.
type Error struct {
	Addr string
	// Expansion says that a table has been read, and leads nowhere: in circles,
	// to too many addresses, or to what cannot be one.
	Expansion bool
	Err       error
}

func (e *Error) Error() string { return fmt.Sprintf("<%s>: %v", smtp.Quote(e.Addr), e.Err) }
func (e *Error) Unwrap() error { return e.Err }

// Detail is the subject and detail of the enhanced status code for who has sent
// the message (RFC 3463).
func (e *Error) Detail() smtp.Detail {
	if e.Expansion {
		return smtp.Detail{Subject: 6}
	}
	return smtp.LocalProcessing
}

// Text is what may be told to who has sent the message.
func (e *Error) Text() string {
	what := "Temporary lookup failure"
	if e.Expansion {
		what = "Alias expansion error"
	}
	return fmt.Sprintf("<%s>: %s", smtp.Quote(e.Addr), what)
}

// mapped is addr, which is complete, as canonical addresses and masquerading have
// it where is says that it stands.
func (r *Rewriter) mapped(is class, addr string, t *trace) (string, error) {
	if addr == "" {
		return addr, nil
	}
	for i := range r.canonical {
		m := &r.canonical[i]
		if m.Map == nil || m.classes&is == 0 {
			continue
		}
		var err error
		if addr, err = r.chain(m.Map, addr, t); err != nil {
			return "", err
		}
	}
	if r.masquerade.classes&is != 0 {
		addr = r.masquerade.apply(addr, t)
	}
	return addr, nil
}

// chain asks m for addr, then for what it has given, until that is the end.
func (r *Rewriter) chain(m *addrmap.Map, addr string, t *trace) (string, error) {
	first := addr
	for range maxChain {
		to, hit, err := m.Lookup(addr)
		if err != nil {
			return "", &Error{Addr: first, Err: err}
		}
		if len(to) == 0 {
			return addr, nil
		}
		t.hit(hit)
		if len(to) > 1 {
			r.report(config.Problem{
				What: fmt.Sprintf("%s %s: %s has several addresses, the first counts", hit.Parameter, hit.Table, hit.Key),
				Mend: "several addresses belong into virtual_alias_maps",
			})
		}
		if strings.EqualFold(to[0], addr) {
			return to[0], nil
		}
		addr = to[0]
	}
	return "", &Error{Addr: first, Expansion: true, Err: fmt.Errorf("canonical addresses lead on and on: %s", addr)}
}

// masquerade is what hides the hosts of a domain.
type masquerade struct {
	domains    []hiding
	exceptions map[string]bool // local parts, in lower case
	classes    class           // none: there is nothing to do
}

// hiding is an element of masquerade_domains.
type hiding struct {
	domain string
	keep   bool // the addresses stay
}

func newMasquerade(domains, exceptions []string, classes class) masquerade {
	m := masquerade{exceptions: map[string]bool{}}
	for _, word := range domains {
		h := hiding{domain: word}
		for strings.HasPrefix(h.domain, "!") {
			h.domain, h.keep = h.domain[1:], !h.keep
		}
		if h.domain != "" {
			m.domains = append(m.domains, h)
		}
	}
	for _, user := range exceptions {
		m.exceptions[strings.ToLower(user)] = true
	}
	if len(m.domains) > 0 {
		m.classes = classes
	}
	return m
}

// apply returns addr in the domain that hides its own.
func (m *masquerade) apply(addr string, t *trace) string {
	local, domain := smtp.SplitAddress(addr)
	if domain == "" || m.exceptions[strings.ToLower(local)] {
		return addr
	}
	for _, h := range m.domains {
		switch below := len(domain) - len(h.domain); {
		case below < 0 || !strings.EqualFold(domain[below:], h.domain):
			continue
		case below == 0:
			return addr
		case domain[below-1] != '.':
			continue
		case h.keep:
			t.note(config.MasqueradeDomains.Name+" !"+h.domain, addr, " stays")
			return addr
		}
		to := smtp.JoinAddress(local, h.domain)
		t.note(config.MasqueradeDomains.Name+" "+h.domain, addr, " becomes ", to)
		return to
	}
	return addr
}

// Header returns what edits the addresses of a message's header, or nil when they
// stay as they are. ours says that local_header_rewrite_clients has who brings it.
func (r *Rewriter) Header(ours bool, o Options) *header.Editor {
	how := r.complete
	if !ours {
		if !r.others {
			return nil
		}
		how = r.remote
	}
	maps := !o.Unmapped && r.inHeader()
	if how == (smtp.Completion{}) && !maps {
		return nil
	}
	return &header.Editor{Bare: !maps && how.Domain == "", Address: func(side header.Side, addr string) (string, error) {
		if !strings.Contains(addr, "@") && strings.ContainsAny(addr, " \t") {
			return addr, nil // words that somebody has put in place of an address
		}
		next := how.Complete(addr)
		if !maps {
			return next, nil
		}
		is := headerSender
		if side == header.Recipients {
			is = headerRecipient
		}
		return r.mapped(is, next, nil)
	}}
}

// inHeader tells whether something is to be mapped in headers.
func (r *Rewriter) inHeader() bool {
	all := r.masquerade.classes
	for _, m := range r.canonical {
		if m.Map != nil {
			all |= m.classes
		}
	}
	return all&(headerSender|headerRecipient) != 0
}
