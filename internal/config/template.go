package config

// Template expands $name, ${name}, ${name?text}, ${name:text} and their like in
// text, in the language of main.cf, with the values that lookup gives, which are
// not expanded themselves: they may be strangers'. unknown tells that a name
// without a value stood where one was needed.
func Template(text string, lookup func(name string) (value string, ok bool)) (value string, unknown bool, err error) {
	e := &expansion{lookup: lookup, flat: true}
	if err := e.text(text); err != nil {
		return "", false, err
	}
	return string(e.out), e.missing, nil
}
