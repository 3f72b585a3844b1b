package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// The load speaks each dialogue with the talker, in the clear and over TLS.
func TestDialogues(t *testing.T) {
	t.Parallel()
	cert, key, err := newCert()
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		dialect dialect
		script  []step
	}{
		{"POP3", popDialect, popLogin()},
		{"IMAP", imapDialect, imapLogin()},
		{"AUTH", smtpDialect, slices.Concat([]step{ehlo, authPlain}, quitSMTP)},
		{"handshake", smtpDialect, quitSMTP},
		{"submission", smtpDialect, load{rcpts: rcptCommands(3), body: wire(1 << 10)}.mail(ehlo, authPlain)},
	} {
		for _, over := range []*tls.Config{nil, {Certificates: []tls.Certificate{pair}}} {
			l := listen(t)
			f, err := l.(*net.TCPListener).File()
			if err != nil {
				t.Fatal(err)
			}
			c.dialect.tls = over
			go c.dialect.talk(f, "")
			d := testLoad(t, l, 3, 1<<10)
			d.script = c.script
			if over != nil {
				d.tls = clientTLS
			}
			if got := runs(t, d); got.sent < 3 || got.counted != got.sent || got.failed != 0 {
				t.Errorf("%s, TLS %t: %d sent, %d counted, %d failed (%s)", c.name, over != nil, got.sent, got.counted, got.failed, got.why)
			}
		}
	}
}

// longer gives a load more and more time until it is content: a busy machine may do
// nothing for a while.
func longer(content func(time.Duration) bool) {
	for d := 200 * time.Millisecond; d < 2*time.Minute && !content(d); d *= 5 {
	}
}

// The crowds of the IMAP rows speak with the talker.
func TestCrowds(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(context.Context, *run, system, *arrivals) (result, error){
		"mixed": mixed, "append": appends(1<<10, 3),
	} {
		l := listen(t)
		f, err := l.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		go imapDialect.talk(f, "")
		s := &talker{addresses: map[int]string{imapPort: l.Addr().String()}}
		var got result
		longer(func(time time.Duration) bool {
			got, err = do(t.Context(), &run{time: time}, s, nil)
			return err != nil || got.messages >= 3
		})
		if err != nil || got.messages < 3 {
			t.Errorf("%s: %d commands, %v", name, got.messages, err)
		}
	}
}

// What the talker shows of messages is read whole, and has as many of them as are asked for.
func TestTalkFetch(t *testing.T) {
	t.Parallel()
	for items, octets := range map[string]int{
		"(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)":      0,
		"(UID BODY.PEEK[HEADER.FIELDS (FROM TO SUBJECT DATE MESSAGE-ID)])": len(talkHeader),
		"(BODY[])": talkOctets,
	} {
		client, server := net.Pipe()
		defer client.Close()
		reply, _ := answerIMAP(nil, []byte("a FETCH 3:7 "+items+"\r\n"))
		go server.Write(reply)
		p, n := &imapper{Conn: client, in: bufio.NewReader(client)}, 0
		got, err := p.answer(func(line []byte) { n += fetched(line) })
		if err != nil || n != 5 || got.octets != 5*octets {
			t.Errorf("%s: %d messages, %d octets, %v; want 5 and %d", items, n, got.octets, err, 5*octets)
		}
	}
}

// A server that hangs up within TLS is a failure, not an endless load.
func TestRefusedTLS(t *testing.T) {
	t.Parallel()
	l := listen(t)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	d := testLoad(t, l, 2, 1<<10)
	d.tls = clientTLS
	if got := runs(t, d); got.sent != 0 || got.failed == 0 || got.failed > few(got, 2) {
		t.Errorf("%d sent, %d failed; want none sent and a few failures", got.sent, got.failed)
	}
}

// The proof is one that the stored keys confirm (RFC 5802, 3).
func TestScramProof(t *testing.T) {
	t.Parallel()
	c := &client{id: 7}
	k := scramKeys(c.user())
	first := fmt.Sprintf("r=load7more,s=%s,i=%d", base64.StdEncoding.EncodeToString(k.salt), scramRounds)
	reply := func(text string) []byte {
		return []byte("334 " + base64.StdEncoding.EncodeToString([]byte(text)) + "\r\n")
	}
	line, err := scramProof(c, reply(first))
	if err != nil {
		t.Fatal(err)
	}
	last, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(line)))
	if err != nil {
		t.Fatal(err)
	}
	without, proof, _ := strings.Cut(string(last), ",p=")
	clientKey, err := base64.StdEncoding.DecodeString(proof)
	if err != nil || len(clientKey) != sha256.Size {
		t.Fatalf("proof %q: %v", proof, err)
	}
	for i, b := range mac(k.stored, "n=u00007@bench.test,r=load7,"+first+","+without) {
		clientKey[i] ^= b
	}
	if sum := sha256.Sum256(clientKey); !bytes.Equal(sum[:], k.stored) {
		t.Error("the proof does not lead to the stored key")
	}
	for _, bad := range []string{"r=load7more,s=AAAA,i=1", ""} {
		if _, err := scramProof(c, reply(bad)); err == nil {
			t.Errorf("%q was answered", bad)
		}
	}
}

// The maildrop has as many messages as it is to have, with true sizes.
func TestFill(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return // the files are given to somebody else
	}
	base := filepath.Join(t.TempDir(), "mail")
	if err := makeBoxes(base, 1, setup{}.uid); err != nil {
		t.Fatal(err)
	}
	if err := fill(base, 300); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(filepath.Join(base, mailbox(0), "new"))
	if err != nil || len(files) != 300 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	info, err := files[0].Info()
	if err != nil || !strings.Contains(info.Name(), fmt.Sprintf(",S=%d,", info.Size())) {
		t.Errorf("%q, %v: not of its size", info.Name(), err)
	}
}
