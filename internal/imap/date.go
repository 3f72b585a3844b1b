package imap

import "time"

// Layouts of dates.
const (
	// DateTime is the layout of INTERNALDATE.
	DateTime = "_2-Jan-2006 15:04:05 -0700"
	day      = "_2-Jan-2006"
)

// DateTime reads a quoted date and time.
func (d *Decoder) DateTime() time.Time {
	s := d.quoted()
	t, err := time.Parse(DateTime, s)
	if err != nil {
		// One digit without the blank that the grammar wants.
		t, err = time.Parse("2-Jan-2006 15:04:05 -0700", s)
	}
	if err != nil {
		d.Fail("Expected a date as in \"%s\"", "02-Jan-2006 15:04:05 +0100")
	}
	return t
}

// Date reads a date of SEARCH, quoted or not: midnight UTC.
func (d *Decoder) Date() time.Time {
	s := d.AString()
	t, err := time.Parse("2-Jan-2006", s)
	if err != nil {
		t, err = time.Parse(day, s)
	}
	if err != nil {
		d.Fail("Expected a date as in 2-Jan-2006")
	}
	return t
}
