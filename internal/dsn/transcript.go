package dsn

import (
	"bytes"
	"strings"
	"time"

	"github.com/emersion/go-message"

	"yubin/internal/header"
	"yubin/internal/smtp"
)

// A Transcript is a letter that tells the postmaster of an SMTP session that went
// wrong.
type Transcript struct {
	ID       string // queue ID of the letter
	Hostname string // myhostname
	MailName string // mail_name
	Time     time.Time
	To       string // in internal form

	Client  bool     // this system was the client, else the server
	Peer    string   // the other side: name[address]
	Classes []string // why he is told, in words of notify_classes
	Reason  string   // why the session ended before its time; "": it did not
	Said    string   // of a Dialogue
	Omitted int      // sessions before that he was not told of
}

// sorts is what the classes of notify_classes mean, to people.
var sorts = map[string]string{
	"bounce":   "a recipient does not exist",
	"data":     "a table could not be read",
	"policy":   "something was refused by a restriction or a limit",
	"protocol": "somebody broke the rules of SMTP",
	"resource": "there was no room for mail",
	"software": "something is wrong with this system",
}

// Write returns the letter, header and all, with LF line ends.
func (t *Transcript) Write() ([]byte, error) {
	var out output
	var h message.Header
	h.SetContentType("text/plain", map[string]string{"charset": "utf-8"})
	body := t.body()
	if !smtp.ASCII(string(body)) {
		h.Add("Content-Transfer-Encoding", "8bit")
	}
	side := "server"
	if t.Client {
		side = "client"
	}
	own := ownFields(t.ID, t.Hostname, t.MailName, t.Time, t.MailName+" SMTP "+side+": errors from "+bound(t.Peer), t.To)
	addFields(&h, own)
	w, err := message.CreateWriter(&out, h)
	if err != nil {
		return nil, err
	}
	out.b = append(out.b, body...)
	return out.b, w.Close()
}

func (t *Transcript) body() []byte {
	var b bytes.Buffer
	why := make([]string, len(t.Classes))
	for i, c := range t.Classes {
		why[i] = sorts[c] + " (" + c + ")"
	}
	foldBy(&b, "This is the mail system at host "+t.Hostname+". You get this as the postmaster, since notify_classes has it: "+strings.Join(why, "; ")+".", "")
	b.WriteString("\nWhat was said, In by the other side and Out by this system; content and\npasswords are left out, and some of what is long:\n\n")
	for line := range strings.SplitSeq(strings.TrimRight(t.Said, "\n"), "\n") {
		b.WriteString(" " + strings.TrimRight(header.Line([]byte(line)), " ") + "\n")
	}
	if t.Reason != "" {
		b.WriteString("\nThe session was broken off: " + bound(t.Reason) + "\n")
	}
	b.WriteString("\nThe log has more of it.\n")
	if t.Omitted > 0 {
		b.WriteByte('\n')
		foldBy(&b, "There were more such sessions, of which you were not told (notify_session_limit): "+itoa(t.Omitted)+".", "")
	}
	return b.Bytes()
}
