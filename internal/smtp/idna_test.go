package smtp

import "testing"

func TestASCIIAddress(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ addr, ascii, key string }{
		{"", "", ""},
		{"Ann@Example.ORG", "Ann@Example.ORG", "ann@example.org"},
		{"Jürgen@Bücher.example", "Jürgen@xn--bcher-kva.example", "jürgen@xn--bcher-kva.example"},
		{"ann@BÜCHER.example", "ann@xn--bcher-kva.example", "ann@xn--bcher-kva.example"},
		{"Jürgen", "Jürgen", "jürgen"},
		{"jürgen@[192.0.2.1]", "jürgen@[192.0.2.1]", "jürgen@[192.0.2.1]"},
		{"a@\u00ad.example", "a@\u00ad.example", "a@\u00ad.example"},               // nothing is left of the label
		{"a@" + "ü_.example", "a@ü_.example", "a@ü_.example"},                      // no host has such a name
		{"a@straße.example", "a@xn--strae-oqa.example", "a@xn--strae-oqa.example"}, // IDNA2008
		// Letters whose small form in the Unicode tables is another domain's.
		{"İ@İstanbul.example", "İ@xn--istanbul-o0e.example", "i@xn--istanbul-o0e.example"},
		{"a@STRAẞE.example", "a@strasse.example", "a@strasse.example"},
	} {
		if got := ASCIIAddress(c.addr); got != c.ascii {
			t.Errorf("ASCIIAddress(%q) = %q, want %q", c.addr, got, c.ascii)
		}
		if got := FoldKey(c.addr); got != c.key {
			t.Errorf("FoldKey(%q) = %q, want %q", c.addr, got, c.key)
		}
	}
	for key, want := range map[string]string{
		"Bücher.example": "xn--bcher-kva.example", ".bücher.example": ".xn--bcher-kva.example", "@bücher.example": "@xn--bcher-kva.example",
		".example": ".example", "ä": "ä", ".ä": ".ä", "İstanbul.example": "xn--istanbul-o0e.example", ".İstanbul.example": ".xn--istanbul-o0e.example",
	} {
		if got := FoldKey(key); got != want {
			t.Errorf("FoldKey(%q) = %q, want %q", key, got, want)
		}
	}
	for addr, want := range map[string]string{
		"ann@xn--bcher-kva.example": "ann@bücher.example", "@xn--bcher-kva.example": "@bücher.example", "ann@example.org": "ann@example.org",
		"xn--bcher-kva": "xn--bcher-kva", "ann@xn--\xff.example": "ann@xn--\xff.example",
	} {
		if got := UnicodeAddress(addr); got != want {
			t.Errorf("UnicodeAddress(%q) = %q, want %q", addr, got, want)
		}
	}
}

// Whatever the key, folding it once more changes nothing, and neither does the
// way over an address in A-labels.
func FuzzFoldKey(f *testing.F) {
	f.Add("Jürgen@Bücher.example")
	f.Add(".ß.İ.example")
	f.Fuzz(func(t *testing.T, key string) {
		once := FoldKey(key)
		if twice := FoldKey(once); twice != once {
			t.Fatalf("%q, then %q, then %q", key, once, twice)
		}
	})
}
