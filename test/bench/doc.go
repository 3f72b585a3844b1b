// Bench measures yubin and Debian's Postfix and Dovecot side by side, in one
// run, in turn, on one file system: docs/benchmarks.md has its table. Only
// ratios of one run count: the figures themselves are the machine's.
//
// The systems are private instances below one temporary directory, on
// loopback addresses and ports of their own: /etc/postfix and a mail system
// that the machine runs are neither read nor touched. Postfix and Dovecot are
// tuned as an expert would tune them (postfix.go, dovecot.go). They run as root
// with service accounts, which are made when they are missing, deliver to
// Maildirs of one static uid, and log through /dev/log, which this program
// serves when nobody does.
//
// A third server in the same table does nothing but talk (talk.go): it shows
// what loopback, two ends of TCP and the load cost by themselves.
//
// Mail that leaves goes to a sink (sink.go), SMTP servers in this process whose
// thread is as lean as the load's.
//
// A message of a deliver row counts when its file is in new/, one of a relay row
// when the sink has answered its final dot. The rate is that of all messages
// accepted after the warm-up, up to the last arrival, so what waits in a queue is
// waited for. CPU is what the server's processes used, by /proc, from the first
// connection to the last arrival. After each turn every file is counted, and
// every number that the sink has seen: a lost or doubled message ends the run.
package main
