// Package mtasts finds the policy by which a domain wants its mail exchangers
// to be known (RFC 8461): which hosts they are, and that each proves its name by
// a certificate.
//
//	_mta-sts.DOMAIN  TXT "v=STSv1; id=20260101T000000;"   record.go
//	https://mta-sts.DOMAIN/.well-known/mta-sts.txt        fetch.go, policy.go
//
//	version: STSv1
//	mode: enforce
//	mx: mail.example.com
//	mx: *.example.net
//	max_age: 604800
//
// A policy that was found is kept in memory and on disk until max_age has
// passed (cache.go), also when the record goes away or the server is silent:
// whoever can forge DNS answers must not be able to make a domain forget its
// policy. It is fetched again when the record has another id, and once a day.
//
// RFC 8461, by section: 3.1 record.go; 3.2 policy.go; 3.3 fetch.go; 4.1
// Policy.Matches; 5.1 cache.go. It sends no reports (RFC 8460), and checks no
// certificate of a mail exchanger: that is for who connects to it.
package mtasts
