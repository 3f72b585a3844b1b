package smtpc

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"yubin/internal/ipc"
	"yubin/internal/queue"
	"yubin/test/peer"
)

// How a message goes to a server, by what the server offers.
func TestLetters(t *testing.T) {
	t.Parallel()
	long := "Subject: x\n\n" + strings.Repeat("abcdefghij", 250) + "\n"
	tests := []struct {
		name    string
		content string
		ehlo    []string
		flags   uint32
		attrs   map[string]string
		rcpt    ipc.Recipient
		want    string // result
		mail    string // arguments of MAIL behind the path
		rcptArg string // of RCPT
		data    string // as it came
	}{
		{name: "dots", content: "a: b\n\n.\n..\n.x\ny.\n", mail: " SIZE=23", data: "a: b\r\n\r\n.\r\n..\r\n.x\r\ny.\r\n"},
		{name: "no last line end", content: "a: b\n\nx", mail: " SIZE=11", data: "a: b\r\n\r\nx\r\n"},
		{name: "empty", content: "", mail: " SIZE=0", data: ""},
		{name: "only a dot", content: ".", mail: " SIZE=3", data: ".\r\n"},
		{name: "bare CR", content: "a: b\n\nx\ry\r\n\r\n.\r\nz", mail: " SIZE=24", data: "a: b\r\n\r\nx y \r\n \r\n. \r\nz\r\n"},
		{name: "8 bits", content: "a: b\n\n\xc3\xa4\n", mail: " SIZE=12 BODY=8BITMIME", data: "a: b\r\n\r\n\xc3\xa4\r\n"},
		{name: "8 bits, not taken", content: "a: b\n\n.\xc3\xa4\n", ehlo: []string{"SIZE"}, mail: " SIZE=13",
			data: "a: b\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=unknown-8bit\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n.=C3=A4\r\n"},
		{name: "long line", content: long, mail: " SIZE=2516",
			data: "Subject: x\r\n\r\n" + strings.Repeat("abcdefghij", 250)[:998] + "\r\n " + strings.Repeat("abcdefghij", 250)[998:1995] + "\r\n " + strings.Repeat("abcdefghij", 250)[1995:] + "\r\n"},
		{name: "long line to a server that takes it", content: long, ehlo: []string{"CHUNKING", "BINARYMIME", "SIZE", "PIPELINING"},
			mail: " SIZE=2516 BODY=BINARYMIME", data: strings.ReplaceAll(long, "\n", "\r\n")},
		{name: "binary", content: "a: b\r\n\r\n\x00\r\xff\n.\r\n", flags: queue.FlagBinary, ehlo: []string{"CHUNKING", "BINARYMIME"},
			mail: " BODY=BINARYMIME", data: "a: b\r\n\r\n\x00\r\xff\n.\r\n"},
		{name: "binary, not taken", content: "MIME-Version: 1.0\r\nContent-Transfer-Encoding: binary\r\n\r\n\x00\n", flags: queue.FlagBinary, ehlo: []string{"CHUNKING", "SIZE"},
			mail: " SIZE=62", data: "MIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\n\r\nAAo=\r\n"},
		{name: "binary as 8 bits", content: "MIME-Version: 1.0\r\nContent-Transfer-Encoding: binary\r\n\r\n.\xe4\r\n", flags: queue.FlagBinary,
			mail: " SIZE=58 BODY=8BITMIME", data: "MIME-Version: 1.0\r\nContent-Transfer-Encoding: 8bit\r\n\r\n.\xe4\r\n"},
		{name: "binary as 7 bits", content: "MIME-Version: 1.0\r\nContent-Transfer-Encoding: binary\r\n\r\n.\xe4\r\n", flags: queue.FlagBinary, ehlo: []string{"BINARYMIME"},
			data: "MIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n.=E4\r\n"},
		{name: "binary that is no MIME", content: "a: b\x00\r\n\r\nx", flags: queue.FlagBinary, ehlo: []string{"CHUNKING"},
			want: "bounced 5.6.3 the message is binary (BINARYMIME) in places that no text can hold, and host 127.0.0.1[127.0.0.1] takes text only"},
		{name: "DSN", content: "a: b\n", attrs: map[string]string{queue.AttrRet: "HDRS", queue.AttrEnvID: "a+b=c"},
			rcpt:    ipc.Recipient{Attrs: map[string]string{queue.AttrNotify: "SUCCESS,DELAY", queue.AttrOrcpt: "rfc822;x y@far.test"}},
			mail:    " SIZE=6 RET=HDRS ENVID=a+2Bb+3Dc",
			rcptArg: " NOTIFY=SUCCESS,DELAY ORCPT=rfc822;x+20y@far.test", data: "a: b\r\n"},
		{name: "DSN of an alias", content: "a: b\n", rcpt: ipc.Recipient{Original: "team@own.test"},
			mail: " SIZE=6", rcptArg: " ORCPT=rfc822;team@own.test", data: "a: b\r\n"},
		{name: "DSN, address beyond ASCII", content: "a: b\n", ehlo: []string{"DSN"},
			rcpt: ipc.Recipient{Attrs: map[string]string{queue.AttrOrcpt: "utf-8;b\u00f6b+x@far.test"}}, rcptArg: ` ORCPT=utf-8;b\x{F6}b\x{2B}x@far.test`, data: "a: b\r\n"},
		{name: "DSN, address beyond ASCII, to one that knows them", content: "a: b\n", ehlo: []string{"DSN", "SMTPUTF8"}, attrs: map[string]string{queue.AttrUTF8: "yes"},
			rcpt: ipc.Recipient{Attrs: map[string]string{queue.AttrOrcpt: "utf-8;b\u00f6b+x@far.test"}}, mail: " SMTPUTF8", rcptArg: " ORCPT=utf-8;b\u00f6b\\x{2B}x@far.test", data: "a: b\r\n"},
		{name: "DSN, alias beyond ASCII", content: "a: b\n", ehlo: []string{"DSN", "SMTPUTF8"}, rcpt: ipc.Recipient{Original: "b\u00f6b@own.test"},
			rcptArg: ` ORCPT=utf-8;b\x{F6}b@own.test`, data: "a: b\r\n"},
		{name: "DSN, bytes of another type", content: "a: b\n", ehlo: []string{"DSN"},
			rcpt: ipc.Recipient{Attrs: map[string]string{queue.AttrOrcpt: "rfc822;b\u00f6b@far.test"}}, rcptArg: " ORCPT=rfc822;b+C3+B6b@far.test", data: "a: b\r\n"},
		{name: "DSN that would be another command", content: "a: b\n", attrs: map[string]string{queue.AttrRet: "X Y"},
			rcpt: ipc.Recipient{Attrs: map[string]string{queue.AttrNotify: "NEVER Z", queue.AttrOrcpt: ";"}}, mail: " SIZE=6", data: "a: b\r\n"},
		{name: "DSN, not offered", content: "a: b\n", ehlo: []string{}, attrs: map[string]string{queue.AttrRet: "HDRS"},
			rcpt: ipc.Recipient{Attrs: map[string]string{queue.AttrNotify: "NEVER"}}, data: "a: b\r\n"},
		{name: "SMTPUTF8", content: "a: b\n", ehlo: []string{"SMTPUTF8"}, rcpt: ipc.Recipient{Address: "b\u00f6b@far.test"},
			mail: " SMTPUTF8", data: "a: b\r\n"},
		{name: "SMTPUTF8, not offered", content: "a: b\n", rcpt: ipc.Recipient{Address: "b\u00f6b@far.test"},
			want: "bounced 5.6.7 SMTPUTF8 is required, but was not offered by host 127.0.0.1[127.0.0.1]"},
		{name: "SMTPUTF8, asked for and not needed", content: "a: b\n\n\xc3\xa4\n", attrs: map[string]string{queue.AttrUTF8: "yes"}, mail: " SIZE=12 BODY=8BITMIME", data: "a: b\r\n\r\n\xc3\xa4\r\n"},
		{name: "SMTPUTF8, asked for", content: "a: b\n", ehlo: []string{"SMTPUTF8"}, attrs: map[string]string{queue.AttrUTF8: "yes"}, mail: " SMTPUTF8", data: "a: b\r\n"},
		{name: "SMTPUTF8 for the header", content: "a: \xc3\xa4\n\nb\n", attrs: map[string]string{queue.AttrUTF8: "yes"},
			want: "bounced 5.6.7 SMTPUTF8 is required, but was not offered by host 127.0.0.1[127.0.0.1]"},
		{name: "8 bits in the header, not asked for", content: "a: \xc3\xa4\n\nb\n", mail: " SIZE=12 BODY=8BITMIME", data: "a: \xc3\xa4\r\n\r\nb\r\n"},
		{name: "quoted address", content: "a: b\n", ehlo: []string{}, rcpt: ipc.Recipient{Address: "john doe@far.test"}, data: "a: b\r\n"},
		{name: "line end in an address", content: "a: b\n", rcpt: ipc.Recipient{Address: "b\r\nDATA@far.test"},
			want: "bounced 5.1.3 bad recipient address"},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := peer.Start(t, peer.Options{Ehlo: c.ehlo})
			r := newRig(t, rigOptions{})
			if c.rcpt.Address == "" {
				c.rcpt.Address = "bob@far.test"
			}
			r.attrs, r.flags = c.attrs, c.flags
			r.send(fmt.Sprintf("[127.0.0.1]:%d", p.Port()), c.content, []ipc.Recipient{c.rcpt})
			got := say(r.replies(1)[0])
			if c.want == "" {
				c.want = "sent 2.0.0 250 2.0.0 Ok: queued as 4711"
			}
			if got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			messages := p.Messages()
			if !strings.HasPrefix(c.want, "sent") {
				if len(messages) > 0 {
					t.Errorf("the server has %+v", messages)
				}
				return
			}
			m := messages[0]
			if want := "<ann@own.test>" + c.mail; m.Mail != want {
				t.Errorf("MAIL %q, want %q", m.Mail, want)
			}
			if _, args, _ := strings.Cut(m.Rcpt[0], ">"); args != c.rcptArg {
				t.Errorf("RCPT %q, want %q behind the path", m.Rcpt[0], c.rcptArg)
			}
			if c.name == "quoted address" && m.Rcpt[0] != `<"john doe"@far.test>` {
				t.Errorf("RCPT %q", m.Rcpt[0])
			}
			if m.Data != c.data {
				t.Errorf("DATA\n%q\nwant\n%q", m.Data, c.data)
			}
		})
	}
}

// A transaction that came to nothing is cleared before the next one.
func TestLimitsAfterRefusal(t *testing.T) {
	t.Parallel()
	for _, script := range []peer.Script{
		{"RCPT bob@far.test": "550 5.1.1 no"}, {"DATA": "451 4.3.0 later||"}, {"END": "451 4.3.0 later||"},
	} {
		p := peer.Start(t, peer.Options{Script: script, Ehlo: []string{"PIPELINING", "LIMITS RCPTMAX=1"}})
		r := newRig(t, rigOptions{})
		got := r.deliver(fmt.Sprintf("[127.0.0.1]:%d", p.Port()), letterText, "bob@far.test", "eve@far.test")
		if got[0].Status == ipc.Sent || got[1].Status != ipc.Sent {
			t.Errorf("%v: %s; %s", script, say(got[0]), say(got[1]))
		}
		if said := strings.Join(p.Said(), " "); strings.Count(said, "MAIL") != 2 || strings.Count(said, "RSET") != 1 {
			t.Errorf("%v: %s", script, said)
		}
	}
}

// Only those whose address needs SMTPUTF8 suffer from a server without it.
func TestUTF8Apart(t *testing.T) {
	t.Parallel()
	p := peer.Start(t, peer.Options{})
	r := newRig(t, rigOptions{})
	got := r.deliver(fmt.Sprintf("[127.0.0.1]:%d", p.Port()), letterText, "b\u00f6b@far.test", "eve@far.test", "d\u00e4ve@far.test")
	for i, want := range []string{ipc.Bounced, ipc.Sent, ipc.Bounced} {
		if got[i].Status != want {
			t.Errorf("recipient %d: %s, want %s", i, say(got[i]), want)
		}
	}
	if n := len(p.Messages()); n != 1 || p.Conns() != 1 {
		t.Errorf("%d messages over %d connections", n, p.Conns())
	}
}

// A queue file that ends too early is never delivered in part.
func TestTornFile(t *testing.T) {
	t.Parallel()
	for _, size := range []int{100, 300_000, 1_000_000} {
		for _, ehlo := range [][]string{nil, {"CHUNKING", "BINARYMIME"}} {
			p := peer.Start(t, peer.Options{Ehlo: ehlo})
			r := newRig(t, rigOptions{})
			f, err := os.CreateTemp(t.TempDir(), "")
			if err != nil {
				t.Fatal(err)
			}
			f.WriteString(strings.Repeat(strings.Repeat("x", 1999)+"\n", size/2000))
			req := ipc.Request{
				N: 1, ID: "A", Transport: "smtp", Nexthop: fmt.Sprintf("[127.0.0.1]:%d", p.Port()),
				Length: int64(size) + 5, Recipients: []ipc.Recipient{{Address: "bob@far.test"}},
			}
			r.sendRequest(req, f)
			f.Close()
			if got := say(r.replies(1)[0]); !strings.HasPrefix(got, "deferred 4.3.0 local error in processing: the message cannot be read from the queue") {
				t.Errorf("%d octets: %s", size, got)
			}
			if m := p.Messages(); len(m) != 0 {
				t.Errorf("%d octets: the server has a message of %d octets", size, len(m[0].Data))
			}
		}
	}
}

// A file that becomes shorter while it is sent, after it was looked through.
func TestTornWhileSending(t *testing.T) {
	t.Parallel()
	p := peer.Start(t, peer.Options{Script: peer.Script{"RCPT": "250 2.1.5 Ok"}})
	r := newRig(t, rigOptions{})
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	f.WriteString(strings.Repeat("line\n", 100_000))
	m, err := newLetter(&ipc.Request{Length: 500_000}, f)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.traits(); err != nil {
		t.Fatal(err)
	}
	f.Truncate(250_000)
	targets, err := r.d.o.targets(fmt.Sprintf("[127.0.0.1]:%d", p.Port()), "")
	if err != nil {
		t.Fatal(err)
	}
	sites, err := r.d.finder.sites(t.Context(), targets[0])
	if err != nil {
		t.Fatal(err)
	}
	s, err := connect(t.Context(), r.d.o, r.d.log, sites[0])
	if err != nil {
		t.Fatal(err)
	}
	_, err = transact(s, m, []*recipient{{Recipient: &ipc.Recipient{Address: "bob@far.test"}}}, &job{d: r.d, log: r.d.log, m: m, s: s})
	if err == nil || !strings.Contains(asFailure(err).text, "cannot be read") {
		t.Errorf("transact: %v", err)
	}
	p.Stop() // waits for what the server makes of it
	if n := len(p.Messages()); n != 0 {
		t.Errorf("the server has %d messages", n)
	}
}

// RFC 9422: as many recipients, domains and messages as the server wants.
func TestLimits(t *testing.T) {
	t.Parallel()
	p := peer.Start(t, peer.Options{Ehlo: []string{"PIPELINING", "LIMITS RCPTMAX=3 MAILMAX=2 RCPTDOMAINMAX=1 FOO=2 X"}})
	r := newRig(t, rigOptions{})
	var rcpt []string
	for i := range 8 {
		rcpt = append(rcpt, fmt.Sprintf("u%d@far.test", i))
	}
	rcpt = append(rcpt, "v@other.test")
	for i, got := range r.deliver(fmt.Sprintf("[127.0.0.1]:%d", p.Port()), letterText, rcpt...) {
		if got.Status != ipc.Sent {
			t.Errorf("%s: %s", rcpt[i], say(got))
		}
	}
	var groups []string
	for _, m := range p.Messages() {
		groups = append(groups, fmt.Sprintf("%d:%d", m.Conn, len(m.Rcpt)))
	}
	if want := []string{"1:3", "1:3", "2:2", "2:1"}; !slices.Equal(groups, want) {
		t.Errorf("connection:recipients %v, want %v", groups, want)
	}
}

// Fifty recipients with long names, whose commands do not fit one batch.
func TestManyRecipients(t *testing.T) {
	t.Parallel()
	p := peer.Start(t, peer.Options{Script: peer.Script{"RCPT u7@far.test": "550 5.1.1 no"}})
	r := newRig(t, rigOptions{})
	var rcpt []string
	for i := range 50 {
		rcpt = append(rcpt, fmt.Sprintf("u%d@far.test", i))
		if i != 7 {
			rcpt[i] = strings.Repeat("x", 700) + rcpt[i]
		}
	}
	for i, got := range r.deliver(fmt.Sprintf("[127.0.0.1]:%d", p.Port()), letterText, rcpt...) {
		if want := map[bool]string{true: ipc.Bounced, false: ipc.Sent}[i == 7]; got.Status != want {
			t.Errorf("%d: %s", i, say(got))
		}
	}
	if m := p.Messages(); len(m) != 1 || len(m[0].Rcpt) != 49 {
		t.Errorf("%d messages", len(m))
	}
}

// A large message goes through, and to a server that is slow to read too.
func TestLargeLetter(t *testing.T) {
	t.Parallel()
	p := peer.Start(t, peer.Options{})
	r := newRig(t, rigOptions{})
	content := "Subject: large\n\n" + strings.Repeat(strings.Repeat("\xc3\xa4", 36)+"\n.\n", 60_000)
	if got := say(r.deliver(fmt.Sprintf("[127.0.0.1]:%d", p.Port()), content, "bob@far.test")[0]); !strings.HasPrefix(got, "sent") {
		t.Fatal(got)
	}
	if got := p.Messages()[0].Data; got != strings.ReplaceAll(content, "\n", "\r\n") {
		t.Errorf("%d octets arrived, and not those", len(got))
	}
}

// A server that answers in the middle of a message and hangs up: what it said
// is the reason, and nothing is sure but that it has not got the message.
func TestAnswerInBody(t *testing.T) {
	t.Parallel()
	p := peer.Start(t, peer.Options{Ehlo: []string{}, Script: peer.Script{"BODY": "552 5.2.3 too much"}})
	r := newRig(t, rigOptions{})
	content := "Subject: large\n\n" + strings.Repeat(strings.Repeat("x", 72)+"\n", 500_000)
	got := say(r.deliver(fmt.Sprintf("[127.0.0.1]:%d", p.Port()), content, "bob@far.test")[0])
	if !strings.HasPrefix(got, "deferred 4.") {
		t.Errorf("got %s", got)
	}
}

// A server that does not read: the message is given up, and surely not sent.
func TestStalledBody(t *testing.T) {
	t.Parallel()
	p := peer.Start(t, peer.Options{Ehlo: []string{}, Script: peer.Script{"BODY": peer.Deaf}})
	r := newRig(t, rigOptions{main: []string{"smtp_data_xfer_timeout = 1s"}})
	content := "Subject: large\n\n" + strings.Repeat(strings.Repeat("x", 72)+"\n", 500_000)
	got := say(r.deliver(fmt.Sprintf("[127.0.0.1]:%d", p.Port()), content, "bob@far.test")[0])
	if want := "deferred 4.4.2 conversation with 127.0.0.1[127.0.0.1] timed out while sending message body"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
