// Package programs is the list of all programs, for tests and manuals. No
// program imports it.
package programs

import (
	"yubin/internal/cli"
	"yubin/internal/local"
	"yubin/internal/mailctl"
	"yubin/internal/mailq"
	"yubin/internal/master"
	"yubin/internal/newaliases"
	"yubin/internal/pickup"
	"yubin/internal/qmgr"
	"yubin/internal/smtpd"
	"yubin/internal/submit"
)

// All has every program, by name.
var All = []*cli.Command{
	local.Command,
	mailctl.Command,
	mailq.Command,
	master.Command,
	newaliases.Command,
	pickup.Command,
	qmgr.Command,
	submit.Command,
	smtpd.Command,
}
