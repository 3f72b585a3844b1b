package imap

// A List is the arguments of LIST or LSUB (RFC 9051, 6.3.9; RFC 5258).
type List struct {
	Reference string
	Patterns  []string

	// Selection options.
	Subscribed, Remote, RecursiveMatch, SpecialUse bool
	// Return options.
	ReturnSubscribed, ReturnChildren, ReturnSpecialUse bool
	Status                                             []string // RFC 5819
	// Extended tells the syntax of RFC 5258 from that of RFC 3501, whose answers differ.
	Extended bool
}

// ListCommand reads the arguments of LIST.
func (d *Decoder) ListCommand() (l List) {
	if d.Open() {
		l.Extended = true
		d.List(func() {
			switch d.Keyword() {
			case "SUBSCRIBED":
				l.Subscribed = true
			case "REMOTE":
				l.Remote = true
			case "RECURSIVEMATCH":
				l.RecursiveMatch = true
			case "SPECIAL-USE":
				l.SpecialUse = true
			default:
				d.Fail("Unknown LIST selection option")
			}
		})
		if l.RecursiveMatch && !l.Subscribed && !l.SpecialUse {
			d.Fail("RECURSIVEMATCH needs SUBSCRIBED or SPECIAL-USE")
		}
		d.SP()
	}
	l.Reference = d.Mailbox()
	d.SP()
	if d.Open() {
		l.Extended = true
		d.List(func() { l.Patterns = append(l.Patterns, d.Pattern()) })
		if len(l.Patterns) == 0 {
			d.Fail("Expected a pattern")
		}
	} else {
		l.Patterns = []string{d.Pattern()}
	}
	if d.Space() {
		l.Extended = true
		if d.Keyword() != "RETURN" {
			d.Fail("Expected RETURN")
		}
		d.SP()
		d.List(func() { d.listReturn(&l) })
	}
	return l
}

func (d *Decoder) listReturn(l *List) {
	switch d.Keyword() {
	case "SUBSCRIBED":
		l.ReturnSubscribed = true
	case "CHILDREN":
		l.ReturnChildren = true
	case "SPECIAL-USE":
		l.ReturnSpecialUse = true
	case "STATUS":
		d.SP()
		l.Status = d.StatusItems()
	default:
		d.Fail("Unknown LIST return option")
	}
}

// LSub reads the arguments of LSUB (RFC 3501, 6.3.9).
func (d *Decoder) LSub() (l List) {
	l.Reference = d.Mailbox()
	d.SP()
	l.Patterns = []string{d.Pattern()}
	l.Subscribed = true
	return l
}
