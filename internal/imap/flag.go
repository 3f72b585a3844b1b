package imap

import "strings"

// System flags (RFC 9051, 2.3.2).
const (
	Answered = `\Answered`
	Deleted  = `\Deleted`
	Draft    = `\Draft`
	Flagged  = `\Flagged`
	Seen     = `\Seen`
	Recent   = `\Recent`
)

var systemFlags = [...]string{Answered, Deleted, Draft, Flagged, Seen, Recent}

// Flag reads a flag: a system flag in its usual case, or a keyword as it is.
func (d *Decoder) Flag() string {
	if !d.take('\\') {
		return d.Atom()
	}
	name := `\` + d.Atom()
	for _, f := range systemFlags {
		if strings.EqualFold(f, name) {
			return f
		}
	}
	d.Fail("Unknown system flag")
	return ""
}

// Flags reads a list of flags.
func (d *Decoder) Flags() (flags []string) {
	d.List(func() { flags = append(flags, d.Flag()) })
	return flags
}

// How STORE changes flags.
type StoreOp uint8

const (
	ReplaceFlags StoreOp = iota
	AddFlags
	RemoveFlags
)

// A Store is the arguments of STORE.
type Store struct {
	Set            Set
	UnchangedSince *uint64 // RFC 7162, 3.1.3
	Op             StoreOp
	Silent         bool
	Flags          []string
}

// Store reads the arguments of STORE.
func (d *Decoder) Store() (s Store) {
	s.Set = d.Set()
	d.SP()
	if d.Open() {
		d.List(func() {
			if d.Keyword() != "UNCHANGEDSINCE" {
				d.Fail("Unknown STORE modifier")
			}
			d.SP()
			n := d.Number64()
			s.UnchangedSince = &n
		})
		d.SP()
	}
	switch {
	case d.take('+'):
		s.Op = AddFlags
	case d.take('-'):
		s.Op = RemoveFlags
	}
	switch d.Keyword() {
	case "FLAGS":
	case "FLAGS.SILENT":
		s.Silent = true
	default:
		d.Fail("Unknown STORE item")
	}
	d.SP()
	if d.Open() {
		s.Flags = d.Flags()
		return s
	}
	s.Flags = append(s.Flags, d.Flag())
	for d.Space() {
		s.Flags = append(s.Flags, d.Flag())
	}
	return s
}
