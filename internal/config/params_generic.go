package config

// Addresses that mail leaves with.
var (
	SmtpGenericMaps = bothList("generic_maps", "", `
		Tables of addresses that mail leaves with in place of others, in the envelope and in the header: those of a host without a
		name in the DNS, for instance. Keys are user+extension@domain, user@domain, then, where the domain is $myorigin, in
		$mydestination or an address of this host, user+extension and user, and last @domain. A value is an address, or @domain, which
		keeps the local part. The first table that has a key counts; a table that cannot be read has the mail wait.`)
	PropagateExtensions = list("propagate_unmatched_extensions", "canonical, virtual", `
		Which tables append the extension of an address to their value where the key was the address without it: canonical, virtual, alias,
		forward, include, generic.`)
)
