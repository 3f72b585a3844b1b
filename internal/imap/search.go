package imap

import "time"

// Operations of search keys.
type SearchOp uint8

const (
	SearchAll    SearchOp = iota
	SearchAnd             // Kids
	SearchOr              // Kids, two
	SearchNot             // Kids, one
	SearchSet             // Set: sequence numbers
	SearchUID             // Set: UIDs
	SearchFlag            // Text: has the flag or keyword
	SearchHeader          // Field, Text
	SearchBody            // Text
	SearchText            // Text
	SearchBefore          // Date: of arrival (INTERNALDATE)
	SearchOn
	SearchSince
	SearchSentBefore // Date: of the Date field
	SearchSentOn
	SearchSentSince
	SearchSavedBefore // Date: of saving (RFC 8514)
	SearchSavedOn
	SearchSavedSince
	SearchSaveDateSupported
	SearchLarger   // Number: octets
	SearchSmaller  // Number
	SearchOlder    // Number: seconds (RFC 5032)
	SearchYounger  // Number
	SearchModSeq   // Number (RFC 7162)
	SearchEmailID  // Text (RFC 8474)
	SearchThreadID // Text
	SearchFuzzy    // Kids, one (RFC 6203)
)

// A SearchKey is a node of a search program.
type SearchKey struct {
	Op     SearchOp
	Set    Set
	Field  string // of a header, as sent
	Text   string // in the charset of the command
	Date   time.Time
	Number uint64
	Kids   []SearchKey
}

// What SEARCH and SORT return (RFC 9051, 6.4.4; RFC 4731; RFC 5182).
type SearchReturn struct {
	Min, Max, All, Count, Save bool
	// Extended: RETURN was given, so that the answer is ESEARCH.
	Extended bool
}

// A Search is the arguments of SEARCH, SORT or THREAD.
type Search struct {
	Return  SearchReturn
	Charset string // upper case; "" none was given
	Key     SearchKey

	Sort   []SortKey // SORT
	Thread string    // THREAD: the algorithm, upper case
}

// A SortKey is a criterion of SORT (RFC 5256, RFC 5957).
type SortKey struct {
	By      string
	Reverse bool
}

var sortKeys = set("ARRIVAL", "CC", "DATE", "FROM", "SIZE", "SUBJECT", "TO", "DISPLAYFROM", "DISPLAYTO")

// Search reads the arguments of SEARCH.
func (d *Decoder) Search() (s Search) {
	word := d.searchReturn(&s)
	if word == "CHARSET" {
		d.SP()
		s.Charset = upper(d.AString())
		d.SP()
		word = ""
	}
	s.Key = d.program(word)
	return s
}

// Sort reads the arguments of SORT.
func (d *Decoder) Sort() (s Search) {
	if !d.Open() {
		if d.searchReturn(&s) != "" {
			d.Fail("Expected RETURN or sort criteria")
		}
	}
	d.List(func() {
		k := SortKey{}
		if k.By = d.Keyword(); k.By == "REVERSE" {
			k.Reverse = true
			d.SP()
			k.By = d.Keyword()
		}
		if !sortKeys[k.By] {
			d.Fail("Unknown sort criterion")
		}
		s.Sort = append(s.Sort, k)
	})
	if len(s.Sort) == 0 {
		d.Fail("Expected a sort criterion")
	}
	d.SP()
	d.charsetAndProgram(&s)
	return s
}

// Thread reads the arguments of THREAD.
func (d *Decoder) Thread() (s Search) {
	s.Thread = d.Keyword()
	d.SP()
	d.charsetAndProgram(&s)
	return s
}

func (d *Decoder) charsetAndProgram(s *Search) {
	s.Charset = upper(d.AString())
	d.SP()
	s.Key = d.program("")
}

// searchReturn reads "RETURN (...) " if it is there. A keyword that it read and
// that is not its own is returned.
func (d *Decoder) searchReturn(s *Search) (word string) {
	if c := d.peek(); !isAtom(c) || '0' <= c && c <= '9' || c == '$' {
		return ""
	}
	if word = d.Keyword(); word != "RETURN" {
		return word
	}
	d.SP()
	r := &s.Return
	r.Extended = true
	d.List(func() {
		switch d.Keyword() {
		case "MIN":
			r.Min = true
		case "MAX":
			r.Max = true
		case "ALL":
			r.All = true
		case "COUNT":
			r.Count = true
		case "SAVE":
			r.Save = true
		default:
			d.Fail("Unknown SEARCH return option")
		}
	})
	if !r.Min && !r.Max && !r.Count && !r.Save {
		r.All = true
	}
	d.SP()
	if isAtom(d.peek()) && !isDigit(d.peek()) && d.peek() != '$' {
		return d.Keyword()
	}
	return ""
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// program reads search keys up to the end of the command. word is a keyword
// that was read already.
//
// A quoted string in it may have 8-bit text in the command's charset whatever is
// enabled: scripts and old clients send it where a literal would be right, and
// Dovecot's users know it to work.
func (d *Decoder) program(word string) SearchKey {
	d.eightBit = true
	defer func() { d.eightBit = false }()
	kids := []SearchKey{d.key(word)}
	for d.Space() {
		kids = append(kids, d.key(""))
	}
	return and(kids)
}

func and(kids []SearchKey) SearchKey {
	if len(kids) == 1 {
		return kids[0]
	}
	return SearchKey{Op: SearchAnd, Kids: kids}
}

// key reads one search key; word is its keyword, if that was read already.
func (d *Decoder) key(word string) (k SearchKey) {
	if d.depth++; d.depth > d.limits.Nesting {
		d.tooBig("Nesting of search keys")
		return k
	}
	defer func() { d.depth-- }()
	if word == "" {
		switch c := d.peek(); {
		case c == '(':
			var kids []SearchKey
			d.List(func() { kids = append(kids, d.key("")) })
			if len(kids) == 0 {
				d.Fail("Expected a search key")
				return k
			}
			return and(kids)
		case isDigit(c), c == '*', c == '$':
			return SearchKey{Op: SearchSet, Set: d.Set()}
		}
		word = d.Keyword()
	}
	parse, ok := searchKeys[word]
	if !ok {
		d.Fail("Unknown search key")
		return k
	}
	return parse(d)
}
