package sasl

import (
	"slices"
	"strings"
)

// PropertiesOf returns what a mechanism has. One that is not known may send the
// secret itself.
func PropertiesOf(name string) Properties {
	for i := range mechanisms {
		if strings.EqualFold(mechanisms[i].Name, name) {
			return mechanisms[i].Has
		}
	}
	if strings.EqualFold(name, "ANONYMOUS") { // RFC 4505
		return 0
	}
	return NoAnonymous
}

// Binds tells whether a mechanism among those that a client is offered binds to
// the channel. Where none does, nobody has hidden one, and a server's Channel has
// no Exporter.
func Binds(offered []string) bool {
	return slices.ContainsFunc(offered, func(m string) bool { return strings.HasSuffix(strings.ToUpper(m), "-PLUS") })
}
