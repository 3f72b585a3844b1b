package mtasts

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"yubin/internal/smtp"
)

// Modes of a policy.
const (
	Enforce = "enforce" // no mail to a host that does not satisfy it
	Testing = "testing" // mail goes all the same
	None    = "none"    // there is no policy any more
)

// Bounds of a policy (RFC 8461, 3.2 and 3.3).
const (
	maxPolicy = 64 << 10               // octets
	maxMX     = 1000                   // patterns
	maxMaxAge = 31557600 * time.Second // a year
)

// A Policy is what a domain says of its mail exchangers. It does not change.
type Policy struct {
	Mode   string        `json:"mode"`
	MX     []string      `json:"mx"` // lower case; "*." in front stands for one label
	MaxAge time.Duration `json:"max_age"`
}

// parsePolicy reads the body of mta-sts.txt. RFC 8461, 3.2: unknown fields are
// passed over, and all but the first of a field that is not repeated.
func parsePolicy(body string) (*Policy, error) {
	fields := map[string]string{}
	p := &Policy{}
	for line := range strings.Lines(body) {
		line = strings.Trim(line, " \t\r\n")
		if line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, fmt.Errorf("not \"name: value\": %.100q", line)
		}
		name, value = strings.TrimRight(name, " \t"), strings.TrimLeft(value, " \t")
		if name == "mx" {
			pattern := strings.ToLower(value)
			if !smtp.ValidDomain(strings.TrimPrefix(pattern, "*.")) || len(p.MX) == maxMX {
				return nil, fmt.Errorf("mx: not a host name, or too many: %.100q", value)
			}
			p.MX = append(p.MX, pattern)
			continue
		}
		if _, twice := fields[name]; !twice {
			fields[name] = value
		}
	}
	if fields["version"] != "STSv1" {
		return nil, fmt.Errorf("version: want STSv1, have %.100q", fields["version"])
	}
	age, err := strconv.ParseUint(fields["max_age"], 10, 63)
	if err != nil {
		return nil, fmt.Errorf("max_age: want a number of seconds, have %.100q", fields["max_age"])
	}
	p.MaxAge = time.Duration(min(age, uint64(maxMaxAge/time.Second))) * time.Second
	switch p.Mode = fields["mode"]; p.Mode {
	case None:
	case Enforce, Testing:
		if len(p.MX) == 0 {
			return nil, errors.New("no mx")
		}
	default:
		return nil, fmt.Errorf("mode: want enforce, testing or none, have %.100q", p.Mode)
	}
	return p, nil
}

// Matches tells whether a host may be a mail exchanger of the domain (RFC 8461,
// 4.1). "*." stands for one label.
func (p *Policy) Matches(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	label, parent, _ := strings.Cut(host, ".")
	for _, m := range p.MX {
		below, wild := strings.CutPrefix(m, "*.")
		if m == host || wild && label != "" && parent == below {
			return true
		}
	}
	return false
}
