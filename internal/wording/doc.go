// Package wording reads the words of notices that an administrator sets in place
// of ours: bounce_template_file, in the format of Postfix's bounce(5).
//
//	failure_template = <<EOF
//	Charset: us-ascii
//	From: MAILER-DAEMON (Mail Delivery System)
//	Subject: Undelivered Mail Returned to Sender
//	Postmaster-Subject: Postmaster Copy: Undelivered Mail
//
//	This is the mail system at host $myhostname.
//	EOF
//
// Likewise delay_template, success_template and verify_template. Lines that are
// empty or begin with # do not count between templates. $name in the text is a
// parameter, and $maximal_queue_lifetime_days or $delay_warning_time_hours one in
// another unit (seconds, minutes, hours, days, weeks); $$ is a $. A template that has
// a mistake is left out, as are those behind one without an end: ours counts then.
// The text is sent in UTF-8, whatever its charset was, since addresses stand below it.
package wording
