package imap

import (
	"fmt"
	"strings"
	"testing"
)

func (u URL) String() string {
	p := ""
	if u.Partial != nil {
		p = fmt.Sprintf("<%d.%d>", u.Partial.Offset, u.Partial.Size)
	}
	return fmt.Sprintf("%s %d %d [%s]%s", u.Mailbox, u.UIDValidity, u.UID, u.Section.Append(nil), p)
}

func TestParseURL(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ url, want string }{
		{"/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER", "Drafts 385759045 20 [HEADER]"},
		{"/Drafts;UIDVALIDITY=385759045/;UID=20/;Section=1.MIME", "Drafts 385759045 20 [1.MIME]"},
		{"/Drafts/;UID=3002", "Drafts 0 3002 []"},
		{"/INBOX;uidvalidity=785799047/;uid=113330/;section=1.5.9", "INBOX 785799047 113330 [1.5.9]"},
		{"/a/b%20c/%E6%97%A5/;UID=1/;SECTION=HEADER.FIELDS%20(From%20To)/;PARTIAL=3.1024", "a/b c/日 0 1 [HEADER.FIELDS (From To)]<3.1024>"},
		{"/a/;UID=1/;PARTIAL=7", "a 0 1 []<7.9223372036854775807>"},
		{"/a/;UID=1/;PARTIAL=4294967296.4294967296", "a 0 1 []<4294967296.4294967296>"}, {"/a/;UID=1/;PARTIAL=1.9223372036854775808", ""},
		{"/a%3B%2F/;UID=1", "a;/ 0 1 []"},
		{";UID=5/;SECTION=TEXT", " 0 5 [TEXT]"},
		{"imap://x/a/;UID=1", ""}, {"//x/a/;UID=1", ""}, {"a/;UID=1", ""}, {"/;UID=1", ""}, {"/a", ""}, {"/a?ALL", ""}, {"", ""},
		{"/a/;UID=0", ""}, {"/a/;UID=+1", ""}, {"/a/;UID=1x", ""}, {"/a/;UID=4294967296", ""}, {"/a;UIDVALIDITY=0/;UID=1", ""},
		{"/a;X=1/;UID=1", ""}, {"/a/;UID=1/;SECTION=", ""}, {"/a/;UID=1/;SECTION=NONSENSE", ""}, {"/a/;UID=1/;SECTION=1]x[", ""},
		{"/a/;UID=1/;SECTION=1/;PARTIAL=", ""}, {"/a/;UID=1/;SECTION=1/;PARTIAL=1.0", ""}, {"/a/;UID=1/;URLAUTH=anonymous:internal:0", ""},
		{"/a/;UID=1/;SECTION=1;URLAUTH=anonymous:internal:0", ""}, {"/%FF/;UID=1", ""}, {"/a%/;UID=1", ""}, {"/ä/;UID=1", ""}, {"/a b/;UID=1", ""},
		{"/a/;UID=1/;SECTION=HEADER.FIELDS%20(%7B3%7D%0D%0Aabc)", ""},
	} {
		u, err := ParseURL(c.url)
		if got := u.String(); err != nil && c.want != "" || err == nil && got != c.want {
			t.Errorf("%s: %s, %v; want %s", c.url, got, err, c.want)
		}
	}
}

// FuzzParseURL: a URL that is taken names a message, none panics or asks for
// more, and what is returned to a client is one line without "]".
func FuzzParseURL(f *testing.F) {
	f.Add("/Drafts;UIDVALIDITY=385759045/;UID=20/;section=1.HEADER.FIELDS%20(a)/;PARTIAL=1.2")
	f.Add(";UID=1")
	f.Fuzz(func(t *testing.T, s string) {
		u, err := ParseURL(s)
		if err == nil && (u.UID == 0 || u.Mailbox == "" && s[0] != ';' || u.Partial != nil && u.Partial.Size == 0) {
			t.Errorf("%q: %v", s, u)
		}
		if b := string(AppendURL(nil, s)); strings.ContainsAny(b, "]\r\n\x00 ") {
			t.Errorf("%q: %q", s, b)
		}
	})
}
