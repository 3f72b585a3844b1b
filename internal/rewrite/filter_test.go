package rewrite

import "testing"

// What the queue keeps of a content filter.
func TestFilterOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ value, otherwise, want string }{
		{"scan:[127.0.0.1]:10025", "", "scan:[127.0.0.1]:10025"},
		{" scan : localhost:10025 ", "x", "scan:localhost:10025"},
		{"scan:", "", "scan:"},
		{"scan", "", "scan:"},
		{"scan:", "dummy", "scan:dummy"},
		{"scan:unix:/run/x", "", "scan:unix:/run/x"},
		{":x", "", "fails"},
		{"", "", "fails"},
		{"a b:x", "", "fails"},
		{"../smtp:x", "", "fails"},
	} {
		got, err := FilterOf(c.value, c.otherwise)
		if err != nil {
			got = "fails"
		}
		if got != c.want {
			t.Errorf("%q, otherwise %q: got %q, %v, want %q", c.value, c.otherwise, got, err, c.want)
		}
	}
}
