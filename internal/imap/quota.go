package imap

// A Limit is one that SETQUOTA sets (RFC 9208, 7): STORAGE, MESSAGE or another
// resource.
type Limit struct {
	Resource string
	Value    uint64
}

// SetQuota reads the arguments of SETQUOTA.
func (d *Decoder) SetQuota() (root string, limits []Limit) {
	root = d.AString()
	d.SP()
	d.List(func() {
		l := Limit{Resource: d.Keyword()}
		d.SP()
		l.Value = d.Number64()
		limits = append(limits, l)
	})
	return root, limits
}
