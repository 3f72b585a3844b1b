// Package smtpc is the delivery agent for other hosts: the client for SMTP and
// LMTP, which serves the transports smtp, relay and lmtp.
//
// Package ipc has the conversation (deliver.go): requests come from qmgr, many
// at a time, and are answered in any order. A request is one message for some
// recipients of one next hop. Its servers are tried in turn until every
// recipient has an outcome.
//
// In reading order:
//
//	agent.go        requests in, replies out
//	job.go          one request: which server is tried, what that means
//	sites.go        the servers of a next hop: MX, addresses, loops
//	dial.go         connecting; plain text after a failed handshake
//	greet.go        greeting, EHLO, STARTTLS
//	auth.go         logging in
//	policy.go       what TLS a destination must have
//	tls.go          whether it has it
//	clientcert.go   the certificate that servers may ask for
//	dane.go         what the DNS says of its certificate
//	sts.go          what the domain's own policy says of it
//	session.go      one connection: commands, replies, deadlines
//	pool.go         connections that wait for the next message
//	transaction.go  MAIL, RCPT, DATA or BDAT, and the outcome of each recipient
//	form.go         how a message goes to one server: extensions, parameters
//	letter.go       the message
//	rewrite.go      the addresses that it leaves with
//	body.go         its lines on the wire
//	reply.go        replies, read and bounded
//	ehlo.go         what a server offers
//	failure.go      what a failure means for recipients
//	told.go         sessions of which the postmaster hears
//	trial.go        a session for people to look at
//	settings.go     main.cf
//
// # Standards
//
//	RFC 5321              SMTP                        all
//	RFC 2033              LMTP                        greet.go, transaction.go
//	RFC 2034, RFC 3463    enhanced status codes       reply.go, failure.go
//	RFC 2920              PIPELINING                  transaction.go
//	RFC 1870, RFC 6152    SIZE, 8BITMIME              form.go
//	RFC 3030              CHUNKING, BINARYMIME        form.go, transaction.go
//	RFC 3461              DSN                         form.go
//	RFC 6531              SMTPUTF8                    form.go
//	RFC 9422              LIMITS                      ehlo.go, job.go
//	RFC 3207              STARTTLS                    greet.go
//	RFC 4954              AUTH                        auth.go
//	RFC 7505              null MX                     sites.go
//	RFC 7672, RFC 6698    DANE                        dane.go
//	RFC 8461              MTA-STS                     sts.go
//
// It never says "sent" before the server has taken the whole message for that
// recipient, never tries another server when the first may have taken it, never
// sends the end of a message that it could not read whole, never follows a
// server's word further than one clean line of text, and never uses plain text
// where the policy wants TLS.
package smtpc
