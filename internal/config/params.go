package config

import "time"

// The one table of parameters. Names, meanings and defaults are Postfix's
// wherever the meaning is the same; ours begin with the program that reads them.
var (
	// Where things are.
	QueueDirectory = path("queue_directory", "/var/spool/yubin", `
		The queue directory: maildrop, pool, incoming, deferred, hold, corrupt and the sockets of services. It is prepared when
		the system first starts. A directory that holds Postfix's queue is refused.`)
	DataDirectory = path("data_directory", "/var/lib/yubin", `
		What daemons keep between runs, apart from mail.`, "/var/lib/postfix")
	DaemonDirectory = path("daemon_directory", "/usr/libexec/yubin", `
		Where master(8) finds the daemons that master.cf names.`,
		"/usr/libexec/postfix", "/usr/lib/postfix/sbin", "/usr/lib/postfix")
	CommandDirectory = path("command_directory", "/usr/sbin", `
		Where the administrator's commands are.`)
	SendmailPath = path("sendmail_path", "/usr/sbin/sendmail.yubin", `
		The sendmail(1) command of this system; /usr/sbin/sendmail is that of the mail system that alternatives(8) has
		chosen.`, "/usr/sbin/sendmail", "/usr/sbin/sendmail.postfix")
	MailqPath = path("mailq_path", "/usr/bin/mailq.yubin", `
		The mailq(1) command, which sendmail -bp runs.`, "/usr/bin/mailq", "/usr/bin/mailq.postfix")
	NewaliasesPath = path("newaliases_path", "/usr/bin/newaliases.yubin", `
		The newaliases(1) command, which sendmail -bi runs.`, "/usr/bin/newaliases", "/usr/bin/newaliases.postfix")
	MaillogFile = path("maillog_file", "", `
		Log to this file instead of syslog. master(8) opens it and hands it to the daemons.`)

	// Who runs what.
	MailOwner = account("mail_owner", "yubin", `
		The user that owns the queue and runs pickup(8) and qmgr(8). It owns nothing else and nobody logs in as it.`, "postfix")
	SmtpdUser = account("smtpd_user", "yubinsmtpd", `
		The user that smtpd(8) runs as. It owns no file: whoever takes over an SMTP session gains nothing by it.`)
	SmtpUser = account("smtp_user", "yubinsmtp", `
		The user that smtp(8) runs as. It owns no file.`)
	SetgidGroup = account("setgid_group", "maildrop", `
		The group of the maildrop directory and of the sendmail(8) command. No user is a member of it.`, "postdrop")

	// Names.
	CompatibilityLevel = str("compatibility_level", "0", `
		The version of Postfix whose defaults the configuration was written for. Defaults do not change with it here; it can
		be compared in values, as in ${{$compatibility_level} <level {3.6} ? {no} : {yes}}.`)
	MailName = str("mail_name", "Yubin", `
		The name of the mail system in banners, Received headers and notices.`)
	SyslogName = str("syslog_name", "postfix", `
		The first part of the tag of every log line. Programs that read mail logs look for postfix.`)
	SyslogFacility = str("syslog_facility", "mail", `
		The facility of log lines that go to syslog.`)
	Myhostname = computed("myhostname", "the name of the system; if that has no dot, mydomain is added", systemName, `
		The name of this host on the Internet, fully qualified. Other parameters, and the names that other hosts see, follow
		from it.`)
	Mydomain = computed("mydomain", "myhostname without its first label", parentDomain, `
		The domain of this host.`)
	Myorigin = str("myorigin", "$myhostname", `
		The domain that is added to an address without one.`)
	Mydestination = list("mydestination", "$myhostname, localhost.$mydomain, localhost", `
		Domains whose mail is delivered to the users and aliases of this system: names, /file, type:table. Never list a
		domain that is in virtual_mailbox_domains.`)
	InetInterfaces = list("inet_interfaces", "all", `
		The addresses that services of type inet listen on when master.cf names none: all, loopback-only, or names and
		addresses.`)
	InetProtocols = list("inet_protocols", "all", `
		The protocols that services of type inet listen on: all, ipv4, ipv6.`)
	Mynetworks = computedList("mynetworks", "mynetworks_style decides", ownNetworks, `
		Clients that may relay mail through this host: addresses, networks (192.0.2.0/24, [2001:db8::]/32), /file, type:table;
		! before an element excludes what it matches. The first match decides.`)
	MynetworksStyle = choice("mynetworks_style", "host", []string{"host", "subnet", "class"}, `
		What mynetworks holds when it is not set: this host, the networks of its interfaces, or those rounded to the classes
		of old. Loopback is always there.`)
	RecipientDelimiter = str("recipient_delimiter", "", `
		Characters each of which parts a user's name from an extension: with +, mail for user+list@domain is the user's.`)

	// master and services.
	DefaultProcessLimit = integer("default_process_limit", usualLimit, 1, 100000, `
		The most connections at once (for delivery agents: deliveries) of a service whose maxproc field in master.cf is "-". As long
		as it is not changed, smtp(8) has no such limit: agent_window and agent_slow_window bound its work, most of which is waiting.`)
	MaxIdle = duration("max_idle", "100s", time.Second, `
		A daemon that has had no work for this time ends. It is started again when there is some.`)
	ServiceThrottleTime = duration("service_throttle_time", "60s", time.Second, `
		The longest wait before a service that dies young is started again.`)
	IpcTimeout = duration("ipc_timeout", "3600s", time.Second, `
		How long a program waits for an answer of another program of this system.`)
	SessionDrainTime = duration("session_drain_time", "1h", 0, `
		How long an old process may keep its sessions after a reload.`)

	// The queue.
	MessageSizeLimit = size("message_size_limit", 10240000, 0, `
		The largest message. 0 means no limit.`)
	QueueMinfree = size("queue_minfree", 0, 0, `
		No mail is taken while the file system of the queue has less room than this. 0 means 1.5 times message_size_limit.`)
	IncomingLimit = integer("incoming_limit", 20000, 1, 10000000, `
		No mail is taken while this many messages wait for their first delivery attempt.`)
	QmgrMessageActiveLimit = integer("qmgr_message_active_limit", 20000, 1, 10000000, `
		The most messages that qmgr(8) holds in memory. More may wait in the queue.`)
	QueueRunDelay = duration("queue_run_delay", "300s", time.Second, `
		Deferred mail is tried when it is due. This is how often qmgr(8) looks through the deferred queue for what is due when
		not all of it fits in memory.`)
	MinimalBackoffTime = duration("minimal_backoff_time", "300s", time.Second, `
		The shortest time between two attempts to deliver a message. The time grows with the age of the message.`)
	MaximalBackoffTime = duration("maximal_backoff_time", "4000s", time.Second, `
		The longest time between two attempts to deliver a message.`)
	MaximalQueueLifetime = duration("maximal_queue_lifetime", "5d", 0, `
		A message that could not be delivered for this time goes back to its sender. 0 means one attempt.`)
	BounceQueueLifetime = duration("bounce_queue_lifetime", "5d", 0, `
		A notice that could not be delivered for this time is dropped. 0 means one attempt.`)
	BounceSizeLimit = size("bounce_size_limit", 50000, 1, `
		A notice to a sender holds the whole message up to this size, and only the header of a larger one.`)
	DeferTransports = list("defer_transports", "", `
		Transports whose mail waits until they are no longer named here and the queue is flushed.`)
	TransportRetryTime = duration("transport_retry_time", "60s", time.Second, `
		How long a delivery agent that cannot be reached is left alone.`)
	DestinationConcurrency = integer("default_destination_concurrency_limit", 20, 0, noLimit, `
		The most deliveries at once to one destination; 0: any number. TRANSPORT_destination_concurrency_limit sets it for one transport.`).perTransport()
	LocalConcurrency = integer("local_destination_concurrency_limit", 2, 0, noLimit, `
		The most deliveries at once to one mailbox of a user of this system; 0: any number.`)
	VirtualConcurrency = integer("virtual_destination_concurrency_limit", 20, 0, noLimit, `
		The most deliveries at once to one virtual mailbox; 0: any number.`)
	DestinationRecipients = integer("default_destination_recipient_limit", 50, 0, noLimit, `
		The most recipients in one delivery. There are never more than 50, which 0 and larger numbers stand for. TRANSPORT_destination_recipient_limit sets it for one transport.`).perTransport()
	AgentWindow = integer("agent_window", 64, 1, 10000, `
		The most delivery requests that wait for an answer of one delivery agent.`)
	FlushSlow = duration("flush_slow", "1s", 0, `
		After a flush of the whole file system that took longer than this, the next one flushes file by file.`)
	MaildropUIDLimit = integer("maildrop_uid_limit", 10000, 1, 10000000, `
		The most files that one user may have waiting in maildrop.`)
	HopcountLimit = integer("hopcount_limit", 50, 1, 1000, `
		A message with more Received headers than this is in a loop and goes back.`)
	AuthorizedMailqUsers = list("authorized_mailq_users", "static:anyone", `
		Users who may list the queue. root and mail_owner always may.`)
	AuthorizedFlushUsers = list("authorized_flush_users", "static:anyone", `
		Users who may flush the queue. root and mail_owner always may.`)
	AuthorizedSubmitUsers = list("authorized_submit_users", "static:anyone", `
		Users who may submit mail with sendmail(8). root and mail_owner always may.`)
	AlternateConfigDirs = list("alternate_config_directories", "", `
		Configuration directories, besides the default one, with which sendmail(8) keeps its group. It is read from the default
		directory.`)
	ImportEnvironment = list("import_environment", "MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ XAUTHORITY DISPLAY LANG=C", `
		Environment that programs keep: a name, or name=value to set one. Everything else is dropped.`)

	// Routing and delivery.
	LocalRecipientMaps = list("local_recipient_maps", "proxy:unix:passwd.byname $alias_maps", `
		Tables of all who exist in mydestination. smtpd(8) refuses others at RCPT. Empty switches the check off.`)
	AliasMaps = list("alias_maps", "hash:/etc/aliases", `
		Tables of the aliases of users in mydestination. They are text files, read as they are.`)
	AliasDatabase = list("alias_database", "hash:/etc/aliases", `
		The alias tables that newaliases(1) checks.`)
	LocalTransport = str("local_transport", "local:$myhostname", `
		How mail for mydestination is delivered: transport:nexthop.`)
	VirtualTransport = str("virtual_transport", "virtual", `
		How mail for virtual_mailbox_domains is delivered.`)
	RelayTransport = str("relay_transport", "relay", `
		How mail for relay_domains is delivered.`)
	DefaultTransport = str("default_transport", "smtp", `
		How mail for all other domains is delivered.`)
	RelayDomains = list("relay_domains", "", `
		Domains that this host relays mail to, from any client: names, /file, type:table.`)
	RelayRecipientMaps = list("relay_recipient_maps", "", `
		Tables of all who exist in relay_domains. smtpd(8) refuses others at RCPT. Empty switches the check off.`)
	ParentDomainMatchesSubdomains = list("parent_domain_matches_subdomains",
		"debug_peer_list, fast_flush_domains, mynetworks, permit_mx_backup_networks, qmqpd_authorized_clients, relay_domains, smtpd_access_maps", `
		Parameters in whose value example.com stands for its subdomains too. In others .example.com does.`)
	VirtualMailboxDomains = list("virtual_mailbox_domains", "$virtual_mailbox_maps", `
		Domains whose mailboxes are in virtual_mailbox_maps: names, /file, type:table.`)
	VirtualMailboxMaps = list("virtual_mailbox_maps", "", `
		Tables from an address (user@domain, or @domain for all others in it) to a mailbox below virtual_mailbox_base. The
		name of a Maildir ends in /.`)
	VirtualMailboxBase = path("virtual_mailbox_base", "", `
		The directory that all virtual mailboxes are below.`)
	VirtualUIDMaps = list("virtual_uid_maps", "", `
		Tables from an address to the number of the user that owns the mailbox; static:5000 gives one for all.`)
	VirtualGIDMaps = list("virtual_gid_maps", "", `
		Tables from an address to the number of the group that owns the mailbox.`)
	VirtualMinimumUID = integer("virtual_minimum_uid", 100, 0, 1<<31-1, `
		The lowest user number that virtual_uid_maps may give.`)
	HomeMailbox = str("home_mailbox", "", `
		The mailbox of a user, below the home directory; with a final / it is a Maildir. Empty means a mailbox in
		mail_spool_directory.`)
	MailSpoolDirectory = path("mail_spool_directory", "/var/mail", `
		The directory of mailboxes named by user, when home_mailbox is empty; with a final / they are Maildirs.`)

	// smtpd.
	SmtpdBanner = str("smtpd_banner", "$myhostname ESMTP $mail_name", `
		The text of the greeting after 220. It begins with the host name (RFC 5321, 4.3.1).`)
	SmtpdTimeout = duration("smtpd_timeout", "${stress?{10}:{300}}s", time.Second, `
		The time a client has for its next command or line; RFC 5321, 4.5.3.2.7 asks for 5 minutes at least. See stress.`)
	SmtpdRecipientLimit = integer("smtpd_recipient_limit", 1000, 1, 50000, `
		The most recipients smtpd(8) accepts for one message (RFC 5321, 4.5.3.1.8).`)
	SmtpdRecipientOvershootLimit = integer("smtpd_recipient_overshoot_limit", 1000, 0, 1000000, `
		Recipients beyond smtpd_recipient_limit that are refused with 452 before they count as errors.`)
	SmtpdErrorSleepTime = duration("smtpd_error_sleep_time", "1s", 0, `
		The pause before an error reply once a client has made more than smtpd_soft_error_limit errors.`)
	SmtpdSoftErrorLimit = integer("smtpd_soft_error_limit", 10, 0, 1000000, `
		Errors that a client may make before replies slow down.`)
	SmtpdHardErrorLimit = integer("smtpd_hard_error_limit", 20, 1, 1000000, `
		Errors after which a client is disconnected. See stress.`).otherwise("${stress?{1}:{20}}")
	SmtpdJunkCommandLimit = integer("smtpd_junk_command_limit", 100, 1, 1000000, `
		NOOP, VRFY, RSET and HELP commands without mail before each counts as an error. See stress.`).otherwise("${stress?{1}:{100}}")
	SmtpdForbiddenCommands = list("smtpd_forbidden_commands", "CONNECT GET POST", `
		Commands of other protocols, in any letter case, or tables of them: a client that sends one is disconnected, as is
		one that sends a line that looks like a header field in place of a command.`)
	SmtpdNoopCommands = list("smtpd_noop_commands", "", `
		Commands, in any letter case, or tables of them, that count as NOOP.`)
	SmtpdConnectionCountLimit = integer("smtpd_client_connection_count_limit", 50, 0, 1000000, `
		Connections at once from one client address. 0 means no limit.`)
	SmtpdClientEventExceptions = list("smtpd_client_event_limit_exceptions", "$mynetworks", `
		Clients that smtpd_client_connection_count_limit and the smtpd_client_..._rate_limit do not apply to, as in
		mynetworks.`)
	SmtpdForbidBareNewline = choice("smtpd_forbid_bare_newline", "normalize", []string{"normalize", "reject", "note", "yes", "no"}, `
		What happens to lines of a message that end in LF alone, which smugglers of mail use. normalize: they count as lines,
		but only CR LF . CR LF ends a message; yes is the same; reject: the client is refused; note: the log mentions it;
		no: they are left alone.`)
	SmtpdForbidBareNewlineExcl = list("smtpd_forbid_bare_newline_exclusions", "$mynetworks", `
		Clients that smtpd_forbid_bare_newline does not apply to, as in mynetworks.`)
	SmtpdHeloRequired = boolean("smtpd_helo_required", "no", `
		MAIL is refused before HELO or EHLO.`)
	SmtpdRelayRestrictions = list("smtpd_relay_restrictions", "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination", `
		Restrictions at RCPT that decide who may relay. They come before smtpd_recipient_restrictions.`)
	SmtpdDelayReject = boolean("smtpd_delay_reject", "yes", `
		Client, HELO and sender restrictions wait for RCPT, so that the log shows who was meant.`)
	SmtpdClientRestrictions = list("smtpd_client_restrictions", "", `
		What smtpd(8) asks of a client's address.`)
	SmtpdHeloRestrictions = list("smtpd_helo_restrictions", "", `
		What smtpd(8) asks of the name in HELO or EHLO.`)
	SmtpdSenderRestrictions = list("smtpd_sender_restrictions", "", `
		What smtpd(8) asks of the sender's address.`)
	SmtpdDataRestrictions = list("smtpd_data_restrictions", "", `
		Asked at DATA.`)
	SmtpdEndOfDataRestrictions = list("smtpd_end_of_data_restrictions", "", `
		Asked when the whole message has come.`)
	SmtpdRejectUnlistedSender = boolean("smtpd_reject_unlisted_sender", "no", `
		Senders in our domains that do not exist are refused.`)
	SmtpdForbidUnauthPipelining = boolean("smtpd_forbid_unauth_pipelining", "yes", `
		A client that sends commands ahead where RFC 2920 does not allow it is disconnected.`)
	SmtpdForbidBareNewlineCode = integer("smtpd_forbid_bare_newline_reject_code", 550, 400, 599, `
		The reply where smtpd_forbid_bare_newline is reject; 521 and 421 disconnect.`)
	SmtpdMinDataRate = integer("smtpd_min_data_rate", 500, 1, 1<<30, `
		Octets a second that a client must send of a message once smtpd_timeout is used up.`)
	StrictRFC821Envelopes = boolean("strict_rfc821_envelopes", "no", `
		Addresses in MAIL and RCPT must have RFC 5321's exact form.`)
	ShowUserUnknownTableName = boolean("show_user_unknown_table_name", "yes", `
		The refusal of an unknown recipient names the table that was asked.`)
	AccessMapRejectCode = integer("access_map_reject_code", 554, 400, 599, `
		The reply to REJECT in an access table.`)
	AccessMapDeferCode = integer("access_map_defer_code", 450, 400, 499, `
		The reply to DEFER in an access table.`)
	RejectCode = integer("reject_code", 554, 400, 599, `
		The reply of the restriction reject.`)
	DeferCode = integer("defer_code", 450, 400, 499, `
		The reply of the restriction defer.`)
	RelayDomainsRejectCode = integer("relay_domains_reject_code", 554, 400, 599, `
		The reply to a client that may not relay.`)
	InvalidHostnameRejectCode = integer("invalid_hostname_reject_code", 501, 400, 599, `
		The reply of reject_invalid_helo_hostname.`)
	NonFQDNRejectCode = integer("non_fqdn_reject_code", 504, 400, 599, `
		The reply of reject_non_fqdn_helo_hostname and its like.`)
	SmtpdNullAccessLookupKey = str("smtpd_null_access_lookup_key", "<>", `
		What stands for the null sender in an access table.`)
	UnknownVirtualRejectCode = integer("unknown_virtual_mailbox_reject_code", 550, 400, 599, `
		The reply to a recipient that virtual_mailbox_maps does not know.`)
	UnknownRelayRejectCode = integer("unknown_relay_recipient_reject_code", 550, 400, 599, `
		The reply to a recipient that relay_recipient_maps does not know.`)
	SmtpdRecipientRestrictions = list("smtpd_recipient_restrictions", "", `
		Restrictions at RCPT, in order: the first that permits or rejects decides.`)
	SmtpdRejectUnlistedRecipient = boolean("smtpd_reject_unlisted_recipient", "yes", `
		Recipients that do not exist, and those whose transport is error, are refused at RCPT, when no restriction has
		decided before.`)
	DisableVrfyCommand = boolean("disable_vrfy_command", "no", `
		VRFY is answered 502, so that nobody collects addresses with it.`)
	UnknownLocalRejectCode = integer("unknown_local_recipient_reject_code", 550, 400, 599, `
		The reply code for a recipient that local_recipient_maps does not know. 450 makes clients keep the mail while a new
		configuration is tried.`)
	LineLengthLimit = integer("line_length_limit", 2048, 512, 1<<20, `
		The longest command line, in octets, and the longest line that is kept in one piece.`)
	HeaderSizeLimit = size("header_size_limit", 102400, 1, `
		The largest header field.`)
)
