package config

import "time"

// IMAP: the login and session roles of imapd(8).
var (
	ImapdDisablePlaintextAuth = boolean("imapd_disable_plaintext_auth", "yes", `
		Passwords are taken within TLS and from this host only.`)
	ImapdLoginTimeout = duration("imapd_login_timeout", "3m", time.Second, `
		How long a client may take to log in.`)
	ImapdTimeout = duration("imapd_timeout", "30m", time.Second, `
		How long a session waits for its client: for a command, in IDLE too, and for the next part of an answer to be taken
		(RFC 9051, 5.4, wants at least 30 minutes).`)
	ImapdHardErrorLimit = integer("imapd_hard_error_limit", 20, 1, 10000, `
		A connection is closed after this many commands that are unknown or malformed: before login in all, in the session one after the other.`)
	ImapdCommandSizeLimit = size("imapd_command_size_limit", 65536, 8192, `
		The most octets of a command, its literals included but for messages, which are not kept in memory. As Dovecot's
		imap_max_line_length.`)
	ImapdNestingLimit = integer("imapd_nesting_limit", 50, 10, 1000, `
		How deep parentheses and search keys may be nested in a command.`)
	ImapdAppendSizeLimit = size("imapd_append_size_limit", 104857600, 1, `
		The most octets of a message that a client may put into a mailbox (RFC 7889, APPENDLIMIT).`)
	ImapdIdleNotifyInterval = duration("imapd_idle_notify_interval", "2m", time.Second, `
		How often a client in IDLE is told that the server is still there, as Dovecot's imap_idle_notify_interval. Mailboxes are
		looked at then too, after NOTIFY as well, for changes that the system does not tell of (NFS).`)
	ImapdUpstreamProxyProtocol = choice("imapd_upstream_proxy_protocol", "", []string{"", "haproxy"}, `
		haproxy: every connection begins with a header of the PROXY protocol, which says who the client is. Set it for a
		service of its own in master.cf that only the load balancer can reach.`)
	ImapdUpstreamProxyTimeout = duration("imapd_upstream_proxy_timeout", "5s", time.Second, `
		The time a load balancer has for that header.`)
)
