package imap

import "strings"

// Items of FETCH.
const (
	FetchFlags         = "FLAGS"
	FetchUID           = "UID"
	FetchInternalDate  = "INTERNALDATE"
	FetchSize          = "RFC822.SIZE"
	FetchEnvelope      = "ENVELOPE"
	FetchBodyStructure = "BODYSTRUCTURE"
	FetchBody          = "BODY"         // without "[": BODYSTRUCTURE without extension data
	FetchSection       = "BODY["        // with Section
	FetchBinary        = "BINARY["      // with Section (RFC 3516)
	FetchBinarySize    = "BINARY.SIZE[" // with Section
	FetchRFC822        = "RFC822"
	FetchRFC822Header  = "RFC822.HEADER"
	FetchRFC822Text    = "RFC822.TEXT"
	FetchModSeq        = "MODSEQ"   // RFC 7162
	FetchPreview       = "PREVIEW"  // RFC 8970
	FetchSaveDate      = "SAVEDATE" // RFC 8514
	FetchEmailID       = "EMAILID"  // RFC 8474
	FetchThreadID      = "THREADID" // RFC 8474
)

var fetchItems = set(FetchFlags, FetchUID, FetchInternalDate, FetchSize, FetchEnvelope, FetchBodyStructure, FetchBody,
	FetchRFC822, FetchRFC822Header, FetchRFC822Text, FetchModSeq, FetchPreview, FetchSaveDate, FetchEmailID, FetchThreadID)

var fetchMacros = map[string][]string{
	"ALL":  {FetchFlags, FetchInternalDate, FetchSize, FetchEnvelope},
	"FAST": {FetchFlags, FetchInternalDate, FetchSize},
	"FULL": {FetchFlags, FetchInternalDate, FetchSize, FetchEnvelope, FetchBody},
}

// A FetchItem is one thing wanted of a message.
type FetchItem struct {
	Name    string
	Peek    bool // does not set \Seen
	Section Section
	Partial *Partial
	Lazy    bool // PREVIEW (LAZY)
}

// What of a part a Section names.
const (
	SectionAll       = ""
	SectionHeader    = "HEADER"
	SectionFields    = "HEADER.FIELDS"
	SectionFieldsNot = "HEADER.FIELDS.NOT"
	SectionText      = "TEXT"
	SectionMIME      = "MIME"
)

// A Section names a part of a message (RFC 9051, 6.4.5.1).
type Section struct {
	Part   []uint32 // from 1
	Of     string
	Fields []string // as sent
}

// A Partial is "<Offset.Size>", of 63 bits (RFC 9051, 9: partial).
type Partial struct{ Offset, Size uint64 }

// A Fetch is the arguments of FETCH.
type Fetch struct {
	Set          Set
	Items        []FetchItem
	ChangedSince uint64 // 0 none (RFC 7162, 3.1.4.1)
	Vanished     bool   // RFC 7162, 3.2.6
}

// Fetch reads the arguments of FETCH.
func (d *Decoder) Fetch() (f Fetch) {
	f.Set = d.Set()
	d.SP()
	if d.Open() {
		d.List(func() { f.Items = d.fetchListed(f.Items) })
		if len(f.Items) == 0 {
			d.Fail("Expected a FETCH item")
		}
	} else {
		name := d.fetchName()
		if names, ok := fetchMacros[name]; ok {
			for _, n := range names {
				f.Items = append(f.Items, FetchItem{Name: n})
			}
		} else {
			f.Items = []FetchItem{d.fetchItem(name)}
		}
	}
	for d.Space() {
		d.List(func() { d.fetchModifier(&f) })
	}
	return f
}

// fetchListed reads one item of a list; what stands in parentheses belongs to
// the item before it.
func (d *Decoder) fetchListed(items []FetchItem) []FetchItem {
	if !d.Open() {
		return append(items, d.fetchItem(d.fetchName()))
	}
	d.List(func() {
		if d.Keyword() != "LAZY" {
			d.Fail("Unknown modifier of a FETCH item")
			return
		}
		d.lazy(items)
	})
	return items
}

// lazy makes the last item PREVIEW (LAZY) (RFC 8970, 3.1).
func (d *Decoder) lazy(items []FetchItem) {
	if n := len(items); n > 0 && items[n-1].Name == FetchPreview {
		items[n-1].Lazy = true
		return
	}
	d.Fail("LAZY belongs to PREVIEW")
}

func (d *Decoder) fetchModifier(f *Fetch) {
	switch d.Keyword() {
	case "CHANGEDSINCE":
		d.SP()
		if f.ChangedSince = d.Number64(); f.ChangedSince == 0 {
			d.Fail("Expected a mod-sequence above 0")
		}
	case "VANISHED":
		f.Vanished = true
	case "LAZY":
		d.lazy(f.Items)
	default:
		d.Fail("Unknown FETCH modifier")
	}
}

// fetchName reads the name of an item up to "[".
func (d *Decoder) fetchName() string {
	return upper(d.word("a FETCH item", func(c byte) bool { return isAtom(c) && c != '[' }))
}

func (d *Decoder) fetchItem(name string) (i FetchItem) {
	i.Name = name
	if d.peek() == '[' {
		return d.sectioned(name)
	}
	if !fetchItems[name] {
		d.Fail("Unknown FETCH item")
		return i
	}
	return i
}

func (d *Decoder) sectioned(name string) (i FetchItem) {
	base, peek := strings.CutSuffix(name, ".PEEK")
	i.Peek = peek
	switch base {
	case "BODY":
		i.Name = FetchSection
	case "BINARY":
		i.Name = FetchBinary
	case "BINARY.SIZE":
		if i.Name = FetchBinarySize; peek {
			d.Fail("Unknown FETCH item")
		}
	default:
		d.Fail("Unknown FETCH item")
		return i
	}
	i.Section = d.section(i.Name == FetchSection)
	if d.peek() == '<' && i.Name != FetchBinarySize {
		d.next()
		p := Partial{Offset: d.Number64()}
		d.want('.')
		if p.Size = d.Number64(); p.Size == 0 {
			d.Fail("Expected a number above 0")
		}
		d.want('>')
		i.Partial = &p
	}
	return i
}

// section reads "[...]"; text allows more than part numbers.
func (d *Decoder) section(text bool) (s Section) {
	d.want('[')
	for c := d.peek(); c >= '0' && c <= '9'; c = d.peek() {
		s.Part = append(s.Part, d.Positive())
		if len(s.Part) > d.limits.Nesting {
			d.tooBig("Section")
			return s
		}
		if !d.take('.') {
			d.want(']')
			return s
		}
	}
	// "1." wants a name, "" none.
	if len(s.Part) > 0 || d.peek() != ']' {
		d.sectionText(&s, text)
	}
	d.want(']')
	return s
}

func (d *Decoder) sectionText(s *Section, text bool) {
	if !text {
		d.Fail("Expected a part number")
		return
	}
	switch s.Of = d.sectionName(); s.Of {
	case SectionHeader, SectionText:
	case SectionFields, SectionFieldsNot:
		d.SP()
		d.List(func() { s.Fields = append(s.Fields, d.AString()) })
		if len(s.Fields) == 0 {
			d.Fail("Expected a header field's name")
		}
	case SectionMIME:
		if len(s.Part) == 0 {
			d.Fail("MIME needs a part number")
		}
	default:
		d.Fail("Unknown section")
	}
}

// sectionName reads the name of a section's text.
func (d *Decoder) sectionName() string { return upper(d.word("a section", isAtom)) }

// Append appends the section as responses name it.
func (s *Section) Append(b []byte) []byte {
	for i, n := range s.Part {
		if i > 0 {
			b = append(b, '.')
		}
		b = appendEnd(b, n)
	}
	if s.Of == SectionAll {
		return b
	}
	if len(s.Part) > 0 {
		b = append(b, '.')
	}
	b = append(b, s.Of...)
	if len(s.Fields) == 0 {
		return b
	}
	b = append(b, " ("...)
	for i, f := range s.Fields {
		if i > 0 {
			b = append(b, ' ')
		}
		b = AppendAString(b, f)
	}
	return append(b, ')')
}
