package table

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
)

// A cidrList is a list of rules in the order of the file.
type cidrList []cidrRule

// A cidrRule matches addresses inside its network, or those of the same protocol
// outside when not is set.
// A rule with skip > 0 is an "if": addresses that it does not match go on at
// the rule of that number.
type cidrRule struct {
	network netip.Prefix
	not     bool
	skip    int
	value   string
}

// cidrTable is a fileTable of a cidrList.
type cidrTable struct{ fileTable }

func (cidrTable) patterns() bool { return true }

func openCIDR(name string, o *options, _ bool) (Table, error) {
	if err := wantPath(name); err != nil {
		return nil, err
	}
	return cidrTable{fileTable{newFile(name, parseCIDR, o), false}}, nil
}

func (l cidrList) lookup(key string) (string, bool) {
	addr, err := netip.ParseAddr(key)
	if err != nil {
		return "", false
	}
	addr = addr.Unmap().WithZone("")
	for i := 0; i < len(l); i++ {
		r := &l[i]
		// A network is in the one protocol, and so is what is outside of it.
		match := r.network.Addr().BitLen() == addr.BitLen() && r.network.Contains(addr) != r.not
		switch {
		case r.skip > 0 && !match:
			i = r.skip - 1
		case r.skip == 0 && match:
			return r.value, true
		}
	}
	return "", false
}

// parseCIDR reads "network/length value", "address value", "!network value",
// and "if network" ... "endif".
func parseCIDR(data []byte, report Reporter) cidrList {
	var l cidrList
	nesting := blocks{report: report}
	for number, line := range logicalLines(data, report) {
		word, value := cutWord(line)
		switch strings.ToLower(word) {
		case "if":
			r, err := parseRule(value)
			if nesting.begin(number, len(l), err) {
				l = append(l, r)
			}
		case "endif":
			if rule := nesting.end(number); rule >= 0 {
				l[rule].skip = len(l)
			}
		default:
			r, err := parseRule(word)
			if err == nil && value == "" {
				err = fmt.Errorf("%q has no value", word)
			}
			if err != nil {
				report(number, fmt.Sprintf("%v; the line is ignored", err))
			} else if !nesting.left() {
				r.value = value
				l = append(l, r)
			}
		}
	}
	for rule := range nesting.unended {
		l[rule].skip = len(l)
	}
	return l
}

func parseRule(pattern string) (cidrRule, error) {
	var r cidrRule
	for strings.HasPrefix(pattern, "!") {
		r.not = !r.not
		pattern = strings.TrimLeft(pattern[1:], blanks)
	}
	var err error
	r.network, err = ParsePrefix(pattern)
	return r, err
}

// ParsePrefix reads "network/length" or an address. A network with bits set
// behind its length is an error, since nobody can tell what was meant.
func ParsePrefix(s string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(s); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("bad network or address %q", s)
	}
	if p.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf("bad network %q: write it as IPv4", s)
	}
	if m := p.Masked(); m != p {
		return netip.Prefix{}, fmt.Errorf("non-null host address bits in %q, perhaps you should use %q instead", s, m)
	}
	return p, nil
}

// cutWord parts a line at its first blank. "! pattern" counts as one word.
func cutWord(line []byte) (word, rest string) {
	start := 0
	for start < len(line) && (line[start] == '!' || isBlank(line[start])) {
		start++
	}
	end := bytes.IndexAny(line[start:], blanks)
	if end < 0 {
		return string(line), ""
	}
	return string(line[:start+end]), string(trim(line[start+end:]))
}
