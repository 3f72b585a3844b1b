package mailctl

import (
	"fmt"
	"os"
	"strings"

	"yubin/internal/config"
	"yubin/internal/passdb"
)

// inspectSecrets finds passwords that others can read, tables of those of relays
// that are not there, and accounts that cannot be used. Into tables of relays it
// does not look: what is wrong with a line may be that it is a password.
func inspectSecrets(c *config.Config) []config.Problem {
	var problems []config.Problem
	for _, lmtp := range []bool{false, true} {
		maps, enable := config.SmtpSASLPasswordMaps.In(lmtp), config.SmtpSASLAuthEnable.In(lmtp)
		if c.Check([]*config.Def{maps.Def, enable.Def}) != nil || !enable.Of(c) {
			continue // Lint has said what is wrong
		}
		for _, spec := range maps.Of(c) {
			what, mend := inspectSecret(spec)
			if what == "" {
				continue
			}
			p := c.Problem(maps.Name, what)
			p.Mend = mend
			problems = append(problems, p)
		}
	}
	if c.Check([]*config.Def{config.AuthBackends.Def}) == nil {
		problems = append(problems, passdb.Inspect(c)...)
	}
	return problems
}

func inspectSecret(spec string) (what, mend string) {
	for strings.HasPrefix(spec, "proxy:") {
		spec = strings.TrimPrefix(spec, "proxy:")
	}
	kind, path, _ := strings.Cut(spec, ":")
	if kind == "static" || kind == "inline" {
		return "the password stands in main.cf, which everybody can read", "write it into a file of mode 0600, texthash:/FILE"
	}
	info, err := os.Stat(path)
	switch {
	case os.IsPermission(err):
		return "", "" // not ours to know
	case err != nil:
		return err.Error(), "write it, or take it out of the list: mail for the relay waits"
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Sprintf("others than its owner can read %s (mode %#o)", path, info.Mode().Perm()), "chmod 600 " + path
	}
	return "", ""
}
