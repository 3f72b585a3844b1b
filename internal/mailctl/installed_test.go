package mailctl

import (
	"strings"
	"testing"

	"yubin/internal/manifest"
)

// Each problem names the file and how to mend it; the queue directory is left
// to the part of check that knows where it is.
func TestCompareInstalled(t *testing.T) {
	t.Parallel()
	entries, err := manifest.Parse(strings.NewReader(`
file /usr/libexec/yubin/smtpd root root 0755 bin/smtpd
dir /var/spool/yubin root root 0755 -
dir /var/spool/yubin/pool root root 0700 -
`))
	if err != nil {
		t.Fatal(err)
	}
	got := compareInstalled(t.TempDir(), entries, "/var/spool/yubin")
	if len(got) != 1 || got[0].String() != "/usr/libexec/yubin/smtpd is missing; install the package again" || got[0].Notice {
		t.Errorf("got %v", got)
	}
	if got := compareInstalled(t.TempDir(), entries, ""); len(got) != 3 {
		t.Errorf("without a queue directory: got %v", got)
	}
}
