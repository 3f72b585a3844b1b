package config

// What imapd(8) looks at in a message, for FETCH and SEARCH.
var (
	ImapdMimeNestingLimit = integer("imapd_mime_nesting_limit", 100, 1, 500, `
		How deep the parts of a message are looked for. What is deeper is content of the part around it, in BODYSTRUCTURE and BODY[...]. As in
		Dovecot, and as mime_nesting_limit.`)
	ImapdMimePartsLimit = integer("imapd_mime_parts_limit", 10000, 1, 100000, `
		The most parts of a message; what follows is content of the last of them. As in Dovecot.`)
	ImapdFieldSizeLimit = size("imapd_field_size_limit", 1048576, 998, `
		How much of a header field ENVELOPE, BODYSTRUCTURE, SORT, THREAD and SEARCH see, octets. It is sent whole.`)
	ImapdHeaderSizeLimit = size("imapd_header_size_limit", 10485760, 998, `
		How much of all such fields of a message they see, octets. Those behind are sent, and seen by SEARCH TEXT.`)
)
