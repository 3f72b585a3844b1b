package config

// Content filters, which get messages once they are in the queue.
var (
	ContentFilter = str("content_filter", "", `
		The transport:nexthop that gets every message from smtpd(8) or sendmail(1), whoever it is for: a program that looks at
		the content and sends the message back by SMTP or sendmail(1). The door where it comes back sets this to nothing in
		master.cf, and there receive_override_options says what has been done. Notices, forwards and the probes of "sendmail
		-bv" are not filtered. FILTER in an access table overrules it.`)
	DefaultFilterNexthop = str("default_filter_nexthop", "", `
		The next hop of a content_filter, or of FILTER in an access table, that names none. Empty: the domain of each
		recipient.`)
)
