package config

// Notices to senders and to the postmaster.
var (
	DelayWarningTime = duration("delay_warning_time", "0h", 0, `
	A sender whose message waits for longer is told so, once, at the next attempt: which addresses it has not reached, why, and until when
	they are tried. Senders who asked to hear of no delay (RFC 3461), and the null sender, are not told. 0: nobody is.`)
	NotifyClasses = list("notify_classes", "resource, software", `
		What the postmaster is told of. 2bounce: mail without a sender that cannot be delivered, such as notices that do not
		reach whom they are for, goes to 2bounce_notice_recipient; without it, it is dropped. Postfix's other classes
		(bounce, data, delay, policy, protocol, resource, software) are accepted, and no mail is sent for them: the log has it all.`)
	DoubleBounceNoticeRecipient = str("2bounce_notice_recipient", "postmaster", `
		Who gets what notify_classes calls 2bounce. If it cannot be delivered either, nobody hears of that.`)
)
