// mailctl - run the mail system
//
// # Description
//
// Mailctl shows and checks the configuration, starts and stops the system, and
// manages the queue:
//
//	mailctl check
//	    Say what is wrong with main.cf, master.cf and what they name: parameters
//	    that are unknown (with the nearest name), set twice or of the wrong type,
//	    comments that are part of a value, files, tables, programs and accounts
//	    that are missing or have the wrong owner or mode, domains in two address
//	    classes, entries of master.cf for the same port, certificates, mailboxes
//	    that POP3 and IMAP could not serve, networks that make an open relay,
//	    addresses that nothing can listen on, transports that master.cf does not
//	    have, aliases that lead to nobody, a queue without room. Each line names
//	    file and line, the problem, and how to mend it. Lines that begin
//	    with "warning:" name a risk, those with "note:" need no repair: they say
//	    what becomes of entries of Postfix's; neither makes the exit status 1. The
//	    program of each service looks too, as it does when it starts (--check). With
//	    the configuration in /etc/yubin, also say which installed file is missing
//	    or has another owner or mode than it was installed with. Run it as root:
//	    what its caller may not read, it does not judge.
//	mailctl config [-n|-d] [-h|-H] [-x] [NAME...]
//	    Print parameters as postconf does: all, or those named. -n: only what
//	    main.cf sets; -d: defaults; -h: values only; -H: names only; -x: with
//	    $name replaced.
//	mailctl start
//	    Start the system and wait until it is ready.
//	mailctl stop
//	    Stop the system and wait until it has ended.
//	mailctl reload
//	    Have the system read its configuration again. No connection is refused
//	    or cut off meanwhile. Before that every program looks at it, as with
//	    check; when one could not start with it, mailctl says why and nothing
//	    changes. A signal SIGHUP to master(8), as a service manager sends it,
//	    is not kept back.
//	mailctl upgrade
//	    Have the system go on with the programs that are installed now, and wait
//	    until it does. No connection is refused or cut off meanwhile. If the new
//	    programs cannot take over, the old ones go on, and mailctl says why. A
//	    system that does not run is left so, which is no failure: package
//	    scripts call this after they have replaced the files.
//	mailctl status
//	    Say whether the system runs; the exit status is 0 if it does.
//	mailctl who
//	    List the people who are logged in to read their mail: user, service (with
//	    /TLS), client, since when, session process.
//	mailctl kick USER
//	    End the sessions of USER, as mailctl who shows him. He can log in again.
//	mailctl route [--from SENDER] ADDRESS
//	    Say how new mail from SENDER, or from the null sender, to ADDRESS is
//	    delivered: what each rule and table says that is asked, in order, with
//	    the line of a text file: canonical addresses, virtual aliases, automatic
//	    copies ("copy"), then, for each address that this one becomes, class,
//	    transport, next hop and the rule that chose it ("by"), and the service of
//	    master.cf. It ends in the hosts that the name servers know for the next
//	    hop ("secure" are those that DNSSEC vouches for), or, for local(8), in
//	    what aliases and .forward files come to: mailbox, file, command, or
//	    another address, which is followed in its turn ("follow"). -f is short
//	    for --from. Files are read with the rights of the caller. Lines that begin with "waits",
//	    "goes back" or "refused" say why mail would not be delivered now; a host
//	    that cannot be found does no harm while another one is.
//	mailctl trace [--json] ID...
//	mailctl trace [--json] --message-id MESSAGE-ID
//	mailctl trace [--json] --to ADDRESS
//	    Tell the story of letters, in the order of time: who brought them, each
//	    attempt for each recipient, the notices and forwards that were made of them
//	    (their IDs begin with the letter's) and, through a content filter, the
//	    letter that came back; then, for each that the queue still has, its
//	    recipients, why they wait, and when and how they are tried next. The
//	    log is read where it is: maillog_json_file, maillog_file, else the files of
//	    syslog daemons in /var/log, else systemd's journal; with the files that
//	    these were renamed to when they were rotated, packed by gzip or not, as far
//	    back as the queue ID tells. --json: an object a line, of maillog_json_file
//	    (maillog(5)) or else with time, process, pid, queue_id and message; at the end
//	    those of the event "queue", for what the queue has, or "gone".
//	mailctl lookup TYPE:NAME KEY
//	mailctl lookup TYPE:NAME -
//	    Print what a table (tables(5)) has for KEY, or for each line of standard
//	    input, then behind the line and a tab. Keys are looked up as they are:
//	    programs look addresses up in parts as well. The exit status is 1 if
//	    nothing is found, 75 if a lookup fails, as it does for the programs too.
//	mailctl relay set [--user USER] [--tls LEVEL] HOST[:PORT]
//	    Send all mail for other hosts to HOST, at port 587 where none is named;
//	    465 is spoken with TLS from the first byte. Main.cf gets relayhost and
//	    smtp_tls_security_level: LEVEL is secure (the certificate is for HOST, of
//	    an authority that is trusted), or encrypt, where nobody vouches for it.
//	    With USER, mailctl asks for the password, or reads it from standard
//	    input, and writes it to relay_passwd beside main.cf, for root alone;
//	    main.cf gets smtp_sasl_auth_enable, smtp_sasl_password_maps and
//	    smtp_sasl_tls_security_options.
//	mailctl relay test [-f SENDER] [ADDRESS]
//	    Show a session with the relayhost as smtp(8) makes it, up to the login;
//	    with ADDRESS, one with where mail from SENDER (you) to ADDRESS goes, up
//	    to whether the recipient is taken. No message is sent and no password
//	    shown. The system must run: authd(8) has the password.
//	mailctl relay unset
//	    Take back what set has written, and remove the password.
//	mailctl user add USER@DOMAIN
//	    Make an account and its mailbox. Mailctl asks for the password twice, or
//	    reads it from standard input where that is no terminal. The account is
//	    written into the first passwd-file of auth_backends (users(5)), by
//	    default users beside main.cf. The first time, main.cf gets
//	    virtual_mailbox_domains, virtual_mailbox_maps, virtual_uid_maps,
//	    virtual_gid_maps and virtual_mailbox_base, as far as they lack what mail
//	    for the account needs; mailctl prints what it has changed, and has a
//	    system that runs read it. DOMAIN must not be in mydestination.
//	mailctl user passwd USER@DOMAIN
//	    Change the password, which is asked for in the same way.
//	mailctl user list
//	mailctl user show USER@DOMAIN
//	    List the accounts of that file; show what any backend knows of one, but
//	    no secret.
//	mailctl user quota USER@DOMAIN [LIMIT...|none]
//	    Show how much mail an account has and may have; first set it: LIMIT is a
//	    size (500M, 2G; 0: no limit) or a rule as in quota_rule, none takes the
//	    account's own rules away, so that those of main.cf count. Mail that is there
//	    stays, whatever the limit.
//	mailctl user rename USER@DOMAIN NEW@DOMAIN
//	    Give an account another name, and move its mail along, unless the account
//	    names a place of its own for it.
//	mailctl user delete [--purge] USER@DOMAIN
//	    Remove an account. Its mail stays, or is removed as well with --purge.
//	mailctl user import FILE
//	    Take accounts over from a passwd-file of Dovecot's, or from a file like
//	    /etc/shadow, for users that /etc/passwd has. A line that is not taken over,
//	    since its account exists or cannot be used here, is named on standard
//	    error.
//	mailctl queue list [-j] [FILTER]
//	    List the queue, as mailq(1) does, or what the filter chooses of it. -j: in JSON;
//	    mailq(1) has the keys.
//	mailctl queue ages [-s] [-l] [-b COLUMNS] [-t MINUTES] [--least N] [FILTER]
//	    Count the recipients who wait by domain and by how many minutes ago their mail
//	    arrived, as Postfix's qshape(1) does: a column has what is younger than its head
//	    says and older than the column before. -s: count messages, by their senders'
//	    domains. -t: the first column has the last so many minutes (5). -b: the number of
//	    columns (10); each goes back twice as far as the one before, or, with -l, as much
//	    further as the first. --least: leave out domains with fewer. Without a filter the
//	    whole queue is counted; qshape's is --queue incoming --queue active.
//	mailctl queue show ID
//	mailctl queue cat ID
//	    Show envelope and recipients, or the content, of a message. For each
//	    recipient who waits: the reason, the host that gave it, when that was, and
//	    how the next attempt (next_attempt) will be made: transport, next hop, and
//	    the rule that chose them (route_rule).
//	mailctl queue flush [-n] [ID...|FILTER]
//	mailctl queue flush --to DOMAIN
//	    Try to deliver messages now: these, those that wait for a domain (with
//	    @DOMAIN for it and those below it), those that the filter chooses, or all. With
//	    a filter authorized_mailq_users counts beside authorized_flush_users.
//	mailctl queue hold [-n] ID...|FILTER
//	mailctl queue release [-n] ID...|FILTER
//	mailctl queue requeue [-n] ID...|FILTER
//	mailctl queue expire [-n] ID...|FILTER
//	mailctl queue delete [-n] ID...|FILTER
//	    Keep messages from being delivered; end that; end it and have them routed
//	    anew and tried now; send them back as if their time were over; remove them for
//	    good, without a notice to anybody. ALL stands for every message, - for IDs on
//	    standard input. With -n (--dry-run) nothing is changed: the IDs are printed, a
//	    line each. It takes ALL or a filter.
//
// # Filters
//
// Commands for the queue take these options in place of queue IDs. A message is chosen that
// meets all kinds of conditions that are given, and one of each kind that is given
// more than once. --recipient, --destination and --reason must hold of one and the same
// recipient who still waits; the message is dealt with whole, whoever else it is for.
//
//	--queue QUEUE
//	    It is in incoming, active, deferred or hold. Expire leaves hold alone unless it is named.
//	--sender PATTERN
//	    Its sender is PATTERN; "<>" is the null sender.
//	--recipient PATTERN
//	    It waits for this address.
//	--destination PATTERN
//	    It waits for somebody in this domain, or would go by this next hop.
//	--reason PATTERN
//	    It was last deferred for a reason with this text in it.
//	--older AGE
//	--newer AGE
//	    It arrived so long ago or longer, or less long ago: 30m, 12h, 5d, 1w.
//
// In a PATTERN * stands for any text and ? for one character; upper and lower case
// are the same. What waits a week for example.com and those below it, with a dead server:
//
//	mailctl queue delete --older 1w --destination example.com \
//	    --destination '*.example.com' --reason 'connection refused'
//
// # Files
//
//	/etc/yubin/main.cf    parameters; see main.cf(5)
//	/etc/yubin/master.cf  services; see master.cf(5)
//	/etc/yubin/relay_passwd
//	                      the password of the relay
//	/etc/yubin/users      accounts; see users(5)
//	/var/vmail            mailboxes of accounts with a domain
//	/var/log/maillog, /var/log/mail.log
//	                      the log, where syslog daemons write it
//	/usr/share/yubin/manifest
//	                      what was installed, with owners and modes
//
// # Security
//
// Mailctl runs with its caller's rights, which decide what it can do. Qmgr(8)
// asks the kernel who the caller is. What is printed of messages and tables is
// as its authors wrote it.
//
// # Diagnostics
//
// Problems of the command go to standard error as "mailctl: text"; what check
// and config find goes to standard output.
//
// # Exit status
//
//	0   done; check: nothing is wrong
//	1   check: something is wrong; status: the system does not run; route: mail
//	    would not be delivered now; lookup, trace: nothing is found; upgrade: the old
//	    programs go on
//	64  wrong usage; user: no password, or none that can be kept
//	65  user: the account exists already, or a line cannot be used
//	67  user: there is no such account; kick: the user has no session
//	69  the system cannot be reached or started
//	74  a file cannot be read or written
//	75  lookup: the table cannot be read, or its server does not know for now;
//	    user: the account is there, but authd(8) does not know it yet
//	77  not allowed
//	78  main.cf cannot be used
//
// # See also
//
// main.cf(5), master.cf(5), maillog(5), tables(5), users(5), master(8), qmgr(8), mailq(1)
package main
