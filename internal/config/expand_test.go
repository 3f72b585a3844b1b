package config

import (
	"strings"
	"testing"
)

// Texts and results as Postfix 3.7 has them (postconf -x), functions apart.
func TestExpand(t *testing.T) {
	t.Parallel()
	values := map[string]string{"a": "x", "b": "", "c": "$b", "n": "10", "self": "$self",
		"one": "$two", "two": "${one}", "d0": "$d1$d1", "d1": "$d2$d2", "d2": "$d3$d3", "d3": "12345678"}
	tests := []struct{ text, want string }{
		{"", ""},
		{"plain", "plain"},
		{"${a?yes}|${b?yes}|${a:no}|${b:no}", "yes|||no"},
		{"${a?{1}:{2}}|${b?{1}:{2}}|${a ? { 1 } : { 2 } }|", "1|2| 1 |"},
		{"$$a $(a) $(a?p) ${undefined}| ${b:{$a$$}}", "$a x p | x$"},
		{"pre$b-post $a.b ${a?$a:c}", "pre-post x.b x:c"},
		{"${c?empty?}", "empty?"},
		{"${ a }", "x"},
		{"${a?}|${b:}", "|"},
		{"${a?{}}", ""},
		{"$(a?{q})", "q"},
		{"${a?{p}:q}", "p"},
		{"${b?{p}:q}", "q"},
		{"${a?{nested ${b:{deep}}}}", "nested deep"},
		{"$d0", strings.Repeat("12345678", 8)},

		{"${{$a} == {x} ? {same} : {diff}}", "same"},
		{"${{$a} != {x} ? {diff} : {same}}", "same"},
		{"${{10} > {9} ? {num} : {str}}", "num"},
		{"${{10a} > {9} ? {num} : {str}}", "str"},
		{"${{007} == {7} ? {eq} : {ne}}", "eq"},
		{"${{$n} <= {9} ? {le} : {gt}}", "gt"},
		{"${{$n} >= {10} ? {ge} : {lt}}", "ge"},
		{"${{9} < {18446744073709551616} ? {lt} : {ge}}", "lt"},
		{"${{} == {} ? {eq} : {ne}}", "eq"},
		{"${{a b} == {a b} ? {eq} : {ne}}", "eq"},
		{"${{ x } == {$a}?{ y }:{n}}|", "n|"},
		{"${{$a} == {x} ?yes}", "yes"},
		{"${{$a} == {x} : {no}}|", "|"},
		{"${{$a} == {y} : {no}}|", "no|"},

		{"${{3.11} <level {3.6} ? {lt} : {ge}}", "ge"},
		{"${{3.11} >=level {3.6} ? {ge}}", "ge"},
		{"${{3.6.0} ==level {3.6} ? {eq} : {ne}}", "eq"},
		{"${{2} <level {3.6} ? {old} : {new}}", "old"},

		{"${domain_to_ascii{Example.COM}}", "Example.COM"},
		{"${domain_to_utf8{$a.example}}", "x.example"},
	}
	for _, tt := range tests {
		got, err := expand(tt.text, lookupIn(values))
		if err != nil || got != tt.want {
			t.Errorf("expand(%q) = %q, %v, want %q", tt.text, got, err, tt.want)
		}
	}
}

func TestExpandErrors(t *testing.T) {
	t.Parallel()
	values := map[string]string{"a": "x", "b": "", "self": "$self", "one": "$two", "two": "${one}"}
	tests := []struct{ text, want string }{
		{"foo$", "'$' without a name"},
		{"foo $ bar", "'$' without a name"},
		{"${a", "'${' without its end"},
		{"$(a", "'$(' without its end"},
		{"${}", "no name in ${}"},
		{"${a!b}", "want ?, : or } after the name"},
		{"${a?{x}y}|", `"y" after the end of a conditional text`},
		{"${a:{x}:{y}}|", `":{y}" after the end of a conditional text`},
		{"${{$a} ~ {x} ? {no}}", `want a comparison such as == before "~ {x} ? {no}"`},
		{"${{$a} == x ? {no}}", `want '{' before "x ? {no}"`},
		{"${{$a} == {x} {no}}", "want ? or : after the comparison"},
		{"${{3.x} <level {3.6} ? {lt} : {ge}}", "want versions such as 3.6"},
		{"$self", "unreasonable macro call nesting"},
		{"$one", "unreasonable macro call nesting"},
		{"${nothing{x}}", "no function is called nothing"},
		{"${domain_to_ascii{bücher.example}}", "conversion is not supported"},
		{"${domain_to_utf8{XN--bcher-kva.example}}", "conversion is not supported"},
	}
	for _, tt := range tests {
		got, err := expand(tt.text, lookupIn(values))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("expand(%q) = %q, %v, want an error with %q", tt.text, got, err, tt.want)
		}
	}
}

// A value that doubles at every step ends at a limit, whether or not anything
// comes of it.
func TestExpandIsBounded(t *testing.T) {
	t.Parallel()
	for _, leaf := range []string{"", "x", strings.Repeat("x", 1000)} {
		double := func(name string) (string, bool) {
			if len(name) > 60 {
				return leaf, true
			}
			return "${" + name + "x}${" + name + "x}", true
		}
		if got, err := expand("$x", double); err == nil {
			t.Errorf("expand with leaf %.10q: %d octets, want an error", leaf, len(got))
		}
	}
}

func lookupIn(values map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := values[name]; return v, ok }
}

// Whatever the text, expansion ends, stays within its limits, and leaves text
// without a dollar sign alone.
func FuzzExpand(f *testing.F) {
	for _, s := range []string{"$a", "${a?{b}:{c}}", "${{$a} <level {3} ? {x} : {y}}", "$(b:x)", "$$", "${domain_to_ascii{a}}", "${a?${a?${a}}}"} {
		f.Add(s, "$b$b", "text")
	}
	f.Fuzz(func(t *testing.T, text, a, b string) {
		got, err := expand(text, lookupIn(map[string]string{"a": a, "b": b}))
		if err == nil && len(got) > maxText {
			t.Errorf("expand(%q): %d octets", text, len(got))
		}
		if !strings.Contains(text, "$") && (err != nil || got != text) {
			t.Errorf("expand(%q) = %q, %v", text, got, err)
		}
	})
}
