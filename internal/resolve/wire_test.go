package resolve

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func TestToASCII(t *testing.T) {
	t.Parallel()
	label := strings.Repeat("a", 63)
	tests := []struct{ name, want string }{ // "" for an error
		{"Example.COM", "example.com"},
		{"example.com.", "example.com"},
		{"localhost", "localhost"},
		{"_25._tcp.mx.example", "_25._tcp.mx.example"},
		{"Bücher.example", "xn--bcher-kva.example"},
		{"faß.example", "xn--fa-hia.example"},
		{"İstanbul.example.", "xn--istanbul-o0e.example"},
		{"例え。テスト", "xn--r8jz45g.xn--zckzah"},
		{"xn--bcher-kva.example", "xn--bcher-kva.example"},
		{label + ".example", label + ".example"},
		{label + "a.example", ""},
		{strings.Repeat(label+".", 3) + strings.Repeat("a", 61), strings.Repeat(label+".", 3) + strings.Repeat("a", 61)},
		{strings.Repeat(label+".", 3) + strings.Repeat("a", 62), ""},
		{"", ""}, {".", ""}, {"a..b", ""}, {".a", ""}, {"a b.example", ""}, {"a@b.example", ""}, {`a\.b.example`, ""},
		{"192.0.2.1", ""}, {"[192.0.2.1]", ""}, {"2001:db8::1", ""}, {"[ipv6:2001:db8::1]", ""},
		{"host.123", ""}, {"\xff.example", ""}, {"\u200d.example", ""},
	}
	for _, test := range tests {
		got, err := ToASCII(test.name)
		if got != test.want || (err == nil) != (test.want != "") || err != nil && KindOf(err) != Invalid {
			t.Errorf("%q: got %q, %v, want %q", test.name, got, err, test.want)
		}
	}
}

// FuzzToASCII: what comes out is a name that comes out again as it is, and fits
// into a question.
func FuzzToASCII(f *testing.F) {
	for _, s := range []string{"example.com.", "Bücher.example", "例え。テスト", "_25._tcp.a", "1.2.3.4", "xn--a.b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got, err := ToASCII(name)
		if err != nil {
			return
		}
		if again, err := ToASCII(got); again != got || err != nil {
			t.Errorf("%q gives %q, which gives %q, %v", name, got, again, err)
		}
		if _, err := newQuery(question{got, dns.TypeMX}, true).Pack(); err != nil {
			t.Errorf("%q gives %q: %v", name, got, err)
		}
	})
}

// FuzzReply: bytes from the network count as a reply only with the number and
// the question of ours; what is read from it are records of the type and the
// name that it says, for a bounded time, and texts for people without control
// characters.
func FuzzReply(f *testing.F) {
	q := question{"example.test", dns.TypeMX}
	ask := newQuery(q, true)
	ask.Id = 0x1234
	seed := func(change func(m *dns.Msg), rrs ...string) {
		m := new(dns.Msg).SetReply(ask)
		for _, s := range rrs {
			rr, err := dns.NewRR(s)
			if err != nil {
				f.Fatal(err)
			}
			m.Answer = append(m.Answer, rr)
		}
		change(m)
		b, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	well := func(*dns.Msg) {}
	seed(well)
	seed(well, "example.test. 60 MX 10 mx.example.test.")
	seed(well, "example.test. 60 CNAME b.test.", "b.test. 60 CNAME example.test.", "b.test. 60 MX 0 .")
	seed(func(m *dns.Msg) { m.Rcode = dns.RcodeNameError })
	seed(func(m *dns.Msg) { m.Rcode = dns.RcodeServerFailure; m.SetEdns0(1232, false) })
	seed(func(m *dns.Msg) { m.Truncated = true })
	f.Fuzz(func(t *testing.T, in []byte) {
		m, err := reply(ask, in)
		if m == nil || err != nil {
			return
		}
		if m.Id != ask.Id || !m.Response {
			t.Fatalf("taken for a reply: %v", m)
		}
		if why := refusal(m); strings.ContainsFunc(why, func(c rune) bool { return c < ' ' || c > '~' }) {
			t.Errorf("refusal %q", why)
		}
		c := &chase{q: q, name: q.name, seen: map[string]bool{q.name: true}, ttl: maxTTL}
		a := c.read(m)
		if a == nil {
			return
		}
		if (a.err == nil) == (len(a.records) == 0) || a.ttl < 0 || a.ttl > maxTTL {
			t.Errorf("%v\nis read as %+v", m, a)
		}
		for _, rr := range a.records {
			if rr.Header().Rrtype != q.rrtype || !sameName(rr.Header().Name, a.name) {
				t.Errorf("%v\nis read as %v", m, rr)
			}
		}
	})
}
