package config

// How name servers are asked.
var (
	ResolverAddresses = list("resolver_addresses", "", `
		The name servers that are asked, in this order: 192.0.2.53, [2001:db8::53], either with :port behind it. Empty means
		those of /etc/resolv.conf. They must do the whole work of looking a name up, as those of a network do for its hosts.`)
	ResolverTimeout = duration("resolver_timeout", "0s", 0, `
		How long a name server has for a reply before the next one is asked. 0 means what /etc/resolv.conf says, or 5s.`)
	ResolverCacheSize = integer("resolver_cache_size", 10000, 0, 10000000, `
		The most answers of name servers that a program remembers, for as long as they hold; answers over 512 octets count
		more than once.`)
	ResolverTrustAD = choice("resolver_trust_ad", "loopback", []string{"loopback", "yes", "no"}, `
		Whose word counts that an answer is secured by DNSSEC, which DANE needs. loopback: that of name servers on this host,
		and of those in an /etc/resolv.conf that has "options trust-ad"; yes: of all, which is right only if nobody can tamper with
		the network between here and there; no: nobody's.`)
)
