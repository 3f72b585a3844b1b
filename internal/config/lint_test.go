package config

import (
	"slices"
	"strings"
	"testing"
)

func TestLint(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, main string
		want       []string
	}{
		{"nothing", "myhostname = mx.example.net", nil},
		{"misspelt", "smtpd_recipient_limits = 5", []string{"main.cf:1: smtpd_recipient_limits: unknown parameter that no value refers to; write smtpd_recipient_limit if that is meant"}},
		{"swapped letters", "mydestniation = a", []string{"main.cf:1: mydestniation: unknown parameter that no value refers to; write mydestination if that is meant"}},
		{"nothing like it", "xyzzy = 5", []string{"main.cf:1: xyzzy: unknown parameter that no value refers to; remove it"}},
		{"macro", "xyzzy = 5\nmyorigin = a${xyzzy}b", nil},
		{"macro in a condition", "xyzzy = 5\nmyorigin = a${{$xyzzy} == {5} ? {b} : {c}}", nil},
		{"restriction class", "smtpd_restriction_classes = strict\nstrict = reject", nil},
		{"table settings", "users_server_host = x\nvirtual_mailbox_maps = ldap:users", nil},
		{"Postfix's", "header_checks = pcre:/x", []string{"notice main.cf:1: header_checks: known to Postfix, no effect here yet"}},
		{"Postfix's place", "mail_owner = postfix", []string{"notice main.cf:1: mail_owner: postfix is Postfix's and means yubin here"}},
		{"comment", "myorigin = a # here", []string{`main.cf:1: myorigin: "# here" is part of the value, not a comment; give the comment a line of its own`}},
		{"number sign in a word", "mail_name = C#", nil},
		{"overridden and wrong", "max_idle = 1\nmax_idle = x", []string{
			"main.cf:2: overriding earlier entry: max_idle=1; remove it or line 1",
			`main.cf:2: max_idle: want a time such as 30s, 5m, 2h, 1d or 1w, at least 1s, have "x"`}},
		{"transport", "x_destination_concurrency_limit = 3", nil},
		{"wrong for a transport", "x_destination_concurrency_limit = none", []string{`main.cf:1: x_destination_concurrency_limit: want an integer in 0..2147483647, have "none"`}},
		{"transport, without effect", "x_delivery_slot_cost = 3", []string{"notice main.cf:1: x_delivery_slot_cost: known to Postfix, no effect here yet"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, p := range read("/etc", "main.cf", tt.main, nil).Lint(nil) {
				s := p.String()
				if p.Notice {
					s = "notice " + s
				}
				got = append(got, s)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

// Overrides of a service are judged over main.cf, at the service's line.
func TestLintService(t *testing.T) {
	t.Parallel()
	c := read("/etc", "main.cf", "base = 5\nmua = reject", nil)
	services, problems := parseMaster("master.cf", `587 inet n - n - - smtpd
  -o smtpd_recipient_limit=${base}x
  -o smtpd_recipient_restrictions=$mua
  -o smptd_timeout=5 -o syslog_name=postfix/$service_name
`, 100)
	var got []string
	for _, p := range append(problems, c.Lint(services)...) {
		got = append(got, p.String())
	}
	want := []string{
		"master.cf:1: -o smptd_timeout: unknown parameter that no value refers to; write smtpd_timeout if that is meant",
		`master.cf:1: -o smtpd_recipient_limit: want an integer in 1..50000, have "5x"`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestDistance(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"abc", "ab", 1}, {"abc", "abxc", 1}, {"abc", "xyz", 3}, {"a", "abcdefgh", 4}} {
		if got := distance(tt.a, tt.b, 4); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
