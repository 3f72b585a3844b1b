package sasl

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Properties are what a mechanism has, or must have.
type Properties uint8

// The words of smtp_sasl_security_options.
const (
	NoPlaintext    Properties = 1 << iota // the secret itself is not sent
	NoAnonymous                           // somebody is authenticated
	NoActive                              // who sits between learns nothing that helps
	NoDictionary                          // who listens cannot try passwords at leisure
	ForwardSecrecy                        // one session's secret does not break the next
	MutualAuth                            // the server is authenticated too
)

var propertyNames = map[string]Properties{
	"noplaintext": NoPlaintext, "noanonymous": NoAnonymous, "noactive": NoActive,
	"nodictionary": NoDictionary, "forward_secrecy": ForwardSecrecy, "mutual_auth": MutualAuth,
}

// ParseProperties reads the value of smtp_sasl_security_options.
func ParseProperties(words []string) (p Properties, err error) {
	for _, w := range words {
		one, ok := propertyNames[strings.ToLower(w)]
		if !ok {
			return 0, fmt.Errorf("unknown property %q", w)
		}
		p |= one
	}
	return p, nil
}

// A Mechanism is one that is known.
type Mechanism struct {
	Name    string
	Has     Properties
	token   bool
	binding bool // to the channel
	client  func(Credentials, Channel) Party
}

// mechanisms, the strongest first.
var mechanisms = [...]Mechanism{
	{"SCRAM-SHA-256-PLUS", NoPlaintext | NoAnonymous | NoActive | MutualAuth, false, true,
		func(c Credentials, ch Channel) Party { return newScram(c, ch.Exporter) }},
	{"SCRAM-SHA-256", NoPlaintext | NoAnonymous | NoActive | MutualAuth, false, false,
		func(c Credentials, _ Channel) Party { return newScram(c, nil) }},
	{"CRAM-MD5", NoPlaintext | NoAnonymous, false, false,
		func(c Credentials, _ Channel) Party { return &cramMD5{Credentials: c} }},
	{"PLAIN", NoAnonymous, false, false,
		func(c Credentials, _ Channel) Party { return &plain{Credentials: c} }},
	{"LOGIN", NoAnonymous, false, false,
		func(c Credentials, _ Channel) Party { return &login{Credentials: c} }},
	{"OAUTHBEARER", NoAnonymous, true, false,
		func(c Credentials, ch Channel) Party { return &bearer{Credentials: c, channel: ch} }},
	{"XOAUTH2", NoAnonymous, true, false,
		func(c Credentials, _ Channel) Party { return &xoauth2{Credentials: c} }},
}

// Choose returns the strongest mechanism that the server offers, has the
// properties that are wanted, and can use these credentials on this channel.
// allowed tells whether a mechanism may be used at all; its error ends the
// search.
func Choose(offered []string, want Properties, c Credentials, ch Channel, allowed func(string) (bool, error)) (*Mechanism, error) {
	for i := range mechanisms {
		m := &mechanisms[i]
		if m.token != c.Token || m.Has&want != want || m.binding && ch.Exporter == nil ||
			!slices.ContainsFunc(offered, func(o string) bool { return strings.EqualFold(o, m.Name) }) {
			continue
		}
		ok, err := allowed(m.Name)
		if err != nil {
			return nil, err
		}
		if ok {
			return m, nil
		}
	}
	return nil, ErrNoMechanism
}

// ErrNoMechanism is the answer of Choose when nothing fits.
var ErrNoMechanism = errors.New("no mechanism available")

// Client begins an exchange as the client.
func (m *Mechanism) Client(c Credentials, ch Channel) Party { return m.client(c, ch) }
