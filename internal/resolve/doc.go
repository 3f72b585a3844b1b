// Package resolve asks the Domain Name System what mail needs of it: who takes
// mail for a domain (MX), at which addresses a host is, which certificates it
// may show (TLSA), and TXT, PTR and CNAME records. It is a stub resolver: name
// servers that recurse do the work, those of /etc/resolv.conf or of the
// parameter resolver_addresses.
//
// Read on in the order of a question:
//
//	records.go   MX, Addresses, TLSA, TXT, PTR, CNAME: what comes back
//	name.go      what can be asked; A-labels
//	resolve.go   the cache is asked, equal questions share one answer
//	servers.go   which server is asked, when the next one is
//	exchange.go  one question to one server, over UDP, then TCP
//	answer.go    what a reply means: chains of aliases, negative answers
//	errors.go    what a failure means for mail
//	conf.go      /etc/resolv.conf
//
// # What it never does
//
// It takes no reply for true that does not repeat the question and its random
// number, follows no alias for ever, keeps no answer beyond its time to live,
// and never takes silence or a fault of a server for "there is no such
// domain". It adds no domain to a name, reads no /etc/hosts, and does not
// validate signatures: Secure is the word of a name server that does.
//
// # Standards
//
//	RFC 1035, 2.3.4, 4       limits of names, messages, UDP and TCP
//	RFC 2308                 negative answers and for how long they hold
//	RFC 3596                 AAAA
//	RFC 4035, 3.2.3          the AD bit; RFC 6840, 5.7: how it is asked for
//	RFC 5321, 5.1            MX
//	RFC 5891                 A-labels, with the mapping of UTS 46
//	RFC 6698                 TLSA
//	RFC 6891                 EDNS: larger messages over UDP
//	RFC 7505                 null MX
//	RFC 8914                 why a server failed
//	RFC 9520, 3.2            failures are kept for a second
package resolve
