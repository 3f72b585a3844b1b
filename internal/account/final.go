package account

import (
	"strings"

	"yubin/internal/config"
	"yubin/internal/smtp"
	"yubin/internal/table"
)

// A Final decides what local mail comes to that neither an alias nor a .forward
// file sends elsewhere. Its fields do not change.
type Final struct {
	MailboxTransport, FallbackTransport Choice
	MailboxCommand                      Choice
	LuserRelay                          string
}

// A Choice is a parameter with tables before it.
type Choice struct {
	Maps   Lookup
	Tables string // the name of the parameter that lists them
	Name   string // of the parameter
	Value  string
}

// An End is where mail goes: one of the fields above Rule is set. None is set: it
// goes to the user's mailbox (Places), or there is no such user.
type End struct {
	Transport string // handed to another one, TRANSPORT:NEXTHOP
	Command   string // delivered to, with the user's rights
	Relay     string // sent to this address, with macros (aliases.Expander.Values)
	// Rule is the parameter that decided, and its table and line; "": none.
	Rule func() string
}

// FinalParams are the parameters that NewFinal reads.
var FinalParams = []*config.Def{
	config.MailboxTransport.Def, config.MailboxTransportMaps.Def, config.FallbackTransport.Def, config.FallbackTransportMaps.Def,
	config.MailboxCommand.Def, config.MailboxCommandMaps.Def, config.LuserRelay.Def,
}

// NewFinal reads the parameters.
func NewFinal(c *config.Config, options ...table.Option) (*Final, error) {
	f := &Final{LuserRelay: config.LuserRelay.Of(c)}
	for _, o := range []struct {
		to    *Choice
		maps  config.List
		value config.String
	}{
		{&f.MailboxTransport, config.MailboxTransportMaps, config.MailboxTransport},
		{&f.FallbackTransport, config.FallbackTransportMaps, config.FallbackTransport},
		{&f.MailboxCommand, config.MailboxCommandMaps, config.MailboxCommand},
	} {
		maps, err := table.OpenMaps(o.maps.Of(c), append(options[:len(options):len(options)], table.Trusted())...)
		if err != nil {
			return nil, c.Fault(o.maps.Def, err.Error())
		}
		*o.to = Choice{maps, o.maps.Name, o.value.Name, strings.TrimSpace(o.value.Of(c))}
	}
	return f, nil
}

// of is what is chosen for a user, and why; "": nothing.
func (c *Choice) of(user string) (value string, rule func() string, err error) {
	spec, found := "", false
	if m, ok := c.Maps.(*table.Maps); ok {
		value, spec, found, err = m.Find(user)
	} else {
		value, found, err = c.Maps.Lookup(user)
	}
	switch {
	case err != nil:
		return "", nil, &Error{Detail: smtp.LocalProcessing, Text: c.Tables + ": lookup failed", Err: err}
	case found:
		return strings.TrimSpace(value), func() string { return c.Tables + " " + table.WithLine(spec, user, false) }, nil
	}
	return c.Value, func() string { return c.Name }, nil
}

// Of is where mail for a user goes; known tells whether there is such a user.
func (f *Final) Of(name string, known bool) (End, error) {
	to, rule, err := f.MailboxTransport.of(name)
	if to != "" || err != nil {
		return End{Transport: to, Rule: rule}, err
	}
	if known {
		line, rule, err := f.MailboxCommand.of(name)
		if line == "" {
			rule = nil
		}
		return End{Command: line, Rule: rule}, err
	}
	to, rule, err = f.FallbackTransport.of(name)
	if to != "" || err != nil {
		return End{Transport: to, Rule: rule}, err
	}
	if f.LuserRelay == "" {
		return End{}, nil
	}
	return End{Relay: f.LuserRelay, Rule: func() string { return config.LuserRelay.Name }}, nil
}
