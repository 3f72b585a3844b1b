package smtp

import (
	"slices"
	"testing"
	"time"
)

// FuzzParams: a value of a parameter is refused, or what it is read as is within
// bounds, and reads as itself again.
func FuzzParams(f *testing.F) {
	for _, s := range []string{
		"SUCCESS,delay", "NEVER", "never,never", "", ",", "full", "HDRS", "0", "99999999999999999999", "-1", "7bit", "BINARYMIME",
		"86400", "2026-11-26T00:00:00Z", "2026-11-26T00:00:00.5+01:00", "0000-01-01T00:00:00Z", "5.1.1", "4.999.9999", "[192.0.2.1]", "[IPv6:::1]", "[IPv6:::1%eth0]", "[::1]",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := ParseNotify(s); err == nil {
			if again, err := ParseNotify(n.String()); err != nil || again != n || n&NotifyNever != 0 && n != NotifyNever {
				t.Errorf("NOTIFY %q is %v, which is %v, %v", s, n, again, err)
			}
		}
		if v, err := ParseRet(s); err == nil && v != "FULL" && v != "HDRS" {
			t.Errorf("RET %q is %q", s, v)
		}
		if v, err := ParseBody(s); err == nil && !slices.Contains([]string{"7BIT", "8BITMIME", BinaryMIME}, v) {
			t.Errorf("BODY %q is %q", s, v)
		}
		if n, err := ParseSize(s); err == nil && n < 0 {
			t.Errorf("SIZE %q is %d", s, n)
		}
		if d, err := ParseHoldFor(s); err == nil && (d <= 0 || d%time.Second != 0) {
			t.Errorf("HOLDFOR %q is %v", s, d)
		}
		if at, err := ParseHoldUntil(s); err == nil && (at.Year() < 0 || at.Year() > 9999) {
			t.Errorf("HOLDUNTIL %q is %v", s, at)
		}
		if class, d, ok := ParseCode(s); ok {
			if c, again, ok := ParseCode(d.Code(class)); !ok || c != class || again != d {
				t.Errorf("%q is %d and %+v, which is %d and %+v", s, class, d, c, again)
			}
		}
		if a, ok := ParseLiteral(s); ok && (!a.IsValid() || a.Zone() != "") {
			t.Errorf("%q is %v", s, a)
		}
	})
}
