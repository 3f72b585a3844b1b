package smtpd

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"yubin/internal/config"
	"yubin/internal/header"
	"yubin/internal/maillog"
	"yubin/internal/table"
)

// A completion makes a letter whole on its way to the queue.
type completion struct {
	header.Completion
	filter *header.Filter
	adds   bool // fields that are missing
}

// completion returns what completes the letter m; nil where sendmail does. A
// header that stays as the client wrote it is at least parted from the text, if the
// client has not: the first line would belong to our Received field, or be taken
// for a part of the header.
func (s *session) completion(m *message, sender string, now time.Time) *completion {
	if s.srv.local {
		return nil // sendmail's part
	}
	ours := s.isOurs()
	edit := s.srv.rewrite.Header(ours, s.rewriting())
	c := &completion{adds: ours || s.srv.p().addMissing, Completion: header.Completion{
		Sender: sender, Origin: s.srv.p().origin, ID: s.msg.id, Host: s.srv.p().hostname, Now: now,
	}}
	drop := header.Dropped
	if !ours {
		drop = nil
	}
	// m.look is fed each piece before the filter is.
	add := func(w io.Writer) error { return c.Missing(w, &m.look) }
	if !c.adds {
		add = nil
	}
	c.filter = header.NewFilter(m.to, drop, add)
	c.filter.Edit(edit)
	return c
}

// isOurs tells whether local_header_rewrite_clients has the client.
func (s *session) isOurs() bool {
	if s.forward != nil && s.forward.source != "" {
		return s.forward.source == "LOCAL"
	}
	q := &query{s: s}
	for _, rule := range s.srv.ours {
		switch v := rule.ask(q); v.action {
		case permit:
			return true
		case refuse:
			return false // a table that cannot be read: the log has it
		}
	}
	return false
}

// clientWords are the restrictions that local_header_rewrite_clients may name.
var clientWords = []string{"permit_inet_interfaces", "permit_mynetworks", "permit_sasl_authenticated", "permit_tls_clientcerts", "permit_tls_all_clientcerts"}

// compileClients reads local_header_rewrite_clients: a list of restrictions and
// of tables.
func compileClients(c *config.Config, log *maillog.Logger) ([]rule, error) {
	k := compiler{c: c, log: log}
	var rules []rule
	for _, word := range config.LocalHeaderRewriteClients.Of(c) {
		if strings.EqualFold(word, "check_address_map") {
			continue // the table follows, as it may without this word
		}
		build := addressTable
		if !strings.Contains(word, ":") {
			if !slices.Contains(clientWords, strings.ToLower(word)) {
				return nil, c.Fault(config.LocalHeaderRewriteClients.Def,
					fmt.Sprintf("%q is not known, want %s, or a table type:name", word, strings.Join(clientWords, ", ")))
			}
			known, err := lookUp(word)
			if err != nil {
				return nil, err
			}
			build = known.build
		}
		ask, err := build(&k, word)
		if err != nil {
			return nil, c.Fault(config.LocalHeaderRewriteClients.Def, err.Error())
		}
		rules = append(rules, rule{ask: ask})
	}
	return rules, nil
}

// addressTable permits clients whose address a table has, whatever it says of
// them.
func addressTable(k *compiler, spec string) (func(*query) verdict, error) {
	a, err := openAccess(k, spec, aboutClient)
	if err != nil {
		return nil, err
	}
	return func(q *query) verdict {
		switch _, found, err := table.First(a.t, addressKeys(q.s.peer.ip)); {
		case err != nil:
			return q.unsure(aboutClient, err)
		case found:
			return verdict{action: permit}
		}
		return verdict{}
	}, nil
}
