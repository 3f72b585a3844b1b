package table

import (
	"errors"
	"fmt"
	"strings"

	"yubin/internal/smtp"
)

// static gives every key the same value.
type static string

func (s static) Lookup(string) (string, bool, error) { return string(s), true, nil }

func openStatic(name string, _ *options, _ bool) (Table, error) {
	if inner, ok := braced(name); ok {
		name = inner
	}
	return static(name), nil
}

// failing never knows.
type failing string

func (f failing) Lookup(string) (string, bool, error) {
	return "", false, errors.New("table fail:" + string(f) + " always fails")
}

func openFail(name string, _ *options, _ bool) (Table, error) { return failing(name), nil }

// inline is a table that is written into main.cf.
type inline map[string]string

func (t inline) Lookup(key string) (string, bool, error) {
	value, found := t[smtp.FoldKey(key)]
	return value, found, nil
}

func openInline(name string, _ *options, _ bool) (Table, error) {
	inner, ok := braced(name)
	if !ok {
		return nil, errors.New("want { key=value, ... }")
	}
	t := inline{}
	for inner = strings.TrimLeft(inner, separators); inner != ""; inner = strings.TrimLeft(inner, separators) {
		var pair string
		if inner[0] == '{' {
			end := strings.IndexByte(inner, '}')
			if end < 0 {
				return nil, errors.New("'{' without '}'")
			}
			pair, inner = inner[1:end], inner[end+1:]
		} else if end := strings.IndexAny(inner, separators); end >= 0 {
			pair, inner = inner[:end], inner[end:]
		} else {
			pair, inner = inner, ""
		}
		key, value, ok := strings.Cut(pair, "=")
		key, value = smtp.FoldKey(strings.Trim(key, blanks)), strings.Trim(value, blanks)
		if !ok || key == "" {
			return nil, fmt.Errorf("want key=value, have %q", pair)
		}
		if _, twice := t[key]; !twice {
			t[key] = value
		}
	}
	if len(t) == 0 {
		return nil, errors.New("want { key=value, ... }, have none")
	}
	return t, nil
}

const separators = ", \t\r\n\v\f"

// braced returns what stands between the braces around s.
func braced(s string) (string, bool) {
	s = strings.Trim(s, blanks)
	if len(s) < 2 || s[0] != '{' || s[len(s)-1] != '}' {
		return "", false
	}
	return strings.Trim(s[1:len(s)-1], blanks), true
}
