package config

import (
	"fmt"
	"slices"
	"strings"
)

// Notices to senders and to the postmaster.
var (
	DelayWarningTime = duration("delay_warning_time", "0h", 0, `
	A sender whose message waits for longer is told so, once, at the next attempt: which addresses it has not reached, why, and until when
	they are tried. Senders who asked to hear of no delay (RFC 3461), and the null sender, are not told. 0: nobody is.`)
	NotifyClasses = List{register(&Def{Name: "notify_classes", Default: "resource, software", Type: "list of " + strings.Join(notifyClasses, ", "), Doc: `
		What the postmaster is told of. bounce: copies of the notices that tell senders of failures, with the header of the
		message (bounce_notice_recipient). 2bounce: mail without a sender that cannot be delivered, such as notices that do not
		reach whom they are for (2bounce_notice_recipient); without it, it is dropped. delay: copies of warnings
		(delay_warning_time; delay_notice_recipient). The others are of SMTP sessions; the postmaster gets what was said, without
		content and passwords (error_notice_recipient). data: a table could not be read. policy: the client was
		refused something by a restriction or a limit. protocol: client or server, and as a client the other side, broke the
		rules of SMTP. resource: there was no room for mail. software: something is wrong with this system. With bounce, sessions
		with a recipient that does not exist are among them (bounce_notice_recipient).`, check: func(v string) (any, error) {
		words, err := SplitBraces(v, ","+blanks)
		for i, w := range words {
			words[i] = strings.ToLower(w)
			if !slices.Contains(notifyClasses, words[i]) {
				return nil, fmt.Errorf("want of %s, have %q", strings.Join(notifyClasses, ", "), w)
			}
		}
		return words, err
	}})}
	BounceNoticeRecipient = str("bounce_notice_recipient", "postmaster", `
		Who gets what notify_classes calls bounce.`)
	DoubleBounceNoticeRecipient = str("2bounce_notice_recipient", "postmaster", `
		Who gets what notify_classes calls 2bounce. If it cannot be delivered either, nobody hears of that.`)
	DelayNoticeRecipient = str("delay_notice_recipient", "postmaster", `
		Who gets what notify_classes calls delay.`)
	ErrorNoticeRecipient = str("error_notice_recipient", "postmaster", `
		Who gets what notify_classes calls data, policy, protocol, resource and software.`)
	NotifySessionLimit = integer("notify_session_limit", 20, 1, 100000, `
		The most sessions in an hour that the postmaster is told of (notify_classes), by each program. The next notice says how many
		were left out; the log has them all.`)
)

// notifyClasses are what notify_classes may have.
var notifyClasses = []string{"bounce", "2bounce", "data", "delay", "policy", "protocol", "resource", "software"}
