package imap

// searchKeys are the parsers of search keys by name. (Filled at start: NOT and
// OR read keys themselves.)
var searchKeys map[string]func(*Decoder) SearchKey

func init() {
	searchKeys = map[string]func(*Decoder) SearchKey{
		"ALL": func(*Decoder) SearchKey { return SearchKey{Op: SearchAll} },
		"NOT": func(d *Decoder) SearchKey { return SearchKey{Op: SearchNot, Kids: []SearchKey{d.operand()}} },
		"OR": func(d *Decoder) SearchKey {
			return SearchKey{Op: SearchOr, Kids: []SearchKey{d.operand(), d.operand()}}
		},
		"UID":   func(d *Decoder) SearchKey { d.SP(); return SearchKey{Op: SearchUID, Set: d.Set()} },
		"FUZZY": func(d *Decoder) SearchKey { return SearchKey{Op: SearchFuzzy, Kids: []SearchKey{d.operand()}} },

		"ANSWERED": flagKey(Answered), "UNANSWERED": notFlag(Answered),
		"DELETED": flagKey(Deleted), "UNDELETED": notFlag(Deleted),
		"DRAFT": flagKey(Draft), "UNDRAFT": notFlag(Draft),
		"FLAGGED": flagKey(Flagged), "UNFLAGGED": notFlag(Flagged),
		"SEEN": flagKey(Seen), "UNSEEN": notFlag(Seen),
		"RECENT": flagKey(Recent), "OLD": notFlag(Recent),
		"NEW": func(*Decoder) SearchKey {
			return and([]SearchKey{{Op: SearchFlag, Text: Recent}, not(SearchKey{Op: SearchFlag, Text: Seen})})
		},
		"KEYWORD":   func(d *Decoder) SearchKey { d.SP(); return SearchKey{Op: SearchFlag, Text: d.Flag()} },
		"UNKEYWORD": func(d *Decoder) SearchKey { d.SP(); return not(SearchKey{Op: SearchFlag, Text: d.Flag()}) },

		"BCC": headerKey("Bcc"), "CC": headerKey("Cc"), "FROM": headerKey("From"),
		"SUBJECT": headerKey("Subject"), "TO": headerKey("To"),
		"HEADER": func(d *Decoder) SearchKey {
			d.SP()
			k := SearchKey{Op: SearchHeader, Field: d.AString()}
			d.SP()
			k.Text = d.AString()
			return k
		},
		"BODY": textKey(SearchBody), "TEXT": textKey(SearchText),
		"EMAILID": textKey(SearchEmailID), "THREADID": textKey(SearchThreadID),

		"BEFORE": dateKey(SearchBefore), "ON": dateKey(SearchOn), "SINCE": dateKey(SearchSince),
		"SENTBEFORE": dateKey(SearchSentBefore), "SENTON": dateKey(SearchSentOn), "SENTSINCE": dateKey(SearchSentSince),
		"SAVEDBEFORE": dateKey(SearchSavedBefore), "SAVEDON": dateKey(SearchSavedOn), "SAVEDSINCE": dateKey(SearchSavedSince),
		"SAVEDATESUPPORTED": func(*Decoder) SearchKey { return SearchKey{Op: SearchSaveDateSupported} },

		"LARGER": numberKey(SearchLarger), "SMALLER": numberKey(SearchSmaller),
		"OLDER": intervalKey(SearchOlder), "YOUNGER": intervalKey(SearchYounger),
		"MODSEQ": modSeqKey,
	}
}

func (d *Decoder) operand() SearchKey {
	d.SP()
	return d.key("")
}

func not(k SearchKey) SearchKey { return SearchKey{Op: SearchNot, Kids: []SearchKey{k}} }

func flagKey(flag string) func(*Decoder) SearchKey {
	return func(*Decoder) SearchKey { return SearchKey{Op: SearchFlag, Text: flag} }
}

func notFlag(flag string) func(*Decoder) SearchKey {
	return func(*Decoder) SearchKey { return not(SearchKey{Op: SearchFlag, Text: flag}) }
}

func headerKey(field string) func(*Decoder) SearchKey {
	return func(d *Decoder) SearchKey {
		d.SP()
		return SearchKey{Op: SearchHeader, Field: field, Text: d.AString()}
	}
}

func textKey(op SearchOp) func(*Decoder) SearchKey {
	return func(d *Decoder) SearchKey { d.SP(); return SearchKey{Op: op, Text: d.AString()} }
}

func dateKey(op SearchOp) func(*Decoder) SearchKey {
	return func(d *Decoder) SearchKey { d.SP(); return SearchKey{Op: op, Date: d.Date()} }
}

func numberKey(op SearchOp) func(*Decoder) SearchKey {
	return func(d *Decoder) SearchKey { d.SP(); return SearchKey{Op: op, Number: d.Number64()} }
}

func intervalKey(op SearchOp) func(*Decoder) SearchKey {
	return func(d *Decoder) SearchKey { d.SP(); return SearchKey{Op: op, Number: uint64(d.Positive())} }
}

// modSeqKey reads MODSEQ's argument; the entry that may come before the number
// names what every server treats alike (RFC 7162, 3.1.5).
func modSeqKey(d *Decoder) SearchKey {
	d.SP()
	if d.peek() == '"' {
		d.quoted()
		d.SP()
		switch d.Keyword() {
		case "PRIV", "SHARED", "ALL":
		default:
			d.Fail("Expected priv, shared or all")
		}
		d.SP()
	}
	return SearchKey{Op: SearchModSeq, Number: d.Number64()}
}
