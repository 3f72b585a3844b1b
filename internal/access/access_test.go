package access

import "testing"

func TestParse(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]Action{
		"OK": {Kind: Permit}, "ok": {Kind: Permit}, "12345": {Kind: Permit}, "dunno": {Kind: Dunno},
		"REJECT": {Kind: Reject}, "reject\tgo  away ": {Kind: Reject, Text: "go  away"}, "550": {Kind: Reject, Code: 550},
		"450 4.7.1 later": {Kind: Reject, Code: 450, Text: "4.7.1 later"}, "DEFER come back": {Kind: Defer, Text: "come back"},
		"FILTER smtp:[127.0.0.1]:10025": {Kind: Filter, Text: "smtp:[127.0.0.1]:10025"},
		"":                              {}, "HOLD": {}, "DISCARD": {}, "PREPEND X: y": {}, "250 x": {}, "12345 x": {}, "-5": {}, "600": {Kind: Permit}, "permit_mynetworks, reject": {}, "REJECTED": {},
	} {
		if got := Parse(value); got != want {
			t.Errorf("%q: %+v, want %+v", value, got, want)
		}
	}
}
