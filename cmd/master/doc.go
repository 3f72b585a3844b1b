// master - the process that starts and supervises the mail system
//
// # Description
//
// master binds every socket that master.cf names, starts a service when a
// connection waits on its socket, and starts it again when it ends. It never
// accepts a connection itself. People use mailctl start, stop, reload and
// status; a service manager runs master in the foreground.
//
// Each service is a program in daemon_directory. It gets its listening
// sockets as descriptors, by the LISTEN_FDS protocol of sd_listen_fds(3), and
// runs under its own account: smtpd and acmed as smtpd_user, smtp as smtp_user,
// pop3d and imapd as login_user, services with "n" in the column unpriv as
// root, all others as mail_owner. A service
// ends when it has had nothing to do for max_idle, and starts again with the
// next connection: an idle system is master alone. A connection that comes
// while a service is started, replaced or reloaded waits; it is not refused.
//
// Clients who have logged in to read their mail are served by session processes:
// authd(8) brings the connection, and master starts a process that runs as the
// owner of the mailbox, or passes the connection to the one that there is. Users
// who share a uid are spread over session_processes.
//
// A service that dies young is started again after a second, then two, four
// and so on up to service_throttle_time.
//
// Started by an ordinary user with a configuration of that user's own (-c),
// master runs a private instance: everything is owned by and runs as that
// user.
//
// # Signals
//
// SIGHUP reads main.cf and master.cf again. If they are wrong, that is logged
// and the old configuration stays. Sockets that are still wanted are never
// closed. Services read the new configuration too, or finish their sessions
// and are replaced. maillog_file and maillog_json_file are opened again.
//
// SIGTERM ends the services, which get a few seconds for their sessions, and
// then master.
//
// # Upgrade
//
// mailctl upgrade has master become the program daemon_directory/master as it is
// on disk, under the same process ID and with all its sockets and children.
// The new program is tried first: if it cannot be run, does not like the
// configuration, lacks the program of a service that runs, or does not know
// the format in which the running master hands over, nothing changes. Every
// service that runs then finishes its sessions, as after a reload, while new
// connections start the new programs. The configuration is read anew.
//
// # Under a service manager
//
// Where NOTIFY_SOCKET is set, as by systemd for a unit of Type=notify, master
// speaks sd_notify(3): READY=1 when every socket is open and qmgr is ready,
// RELOADING=1 and READY=1 around a reload, STOPPING=1, a STATUS= line, and, with
// WatchdogSec= in the unit, WATCHDOG=1 twice in that time, as long as it does
// its work. While qmgr reads a large queue at start it asks for more time
// (EXTEND_TIMEOUT_USEC=). None of this reaches the services.
//
// Sockets that the manager has made (LISTEN_FDS, sd_listen_fds(3)) are taken
// first by their name: FileDescriptorName=smtp in the socket unit makes all
// sockets of that unit those of the inet service smtp, and the unit alone says
// where that service listens. A socket whose name is no inet service's is taken
// by the service that listens at its address. One that no service wants is
// closed, and that is logged.
//
// Sockets that master makes itself it leaves in the manager's keeping
// (FileDescriptorStoreMax= in the unit): a restart, and a crash with
// Restart=on-failure, take them up again, and who connects meanwhile waits
// instead of being refused. They are matched by address, so a restart with
// another inet_interfaces closes what is no longer wanted.
//
// # Files
//
//	/etc/yubin/main.cf, /etc/yubin/master.cf
//	    the configuration
//	queue_directory/public, queue_directory/private
//	    the sockets of services
//	queue_directory/pid/master.pid
//	    holds master's process ID, and is locked while master runs: a queue
//	    directory has one master
//	queue_directory/pid/control
//	    the socket at which mailctl upgrade, who and kick ask
//	queue_directory/pid/sessions
//	    the socket at which authd brings clients who have logged in
//
// # Security
//
// master runs as root and parses nothing that comes from the network; only
// host names in inet_interfaces and master.cf are looked up. Services get no
// environment but import_environment and PATH. Below queue_directory, in
// directories that mail_owner can write to, it works with that user's rights,
// and it refuses directories that are symbolic links or have another owner. Its
// control socket is in a directory that only root can enter; the request, of
// root alone or of the user who runs master, is one packet of JSON. The socket
// for sessions is beside it. A session process belongs to its user, who may do
// with it what she likes: what it says counts for its own sessions, and master
// never waits for it. No session runs as root.
//
// # Diagnostics
//
// master logs its own start, reload and end, each service that dies (with what
// it wrote to standard error), each upgrade with both versions, and "bad command startup -- throttling" for one
// that dies young. A program that is not there is reported once, at start; its
// service is left out.
//
// # Exit status
//
//	0   ended by SIGTERM
//	69  the system is already running
//	71  a socket or the queue directory could not be made
//	78  the configuration is wrong
//
// # See also
//
// mailctl(8), main.cf(5), master.cf(5), maillog(5), smtpd(8), pickup(8), qmgr(8), local(8)
package main
