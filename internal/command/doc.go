// Package command runs one program for one delivery: what pipe(8) has in argv=,
// what an alias, a .forward file or mailbox_command has behind a bar.
//
//	p := &command.Program{Args: …, As: …, Env: command.Environment(…), Stdin: …, Time: …}
//	out := p.Run(ctx)      // never panics, returns within Time and a moment
//	out.Status             // ipc.Sent, ipc.Deferred or ipc.Bounced
//
// The program is executed with the credentials of As from the first instruction
// on, in a session of its own, with the message on standard input and one pipe
// for standard output and error. Its argument list is given to the kernel as it
// is; a shell comes in only where Line has put one into it. It inherits nothing
// but the environment in Env, the umask and the limits of the calling process.
//
// What becomes of the delivery, first that applies:
//
//	the program cannot be started           deferred 4.3.5
//	Time is over: its group is killed       deferred 4.3.0
//	the message could not be read           deferred 4.3.0
//	exit status 0                           sent, whatever it has read
//	killed by a signal                      deferred 4.3.0
//	output begins with "D.S.N text"         that code: 4 deferred, 5 bounced
//	exit status of sysexits.h               its row of the table in outcome.go
//	any other exit status                   bounced 5.3.0
//
// Identities that no program may have (Guard): root, the root group, the owner
// of the queue and its group, the group that may write to maildrop.
//
// The package reads no main.cf but by what callers hand in, writes no log, and
// changes no identity of the calling process: a thread that has another
// effective user must not call Run.
package command
