// qmgr - keep the queue and decide what is delivered when
//
// # Description
//
// Qmgr owns the queue directory. Smtpd(8) and pickup(8) write messages onto
// blank files that it lends them; it makes a message safe (the file and its name on
// stable storage), and only then tells the writer so. It hands messages to
// delivery agents, local(8) and others, as open descriptors, and accounts for
// every recipient: delivered, forwarded, deferred, or returned to the sender in a
// notice. It is started by master(8) when there is work and ends when there is
// none, after it has told master when the next attempt is due.
//
// A message that could not be delivered is tried again after a time as long as its
// age, at least minimal_backoff_time and at most maximal_backoff_time, until it is
// older than maximal_queue_lifetime; then the sender gets a notice with the reason.
// A sender who asked to hear of deliveries (RFC 3461) gets a report of those that end
// here or with a host that sends no reports; one who asked not to hear of failures hears
// of none. Of an alias for several addresses he hears that it was expanded, and of these
// no success; a list counts as delivered to.
// A sender whose message waits for longer than delay_warning_time is told so, once.
// What comes back to the null sender, a notice that does not reach whom it is for, is
// dropped, or goes to 2bounce_notice_recipient where notify_classes has 2bounce.
// The postmaster gets copies of notices where notify_classes has bounce or delay, and with
// protocol hears of sessions that smtp(8) had with hosts that break the rules of SMTP, or say
// that it does (at most notify_session_limit an hour). Of mail to the postmaster that fails
// nobody hears.
//
// A notice says what the other side said, and below it in plain words what that means and
// what can be done; the part for programs is RFC 3464's. The message is attached, or its
// header (bounce_size_limit; RET=HDRS; reports of delays and deliveries). A sender whose message came
// with SMTPUTF8 gets addresses and header beyond ASCII as they are (RFC 6533), others the
// addresses in ASCII.
// Messages from the null sender are kept for bounce_queue_lifetime and never
// answered. A transport whose agent cannot be reached is left alone for
// transport_retry_time, and its mail is deferred.
//
// Every message has its turn: one with very many recipients takes only a part of an
// agent's time, and deliveries to one mailbox or destination at once are limited
// (default_destination_concurrency_limit and its kin).
//
// A destination on other hosts begins with initial_destination_concurrency; each
// delivery that it answers raises its concurrency, each that finds no connection,
// no greeting or no TLS lowers it. One that has failed for a whole cohort of
// deliveries is dead: its mail is deferred at once ("delivery temporarily
// suspended", with the reason), until minimal_backoff_time has passed or
// somebody flushes the queue. Destinations that have not answered yet, or take
// longer than a second, share agent_slow_window and leave agent_window to the
// others, so that dead and slow hosts hold up no mail but their own.
//
// ETRN and "mailctl queue flush --to" have qmgr read what is deferred and try at
// once what goes to a domain, at most qmgr_message_active_limit messages at a time.
//
// Nothing is taken while incoming_limit messages wait for their first attempt, or
// when the file system has less room than queue_minfree or few inodes: smtpd
// answers 452 to MAIL, and pickup waits. The log says once that no mail is taken, and
// why, and once that it is taken again.
//
// The transports error, retry and discard are part of qmgr.
//
// # Files
//
//	public/qmgr          the socket, below queue_directory
//	private/NAME         where delivery agents listen
//	pool/                blank files
//	incoming/ deferred/  messages; in deferred/ a file's time is its next attempt
//	hold/                messages that wait for mailctl(8) queue release
//	corrupt/             files that could not be read; they are never removed
//	maildrop/            sendmail's files, removed when their message is safe
//	format               names the format; the running qmgr has it locked
//
// # Security
//
// Qmgr runs as mail_owner, with the whole queue in its reach, and reads no bytes of
// strangers but the headers and envelopes that it verifies. It asks the kernel who
// is at the other end of a connection: only root, mail_owner, smtpd_user and its own
// user may write messages; the queue is shown to authorized_mailq_users and
// flushed for authorized_flush_users, and, a domain's mail once a minute, for
// smtpd_user; everything else is for root and mail_owner.
// A writer can reach only the blanks it was lent, and none after its commit: a file
// lease shows that nobody has it open for writing. A file is lent again only when no
// process has it open, so an agent that keeps a descriptor never sees another
// message. Agents' text is cleaned and cut before it is logged or sent.
//
// # Standards
//
// RFC 5321, 4.5.4 (retries) and 4.5.5 (null sender), RFC 3461, RFC 3463, RFC 3464 and RFC 6533 (notices).
//
// # Diagnostics
//
// Each message's way is logged by its queue ID, from "queue active" over one line a
// recipient to "removed". Warnings name the file or agent and what follows. Two
// qmgr processes never share a queue: the second waits for the first to end.
//
// # Exit status
//
//	0   ended for want of work, or told to
//	1   the queue directory cannot be used; the log says why
//	64  wrong usage
//	78  a parameter has a wrong value
//
// # See also
//
// mailq(1), main.cf(5), mailctl(8), local(8), master(8), pickup(8), smtpd(8)
package main
