package proxyproto

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
)

// v2 builds a header of version 2.
func v2(command, family byte, rest string) string {
	return signature + string([]byte{command, family, byte(len(rest) >> 8), byte(len(rest))}) + rest
}

const (
	pair4 = "\xc0\x00\x02\x01" + "\xc6\x33\x64\x07" + "\x9c\x40" + "\x00\x19"
	pair6 = " \x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" +
		" \x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07" + "\x9c\x40" + "\x00\x19"
	mapped = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc0\x00\x02\x01" +
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc6\x33\x64\x07" + "\x9c\x40" + "\x00\x19"
	// PP2_TYPE_AUTHORITY and PP2_TYPE_NOOP.
	values = "\x02\x00\x0bexample.com\x04\x00\x02xx"
)

var (
	client4, server4 = netip.MustParseAddrPort("192.0.2.1:40000"), netip.MustParseAddrPort("198.51.100.7:25")
	client6, server6 = netip.MustParseAddrPort("[2001:db8::1]:40000"), netip.MustParseAddrPort("[2001:db8::7]:25")
)

func TestRead(t *testing.T) {
	t.Parallel()
	four, six, local := Header{false, client4, server4}, Header{false, client6, server6}, Header{Local: true}
	for _, c := range []struct {
		name, in string
		want     Header
	}{
		{"v1 IPv4", "PROXY TCP4 192.0.2.1 198.51.100.7 40000 25\r\n", four},
		{"v1 IPv6", "PROXY TCP6 2001:db8::1 2001:db8::7 40000 25\r\n", six},
		{"v1 unknown", "PROXY UNKNOWN\r\n", local},
		{"v1 unknown with addresses", "PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", local},
		{"v2 IPv4", v2(0x21, 0x11, pair4), four},
		{"v2 IPv6", v2(0x21, 0x21, pair6), six},
		{"v2 IPv4 in IPv6", v2(0x21, 0x21, mapped), four},
		{"v2 with values", v2(0x21, 0x11, pair4+values), four},
		{"v2 with values that are cut", v2(0x21, 0x11, pair4+values[:5]), four},
		{"v2 local", v2(0x20, 0x00, ""), local},
		{"v2 local with addresses", v2(0x20, 0x11, pair4), local},
		{"v2 unspecified", v2(0x21, 0x00, "xyz"), local},
	} {
		r := strings.NewReader(c.in + "EHLO")
		got, err := Read(r)
		if err != nil || got != c.want {
			t.Errorf("%s: got %+v and %v, want %+v", c.name, got, err, c.want)
		}
		if rest, _ := io.ReadAll(r); string(rest) != "EHLO" {
			t.Errorf("%s: %q is left, want EHLO", c.name, rest)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]string{
		"SMTP":                 "EHLO client.example\r\n",
		"TLS":                  "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00",
		"lower case":           "proxy TCP4 192.0.2.1 198.51.100.7 40000 25\r\n",
		"wrong family":         "PROXY TCP4 2001:db8::1 2001:db8::7 40000 25\r\n",
		"wrong family 6":       "PROXY TCP6 192.0.2.1 198.51.100.7 40000 25\r\n",
		"no family":            "PROXY UDP4 192.0.2.1 198.51.100.7 40000 25\r\n",
		"port too large":       "PROXY TCP4 192.0.2.1 198.51.100.7 65536 25\r\n",
		"port with a zero":     "PROXY TCP4 192.0.2.1 198.51.100.7 0025 25\r\n",
		"port missing":         "PROXY TCP4 192.0.2.1 198.51.100.7 40000\r\n",
		"a word more":          "PROXY TCP4 192.0.2.1 198.51.100.7 40000 25 x\r\n",
		"two blanks":           "PROXY TCP4  192.0.2.1 198.51.100.7 40000 25\r\n",
		"zone":                 "PROXY TCP6 fe80::1%eth0 2001:db8::7 40000 25\r\n",
		"LF alone":             "PROXY TCP4 192.0.2.1 198.51.100.7 40000 25\n",
		"too long":             "PROXY UNKNOWN " + strings.Repeat("x", 200) + "\r\n",
		"v2 version 3":         v2(0x31, 0x11, pair4),
		"v2 command":           v2(0x22, 0x11, pair4),
		"v2 datagram":          v2(0x21, 0x12, pair4),
		"v2 Unix":              v2(0x21, 0x31, strings.Repeat("x", 216)),
		"v2 short addresses":   v2(0x21, 0x11, pair4[:11]),
		"v2 longer than taken": v2(0x21, 0x11, strings.Repeat("x", MaxV2-15)),
	} {
		if h, err := Read(strings.NewReader(in)); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: got %+v and %v", name, h, err)
		}
	}
	for name, in := range map[string]string{
		"nothing": "", "cut signature": signature[:5], "cut v1": "PROXY TCP4 192.0.2.1 ", "cut v2": v2(0x21, 0x11, pair4)[:20],
	} {
		if h, err := Read(strings.NewReader(in)); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: got %+v and %v", name, h, err)
		}
	}
}

// FuzzRead: no input makes Read take more than a header's length or fail in
// another way than saying so; a header has valid addresses of one family or is
// local; and what is behind it does not change it.
func FuzzRead(f *testing.F) {
	for _, s := range []string{
		"PROXY TCP4 192.0.2.1 198.51.100.7 40000 25\r\n", "PROXY TCP6 ::1 ::1 1 2\r\n", "PROXY UNKNOWN\r\n",
		v2(0x21, 0x11, pair4+values), v2(0x21, 0x21, pair6), v2(0x20, 0, ""), "EHLO x\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r := bytes.NewReader(in)
		h, err := Read(r)
		used := len(in) - r.Len()
		if used > MaxV2 {
			t.Fatalf("%d octets read", used)
		}
		if err != nil {
			return
		}
		valid := h.Client.IsValid() && h.Server.IsValid() && !h.Client.Addr().Is4In6() && h.Client.Addr().Zone() == ""
		if h.Local == h.Client.IsValid() || !h.Local && !valid {
			t.Errorf("%+v", h)
		}
		if again, err := Read(bytes.NewReader(append(in[:used:used], "EHLO x\r\n"...))); err != nil || again != h {
			t.Errorf("%+v became %+v, %v", h, again, err)
		}
	})
}
