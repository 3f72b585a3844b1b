package mailctl

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"yubin/internal/queue"
)

// traced is a log: a letter that goes to a content filter and comes back, and one
// that the queue still has.
const traced = `Nov 25 08:00:01 mx postfix/smtpd[1]: connect from client.example[192.0.2.1]
Nov 25 08:00:01 mx postfix/smtpd[1]: ` + idB + `: client=client.example[192.0.2.1], sasl_username=ann
Nov 25 08:00:01 mx postfix/cleanup[1]: ` + idB + `: message-id=<1@client.example>
Nov 25 08:00:02 mx postfix/smtpd[1]: ` + idC + `: client=localhost[127.0.0.1], orig_queue_id=` + idB + `
Nov 25 08:00:02 mx postfix/smtp[3]: ` + idB + `: to=<bob@example.com>, relay=127.0.0.1[127.0.0.1]:10025, delay=1, dsn=2.0.0, status=sent (250 2.0.0 from filter: 250 2.0.0 Ok: queued as ` + idC + `)
Nov 25 08:00:02 mx postfix/qmgr[2]: ` + idB + `: removed
Nov 25 08:00:02 mx other[2]: ` + idC + `: removed
Nov 25 08:00:03 mx postfix/smtp[3]: ` + idA + `: to=<b b@example.com>, orig_to=<bob@example.com>, relay=none, delay=1, dsn=4.2.2, status=deferred (mailbox is full)
`

func TestTraceFilter(t *testing.T) {
	t.Parallel()
	q := newQueueTest(t, "")
	name := filepath.Join(q.dir, "log")
	if err := os.WriteFile(name, []byte(traced), 0o600); err != nil {
		t.Fatal(err)
	}
	q.configure(t, "maillog_file = "+name)
	q.put(t, queue.DirDeferred)
	short := func(id, program, text string) string {
		return fmt.Sprintf("%-8s %s: %s\n", program, id, text)
	}
	filtered := short(idB, "smtpd", "client=client.example[192.0.2.1], sasl_username=ann") + short(idB, "cleanup", "message-id=<1@client.example>") +
		short(idC, "smtpd", "client=localhost[127.0.0.1], orig_queue_id="+idB) + short(idB, "smtp", "to=<bob@example.com>") + short(idB, "qmgr", "removed") +
		"now: " + idC + " is not in the queue, and the log does not have its end\n"
	waits := short(idA, "smtp", "to=<b b@example.com>, orig_to=<bob@example.com>") + "now: " + idA + " is in the queue (deferred), from MAILER-DAEMON, next attempt Mon Nov 23 08:15:00 2026\n" +
		"     ann@example.com: sent: delivered to maildir, last tried Mon Nov 23 08:05:00 2026\n" +
		"     \"b b\"@example.com: deferred: mailbox is full, last tried Mon Nov 23 08:05:00 2026\n     carol@example.com: waiting\n"
	for args, want := range map[string]string{
		idB: filtered, "--message-id 1@client.example": filtered, idA: waits,
		"--to bob@example.com": short(idB, "smtpd", "client=client.example[192.0.2.1], sasl_username=ann") + short(idB, "cleanup", "message-id=<1@client.example>") +
			short(idC, "smtpd", "client=localhost[127.0.0.1], orig_queue_id="+idB) + short(idB, "smtp", "to=<bob@example.com>") + short(idB, "qmgr", "removed") +
			waits[:strings.Index(waits, "now: ")] + "now: " + idC + " is not in the queue, and the log does not have its end\n" + waits[strings.Index(waits, "now: "):],
	} {
		q.out.Reset()
		if err := showTrace(t.Context(), q.env, strings.Fields(args)); err != nil {
			t.Errorf("trace %s: %v", args, err)
		}
		var got strings.Builder
		for line := range strings.Lines(q.out.String()) {
			if rest, ok := strings.CutPrefix(line, "Nov 25 08:00:0"); ok { // and of a delivery its recipient will do
				line = rest[2:]
				if head, _, ok := strings.Cut(line, ", relay="); ok {
					line = head + "\n"
				}
			}
			got.WriteString(line)
		}
		if got.String() != want {
			t.Errorf("trace %s: got\n%s\nwant\n%s", args, got.String(), want)
		}
	}
}
