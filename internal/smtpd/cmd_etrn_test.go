package smtpd

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

// Who may have whose mail tried (RFC 1985).
func TestEtrn(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		main  []string
		lines string // commands
		want  string // the last reply
		asked string // of qmgr
	}{
		{"served", nil, "EHLO c.example|ETRN relayed.example", "250 2.0.0 Queuing started", "relayed.example"},
		{"a domain below", nil, "EHLO c.example|ETRN Mx.Relayed.example", "250 2.0.0 Queuing started", "Mx.Relayed.example"},
		{"all below", nil, "EHLO c.example|ETRN @relayed.example", "250 2.0.0 Queuing started", "@relayed.example"},
		{"not served", nil, "EHLO c.example|ETRN example.org", "459 4.7.1 <example.org>: service unavailable", ""},
		{"served by name", []string{"fast_flush_domains = other.example"}, "ETRN other.example", "250 2.0.0 Queuing started", "other.example"},
		{"nobody", []string{"fast_flush_domains ="}, "ETRN relayed.example", "459 4.7.1 <relayed.example>: service unavailable", ""},
		{"no argument", nil, "ETRN", "500 5.5.4 Syntax: ETRN domain", ""},
		{"two", nil, "ETRN a.example b.example", "500 5.5.4 Syntax: ETRN domain", ""},
		{"a queue", nil, "ETRN #relayed.example", "501 5.5.4 Error: invalid parameter syntax", ""},
		{"no domain", nil, "ETRN a..b", "501 5.5.4 Error: invalid parameter syntax", ""},
		{"in a transaction", nil, "EHLO c.example|MAIL FROM:<>|ETRN relayed.example", "503 5.5.1 Error: MAIL transaction in progress", ""},
		{"no hello", []string{"smtpd_helo_required = yes"}, "ETRN relayed.example", "503 5.5.1 Error: send HELO/EHLO first", ""},
		{"qmgr is down", nil, "ETRN down.relayed.example", "458 4.3.0 Unable to queue messages", "down.relayed.example"},
		{"restricted", []string{"smtpd_etrn_restrictions = permit_mynetworks, reject"}, "ETRN relayed.example",
			"554 5.7.1 <relayed.example>: Etrn command rejected: Access denied", ""},
		{"by table", []string{"smtpd_etrn_restrictions = check_etrn_access inline:{relayed.example=REJECT}"}, "ETRN a.relayed.example",
			"554 5.7.1 <a.relayed.example>: Etrn command rejected: Access denied", ""},
		{"refused client", []string{"smtpd_client_restrictions = reject"}, "ETRN relayed.example",
			"554 5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied", ""},
		{"unreadable", []string{"fast_flush_domains = texthash:/nonexistent/x"}, "ETRN relayed.example", "458 4.3.0 Unable to queue messages", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, test.main...)
			var asked []string
			r.srv.flush = func(site string) error {
				asked = append(asked, site)
				if strings.HasPrefix(site, "down.") {
					return errors.New("nobody there")
				}
				return nil
			}
			c := r.connect(peer{name: "unknown", ip: netip.MustParseAddr("192.0.2.1")})
			c.reply()
			got := ""
			for line := range strings.SplitSeq(test.lines, "|") {
				got = c.say(line)
			}
			c.close()
			if strings.TrimSpace(got) != test.want || strings.Join(asked, " ") != test.asked {
				t.Errorf("%s: got %q, asked for %q; want %q, %q", test.lines, got, asked, test.want, test.asked)
			}
		})
	}
}
