package imap

// ID reads the arguments of ID (RFC 2971, 3.1), of which nothing is kept. Programs put
// names that people gave their devices there as they are: 8-bit text is allowed.
func (d *Decoder) ID() {
	if !d.Open() {
		if _, some := d.NString(); some {
			d.Fail("Expected a list or NIL")
		}
		return
	}
	d.eightBit = true
	defer func() { d.eightBit = false }()
	d.List(func() {
		_ = d.String()
		d.SP()
		d.NString()
	})
}
