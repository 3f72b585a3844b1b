package passdb

// A Use is what a stored password can serve for, beside checking a password.
type Use uint8

// The uses.
const (
	UsePlain    Use = 1 << iota // Plain
	UseSCRAM256                 // SCRAM with SHA-256
	UseSCRAM1                   // SCRAM with SHA-1
)

// uses is what passwords kept in a scheme are good for.
func uses(scheme string) Use {
	switch scheme {
	case "PLAIN", "CLEAR", "CLEARTEXT":
		return UsePlain | UseSCRAM256 | UseSCRAM1
	case "SCRAM-SHA-256":
		return UseSCRAM256
	case "SCRAM-SHA-1":
		return UseSCRAM1
	}
	return 0
}

// A keeper is a DB that knows how its passwords are kept.
type keeper interface {
	// uses are those that every account's password has.
	uses() Use
}

// All tells whether every account's password can be used so. A backend that does
// not know has accounts that cannot.
func (l List) All(u Use) bool {
	for _, db := range l {
		if k, ok := db.(keeper); !ok || k.uses()&u == 0 {
			return false
		}
	}
	return len(l) > 0
}

func (p *passwdFile) uses() Use {
	x, err := p.file.Get()
	if err != nil {
		return 0
	}
	return x.uses
}

func (s *static) uses() Use { return uses(s.entry.credential().Scheme) }
