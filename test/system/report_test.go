package system

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/textproto"
	"strings"
	"testing"

	"github.com/emersion/go-message"
)

// A report is a notice as a mail program reads it.
type report struct {
	header     message.Header
	kinds      []string // types of the parts
	text       string   // of the part for people, its folded lines in one
	whole      textproto.MIMEHeader
	recipients []textproto.MIMEHeader // in the order of the notice
	returned   string                 // the message, or its header
}

// readReport takes a notice apart, and fails the test when it is none (RFC 6522,
// RFC 3464).
func readReport(t *testing.T, mail string) *report {
	t.Helper()
	m, err := message.Read(strings.NewReader(mail))
	if err != nil {
		t.Fatalf("%v:\n%s", err, mail)
	}
	kind, params, err := m.Header.ContentType()
	if err != nil || kind != "multipart/report" || params["report-type"] != "delivery-status" {
		t.Fatalf("Content-Type %q %v, %v:\n%s", kind, params, err, mail)
	}
	r := &report{header: m.Header}
	parts := m.MultipartReader()
	for n := 0; ; n++ {
		p, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("part %d: %v:\n%s", n, err, mail)
		}
		body, err := io.ReadAll(p.Body)
		if err != nil {
			t.Fatalf("part %d: %v:\n%s", n, err, mail)
		}
		kind, _, _ := p.Header.ContentType()
		r.kinds = append(r.kinds, kind)
		text := strings.ReplaceAll(string(body), "\r\n", "\n")
		switch n {
		case 0:
			r.text = strings.ReplaceAll(text, "\n    ", " ")
		case 1:
			r.fields(t, []byte(text))
		case 2:
			r.returned = text
		}
	}
	if len(r.kinds) != 3 || len(r.recipients) == 0 {
		t.Fatalf("parts %q, %d recipients:\n%s", r.kinds, len(r.recipients), mail)
	}
	return r
}

// fields reads the part for programs.
func (r *report) fields(t *testing.T, b []byte) {
	t.Helper()
	in := textproto.NewReader(bufio.NewReader(bytes.NewReader(append(b, "\n\n"...))))
	for {
		h, err := in.ReadMIMEHeader()
		if err != nil || len(h) == 0 {
			return
		}
		if r.whole == nil {
			r.whole = h
		} else {
			r.recipients = append(r.recipients, h)
		}
	}
}

// has looks at fields, "Name: value", of one block.
func has(t *testing.T, h textproto.MIMEHeader, fields ...string) {
	t.Helper()
	for _, f := range fields {
		name, want, _ := strings.Cut(f, ": ")
		if got := h.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// says looks for texts in the part for people.
func (r *report) says(t *testing.T, texts ...string) {
	t.Helper()
	for _, want := range texts {
		if !strings.Contains(r.text, want) {
			t.Errorf("the text lacks %q:\n%s", want, r.text)
		}
	}
}

// brief is what a notice says of whom: "address action status", apart by commas.
func (r *report) brief() string {
	var list []string
	for _, h := range r.recipients {
		_, addr, _ := strings.Cut(h.Get("Final-Recipient"), "; ")
		list = append(list, addr+" "+h.Get("Action")+" "+h.Get("Status"))
	}
	return strings.Join(list, ", ")
}
