package smtpc

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"yubin/internal/config"
	"yubin/internal/ipc"
	"yubin/internal/queue"
	"yubin/test/peer"
)

// Whose header needs SMTPUTF8 where nobody has asked for it.
func TestAutodetect(t *testing.T) {
	t.Parallel()
	const (
		sent = "sent 2.0.0 250 2.0.0 Ok: queued as 4711"
		back = "bounced 5.6.7 SMTPUTF8 is required, but was not offered by host 127.0.0.1[127.0.0.1]"
	)
	pickup := map[string]string{queue.AttrOrigin: "pickup"}
	smtpd := map[string]string{queue.AttrOrigin: "smtpd"}
	for _, c := range []struct {
		name, main, content string
		attrs               map[string]string
		ehlo                []string
		want, mail          string
	}{
		{name: "as shipped", attrs: pickup, want: sent},
		{name: "sendmail", main: "smtputf8_autodetect_classes = sendmail, verify", attrs: pickup, want: back},
		{name: "letter case", main: "smtputf8_autodetect_classes = Sendmail", attrs: pickup, want: back},
		{name: "sendmail, and the host has it", main: "smtputf8_autodetect_classes = sendmail, verify", attrs: pickup, ehlo: []string{"8BITMIME", "SMTPUTF8"}, want: sent, mail: " BODY=8BITMIME SMTPUTF8"},
		{name: "not of that class", main: "smtputf8_autodetect_classes = sendmail, verify", attrs: smtpd, want: sent},
		{name: "smtpd", main: "smtputf8_autodetect_classes = smtpd", attrs: smtpd, want: back},
		{name: "all", main: "smtputf8_autodetect_classes = all", attrs: smtpd, want: back},
		{name: "forward", main: "smtputf8_autodetect_classes = forward", attrs: map[string]string{queue.AttrOrigin: "qmgr", queue.AttrParent: "1"}, want: back},
		{name: "off", main: "smtputf8_autodetect_classes = all\nsmtputf8_enable = no", attrs: smtpd, want: sent},
		{name: "ASCII", main: "smtputf8_autodetect_classes = all", attrs: smtpd, content: "a: b\n\n\xc3\xa4\n", want: sent},
		{name: "not UTF-8", main: "smtputf8_autodetect_classes = all", attrs: smtpd, content: "a: \xe4\n\nx\n", want: sent},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := peer.Start(t, peer.Options{Ehlo: c.ehlo})
			r := newRig(t, rigOptions{main: []string{c.main}})
			r.attrs = c.attrs
			content := c.content
			if content == "" {
				content = "Subject: n\xc3\xa4chste\n\nx\n"
			}
			r.send(fmt.Sprintf("[127.0.0.1]:%d", p.Port()), content, []ipc.Recipient{{Address: "bob@far.test"}})
			if got := say(r.replies(1)[0]); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			if c.mail != "" && !strings.HasSuffix(p.Messages()[0].Mail, c.mail) {
				t.Errorf("MAIL %q", p.Messages()[0].Mail)
			}
		})
	}
}

func TestAutodetectClasses(t *testing.T) {
	t.Parallel()
	probe := &ipc.Request{Attrs: map[string]string{queue.AttrOrigin: "pickup", ipc.Probe: "yes"}}
	notice := &ipc.Request{Attrs: map[string]string{queue.AttrOrigin: "qmgr", queue.AttrCovers: "1"}}
	for _, c := range []struct {
		o    origins
		req  *ipc.Request
		want bool
	}{
		{nil, probe, false},
		{origins{"verify": true}, probe, true}, {origins{"sendmail": true}, probe, false},
		{origins{"bounce": true}, notice, true}, {origins{"notify": true}, notice, true}, {origins{"forward": true}, notice, false},
	} {
		if got := c.o.looksAt(c.req); got != c.want {
			t.Errorf("%v of %v: %t", c.o, c.req.Attrs, got)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.cf"), []byte("smtputf8_autodetect_classes = sendmail, cron\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	conf, err := config.Load(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = readOrigins(conf)
	if p, ok := err.(config.Problem); !ok || !strings.Contains(p.Error(), `want of sendmail, smtpd, qmqpd, forward, bounce, notify, verify, all, have "cron"`) {
		t.Errorf("got %v", err)
	}
}

// However a header is cut into pieces, it has UTF-8 or not.
func TestHeaderInPieces(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{"a: n\xc3\xa4\n\nx": true, "a: \xe4\n\nx": false, "a: b\n\n\xc3\xa4": false, "a: \xe2\x82\xac\xf0\x9f\x98\x80": true} {
		for cut := range text {
			var in inspector
			in.Write([]byte(text[:cut]))
			in.Write([]byte(text[cut:]))
			if got := in.end(); got.headUTF8 != want {
				t.Errorf("%q, %q: %t", text[:cut], text[cut:], got.headUTF8)
			}
		}
	}
}
