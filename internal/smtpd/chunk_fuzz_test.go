package smtpd

import (
	"fmt"
	"testing"
)

// FuzzParseChunk: the arguments of BDAT are a size that is not negative, and LAST or
// nothing; anything else would make content be taken for commands.
func FuzzParseChunk(f *testing.F) {
	for _, s := range []string{"0", "1 LAST", "007  last", "-1", "+1", "9223372036854775808", "1 LAST LAST", "1LAST", "0x10", "1\tLAST", "\u0661"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, args string) {
		c, ok := parseChunk(args)
		if !ok {
			return
		}
		text := fmt.Sprint(c.size)
		if c.last {
			text += " LAST"
		}
		if again, ok := parseChunk(text); c.size < 0 || !ok || again != c {
			t.Errorf("%q is %+v, which is %+v", args, c, again)
		}
	})
}
