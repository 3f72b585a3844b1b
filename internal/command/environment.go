package command

import (
	"os"
	"strings"

	"yubin/internal/config"
)

// path is PATH where export_environment has none: a program of a delivery
// never searches where the person who started the system did.
const path = "/usr/bin:/bin"

// Environment returns a clean environment: what export_environment lists of
// this process's (NAME) or sets (NAME=VALUE), PATH, and vars ("NAME=VALUE"), the
// last of a name counting. A configuration directory that is not the default
// goes along as MAIL_CONFIG, so that a sendmail(1) which the program calls finds
// the same system.
func Environment(c *config.Config, vars ...string) []string {
	env := []string{"PATH=" + path}
	set := func(e string) {
		name, value, _ := strings.Cut(e, "=")
		e = name + "=" + strings.ReplaceAll(value, "\x00", "")
		for i, old := range env {
			if strings.HasPrefix(old, name+"=") {
				env[i] = e
				return
			}
		}
		env = append(env, e)
	}
	if c.Dir != config.DefaultDir {
		set("MAIL_CONFIG=" + c.Dir)
	}
	for _, e := range config.ExportEnvironment.Of(c) {
		if strings.Contains(e, "=") {
			set(e)
		} else if v, ok := os.LookupEnv(e); ok {
			set(e + "=" + v)
		}
	}
	for _, e := range vars {
		set(e)
	}
	return env
}
