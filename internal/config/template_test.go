package config

import "testing"

func TestTemplate(t *testing.T) {
	t.Parallel()
	values := map[string]string{"home": "/home/ann", "user": "ann", "evil": "$home ${x?y}", "empty": ""}
	for text, want := range map[string]string{
		"$home/.forward":                    "/home/ann/.forward",
		"${home}/.forward-${user}":          "/home/ann/.forward-ann",
		"a$$b":                              "a$b",
		"$evil":                             "$home ${x?y}", // a value is a value
		"$home/.forward$extension":          "/home/ann/.forward (unknown)",
		"x${extension?+}${extension:none}":  "xnone",
		"${user?{is $user}:{nobody}}":       "is ann",
		"${extension?{$extension}:{$user}}": "ann",
		"$empty":                            "",
		"${home":                            "error",
	} {
		got, unknown, err := Template(text, func(name string) (string, bool) { v, ok := values[name]; return v, ok })
		if unknown {
			got += " (unknown)"
		}
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
