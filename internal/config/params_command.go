package config

import "time"

// Programs that deliver mail: local(8) and pipe(8), package command.
var (
	CommandTimeLimit = duration("command_time_limit", "1000s", time.Second, `
		How long a program that local(8) delivers to may take; then it and what it has started are killed, and the mail is tried
		again. So it is when the reader of a pipe that an alias or a .forward file names does not take a message for that long. It is also the default of TRANSPORT_time_limit, which pipe(8) reads.`).familyOf("_time_limit")
	ExportEnvironment = list("export_environment", "TZ MAIL_CONFIG LANG", `
		Environment that programs to which mail is delivered get: a name, to pass it on, or name=value to set one.`)
)
