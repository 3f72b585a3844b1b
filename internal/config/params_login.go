package config

import "time"

// Logging in to read mail, and the sessions that follow: the login and session
// roles of pop3d(8), and master(8).
var (
	LoginSyslogName = str("login_syslog_name", "dovecot", `
		The tag of log lines about logins and about sessions of people who read mail. Programs that read mail logs look for
		dovecot.`)
	LoginGreeting = str("login_greeting", "$mail_name ready.", `
		What a login process says first.`)
	LoginProcessSessions = integer("login_process_sessions", 1000, 0, 1000000, `
		A login process takes this many connections, leaves the next to a new process, and ends when its own have ended. It
		carries the TLS of its connections as long as they last, so this bounds what somebody who takes one over can read. 1
		gives each connection a process of its own; 0 means no bound.`)
	LoginClientLimit = integer("login_client_limit", 1000, 1, 100000, `
		The most connections of a login process whose clients have not logged in. When there are more, the one that has
		waited longest is closed.`)
	LoginFailureLimit = integer("login_failure_limit", 5, 1, 1000, `
		A connection is closed after this many logins that failed.`)
	SessionProcesses = integer("session_processes", 4, 1, 1000, `
		How many session processes serve the mailboxes of one uid. A mailbox is always served by one of them, so that a
		system user has one process, and virtual users that share a uid are spread over this many.`)
	SessionProcessLimit = integer("session_process_limit", 1024, 1, 100000, `
		The most session processes. Who logs in beyond that is told to try again later.`)
	MailMaxUserIPConnections = integer("mail_max_userip_connections", 10, 0, 100000, `
		The most sessions of one user from one IP address, for each of POP3 and IMAP. 0 means no limit.`)

	Pop3dDisablePlaintextAuth = boolean("pop3d_disable_plaintext_auth", "yes", `
		Passwords are taken within TLS and from this host only.`)
	Pop3dLoginTimeout = duration("pop3d_login_timeout", "3m", time.Second, `
		How long a client may take to log in.`)
	Pop3dTimeout = duration("pop3d_timeout", "10m", time.Second, `
		How long a session waits for its client: for a command, and for the next part of a message to be taken (RFC 1939, 3,
		wants at least 10 minutes).`)
	Pop3dHardErrorLimit = integer("pop3d_hard_error_limit", 20, 1, 10000, `
		A connection is closed after this many commands that are unknown or malformed: before login in all, in the session one after the other.`)
	Pop3dUIDLFormat = str("pop3d_uidl_format", "%08Xu%08Xv", `
		What UIDL says of a message, as Dovecot's pop3_uidl_format: %u is the UID, %v the mailbox's UIDVALIDITY, %f the
		Maildir file name without flags, %g the GUID. X before the letter writes a number in hexadecimal, a width before that
		pads it, with zeros when it begins with 0; L and U turn letters into lower and upper case. The default is Dovecot's;
		Courier's are %f, %u and %v-%u, Cyrus's %v.%u. A UIDL that dovecot-uidlist keeps for a message comes first.`)
	Pop3dLockSession = boolean("pop3d_lock_session", "no", `
		A mailbox has one POP3 session at a time: others are told [IN-USE].`)
	Pop3dNoFlagUpdates = boolean("pop3d_no_flag_updates", "no", `
		RETR does not mark messages as seen.`)
	Pop3dUpstreamProxyProtocol = choice("pop3d_upstream_proxy_protocol", "", []string{"", "haproxy"}, `
		haproxy: every connection begins with a header of the PROXY protocol, which says who the client is. Set it for a
		service of its own in master.cf that only the load balancer can reach.`)
	Pop3dUpstreamProxyTimeout = duration("pop3d_upstream_proxy_timeout", "5s", time.Second, `
		The time a load balancer has for that header.`)
)
