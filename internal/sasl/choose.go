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
	binding bool      // to the channel
	wants   Abilities // any of which lets a server serve it
	client  func(Credentials, Channel) Party
	server  func(Keeper, Channel) Party
}

// mechanisms, the strongest first.
var mechanisms = [...]Mechanism{
	scramMechanism(scramSHA256, true, Verifiers256),
	scramMechanism(scramSHA256, false, Verifiers256),
	scramMechanism(scramSHA1, true, Verifiers1),
	scramMechanism(scramSHA1, false, Verifiers1),
	{
		Name: "EXTERNAL", Has: NoPlaintext | NoAnonymous | NoActive | NoDictionary, wants: Certificates,
		server: func(k Keeper, ch Channel) Party { return &externalServer{k: k, name: ch.CertName} },
	},
	{
		Name: "CRAM-MD5", Has: NoPlaintext | NoAnonymous, wants: Plaintexts,
		client: func(c Credentials, _ Channel) Party { return &cramMD5{Credentials: c} },
		server: func(k Keeper, ch Channel) Party { return &cramMD5Server{k: k, host: ch.Host} },
	},
	{
		Name: "PLAIN", Has: NoAnonymous, wants: Passwords,
		client: func(c Credentials, _ Channel) Party { return &plain{Credentials: c} },
		server: func(k Keeper, _ Channel) Party { return &plainServer{k: k} },
	},
	{
		Name: "LOGIN", Has: NoAnonymous, wants: Passwords,
		client: func(c Credentials, _ Channel) Party { return &login{Credentials: c} },
		server: func(k Keeper, _ Channel) Party { return &loginServer{k: k} },
	},
	{
		Name: "OAUTHBEARER", Has: NoAnonymous, token: true, wants: Tokens,
		client: func(c Credentials, ch Channel) Party { return &bearer{Credentials: c, channel: ch} },
		server: func(k Keeper, _ Channel) Party { return newBearerServer(k) },
	},
	{
		Name: "XOAUTH2", Has: NoAnonymous, token: true, wants: Tokens,
		client: func(c Credentials, _ Channel) Party { return &xoauth2{Credentials: c} },
		server: func(k Keeper, _ Channel) Party { return newXOAUTH2Server(k) },
	},
}

// scramMechanism is the row of SCRAM with a hash, bound to the channel or not.
func scramMechanism(h *scramHash, bound bool, wants Abilities) Mechanism {
	m := Mechanism{
		Name: "SCRAM-" + h.name, Has: NoPlaintext | NoAnonymous | NoActive | MutualAuth, binding: bound, wants: wants,
		client: func(c Credentials, _ Channel) Party { return newScram(c, h, nil) },
		server: func(k Keeper, ch Channel) Party { return newScramServer(k, h, bound, ch.Exporter) },
	}
	if bound {
		m.Name += "-PLUS"
		m.client = func(c Credentials, ch Channel) Party { return newScram(c, h, ch.Exporter) }
	}
	return m
}

// Choose returns the strongest mechanism that the server offers, has the
// properties that are wanted, and can use these credentials on this channel.
// allowed tells whether a mechanism may be used at all; its error ends the
// search.
func Choose(offered []string, want Properties, c Credentials, ch Channel, allowed func(string) (bool, error)) (*Mechanism, error) {
	for i := range mechanisms {
		m := &mechanisms[i]
		if m.client == nil || m.token != c.Token || m.Has&want != want || m.binding && ch.Exporter == nil ||
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
