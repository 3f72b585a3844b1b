package qmgr

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"yubin/internal/config"
)

// 0 and large limits are as much as there can be, as in Postfix: lists and fast
// relays have both.
func TestLimitsOfTransports(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	main := "default_destination_recipient_limit = 1000\nnone_destination_recipient_limit = 0\none_destination_recipient_limit = 1\n" +
		"default_destination_concurrency_limit = 0\nfew_destination_concurrency_limit = 3\nlocal_destination_concurrency_limit = 0\n"
	if err := os.WriteFile(filepath.Join(dir, "main.cf"), []byte(main), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(dir, nil)
	if err == nil {
		err = c.Check(Command.Params)
	}
	if err != nil {
		t.Fatal(err)
	}
	p := readParams(c)
	for _, want := range []struct {
		transport               string
		perRequest, concurrency int
	}{
		{"smtp", 50, math.MaxInt32}, {"none", 50, math.MaxInt32}, {"one", 1, math.MaxInt32}, {"few", 50, 3},
		{"local", 50, math.MaxInt32}, {"virtual", 50, 20},
	} {
		got := p.limit(want.transport)
		if got.perRequest != want.perRequest || got.concurrency != want.concurrency {
			t.Errorf("%s: %d recipients, %d at once; want %d, %d", want.transport, got.perRequest, got.concurrency, want.perRequest, want.concurrency)
		}
	}
}
