package smtp

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// ASCII tells whether s has no octets above 127.
func ASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// ASCIIAddress returns an address whose domain is in A-labels (RFC 5890,
// 2.3.2.1), the one form in which domains are compared and routed; so a domain
// with letters beyond ASCII needs no SMTPUTF8 on its way. An address of ASCII,
// and one whose domain is none, stays as it is.
func ASCIIAddress(addr string) string {
	local, domain := SplitAddress(addr)
	if ASCII(domain) {
		return addr
	}
	// Small letters are what UTS 46 says: strings.ToLower makes i of İ.
	a, err := idna.Lookup.ToASCII(domain)
	if err != nil || !ValidDomain(a) {
		return addr
	}
	return JoinAddress(local, a)
}

// FoldKey returns an address, a domain, or a domain behind a dot in the form in
// which tables and lists compare it: lower case, the domain in A-labels.
func FoldKey(key string) string {
	if ASCII(key) {
		return strings.ToLower(key)
	}
	if key = foldDomain(key); ASCII(key) {
		return strings.ToLower(key)
	}
	low := strings.ToLower(key)
	return foldDomain(low) // of what was no domain with its capitals
}

// foldDomain brings the domain in a key into A-labels.
func foldDomain(key string) string {
	if strings.Contains(key, "@") {
		return ASCIIAddress(key)
	}
	name, dot := strings.CutPrefix(key, ".")
	if !strings.Contains(name, ".") {
		return key // a user
	}
	if name = strings.TrimPrefix(ASCIIAddress("x@"+name), "x@"); dot {
		name = "." + name
	}
	return name
}

// UnicodeDomain is a domain in U-labels.
func UnicodeDomain(domain string) string {
	return strings.TrimPrefix(UnicodeAddress("x@"+domain), "x@")
}

// UnicodeAddress is the inverse of ASCIIAddress: the domain is in U-labels.
func UnicodeAddress(addr string) string {
	local, domain := SplitAddress(addr)
	if !strings.Contains(domain, "xn--") {
		return addr
	}
	u, err := idna.Lookup.ToUnicode(domain)
	if err != nil {
		return addr
	}
	return local + "@" + u
}
