package config

// BounceTemplateFile has the words of notices.
var BounceTemplateFile = str("bounce_template_file", "", `
	A file with other words for notices to senders: failure_template, delay_template, success_template and
	verify_template, as in Postfix's bounce(5); "postconf -t" prints those that count, "postconf -b" how they read. What became of each address stands
	below them. A template with a mistake is reported in the log and left out; a reload reads the file again.`)
