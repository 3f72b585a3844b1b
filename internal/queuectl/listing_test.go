package queuectl

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"yubin/internal/cli"
	"yubin/internal/ipc"
)

func at(t *testing.T, clock string) int64 {
	t.Helper()
	when, err := time.Parse("2006-01-02 15:04:05", "2026-11-"+clock)
	if err != nil {
		t.Fatal(err)
	}
	return when.UnixMicro()
}

func rcpt(address, reason string) ipc.EntryRecipient {
	return ipc.EntryRecipient{Address: address, Reason: reason}
}

const head = "-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------\n"

// The expected texts are Postfix's, to the column.
func TestListing(t *testing.T) {
	t.Parallel()
	timeout := "connect to mx.example.org[192.0.2.9]:25: Connection timed out"
	long := strings.Repeat("x", 90)
	tests := []struct {
		name    string
		entries []ipc.Entry
		want    string
	}{
		{"empty", nil, "Mail queue is empty\n"},
		{"two messages", []ipc.Entry{
			{Queue: "active", ID: "1D8CC1CA0A7F", Size: 1432, Arrival: at(t, "23 08:00:01"), Sender: "alice@example.net",
				Recipients: []ipc.EntryRecipient{rcpt("bob@example.com", "")}},
			{Queue: "deferred", ID: "2E9DD2DB1B8F", Size: 2048, Arrival: at(t, "23 07:10:44"),
				Recipients: []ipc.EntryRecipient{rcpt("carol@example.org", timeout)}},
		}, head +
			"1D8CC1CA0A7F*    1432 Mon Nov 23 08:00:01  alice@example.net\n" +
			"                                         bob@example.com\n" +
			"\n" +
			"2E9DD2DB1B8F    2048 Mon Nov 23 07:10:44  MAILER-DAEMON\n" +
			"               (connect to mx.example.org[192.0.2.9]:25: Connection timed out)\n" +
			"                                         carol@example.org\n" +
			"\n" +
			"-- 3 Kbytes in 2 Requests.\n"},
		{"short and long", []ipc.Entry{
			{Queue: "hold", ID: "ABC", Size: 5, Arrival: at(t, "03 07:00:00"), Sender: "a b@example.net",
				Recipients: []ipc.EntryRecipient{rcpt("b", long)}},
			{Queue: "incoming", ID: "00062A3B4C5D6E0B00001", Size: 123456789, Arrival: at(t, "03 07:00:00"), Sender: "a\x1b@example.net",
				Recipients: []ipc.EntryRecipient{rcpt("c@d", "tab\there")}},
		}, head +
			"ABC!              5 Tue Nov  3 07:00:00  \"a b\"@example.net\n" +
			"(" + long + ")\n" +
			"                                         b\n" +
			"\n" +
			"00062A3B4C5D6E0B00001 123456789 Tue Nov  3 07:00:00  \"a?\"@example.net\n" +
			strings.Repeat(" ", 68) + "(tab?here)\n" +
			"                                         c@d\n" +
			"\n" +
			"-- 120563 Kbytes in 2 Requests.\n"},
		{"reasons in several entries", []ipc.Entry{
			{Queue: "deferred", ID: "A1", Size: 1024, Arrival: at(t, "23 07:00:00"), Sender: "a@b",
				Recipients: []ipc.EntryRecipient{rcpt("1@x", "full"), rcpt("2@x", "full")}},
			{Queue: "deferred", ID: "A1", Size: 1024, Arrival: at(t, "23 07:00:00"), Sender: "a@b",
				Recipients: []ipc.EntryRecipient{rcpt("3@x", "full"), rcpt("4@x", ""), rcpt("5@x", "busy")}},
		}, head +
			"A1             1024 Mon Nov 23 07:00:00  a@b\n" +
			strings.Repeat(" ", 72) + "(full)\n" +
			strings.Repeat(" ", 41) + "1@x\n" +
			strings.Repeat(" ", 41) + "2@x\n" +
			strings.Repeat(" ", 41) + "3@x\n" +
			strings.Repeat(" ", 58) + "(reason unavailable)\n" +
			strings.Repeat(" ", 41) + "4@x\n" +
			strings.Repeat(" ", 72) + "(busy)\n" +
			strings.Repeat(" ", 41) + "5@x\n" +
			"\n" +
			"-- 1 Kbytes in 1 Request.\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			l := NewListing(&out, time.UTC)
			for i := range test.entries {
				if err := l.Entry(&test.entries[i]); err != nil {
					t.Fatal(err)
				}
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			if out.String() != test.want {
				t.Errorf("got\n%s\nwant\n%s", out.String(), test.want)
			}
		})
	}
}

type fullDisk struct{}

var errFull = errors.New("no space left on device")

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func TestListingWriteError(t *testing.T) {
	t.Parallel()
	err := NewListing(fullDisk{}, time.UTC).Close()
	var s *cli.Status
	if !errors.As(err, &s) || s.Code != cli.ExIOErr || !errors.Is(err, errFull) {
		t.Errorf("got %v, want exit status %d", err, cli.ExIOErr)
	}
}

// The keys, their order and the spaces are those of postqueue -j; what it does
// not have follows.
func TestJSONListing(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	l := NewJSONListing(&out)
	for _, e := range []ipc.Entry{
		{Queue: "active", ID: "A1", Size: 1432, Arrival: 1_700_000_000_000_001, Sender: "alice@example.net",
			Recipients: []ipc.EntryRecipient{rcpt("bob@example.com", "")}},
		{Queue: "active", ID: "A1", Size: 1432, Arrival: 1_700_000_000_000_001, Sender: "alice@example.net",
			Recipients: []ipc.EntryRecipient{rcpt("c \"x\"@example.com", "says \"no\" <\x1b>")}},
		{Queue: "deferred", ID: "A2", Size: 5, Arrival: 1_700_000_000_000_000, Next: 1_700_000_600_000_000, Recipients: []ipc.EntryRecipient{
			{Address: "d@example.org", Original: "e@example.org", Reason: "full", Code: "4.2.2", Host: "mx", Tried: 1_700_000_300_000_000,
				Transport: "smtp", Nexthop: "[relay]", Rule: "relayhost"},
		}},
	} {
		if err := l.Entry(&e); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	want := `{"queue_name": "active", "queue_id": "A1", "arrival_time": 1700000000, "message_size": 1432, "forced_expire": false, ` +
		`"sender": "alice@example.net", "recipients": [{"orig_address": "", "address": "bob@example.com"}, ` +
		`{"orig_address": "", "address": "\"c \\\"x\\\"\"@example.com", "delay_reason": "says \"no\" <?>"}]}
{"queue_name": "deferred", "queue_id": "A2", "arrival_time": 1700000000, "message_size": 5, "forced_expire": false, ` +
		`"sender": "MAILER-DAEMON", "recipients": [{"orig_address": "e@example.org", "address": "d@example.org", "delay_reason": "full", ` +
		`"status": "4.2.2", "remote_host": "mx", "transport": "smtp", "nexthop": "[relay]", "route_rule": "relayhost", ` +
		`"last_attempt": 1700000300}], "next_attempt": 1700000600}
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
	for line := range strings.Lines(out.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
	}
}
