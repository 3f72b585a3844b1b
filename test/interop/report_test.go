//go:build interop

package interop

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// What people read their logs with understands a day's: all of it, in numbers
// that are those of the day.
func TestReports(t *testing.T) {
	t.Parallel()
	need(t, "perl")
	need(t, "python3")
	d := newDay(t)
	d.mail()
	d.strangers()
	d.readers()
	d.Stop()
	logs := serverDir(t, "logs", map[string]string{"mail.log": d.Log()})
	t.Run("pflogsumm", func(t *testing.T) { pflogsumm(t, d, logs) })
	t.Run("logwatch", func(t *testing.T) { logwatch(t, d, logs) })
	t.Run("fail2ban", func(t *testing.T) { fail2ban(t, d, logs) })
	t.Run("munin", func(t *testing.T) { munin(t, d, logs) })
}

// wantReport fails the test unless a report has each line; any number of blanks
// in a line is one, and what stands before and behind does not count.
func wantReport(t *testing.T, report string, lines ...string) {
	t.Helper()
	blanks := regexp.MustCompile(` +`)
	var got []string
	for line := range strings.Lines(report) {
		got = append(got, blanks.ReplaceAllString(strings.TrimSpace(line), " "))
	}
	for _, want := range lines {
		if !slices.ContainsFunc(got, func(line string) bool { return line == want || strings.HasPrefix(line, want+" ") }) {
			t.Errorf("the report has no line %q", want)
		}
	}
	if t.Failed() {
		t.Logf("the report:\n%s", report)
	}
}

func pflogsumm(t *testing.T, d *day, logs string) {
	report := succeed(t, "", beside(t, d.Instance, nil, "pflogsumm", logs+"/mail.log")...)
	wantReport(t, report,
		"12 received", "9 delivered", "1 forwarded", "3 deferred (3 deferrals)", "1 bounced", "7 rejected (43%)", "0 held", "0 discarded",
		"5 senders", "4 recipients",
		"7 ann@example.org", "4 alice@example.test", "3 bob@example.test", "1 dave@far.test",
		"2 greylisted (in reply to RCPT TO command", "1 127.0.0.1[127.0.0.1]:1: Connection refused",
		"Client host rejected: Access denied (total: 1)", "Helo command rejected: need fully-qualified hostname (total: 1)", "Relay access denied (total: 1)",
		"Recipient address rejected: User unknown in virtual mailbox table (total: 1)", "Sender address rejected: need fully-qualified address (total: 1)",
		"5.3.4 Message size exceeds fixed limit (total: 1)")
	wantSizes(t, d, report)
}

// wantSizes compares the octets in and out with those of the queue. What a list
// passes on does not come in again.
func wantSizes(t *testing.T, d *day, report string) {
	t.Helper()
	size, in, out := map[string]int{}, 0, 0
	outside := map[string]bool{}
	line := regexp.MustCompile(`(?m)]: ([0-9A-F]+): (client=|uid=|from=<.*>, size=(\d+)|to=.*status=sent \([^f])`)
	for _, m := range line.FindAllStringSubmatch(d.Log(), -1) {
		switch id := m[1]; m[2][0] {
		case 'c', 'u':
			outside[id] = true
		case 'f':
			if _, known := size[id]; !known {
				size[id], _ = strconv.Atoi(m[3])
				in += size[id] * bit(outside[id])
			}
		default:
			out += size[id]
		}
	}
	wantReport(t, report, fmt.Sprintf("%d bytes received", in), fmt.Sprintf("%d bytes delivered", out))
}

func logwatch(t *testing.T, d *day, logs string) {
	argv := []string{"logwatch", "--service", "postfix", "--service", "dovecot", "--detail", "high", "--range", "all", "--logdir", logs, "--numeric"}
	report := succeed(t, "", beside(t, d.Instance, nil, append(argv, "--output", "stdout")...)...)
	wantReport(t, report,
		"12 Accepted", "7 Rejected", "1 5xx Reject relay denied", "1 5xx Reject HELO/EHLO", "1 5xx Reject unknown user", "1 5xx Reject sender address",
		"1 5xx Reject client host", "2 5xx Reject message size", "8 Delivered", "1 Sent via SMTP", "1 Forwarded", "3 Deferred", "1 Bounced (local)",
		"1 Expired and returned to sender", "1 Notifications sent", "1 Placed on hold", "2 SMTP protocol violations", "1 Connection failures (outbound)",
		"2 Connections lost (inbound)", "3 TLS connections (server)", "1 SASL authenticated messages",
		"3 SASL authentication failed", "1 198.51.100.11 k.example.org", "1 198.51.100.8 h.example.org", "1 198.51.100.6 f.example.org",
		"2 1 3 Total", "Dovecot IMAP and POP3 Successful Logins: 3", "3 ann@example.test (2 POP3, 1 IMAP)", "Unknown users blocked: 3 Total",
		"1 nobody@example.test,198.51.100.11", "Dovecot disconnects: 5 Total")
	if strings.Contains(report, "Unmatched Entries") {
		t.Errorf("logwatch does not know all lines:\n%s", report)
	}

	// Its report comes by mail.
	d.Start()
	succeed(t, "", beside(t, d.Instance, nil, append(argv, "--output", "mail", "--mailto", annMail, "--subject", "the day")...)...)
	var letter string
	for _, letter = range d.WaitMail("ann", 1) {
	}
	d.Stop()
	wantText(t, letter, "From: root@mx.example.test\n", "\nTo: "+annMail+"\n", "\nSubject: the day\n", "\n        7   Rejected                                    36.84%\n")
}

func fail2ban(t *testing.T, d *day, logs string) {
	for filter, want := range map[string][]string{
		"postfix": {noUser, noRelay, badHelo, refused, errorMaker, hasty},
		// As with Postfix it does not look for SCRAM; the filter of Dovecot does.
		"postfix[mode=auth]":       {guesser, guesser},
		"postfix[mode=aggressive]": {"localhost 127.0.0.1", noUser, noRelay, badHelo, refused, errorMaker, hasty, lost, guesser, guesser, guesser, scramGuesser},
		"dovecot":                  {guesser, guesser, scramGuesser, "- " + popGuesser, "- " + popGuesser, "- " + popStranger, "- " + popStranger, "- " + imapGuesser, "- " + imapGuesser},
		"dovecot[mode=aggressive]": {guesser, guesser, scramGuesser, "- " + popGuesser, "- " + popGuesser, "- " + popStranger, "- " + popStranger,
			"- " + imapGuesser, "- " + imapGuesser, "- " + imapSilent},
	} {
		out := succeed(t, "", beside(t, d.Instance, nil, "env", "PYTHONPATH=/usr/lib/python3/dist-packages", "PYTHONPYCACHEPREFIX="+logs, "fail2ban-regex", "-o", "<ip>", logs+"/mail.log", filter)...)
		got, banned := strings.Fields(out), []string{}
		for _, client := range want {
			_, addr, _ := strings.Cut(client, " ")
			banned = append(banned, addr)
		}
		slices.Sort(got)
		slices.Sort(banned)
		if !slices.Equal(got, banned) {
			t.Errorf("%s: finds %q, want %q", filter, got, banned)
		}
	}
}
