package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"slices"
)

const imapGreeting = "* OK [CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ IDLE] ready\r\n"

// talkIMAP speaks with a client that gives one command at a time: it says yes in as
// many words as a server needs. Of messages it shows always the same, in as
// many octets as a server would of the stock.
func talkIMAP(c net.Conn) {
	in, out := bufio.NewReaderSize(c, 8<<10), []byte(imapGreeting)
	for last := false; ; {
		if _, err := c.Write(out); err != nil || last {
			return
		}
		line, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		out, last = answerIMAP(out[:0], line)
		if n := literal(line); n >= 0 {
			if _, err := in.Discard(n + len("\r\n")); err != nil {
				return
			}
		}
	}
}

// answerIMAP appends the reply to a command.
func answerIMAP(out, line []byte) (reply []byte, last bool) {
	tag, command, _ := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
	verb, arguments, _ := bytes.Cut(command, []byte(" "))
	switch string(verb) {
	case "SELECT":
		out = append(out, "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\r\n"+
			"* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)] Flags permitted\r\n"+
			"* 100 EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY 1700000000] UIDs valid\r\n* OK [UIDNEXT 101] Next\r\n"...)
	case "LIST":
		out = append(out, "* LIST (\\HasNoChildren) \"/\" INBOX\r\n* LIST (\\HasNoChildren) \"/\" Archive\r\n"...)
	case "STATUS":
		out = append(out, "* STATUS Archive (MESSAGES 100 UNSEEN 10 UIDNEXT 101)\r\n"...)
	case "SEARCH":
		out = append(out, "* SEARCH 10 20 30 40 50 60 70 80 90 100\r\n"...)
	case "STORE":
		out = append(out, "* 1 FETCH (FLAGS (\\Answered \\Seen))\r\n"...)
	case "FETCH":
		out = fetchTalk(out, arguments)
	case "IDLE":
		return append(out, "+ idling\r\n"...), false
	case "LOGOUT":
		out, last = append(out, "* BYE Logging out\r\n"...), true
	case "": // DONE
		tag = []byte("a")
	}
	return append(append(out, tag...), " OK Done\r\n"...), last
}

// talkOctets is how long the stock's letters are on an average.
const talkOctets = 13400

// What is shown of a message: its envelope and structure, some of its header, all.
var (
	talkList = `(UID %[1]d FLAGS (\Seen) INTERNALDATE "17-Nov-2025 12:31:17 +0000" RFC822.SIZE 13400 ` +
		`ENVELOPE ("Mon, 17 Nov 2025 12:31:17 +0100" "Re: Reason garden 66" (("Simple Field" NIL "person117" "letters.test")) ` +
		`(("Simple Field" NIL "person117" "letters.test")) (("Simple Field" NIL "person117" "letters.test")) ` +
		`(("Lower Harbour" NIL "person12" "letters.test")) (("Amber Glass" NIL "person3" "letters.test")("Night River" NIL "person31" "letters.test")) ` +
		`NIL "<letter330@letters.test>" "<letter%[1]d@letters.test>") BODYSTRUCTURE (("text" "plain" ("charset" "utf-8") NIL NIL "8bit" 2052 31 NIL NIL NIL NIL)` +
		`("text" "html" ("charset" "utf-8") NIL NIL "7bit" 5144 77 NIL NIL NIL NIL) "alternative" ("boundary" "=_alt") NIL NIL NIL))`
	talkHeaders = fmt.Sprintf("BODY[HEADER.FIELDS (FROM TO SUBJECT DATE MESSAGE-ID)] {%d}\r\n%[2]s)", len(talkHeader), talkHeader)
	talkHeader  = "From: Simple Field <person117@letters.test>\r\nTo: Lower Harbour <person12@letters.test>\r\nSubject: Re: Reason garden 66\r\n" +
		"Date: 17 Nov 2025 12:31:17 +0100\r\nMessage-ID: <letter331@letters.test>\r\n\r\n"
	talkWhole = fmt.Sprintf("(FLAGS (\\Seen) BODY[] {%d}\r\n%s)", talkOctets, message(talkOctets))
)

// fetchTalk appends what a FETCH of the mixed load asks for.
func fetchTalk(out, arguments []byte) []byte {
	var first, end int
	set, items, _ := bytes.Cut(arguments, []byte(" "))
	if n, _ := fmt.Sscanf(string(set), "%d:%d", &first, &end); n < 2 {
		end = first
	}
	out = slices.Grow(out, 1<<10)
	for i := first; i <= end; i++ {
		out = fmt.Appendf(out, "* %d FETCH ", i)
		switch {
		case bytes.Contains(items, []byte("ENVELOPE")):
			out = fmt.Appendf(out, talkList, i)
		case bytes.Contains(items, []byte("HEADER")):
			out = append(fmt.Appendf(out, "(UID %d ", i), talkHeaders...)
		default:
			out = append(out, talkWhole...)
		}
		out = append(out, "\r\n"...)
	}
	return out
}
