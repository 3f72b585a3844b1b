package smtpc

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"yubin/internal/ipc"
	"yubin/internal/queue"
	"yubin/test/peer"
)

// What becomes of a message with a deadline, by what the server offers (RFC
// 2852, 4).
func TestDeadline(t *testing.T) {
	t.Parallel()
	hour := time.Hour + 30*time.Second // so that whole minutes do not depend on the time of day
	for _, c := range []struct {
		name   string
		lmtp   bool
		ehlo   string
		in     time.Duration
		mode   queue.Deadline
		want   string // start of the result
		by     string // of MAIL, seconds as whole hours H
		report string
	}{
		{"passed on", false, "DELIVERBY", hour, queue.Deadline{Return: true}, "sent", " BY=H;R", ipc.Relayed},
		{"passed on with its trace", false, "DELIVERBY 60", hour, queue.Deadline{Trace: true}, "sent", " BY=H;NT", ipc.Relayed},
		{"passed on to a server with DSN", false, "DELIVERBY\nDSN", hour, queue.Deadline{}, "sent", " BY=H;N", ""},
		{"over, and only to be told", false, "DELIVERBY", -hour, queue.Deadline{}, "sent", " BY=-H;N", ipc.Relayed},
		{"over", false, "DELIVERBY", -hour, queue.Deadline{Return: true}, "bounced 5.4.7 delivery time expired", "", ""},
		{"too short for the server", false, "DELIVERBY 7200,x", hour, queue.Deadline{Return: true}, "bounced 5.4.7 delivery time expires before", "", ""},
		{"not offered", false, "SIZE", hour, queue.Deadline{Return: true}, "bounced 5.3.3 the sender wants it delivered in time", "", ""},
		{"not offered, and only to be told", false, "DSN", hour, queue.Deadline{}, "sent", "", ipc.Relayed},
		{"a mailbox", true, "SIZE", hour, queue.Deadline{Return: true}, "sent", "", ipc.Relayed},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := peer.Start(t, peer.Options{LMTP: c.lmtp, Ehlo: strings.Split(c.ehlo, "\n")})
			r := newRig(t, rigOptions{lmtp: c.lmtp})
			c.mode.At = time.Now().Add(c.in)
			env := queue.Envelope{}
			env.SetDeadline(c.mode)
			r.attrs = env.Attrs
			hop := fmt.Sprintf("[127.0.0.1]:%d", p.Port())
			if c.lmtp {
				hop = "inet:" + hop
			}
			got := r.deliver(hop, "a: b\n", "bob@far.test")[0]
			if !strings.HasPrefix(say(got), c.want) || got.Report != c.report {
				t.Errorf("got %s, report %q", say(got), got.Report)
			}
			if c.want != "sent" {
				return
			}
			mail := regexp.MustCompile(`=(-?)36\d\d;`).ReplaceAllString(p.Messages()[0].Mail, "=${1}H;")
			if i := strings.Index(mail, " BY="); (i >= 0) != (c.by != "") || i >= 0 && !strings.HasPrefix(mail[i:], c.by) {
				t.Errorf("MAIL %s", mail)
			}
		})
	}
}
