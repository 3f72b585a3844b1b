package submit

import (
	"path/filepath"
	"strings"
)

// A historic is one letter of sendmail's command line.
type historic struct {
	letter byte
	arg    bool   // takes an argument, glued or the next word
	flag   string // the flag it becomes; "" is accepted and ignored
}

var historics = [...]historic{
	{'A', true, ""}, // -Am, -Ac
	{'B', true, "body"},
	{'C', true, "config"},
	{'F', true, "full-name"},
	{'G', false, ""},
	{'I', false, "mode=i"},
	{'L', true, ""}, // a tag for the log
	{'N', true, "notify"},
	{'O', true, "send-option"},
	{'R', true, "ret"},
	{'U', false, ""},
	{'V', true, "envelope-id"},
	{'X', true, "verp"},
	{'b', true, "mode"},
	{'c', false, ""},
	{'e', true, ""},
	{'f', true, "sender"},
	{'h', true, ""},
	{'i', false, "ignore-dots"},
	{'m', false, ""},
	{'n', false, ""},
	{'o', true, "set"},
	{'p', true, ""},
	{'q', true, "queue"},
	{'r', true, "sender"},
	{'t', false, "recipients-from-header"},
	{'v', false, "verbose"},
	{'x', false, ""},
}

// normalise turns a historic command line into flags that pflag understands:
// letters may be clustered and arguments glued (-ti, -oi, -fann, -bs -i), -q may
// stand alone, and nothing but known letters gets through. What follows the
// options comes after "--".
func normalise(args []string) ([]string, error) {
	out := make([]string, 0, len(args)+2)
	for len(args) > 0 {
		word := args[0]
		if word == "--" {
			args = args[1:]
			break
		}
		if len(word) < 2 || word[0] != '-' {
			break
		}
		args = args[1:]
		if word == "-q" {
			out = append(out, "--queue=")
			continue
		}
		for i := 1; i < len(word); i++ {
			h := lookup(word[i])
			if h == nil {
				return nil, usage("unsupported: -%c", word[i])
			}
			if !h.arg {
				if h.flag != "" {
					out = append(out, "--"+h.flag)
				}
				continue
			}
			value := word[i+1:]
			if value == "" {
				if len(args) == 0 {
					return nil, usage("option -%c needs an argument", h.letter)
				}
				value, args = args[0], args[1:]
			}
			if h.flag != "" {
				out = append(out, "--"+h.flag+"="+argument(h, value))
			}
			break
		}
	}
	return append(append(out, "--"), args...), nil
}

func lookup(letter byte) *historic {
	for i := range historics {
		if historics[i].letter == letter {
			return &historics[i]
		}
	}
	return nil
}

// argument maps forms that mean the same.
func argument(h *historic, value string) string {
	// -C may name main.cf itself.
	if h.letter == 'C' && strings.HasSuffix(value, "/main.cf") {
		return filepath.Dir(value)
	}
	return value
}
