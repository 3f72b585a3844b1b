package config

import (
	"strings"
	"testing"
	"time"
)

// Every default is a legal value, and every row says what it is for.
func TestTable(t *testing.T) {
	t.Parallel()
	c := load(t, "")
	for _, d := range Defs() {
		if _, err := c.parse(d); err != nil {
			t.Errorf("default of %s: %v", d.Name, err)
		}
		doc := strings.TrimSpace(d.Doc)
		if doc == "" || !strings.HasSuffix(doc, ".") || strings.Contains(doc, "\n\n") {
			t.Errorf("%s: want one paragraph of documentation, have %q", d.Name, doc)
		}
		if !isName(d.Name) || d.Type == "" {
			t.Errorf("row %q: bad name, or no type", d.Name)
		}
		if (d.Computed == "") != (d.computed == nil) {
			t.Errorf("%s: the default is computed and not described, or the other way round", d.Name)
		}
	}
}

// Postfix waits for LMTP servers' answers to QUIT and not for those of SMTP servers.
func TestQuitOfLMTP(t *testing.T) {
	t.Parallel()
	for lmtp, want := range map[bool]string{false: "yes", true: "no"} {
		if d := SmtpSkipQuitResponse.In(lmtp).Def; d.Default != want {
			t.Errorf("%s: %s, want %s", d.Name, d.Default, want)
		}
	}
}

// An LMTP server has a name of its own, and nobody looked that up in a domain: names
// below the next hop are none of its, as in Postfix.
func TestSecureMatchOfLMTP(t *testing.T) {
	t.Parallel()
	c := load(t, "")
	if got := strings.Join(SmtpTLSSecureCertMatch.SMTP.Of(c), " "); got != "nexthop dot-nexthop" {
		t.Errorf("SMTP: %s", got)
	}
	if got := strings.Join(SmtpTLSSecureCertMatch.LMTP.Of(c), " "); got != "nexthop" {
		t.Errorf("LMTP: %s", got)
	}
}

func TestParseDuration(t *testing.T) {
	t.Parallel()
	tests := []struct {
		value string
		unit  byte
		want  time.Duration
		ok    bool
	}{
		{"0", 's', 0, true},
		{"10", 's', 10 * time.Second, true},
		{"10", 'd', 240 * time.Hour, true},
		{"5m", 's', 5 * time.Minute, true},
		{"2h", 's', 2 * time.Hour, true},
		{"1w", 's', 168 * time.Hour, true},
		{"", 's', 0, false},
		{"s", 's', 0, false},
		{"-1s", 's', 0, false},
		{"+1s", 's', 0, false},
		{"1.5h", 's', 0, false},
		{"1 h", 's', 0, false},
		{"1hs", 's', 0, false},
		{"99999999999999999999", 's', 0, false},
		{"9223372036854775807w", 's', 0, false},
	}
	for _, tt := range tests {
		got, ok := parseDuration(tt.value, tt.unit)
		if got != tt.want || ok != tt.ok {
			t.Errorf("parseDuration(%q, %q) = %v, %t, want %v, %t", tt.value, tt.unit, got, ok, tt.want, tt.ok)
		}
	}
}

func TestSplitBraces(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, want string }{
		{"", ""},
		{" , ", ""},
		{"a, b\tc,,d", "a|b|c|d"},
		{"{a b}, {c}", "a b|c"},
		{"{ a {b} c }", "a {b} c"},
		{"inline:{ {a = b}, c=d } x", "inline:{ {a = b}, c=d }|x"},
		{"{a}{b}", "{a}{b}"},
		{"}a b", "}a|b"},
		{"{}", ""},
		{"{a", "error"},
	}
	for _, tt := range tests {
		words, err := SplitBraces(tt.text, ","+blanks)
		got := strings.Join(words, "|")
		if err != nil {
			got = "error"
		}
		if got != tt.want {
			t.Errorf("SplitBraces(%q): got %q, want %q", tt.text, got, tt.want)
		}
	}
}
