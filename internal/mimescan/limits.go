package mimescan

// Limits bound what is looked for in a message, and kept of it. Whatever they
// are, offsets and counts are exact.
type Limits struct {
	Depth  int // how deep parts are looked for
	Parts  int // how many parts a message may have
	Field  int // how much of one field is kept, octets
	Header int // how much of the fields of one message is kept, octets
}

// What limits can be at most; ParseBinary takes no more.
const (
	MostDepth = 500
	MostParts = 100000
)

const maxField = 1 << 20

// Defaults are the limits where nobody sets others; depth and number are
// Dovecot's.
var Defaults = Limits{Depth: 100, Parts: 10000, Field: maxField, Header: 10 << 20}
