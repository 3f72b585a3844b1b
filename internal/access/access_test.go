package access

import (
	"reflect"
	"slices"
	"testing"
)

func known(word string) bool { return Alone(word) || word == "strict" }

func TestParse(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]Action{
		"OK": {Kind: Permit}, "ok": {Kind: Permit}, "12345": {Kind: Permit}, "600": {Kind: Permit}, "dunno": {Kind: Dunno},
		"REJECT": {Kind: Reject}, "reject\tgo  away ": {Kind: Reject, Text: "go  away"}, "550": {Kind: Reject, Code: 550},
		"450 4.7.1 later": {Kind: Reject, Code: 450, Text: "4.7.1 later"}, "DEFER come back": {Kind: Defer, Text: "come back"},
		"DEFER_IF_PERMIT": {Kind: DeferIfPermit}, "defer_if_reject x y": {Kind: DeferIfReject, Text: "x y"},
		"FILTER smtp:[127.0.0.1]:10025": {Kind: Filter, Text: "smtp:[127.0.0.1]:10025"}, "FILTER": {},
		"REDIRECT a@b": {Kind: Redirect, Text: "a@b"}, "REDIRECT ": {}, "BCC a@b": {Kind: BCC, Text: "a@b"}, "BCC": {},
		"PREPEND X: y": {Kind: Prepend, Text: "X: y"}, "PREPEND": {}, "DISCARD": {Kind: Discard}, "hold": {Kind: Hold}, "HOLD for Ann": {Kind: Hold, Text: "for Ann"}, "discard spam": {Kind: Discard, Text: "spam"},
		"INFO": {Kind: Info}, "WARN look": {Kind: Warn, Text: "look"},
		"strict":                     {Kind: List, Words: []string{"strict"}},
		"Permit_MyNetworks, reject":  {Kind: List, Words: []string{"Permit_MyNetworks", "reject"}},
		"warn_if_reject strict":      {Kind: List, Words: []string{"warn_if_reject", "strict"}},
		"warn_if_reject":             {},
		"strict, elsewhere":          {},
		"check_client_access hash:x": {},
		"":                           {}, ", ": {}, "250 x": {}, "12345 x": {}, "-5": {}, "REJECTED": {},
	} {
		if got := Parse(value, known); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, want %+v", value, got, want)
		}
	}
}

// Of a list every word is known, and nothing else has words.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"OK", "reject x", "strict, permit", "FILTER a:b", "\x00", "5 5", "warn_if_reject permit"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		act := Parse(value, known)
		if (act.Kind == List) != (len(act.Words) > 0) {
			t.Fatalf("%+v", act)
		}
		if slices.ContainsFunc(act.Words, func(w string) bool { return w != WarnIfReject && !known(w) }) {
			t.Fatalf("%+v has words that are not known", act)
		}
		if act.Code != 0 && (act.Kind != Reject || act.Code < 400 || act.Code > 599) {
			t.Fatalf("%+v", act)
		}
	})
}
