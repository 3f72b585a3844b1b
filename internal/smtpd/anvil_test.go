package smtpd

import (
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"yubin/internal/maillog"
)

// The greatest numbers are told after a time, and at the end, in the lines of
// Postfix's anvil.
func TestStatistics(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	log, err := maillog.Open(maillog.Options{Tag: "postfix/anvil", File: f})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	one, two := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::")
	synctest.Test(t, func(t *testing.T) {
		s := &statistics{log: log, service: "smtp", unit: time.Minute, every: 10 * time.Minute}
		s.connections(1, one, 1)
		s.connections(2, two, 2)
		s.connections(1, one, 2)
		s.rate(eventMessage, 7, one, 2)
		s.rate(eventTLS, 3, two, 2)
		time.Sleep(11 * time.Minute)
		s.connections(1, one, 1) // of the next period
		s.close()
		s.close()
	})
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(string(b)) {
		_, text, _ := strings.Cut(strings.TrimSpace(line), "]: ")
		got = append(got, regexp.MustCompile(` at [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d$`).ReplaceAllString(text, ""))
	}
	want := "statistics: max message rate 7/60s for (smtp:192.0.2.1)\nstatistics: max newtls rate 3/60s for (smtp:2001:db8::)\n" +
		"statistics: max connection count 2 for (smtp:2001:db8::)\nstatistics: max cache size 2\n" +
		"statistics: max connection count 1 for (smtp:192.0.2.1)\nstatistics: max cache size 1"
	if strings.Join(got, "\n") != want {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
}
