package smtp

import "testing"

func TestComplete(t *testing.T) {
	t.Parallel()
	usual := Completion{Origin: "own.test"}
	all := Completion{"own.test", "dom.test", true, true}
	for _, c := range []struct {
		name       string
		how        Completion
		addr, want string
	}{
		{"null", all, "", ""},
		{"bare", usual, "ann", "ann@own.test"},
		{"whole", usual, "ann@far.test", "ann@far.test"},
		{"no origin", Completion{}, "ann", "ann"},
		{"final dot", usual, "ann@far.test.", "ann@far.test"},
		{"two final dots", usual, "ann@far.test..", "ann@far.test.."},
		{"short domain", usual, "ann@host", "ann@host"},
		{"short domain completed", all, "ann@host", "ann@host.dom.test"},
		{"literal", all, "ann@[IPv6:::1]", "ann@[IPv6:::1]"},
		{"bang not obeyed", usual, "far.test!ann", "far.test!ann@own.test"},
		{"bang", all, "far.test!ann", "ann@far.test"},
		{"bang, several", all, "a.test!b.test!ann", "b.test!ann@a.test"},
		{"bang and a domain", all, "a!ann@far.test", "a!ann@far.test"},
		{"bang without a user", all, "far.test!", "far.test!@own.test"},
		{"percent not obeyed", usual, "ann%far.test", "ann%far.test@own.test"},
		{"percent", all, "ann%far.test", "ann@far.test"},
		{"percent, several", all, "ann%a.test%b.test", "ann%a.test@b.test"},
		{"percent and a domain", all, "ann%a.test@far.test", "ann%a.test@far.test"},
		{"percent without a host", all, "ann%", "ann%@own.test"},
		{"short host behind percent", all, "ann%host", "ann@host.dom.test"},
	} {
		if got := c.how.Complete(c.addr); got != c.want {
			t.Errorf("%s: %q is %q, want %q", c.name, c.addr, got, c.want)
		}
		if once := c.how.Complete(c.addr); c.how.Complete(once) != once {
			t.Errorf("%s: %q completed twice is %q", c.name, c.addr, c.how.Complete(once))
		}
	}
}

// FuzzComplete: what is completed is complete, and an address that may enter the
// system stays one, unless it has become too long.
func FuzzComplete(f *testing.F) {
	for _, s := range []string{"a", "a@b", "a!b", "a%b", "a@b.", "@", "a@[1.2.3.4]"} {
		f.Add(s)
	}
	all := Completion{"own.test", "dom.test", true, true}
	f.Fuzz(func(t *testing.T, addr string) {
		got := all.Complete(addr)
		if Check(addr) == nil && len(addr) < 100 && Check(got) != nil {
			t.Fatalf("%q is completed to %q: %v", addr, got, Check(got))
		}
		if local, domain := SplitAddress(addr); local != "" && domain == "" {
			if _, domain := SplitAddress(got); domain == "" {
				t.Fatalf("%q is completed to %q", addr, got)
			}
		}
	})
}
