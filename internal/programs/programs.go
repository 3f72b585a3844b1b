// Package programs is the list of all programs, for tests and manuals. No
// program imports it: each would carry all the others.
package programs

import (
	"yubin/internal/acmed"
	"yubin/internal/authd"
	"yubin/internal/cli"
	"yubin/internal/imapd"
	"yubin/internal/local"
	"yubin/internal/mailctl"
	"yubin/internal/mailq"
	"yubin/internal/master"
	"yubin/internal/newaliases"
	"yubin/internal/pamd"
	"yubin/internal/pickup"
	"yubin/internal/pipe"
	"yubin/internal/pop3d"
	"yubin/internal/postconf"
	"yubin/internal/postfix"
	"yubin/internal/postlog"
	"yubin/internal/postmap"
	"yubin/internal/postqueue"
	"yubin/internal/qmgr"
	"yubin/internal/smtpc"
	"yubin/internal/smtpd"
	"yubin/internal/submit"
)

// All is every program: daemons in the order a letter meets them, then
// commands.
var All = []*cli.Command{
	master.Command, smtpd.Command, pickup.Command, qmgr.Command, local.Command, pipe.Command, smtpc.Command, authd.Command, acmed.Command, pamd.Command,
	pop3d.Command, imapd.Command,
	submit.Command, mailq.Command, newaliases.Command, mailctl.Command,
	postfix.Command, postconf.Command, postmap.Command, postmap.Alias, postqueue.Command, postqueue.Super, postqueue.Cat, postlog.Command,
}
