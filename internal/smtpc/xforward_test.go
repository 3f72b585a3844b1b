package smtpc

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"yubin/internal/ipc"
	"yubin/internal/queue"
	"yubin/test/peer"
)

// Servers that offer XFORWARD hear where a message came from, if they are to;
// one that refuses it gets the message all the same.
func TestXforward(t *testing.T) {
	t.Parallel()
	client := map[string]string{
		queue.AttrClientName: "spike.example", queue.AttrClientAddress: "2001:db8::1", queue.AttrClientPort: "4321",
		queue.AttrProtocol: "ESMTP", queue.AttrHelo: "a+b", queue.AttrIdent: "4Dabc", queue.AttrSource: "remote",
	}
	const all = "XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT"
	for _, c := range []struct {
		name, offer string
		main        []string
		attrs       map[string]string
		want        []string
	}{
		{name: "everything", offer: all, main: []string{"smtp_send_xforward_command = yes"}, attrs: client, want: []string{
			"XFORWARD NAME=spike.example ADDR=IPV6:2001:db8::1 PORT=4321", "XFORWARD PROTO=ESMTP HELO=a+2Bb IDENT=4Dabc SOURCE=REMOTE"}},
		{name: "a local letter", offer: all, main: []string{"smtp_send_xforward_command = yes"}, want: []string{
			"XFORWARD NAME=[UNAVAILABLE] ADDR=[UNAVAILABLE] PORT=[UNAVAILABLE]", "XFORWARD PROTO=[UNAVAILABLE] HELO=[UNAVAILABLE] IDENT=ID SOURCE=LOCAL"}},
		{name: "some of it", offer: "XFORWARD NAME", main: []string{"smtp_send_xforward_command = yes"}, attrs: client, want: []string{"XFORWARD NAME=spike.example"}},
		{name: "not wanted", offer: all, attrs: client},
		{name: "not offered", offer: "8BITMIME", main: []string{"smtp_send_xforward_command = yes"}, attrs: client},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := peer.Start(t, peer.Options{Ehlo: []string{"PIPELINING", c.offer}})
			r := newRig(t, rigOptions{main: c.main})
			r.attrs = c.attrs
			r.send(fmt.Sprintf("[127.0.0.1]:%d", p.Port()), "a: b\n", []ipc.Recipient{{Address: "bob@far.test"}})
			reply := r.replies(1)[0]
			if got := say(reply); !strings.HasPrefix(got, "sent ") {
				t.Errorf("got %s", got)
			}
			var got []string
			for _, line := range p.Said() {
				if strings.HasPrefix(line, "XFORWARD") {
					if i := strings.Index(line, "IDENT="); i > 0 && c.attrs == nil {
						line = line[:i] + "IDENT=ID SOURCE" + line[strings.LastIndex(line, "="):]
					}
					got = append(got, line)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
