package config

import "fmt"

// ExpandWith is Expand for a text that is no value of main.cf: special gives the
// names that are known there alone. A name that nobody knows is an error.
func (c *Config) ExpandWith(text string, special func(name string) (string, bool)) (string, error) {
	unknown := ""
	out, err := expand(text, func(name string) (string, bool) {
		if value, ok := special(name); ok {
			return value, true
		}
		value, ok := c.text(name)
		if !ok && unknown == "" {
			unknown = name
		}
		return value, ok
	})
	if err == nil && unknown != "" {
		err = fmt.Errorf("no parameter is called %q", unknown)
	}
	return out, err
}
