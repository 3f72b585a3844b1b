package pop3d

import (
	"bytes"
	"io"
	"math"
	"strings"
	"testing"
	"time"
)

// FuzzSession: whatever a client says, the session answers every line with +OK
// or -ERR, ends with the client, and removes messages only after QUIT.
func FuzzSession(f *testing.F) {
	f.Add("STAT\r\nLIST\r\nRETR 1\r\nTOP 1 1\r\nDELE 1\r\nQUIT\r\n")
	f.Add("DELE 1\r\nRSET\r\nUIDL\r\nCAPA\r\nLANG en\r\n")
	f.Add("TOP 3 99999999999\r\nRETR 0\r\n\x00\r\n")
	f.Fuzz(func(t *testing.T, said string) {
		d := &fakeDrop{texts: letters}
		c, _, done := talkTo(t, t.Context(), d, time.Minute, math.MaxInt)
		go func() {
			io.WriteString(c, said)
			io.WriteString(c, "\r\nNOOP\r\n")
			<-done
		}()
		in := make([]byte, 4096)
		var heard bytes.Buffer
		quit := strings.Contains(strings.ToUpper(said), "QUIT")
		for !quit && !strings.HasSuffix(heard.String(), "+OK\r\n") || quit {
			n, err := c.Read(in)
			heard.Write(in[:n])
			if err != nil {
				break
			}
			if quit && strings.HasSuffix(heard.String(), "+OK\r\n") && len(d.removed) == 0 {
				break // "QUIT" was within a line that is no QUIT
			}
		}
		c.Close()
		<-done
		if !strings.HasPrefix(heard.String(), "+OK Logged in.\r\n") {
			t.Errorf("heard %q", heard.String())
		}
		if len(d.removed) > 0 && !quit {
			t.Errorf("%v removed without QUIT", d.removed)
		}
	})
}

// FuzzDots: however the text is cut into pieces, what a client reads back
// (RFC 1939, 3) is the text, and TOP's is its beginning.
func FuzzDots(f *testing.F) {
	f.Add([]byte("a: b\r\n\r\n.x\r\n..\r\n"), uint8(3), uint8(1))
	f.Add([]byte(".\r\n"), uint8(1), uint8(0))
	f.Fuzz(func(t *testing.T, text []byte, piece, lines uint8) {
		text = bytes.ReplaceAll(text, []byte{'\r'}, nil)
		text = bytes.ReplaceAll(text, []byte{'\n'}, []byte("\r\n"))
		for _, limit := range []int{math.MaxInt, int(lines)} {
			var out bytes.Buffer
			d := &dots{to: &out, lines: limit, start: true, header: true}
			for rest := text; len(rest) > 0 && !d.full; {
				n := min(len(rest), int(piece)+1)
				if err := d.put(rest[:n]); err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
			}
			d.end()
			wire, ok := strings.CutSuffix("\r\n"+out.String(), "\r\n.\r\n")
			if !ok || strings.Contains(wire, "\r\n.\r\n") {
				t.Fatalf("%q: sent %q", text, out.String())
			}
			back := strings.TrimPrefix(strings.ReplaceAll(wire, "\r\n.", "\r\n")+"\r\n", "\r\n")
			if limit == math.MaxInt {
				whole := string(text)
				if whole != "" && !strings.HasSuffix(whole, "\r\n") {
					whole += "\r\n"
				}
				if whole == "" {
					whole = back
				}
				if back != whole || d.octets != int64(len(text)) {
					t.Errorf("%q: read back %q, %d octets", text, back, d.octets)
				}
				continue
			}
			if !strings.HasPrefix(string(text)+"\r\n", back) {
				t.Errorf("%q: TOP %d gives %q", text, limit, back)
			}
		}
	})
}

// FuzzUIDL: a format is refused or gives a UIDL of characters that may be in one.
func FuzzUIDL(f *testing.F) {
	f.Add("%08Xu%08Xv", "1700000000.M1P2.host,S=3", uint32(7))
	f.Add("%v.%u-%Lf%Ug%%", "a b\xff", uint32(1))
	f.Fuzz(func(t *testing.T, format, file string, uid uint32) {
		u, err := parseUIDL(format)
		if err != nil {
			return
		}
		got := u.of(&facts{uid: uid, validity: 1, file: file, guid: file})
		if strings.Trim(got, printable) != "" {
			t.Errorf("%q gives %q", format, got)
		}
	})
}

func TestUIDLFormat(t *testing.T) {
	t.Parallel()
	m := &facts{uid: 255, validity: 1700000000, file: "1700.M1P2.mx,S=3,W=4", guid: "AbC"}
	for format, want := range map[string]string{
		"%08Xu%08Xv": "000000ff6553f100",
		"%v.%u":      "1700000000.255",
		"%f":         "1700.M1P2.mx,S=3,W=4",
		"%v-%5u":     "1700000000-__255",
		"%Lg%Ug%%":   "abcABC%",
		"UID%u-%v":   "UID255-1700000000",
	} {
		u, err := parseUIDL(format)
		if err != nil {
			t.Errorf("%q: %v", format, err)
			continue
		}
		if got := u.of(m); got != want {
			t.Errorf("%q: got %q, want %q", format, got, want)
		}
	}
	for _, format := range []string{"", "x", "%v", "%m", "%", "%08", "%999u", "a b%u", "%X"} {
		if _, err := parseUIDL(format); err == nil {
			t.Errorf("%q: no error", format)
		}
	}
}
