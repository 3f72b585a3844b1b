package config

// Where mail for other hosts goes.
var (
	Relayhost = str("relayhost", "", `
		The next hop of mail that is not delivered here, in place of the recipient's domain: domain, domain:port (its mail
		exchangers are looked up), [host], [host]:port, [address]:port (they are not). Several, apart by commas, are tried in
		turn. transport_maps, sender_dependent_relayhost_maps and a next hop in relay_transport or default_transport overrule it.`)
	TransportMaps = list("transport_maps", "", `
		Tables from a recipient to transport:nexthop, which overrule everything else. Keys are user+extension@domain,
		user@domain, domain, .domain for all below it, and * for everyone. In a result, an empty transport leaves that as it
		is, and an empty next hop means the recipient's domain; a lone colon changes nothing. error:TEXT returns mail,
		retry:TEXT lets it wait, discard: drops it.`)
	SenderRelayhostMaps = list("sender_dependent_relayhost_maps", "", `
		Tables from a sender, or @domain, to the relayhost for that sender's mail. DUNNO means relayhost.`)
	NullRelayhostKey = str("empty_address_relayhost_maps_lookup_key", "<>", `
		What sender_dependent_relayhost_maps is asked for in place of the null sender.`)
	SenderTransportMaps = list("sender_dependent_default_transport_maps", "", `
		Tables from a sender, or @domain, to transport:nexthop in place of default_transport. DUNNO means default_transport.`)
	NullTransportKey = str("empty_address_default_transport_maps_lookup_key", "<>", `
		What sender_dependent_default_transport_maps is asked for in place of the null sender.`)
)
