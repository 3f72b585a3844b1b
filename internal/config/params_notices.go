package config

// Notices to senders.
var DelayWarningTime = duration("delay_warning_time", "0h", 0, `
	A sender whose message waits for longer is told so, once, at the next attempt: which addresses it has not reached, why, and until when
	they are tried. Senders who asked to hear of no delay (RFC 3461), and the null sender, are not told. 0: nobody is.`)
