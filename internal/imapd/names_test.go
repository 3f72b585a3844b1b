package imapd

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

// A pattern matches what the expression for it matches.
func TestGlob(t *testing.T) {
	t.Parallel()
	text := func(letters string, n int) string {
		b := make([]byte, rand.IntN(n))
		for i := range b {
			b[i] = letters[rand.IntN(len(letters))]
		}
		return string(b)
	}
	for range 20000 {
		pattern, name := text("ab/*%%", 8), text("ab/", 8)
		re := regexp.MustCompile("^" + strings.NewReplacer("*", ".*", "%", "[^/]*").Replace(pattern) + "$")
		if got, want := glob(pattern, name), re.MatchString(name); got != want {
			t.Fatalf("%q matches %q: %t, want %t", pattern, name, got, want)
		}
	}
}
