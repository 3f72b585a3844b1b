package imaptest

import "testing"

func TestCanonical(t *testing.T) {
	for in, want := range map[string]string{
		`(NIL "a\"b" ("x") {3}` + "\r\n" + `c"d 12)`: `(NIL "a\x22b" ("x") "c\x22d" 12)`,
		`"` + "\u00e4" + `"`:                         `"\xc3\xa4"`,
		`((("a")"b")` + ` "c")`:                      `((("a") "b") "c")`,
		`(`:                                          "",
		`"a`:                                         "",
		`{9}` + "\r\n":                               "",
		`"a" "b"`:                                    "",
		``:                                           "",
	} {
		got, err := Canonical([]byte(in))
		if (err == nil) != (want != "") || err == nil && got != want {
			t.Errorf("%q: %s, %v, want %s", in, got, err, want)
		}
	}
}

func TestFetches(t *testing.T) {
	got, err := Fetches([]byte("* OK x\r\n* 2 FETCH (UID 5 BODY[HEADER.FIELDS (A B)] {4}\r\na\r\nb FLAGS (\\Seen))\r\nt OK done\r\n* 2 FETCH (BODY[] \"x\")\r\n"))
	if err != nil || got[2]["UID"] != "5" || got[2]["BODY[HEADER.FIELDS (A B)]"] != `"a\x0d\x0ab"` || got[2]["FLAGS"] != `(\Seen)` || got[2]["BODY[]"] != `"x"` {
		t.Errorf("%v, %v", got, err)
	}
}
