package config

import "testing"

func TestPort(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]uint16{"25": 25, "smtp": 25, "submissions": 465, "smtps": 465, "submission": 587, "imaps": 993, "0": 0} {
		if got, err := Port(t.Context(), name); err != nil || got != want {
			t.Errorf("%s: got %d, %v, want %d", name, got, err, want)
		}
	}
	for _, name := range []string{"65536", "-1", "no-such-service", ""} {
		if got, err := Port(t.Context(), name); err == nil {
			t.Errorf("%q: got %d, want an error", name, got)
		}
	}
}
