package config

// SMTPUTF8AutodetectClasses says whose messages are looked at for what they need.
var SMTPUTF8AutodetectClasses = list("smtputf8_autodetect_classes", "", `
	Messages that go only to hosts with SMTPUTF8 when their header has UTF-8, although nobody has asked for it, by where they come
	from: sendmail (the command), smtpd (clients that did not say SMTPUTF8), forward (aliases and .forward files), bounce and
	notify (notices), verify (probes), all. Elsewhere they come back. As shipped a header needs nothing, only addresses do: other hosts get it as it is.`)
