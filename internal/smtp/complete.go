package smtp

import "strings"

// A Completion is what is done to an address before anybody looks at it, so that
// all see the same one. The zero value takes off a final dot alone.
type Completion struct {
	Origin  string // what an address without a domain is completed with; "" leaves it
	Domain  string // what a domain without a dot is completed with; "" leaves it
	Bang    bool   // host!user stands for user@host
	Percent bool   // user%host stands for user@host
}

// Complete returns addr, in internal form, with what it lacks. The operators of
// old mail systems count only where there is no domain: behind one the local
// part is not ours to read (RFC 5321, 2.3.11).
func (c Completion) Complete(addr string) string {
	local, domain := SplitAddress(addr)
	if local == "" {
		return addr
	}
	if domain == "" {
		local, domain = c.operators(local)
	}
	switch {
	case domain == "" && c.Origin == "":
		return addr
	case domain == "":
		return JoinAddress(local, c.Origin)
	}
	if short := strings.TrimSuffix(domain, "."); short != "" && !strings.HasSuffix(short, ".") {
		domain = short // the same name (RFC 1034, 3.1)
	}
	if c.Domain != "" && !strings.ContainsAny(domain, ".[") {
		domain += "." + c.Domain
	}
	return JoinAddress(local, domain)
}

// operators obeys those that are to be obeyed.
func (c Completion) operators(addr string) (local, domain string) {
	if i := strings.IndexByte(addr, '!'); c.Bang && i > 0 && i+1 < len(addr) && ValidDomain(addr[:i]) {
		return addr[i+1:], addr[:i]
	}
	if i := strings.LastIndexByte(addr, '%'); c.Percent && i > 0 && ValidDomain(addr[i+1:]) {
		return addr[:i], addr[i+1:]
	}
	return addr, ""
}
