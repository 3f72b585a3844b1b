package sasl

import "strings"

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
