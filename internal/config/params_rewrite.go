package config

// What addresses become on their way into the queue.
var (
	AppendAtMyorigin = boolean("append_at_myorigin", "yes", `
		Add @$myorigin to an address without a domain. Too much depends on it for no to be wise.`)
	AppendDotMydomain = boolean("append_dot_mydomain", "no", `
		Add .$mydomain to the domain of an address if that has no dot. Postfix's default is yes where
		compatibility_level is 0.`)
	SwapBangpath = boolean("swap_bangpath", "no", `
		Take host!user for user@host in an address without a domain. Postfix's default is yes.`)
	AllowPercentHack = boolean("allow_percent_hack", "no", `
		Take user%host for user@host in an address without a domain. Postfix's default is yes.`)
	RemoteHeaderRewriteDomain = str("remote_header_rewrite_domain", "", `
		The domain that completes addresses in the header of mail from clients that local_header_rewrite_clients does not
		have; canonical_maps and masquerade_domains then hold for that header too. When empty, it stays as it is.`)

	CanonicalMaps = list("canonical_maps", "", `
		Tables of addresses to be replaced, see canonical(5), in the envelope and in the header. An address that
		sender_canonical_maps or recipient_canonical_maps has given is looked up here next.`)
	CanonicalClasses = list("canonical_classes", "envelope_sender, envelope_recipient, header_sender, header_recipient", `
		Which addresses canonical_maps holds for.`)
	SenderCanonicalMaps = list("sender_canonical_maps", "", `
		As canonical_maps, for senders alone.`)
	SenderCanonicalClasses = list("sender_canonical_classes", "envelope_sender, header_sender", `
		Which addresses sender_canonical_maps holds for.`)
	RecipientCanonicalMaps = list("recipient_canonical_maps", "", `
		As canonical_maps, for recipients alone.`)
	RecipientCanonicalClasses = list("recipient_canonical_classes", "envelope_recipient, header_recipient", `
		Which addresses recipient_canonical_maps holds for.`)
	MasqueradeDomains = list("masquerade_domains", "", `
		Domains in place of what is below them: user@host.example.com becomes user@example.com. The first that the address is
		in, or below, counts; with ! in front it leaves the address as it is. The addresses of masquerade_exceptions are left
		alone, and recipients of the envelope unless masquerade_classes says otherwise.`)
	MasqueradeClasses = list("masquerade_classes", "envelope_sender, header_sender, header_recipient", `
		Which addresses masquerade_domains holds for.`)
	MasqueradeExceptions = list("masquerade_exceptions", "", `
		Local parts that masquerade_domains leaves alone.`)

	VirtualAliasMaps = list("virtual_alias_maps", "$virtual_maps", `
		Tables of recipients to be replaced by one address or several, see virtual(5), in domains of any kind. Each result
		is looked up again.`)
	VirtualAliasDomains = list("virtual_alias_domains", "$virtual_alias_maps", `
		Domains all of whose recipients are in virtual_alias_maps: others are unknown there. By default a table of
		virtual_alias_maps has such a domain as a key, with any value.`)
	VirtualAliasRecursionLimit = integer("virtual_alias_recursion_limit", 1000, 1, 100000, `
		How often one recipient may be replaced by virtual_alias_maps in a row.`)
	VirtualAliasExpansionLimit = integer("virtual_alias_expansion_limit", 1000, 1, 100000, `
		The most recipients that virtual_alias_maps may make of one.`)
	VirtualAliasLengthLimit = integer("virtual_alias_address_length_limit", 1000, 1, 100000, `
		The most octets of an address that virtual_alias_maps gives.`)
	UnknownAliasRejectCode = integer("unknown_virtual_alias_reject_code", 550, 400, 599, `
		The reply code for recipients in virtual_alias_domains that virtual_alias_maps does not have.`)
	RelocatedMaps = list("relocated_maps", "", `
		Tables of addresses that people have left, with what is to be told to who writes there, see relocated(5): mail
		comes back with "User has moved to" and the value.`)

	AlwaysBcc = str("always_bcc", "", `
		An address that gets a copy of all mail that comes in from outside and from sendmail(1): not of notices and forwards.
		Nobody is told when it cannot be delivered.`)
	SenderBccMaps = list("sender_bcc_maps", "", `
		Tables from a sender to the address that gets a copy of what he sends, as always_bcc does.`)
	RecipientBccMaps = list("recipient_bcc_maps", "", `
		Tables from a recipient, before virtual_alias_maps, to the address that gets a copy of what he is sent, as
		always_bcc does.`)

	EnableOriginalRecipient = boolean("enable_original_recipient", "yes", `
		Remember which address the sender has given: it stands in X-Original-To, in the log as orig_to, and one who is reached
		by two of them gets two letters. With no he gets one.`)
	ReceiveOverrideOptions = list("receive_override_options", "", `
		What is left out at a door where mail comes in a second time, from a content filter: no_address_mappings (canonical
		addresses, masquerading, virtual aliases, copies), no_unknown_recipient_checks. no_header_body_checks and no_milters
		are taken and change nothing.`)
)
