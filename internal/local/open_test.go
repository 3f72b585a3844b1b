package local

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"yubin/internal/config"
	"yubin/internal/maillog"
)

// Limits below message_size_limit are all named at once.
func TestSmallLimits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := "mailbox_size_limit = 1000\nvirtual_mailbox_limit = 2000\nalias_maps =\n"
	if err := os.WriteFile(filepath.Join(dir, "main.cf"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	log, err := maillog.Open(maillog.Options{Tag: "local", File: f})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	_, err = openTransports(c, log, nil)
	for _, want := range []string{"main.cf:1: mailbox_size_limit: want at least", "main.cf:2: virtual_mailbox_limit: want at least"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
