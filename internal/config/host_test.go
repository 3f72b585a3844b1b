package config

import (
	"net"
	"os"
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	t.Parallel()
	system, err := os.Hostname()
	if err != nil {
		t.Skip(err)
	}
	full := system
	if !strings.Contains(system, ".") {
		full += ".localdomain"
	}
	tests := []struct{ main, host, domain string }{
		{"", full, full[strings.Index(full, ".")+1:]},
		{"myhostname = mx.example.net", "mx.example.net", "example.net"},
		{"myhostname = mx", "mx", "localdomain"},
		{"mydomain = example.org\nmyhostname = mx.$mydomain", "mx.example.org", "example.org"},
		{"d = example.com\nmyhostname = mx.$d", "mx.example.com", "example.com"},
	}
	for _, tt := range tests {
		c := load(t, tt.main)
		if err := c.Check([]*Def{Myhostname.Def, Mydomain.Def}); err != nil {
			t.Errorf("%q: %v", tt.main, err)
			continue
		}
		check(t, tt.main+": myhostname", Myhostname.Of(c), tt.host)
		check(t, tt.main+": mydomain", Mydomain.Of(c), tt.domain)
	}
	if !strings.Contains(system, ".") {
		check(t, "host name with mydomain", Myhostname.Of(load(t, "mydomain = example.net")), system+".example.net")
	}
}

// Each of these refers to itself by way of a computed default.
func TestComputedDefaultsEnd(t *testing.T) {
	t.Parallel()
	for _, main := range []string{
		"mynetworks_style = $mynetworks", "mydomain = $mydomain", "myhostname = $mydomain",
		"myhostname = $myhostname", "mydomain = $myhostname", "mynetworks_style = ${mynetworks?{$mynetworks}}",
	} {
		c := load(t, main)
		for _, d := range []*Def{Myhostname.Def, Mydomain.Def, Mynetworks.Def, MynetworksStyle.Def} {
			c.parse(d)
		}
	}
}

func TestNetworks(t *testing.T) {
	t.Parallel()
	var addrs []net.Addr
	for _, s := range []string{"127.0.0.1/8", "::1/128", "192.0.2.77/25", "10.1.2.3/24", "2001:db8::5/64", "192.0.2.78/25"} {
		ip, n, err := net.ParseCIDR(s)
		if err != nil {
			t.Fatal(err)
		}
		addrs = append(addrs, &net.IPNet{IP: ip, Mask: n.Mask})
	}
	tests := []struct{ style, want string }{
		{"host", "127.0.0.0/8 [::1]/128 192.0.2.77/32 10.1.2.3/32 [2001:db8::5]/128 192.0.2.78/32"},
		{"subnet", "127.0.0.0/8 [::1]/128 192.0.2.0/25 10.1.2.0/24 [2001:db8::]/64"},
		{"class", "127.0.0.0/8 [::1]/128 192.0.2.0/24 10.0.0.0/8 [2001:db8::]/64"},
	}
	for _, tt := range tests {
		if got := networks(addrs, tt.style); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.style, got, tt.want)
		}
	}
}
