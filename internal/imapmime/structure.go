package imapmime

import (
	"strconv"

	"yubin/internal/mimescan"
)

// AppendStructure appends the BODY of a message that was scanned, or, extended,
// its BODYSTRUCTURE.
func AppendStructure(b []byte, p *mimescan.Part, extended, utf8 bool) []byte {
	w := &writer{b, utf8}
	w.structure(p, extended)
	return w.b
}

func (w *writer) number(n int64) { w.b = strconv.AppendInt(append(w.b, ' '), n, 10) }

func (w *writer) structure(p *mimescan.Part, extended bool) {
	w.raw("(")
	if p.Kind == mimescan.Multipart {
		w.multipart(p, extended)
	} else {
		w.single(p, extended)
	}
	w.raw(")")
}

func (w *writer) multipart(p *mimescan.Part, extended bool) {
	for _, k := range p.Kids {
		w.structure(k, extended)
	}
	if len(p.Kids) == 0 {
		// The grammar wants a part.
		w.raw(`("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0`)
		if extended {
			w.raw(" NIL NIL NIL NIL")
		}
		w.raw(")")
	}
	w.raw(" ")
	w.text(p.Subtype)
	if extended {
		w.raw(" ")
		w.params(p.Params, false)
		w.common(p)
	}
}

func (w *writer) single(p *mimescan.Part, extended bool) {
	switch {
	case p.Kind == mimescan.Message && !mimescan.EqualFold(p.Subtype, "global"):
		w.raw(`"message" "rfc822"`)
	case p.Type == "" && !p.Broken:
		w.raw(`"text" "plain"`)
	case p.Kind == mimescan.Leaf && (mimescan.EqualFold(p.Type, "multipart") || p.Is("message", "rfc822")):
		// Broken, or beyond the limits: no structure follows.
		w.raw(`"application" "octet-stream"`)
	default:
		w.text(p.Type)
		w.raw(" ")
		w.text(p.Subtype)
	}
	w.raw(" ")
	w.params(p.Params, p.Text())
	w.raw(" ")
	w.content(p, mimescan.ContentID)
	w.raw(" ")
	w.content(p, mimescan.ContentDescription)
	w.raw(" ")
	if p.Encoding == "" {
		w.raw(`"7bit"`)
	} else {
		w.text(p.Encoding)
	}
	w.number(p.Body.Octets)
	switch {
	case p.Text():
		w.number(p.Body.Lines)
	case p.Kind == mimescan.Message:
		w.raw(" ")
		w.envelope(p.Kids[0].Envelope)
		w.raw(" ")
		w.structure(p.Kids[0], extended)
		w.number(p.Body.Lines)
	}
	if extended {
		w.raw(" ")
		w.content(p, mimescan.ContentMD5)
		w.common(p)
	}
}

// params writes the parameters of a type; text has a charset.
func (w *writer) params(params []mimescan.Param, text bool) {
	for _, p := range params {
		if len(p.Name) == len("charset") && mimescan.EqualFold(p.Name, "charset") {
			text = false
		}
	}
	if len(params) == 0 && !text {
		w.raw("NIL")
		return
	}
	w.raw("(")
	for i, p := range params {
		if i > 0 {
			w.raw(" ")
		}
		w.text(p.Name)
		w.raw(" ")
		w.text(p.Value)
	}
	if text {
		if len(params) > 0 {
			w.raw(" ")
		}
		w.raw(`"charset" "us-ascii"`)
	}
	w.raw(")")
}

// content returns the first of the fields id.
func content(p *mimescan.Part, id mimescan.FieldID) (string, bool) {
	for _, f := range p.Content {
		if f.ID == id {
			return f.Value, true
		}
	}
	return "", false
}

func (w *writer) content(p *mimescan.Part, id mimescan.FieldID) {
	value, ok := content(p, id)
	w.nstring(value, ok)
}

// common writes disposition, languages and location.
func (w *writer) common(p *mimescan.Part) {
	w.raw(" ")
	if value, ok := Field(p.Content, mimescan.ContentDisposition); !ok {
		w.raw("NIL")
	} else {
		disposition, params := mimescan.ParseDisposition(value)
		w.raw("(")
		w.text(disposition)
		w.raw(" ")
		w.params(params, false)
		w.raw(")")
	}
	w.raw(" ")
	value, _ := content(p, mimescan.ContentLanguage)
	if list := mimescan.ParseTokens(value); len(list) == 0 {
		w.raw("NIL")
	} else {
		for i, t := range list {
			w.raw([]string{"(", " "}[min(i, 1)])
			w.text(t)
		}
		w.raw(")")
	}
	w.raw(" ")
	w.content(p, mimescan.ContentLocation)
}
