// Package historic reads the command line that sendmail has always had, for
// sendmail and for the programs that scripts know as sendmail by another name:
// mailq and newaliases. It makes of it flags that pflag understands.
package historic

import (
	"fmt"
	"path/filepath"
	"strings"
)

// A Letter is one of a command line.
type Letter struct {
	Name byte
	Arg  bool   // takes an argument, glued or the next word
	Flag string // the flag it becomes; "" is accepted and ignored
}

var letters = []Letter{
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

// Sendmail turns a command line of sendmail's into flags: letters may be
// clustered and arguments glued (-ti, -oi, -fann, -bs -i), -q may stand alone, and
// nothing but known letters gets through. What follows the options comes after
// "--".
func Sendmail(args []string) ([]string, error) {
	flags, operands, err := read(args, letters)
	return append(append(flags, "--"), operands...), err
}

// Flush is the flag that -q alone becomes for a program whose own letters have it:
// this word has no letter that could be clustered.
const Flush = "flush"

// Under returns what does the same for a program that is sendmail with a mode
// (-bp, -bi) by another name. Its own letters come before sendmail's; of those the
// directory of the configuration, -v and -oA count, which becomes a value of
// alias_database. A command line with long options is the program's own.
func Under(mode string, own ...Letter) func(args []string) ([]string, error) {
	return func(args []string) ([]string, error) {
		if hasLong(args) {
			return args, nil
		}
		given, operands, err := read(args, append(own, letters...))
		if err != nil {
			return nil, err
		}
		var flags, set []string
		for _, f := range given {
			name, value, _ := strings.Cut(strings.TrimPrefix(f, "--"), "=")
			switch {
			case name == "queue" && value == "" && has(own, Flush):
				flags = append(flags, "--"+Flush)
			case name == "mode" && value != mode, name == "queue":
				return nil, fmt.Errorf("this is -b%s of sendmail: call that for anything else", mode)
			case name == "set" && isParameter(value):
				flags = append(flags, "--option="+value)
			case name == "set":
				set = append(set, value)
			case name == "config", name == "verbose", has(own, name):
				flags = append(flags, f)
			}
		}
		value, err := AliasDatabase(set)
		if value != "" {
			flags = append(flags, "--option=alias_database="+value)
		}
		return append(append(flags, "--"), operands...), err
	}
}

// AliasDatabase is the value of alias_database that the arguments of -o ask for
// (AFILE); "" is none.
func AliasDatabase(set []string) (string, error) {
	var files []string
	for _, s := range set {
		if file, ok := strings.CutPrefix(s, "A"); ok {
			if file == "" {
				return "", fmt.Errorf("-oA wants the name of an alias file")
			}
			files = append(files, aliasFile(file))
		}
	}
	return strings.Join(files, ", "), nil
}

// aliasFile is what -oA names as an element of alias_database.
func aliasFile(file string) string {
	spec := strings.ReplaceAll(file, "$", "$$")
	if strings.HasPrefix(file, "/") || !strings.Contains(file, ":") {
		spec = "$default_database_type:" + spec
	}
	return "{" + spec + "}"
}

// isParameter tells name=value, where names of parameters begin in lower case,
// from sendmail's -oX.
func isParameter(set string) bool {
	return set != "" && set[0] >= 'a' && set[0] <= 'z' && strings.IndexByte(set, '=') > 1
}

func hasLong(args []string) bool {
	for _, word := range args {
		if len(word) > 2 && strings.HasPrefix(word, "--") {
			return true
		}
	}
	return false
}

func has(letters []Letter, flag string) bool {
	for _, l := range letters {
		if l.Flag == flag {
			return true
		}
	}
	return false
}

// read returns the options as flags, and what follows them.
func read(args []string, known []Letter) (flags, operands []string, err error) {
	flags = make([]string, 0, len(args)+2)
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
			flags = append(flags, "--queue=")
			continue
		}
		for i := 1; i < len(word); i++ {
			l := lookup(word[i], known)
			if l == nil {
				return nil, nil, fmt.Errorf("unsupported: -%c", word[i])
			}
			if !l.Arg {
				if l.Flag != "" {
					flags = append(flags, "--"+l.Flag)
				}
				continue
			}
			value := word[i+1:]
			if value == "" {
				if len(args) == 0 {
					return nil, nil, fmt.Errorf("option -%c needs an argument", l.Name)
				}
				value, args = args[0], args[1:]
			}
			if l.Flag != "" {
				flags = append(flags, "--"+l.Flag+"="+argument(l, value))
			}
			break
		}
	}
	return flags, args, nil
}

func lookup(name byte, known []Letter) *Letter {
	for i := range known {
		if known[i].Name == name {
			return &known[i]
		}
	}
	return nil
}

// argument maps forms that mean the same.
func argument(l *Letter, value string) string {
	// -C may name main.cf itself.
	if l.Flag == "config" && strings.HasSuffix(value, "/main.cf") {
		return filepath.Dir(value)
	}
	return value
}
