package dsn

import (
	"slices"
	"strings"
)

// An explanation is what a lay person can make of a refusal.
type explanation struct {
	codes    string // details of the status codes that it is for, such as 1.1; a subject alone (7) has all of its others; "": any
	words    string // one of which the text must have, "|" between them, lower case; "": whatever it says
	happened string
	failed   string // what to do when the message came back
	waits    string // what can be done while it is tried; "": nothing
}

// again is the advice for troubles that pass.
const again = "Send the message again later. If it comes back again, those who run mail for the domain behind the @ have to help; the words above are for them."

// ours is the advice where the sender can do nothing.
const ours = "You cannot mend this. Send this notice to your postmaster, who can."

// ended is where the explanation of a message stands that was ended by hand.
const ended = 0

// explanations are asked in order; the first that fits is given.
var explanations = []explanation{
	{"", "administratively expired",
		"The administrator of this system has ended the attempts to deliver the message.",
		"Ask postmaster for the reason before you send it again.", ""},
	{"", "greylist|graylist|grey-list|gray-list|grey list|postgrey",
		"The other system puts off mail from senders whom it does not know yet. That is a common guard against unwanted mail, and passes by itself.",
		again, "Nothing: most often such mail arrives within the hour."},
	{"1.1", "",
		"There is no mailbox of that name.",
		"Look for typing mistakes in front of the @. If there are none, the mailbox was closed or renamed: ask its owner, in another way, for the address that is right now.", ""},
	{"1.2 4.4", "",
		"No mail system is known for the part of the address behind the @.",
		"Look for typing mistakes behind the @. If there are none, that domain is gone or out of order, and its owner has to help.",
		"Look for typing mistakes behind the @. If you find one, send the message again, to the right address."},
	{"1.10", "",
		"The domain behind the @ says of itself that it takes no mail.",
		"Look for typing mistakes behind the @, or ask the person for an address elsewhere.", ""},
	{"1.3", "",
		"The address is not written as addresses are.",
		"Look for spaces, commas or quotes that do not belong there, and for what is missing; then send the message again.", ""},
	{"1.6", "",
		"The mailbox has moved.",
		"Look for the new address in the words above, or ask its owner for it.", ""},
	{"1.7 1.8", "",
		"The other system does not take the address that you send from.",
		"Check the sender's address in your mail program. If it is right, your postmaster has to help.", ""},
	{"2.1", "",
		"The mailbox is switched off, or takes no mail at present.",
		"Ask its owner, in another way, whether and when it is used again.", ""},
	{"2.2", "",
		"The mailbox is full.",
		"Tell its owner, in another way, to make room. Then send the message again.",
		"If it is urgent, tell the mailbox's owner, in another way, to make room: the message then arrives by itself."},
	{"2.3 3.4", "",
		"The message is larger than what is taken there.",
		"Leave out attachments or make them smaller, or send them in several messages; then send it again.", ""},
	{"3.1", "",
		"There is no room left on the disk of a mail system on the way.", again, ""},
	{"3.2", "",
		"The other system takes no mail at present.", again, ""},
	{"4.1", "",
		"The other system does not answer.", again, ""},
	{"4.2", "",
		"The connection to the other system broke off, or it took too long to answer.", again, ""},
	{"4.3", "",
		"The name service did not say where mail for that domain goes.",
		"Look for typing mistakes behind the @. If there are none, send the message again later.", ""},
	{"4.6", "",
		"The message goes round in a circle: one system sends it to another, which sends it back.", ours, ""},
	{"4.7", "",
		"The time in which you wanted the message to arrive was over before it could be delivered.",
		"Send it again, with more time, if it is still of use.", ""},
	{"6.7", "",
		"The other system does not take addresses with letters like é, ü or 郵.",
		"Ask the person for an address in plain letters (a to z), and write from one.", ""},
	{"7.4 7.5 7.10 7.11 7.30", "",
		"The connection with the other system could not be encrypted as it has to be, and without that the message does not leave.", ours, ""},
	{"7.20 7.21 7.22 7.23 7.24 7.25 7.26 7.27 7.29", "",
		"The other system could not make sure that the message comes from where it says that it comes from.", ours, ""},
	{"7 0.0", "sasl|authenticat",
		"This system must log in to send the message on, and could not.", ours, ""},
	{"7 0.0", "relay",
		"The other system does not take mail for that address from here.",
		"Look for typing mistakes behind the @. If there are none, those who run mail for that domain have to help.", ""},
	{"7 0.0", "spam|unsolicited|junk|block|black|listed|reputation|dnsbl|policy",
		"The other system takes the message for unwanted mail, or does not trust where it comes from.",
		"Do not send it again as it is. Look for advice in the words above, and send this notice to your postmaster.", ""},
	{"7", "",
		"The other system has a rule against this message, its sender or that address.",
		"Look for advice in the words above. If the address is right, its owner has to have your mail allowed.", ""},
	{"6", "",
		"The other system does not take a message of this kind.",
		"Send it in another form: as plain text, or with attachments of another kind.", ""},
	{"5", "",
		"The two mail systems did not understand each other.", ours, ""},
	{"3", "",
		"A mail system on the way is out of order or set up wrongly.", again, ""},
	{"", "",
		"",
		"Look for typing mistakes in the address. If there are none, the words above tell what stands in the way; once that is mended, send the message again.", ""},
}

// hints tell what is meant where the status code says little or, as with some
// large systems, something else.
var hints = []struct{ codes, words, means string }{
	{"0.0 1.0 2.0 5.0 4.1", "user unknown|unknown user|no such user|no such mailbox|no such recipient|unknown recipient|recipient unknown|does not exist|doesn't exist|no mailbox|invalid recipient|user not found|recipient not found|mailbox unavailable|mailbox not found|recipient address rejected|no such person", "1.1"},
	{"0.0 2.0 5.0", "quota|mailbox full|mailbox is full|over limit|insufficient storage", "2.2"},
	{"0.0 2.0 5.0", "too big|too large|size limit|exceeds", "3.4"},
}

// explanationOf returns what is to be said of r. It is never nil.
func explanationOf(r *Recipient) *explanation {
	code, text := r.Code, strings.ToLower(r.Text)
	if r.Was != "" {
		code = r.Was
	}
	detail := code[min(len(code), len("5.")):]
	for _, h := range hints {
		if r.Host != "" && has(h.codes, detail) && says(text, h.words) {
			detail = h.means
			break
		}
	}
	last := len(explanations) - 1
	for i := range explanations[:last] {
		if e := &explanations[i]; has(e.codes, detail) && says(text, e.words) {
			return e
		}
	}
	return &explanations[last]
}

// has tells whether a list has a detail, or its subject.
func has(codes, detail string) bool {
	subject, _, _ := strings.Cut(detail, ".")
	list := strings.Fields(codes)
	return codes == "" || slices.Contains(list, detail) || slices.Contains(list, subject)
}

// says tells whether a text in lower case has one of some words.
func says(text, words string) bool {
	return slices.ContainsFunc(strings.Split(words, "|"), func(w string) bool { return strings.Contains(text, w) })
}
