// Package rewrite gives a message the addresses that it goes on with: Postfix's
// cleanup(8) and trivial-rewrite(8). smtpd(8) and pickup(8) ask it before a message
// is committed, qmgr(8) when it makes a forward or a notice, `mailctl route` to
// explain. What happens to an address, in this order:
//
//	append_at_myorigin, append_dot_mydomain       all, in envelope and header
//	sender_canonical_maps, recipient_canonical_maps
//	canonical_maps
//	masquerade_domains
//	sender_bcc_maps, recipient_bcc_maps, always_bcc  more recipients, in new mail
//	virtual_alias_maps                            recipients of the envelope
//
// Each table of canonical addresses and of virtual aliases is asked again for what
// it has given, until it has nothing more or gives the same. The header of mail from
// clients that local_header_rewrite_clients does not have is left alone, unless
// remote_header_rewrite_domain is set.
//
// A table that cannot be read, or that gives what cannot be an address, is a
// temporary failure of the whole message: see Error. Nothing is ever dropped for it.
// The package opens tables only; it knows nothing of transports (package route).
//
// # Standards
//
//	RFC 5321, 2.3.11   the local part is for the destination alone
//	RFC 5321, 3.9.1    aliases: alias.go
//	RFC 3461, 5.2.7    ORCPT and NOTIFY go along: envelope.go
//	RFC 5322, 3.4      addresses in the header: package header
package rewrite
