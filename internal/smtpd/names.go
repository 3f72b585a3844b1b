package smtpd

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"yubin/internal/config"
	"yubin/internal/maillog"
	"yubin/internal/match"
	"yubin/internal/resolve"
	"yubin/internal/smtp"
)

// namesParams are the parameters of clients' names and of who may set them.
var namesParams = []*config.Def{
	config.SmtpdPeernameLookup.Def, config.UnknownClientRejectCode.Def,
	config.SmtpdAuthorizedXclientHosts.Def, config.SmtpdAuthorizedXforwardHosts.Def,
}

const (
	// namePatience is how long whoever needs the name of a client waits for
	// DNS. Then the name is unknown for the time being.
	namePatience = 10 * time.Second
	// maxNames is how many of an address's names are tried: whoever has the
	// address writes them.
	maxNames = 4
)

// A doubt is why something is not known of a client.
type doubt uint8

const (
	certain  doubt = iota // it is known
	perhaps               // DNS does not answer now
	hopeless              // there is nothing to know, or what there is is false
)

// nobody is a client of whom nothing is known.
var nobody = peer{name: "unknown", reverse: "unknown", noName: hopeless, noReverse: hopeless}

// reversed is the name that DNS gives the address, whoever may have written it.
func (p peer) reversed() string {
	if p.reverse == "unknown" {
		return ""
	}
	return p.reverse
}

// A search is the question for a client's name, under way.
type search struct {
	done chan struct{} // closed when who is there
	who  peer
}

// identify begins to look for the client's name, once. The log has the
// connection as soon as the name is known, and nobody waits who needs neither.
func (s *session) identify() {
	if s.find != nil || s.said {
		return
	}
	s.said = true
	s.search(func(who peer) { s.srv.log.On(maillog.Connect).Info("connect from %v", who) })
}

// search looks for the name of s.peer.
func (s *session) search(then func(peer)) {
	if s.srv.names == nil || s.peer.name != "unknown" || !s.peer.ip.IsValid() {
		then(s.peer)
		return
	}
	f := &search{done: make(chan struct{}), who: s.peer}
	s.find = f
	srv, ctx := s.srv, s.life
	go func() {
		defer close(f.done)
		f.who = srv.lookUp(ctx, f.who)
		then(f.who)
	}()
}

// client is the session's client with its name, which may have to be waited
// for.
func (s *session) client() peer {
	if s.find != nil {
		<-s.find.done
		s.peer, s.find = s.find.who, nil
	}
	if !s.said { // it has come too often for a question
		s.said = true
		s.srv.log.On(maillog.Connect).Info("connect from %v", s.peer)
	}
	return s.peer
}

// listed tells whether a list has the client. Its name is waited for only if
// the list may have names.
func (s *session) listed(l *match.List) (bool, error) {
	name := ""
	if l.ByName() {
		s.identify()
		name = s.client().known()
	}
	return l.Client(name, s.peer.ip)
}

// lookUp returns p with the names that DNS has for its address: one whose own
// addresses have it too, and one of which nothing more is known.
func (s *server) lookUp(ctx context.Context, p peer) peer {
	ctx, cancel := context.WithTimeout(ctx, namePatience)
	defer cancel()
	ptr, err := s.names.PTR(ctx, p.ip)
	names := slices.DeleteFunc(slices.Clone(ptr.Records), func(name string) bool { return !nameable(name) })
	if err != nil || len(names) == 0 {
		p.noName = doubtOf(err)
		p.noReverse = p.noName
		return p
	}
	p.reverse, p.noReverse, p.noName = names[0], certain, hopeless
	network := resolve.IP4
	if p.ip.Is6() {
		network = resolve.IP6
	}
	var warnings []string
	for _, name := range names[:min(len(names), maxNames)] {
		own, err := s.names.Addresses(ctx, name, network)
		switch {
		case slices.Contains(own.Records, p.ip):
			p.name, p.reverse, p.noName = name, name, certain
			return p
		case err != nil:
			if doubtOf(err) == perhaps {
				p.noName = perhaps
			}
			warnings = append(warnings, fmt.Sprintf("hostname %s does not resolve to address %v: %v", name, p.ip, err))
		default:
			warnings = append(warnings, fmt.Sprintf("hostname %s does not resolve to address %v", name, p.ip))
		}
	}
	for _, w := range warnings {
		s.log.Warn("%s", w)
	}
	return p
}

// nameable tells whether text can be the name of a host, and is no address.
func nameable(text string) bool {
	_, err := netip.ParseAddr(text)
	return err != nil && smtp.ValidDomain(text)
}

// doubtOf is what an answer without the name means; nil: it was none.
func doubtOf(err error) doubt {
	if err != nil && resolve.KindOf(err) == resolve.Temporary {
		return perhaps
	}
	return hopeless
}

// rejectNameless refuses clients without a name that its addresses confirm.
func rejectNameless(k *compiler, _ string) (func(*query) verdict, error) {
	code := config.UnknownClientRejectCode.Of(k.c)
	return func(q *query) verdict {
		p := q.s.client()
		if p.name != "unknown" {
			return verdict{}
		}
		// RFC 7372, 3.4
		return p.nameless(p.noName, code, smtp.Detail{Subject: 7, Detail: 25}, "cannot find your hostname")
	}, nil
}

// rejectNoReverse refuses clients whose address has no name at all.
func rejectNoReverse(k *compiler, _ string) (func(*query) verdict, error) {
	code := config.UnknownClientRejectCode.Of(k.c)
	return func(q *query) verdict {
		p := q.s.client()
		if p.reversed() != "" {
			return verdict{}
		}
		return p.nameless(p.noReverse, code, smtp.NotAuthorized, "cannot find your reverse hostname")
	}, nil
}

// nameless is the refusal of a client for its want of a name: for the time
// being where DNS did not answer.
func (p peer) nameless(why doubt, code int, d smtp.Detail, text string) verdict {
	if why == perhaps {
		code = 450
	}
	return verdict{refuse, smtp.Reply{
		Code: code, Detail: d, Text: "Client host rejected: " + text + ", [" + p.address() + "]",
	}}
}
