package servertls

import (
	"yubin/internal/config"
	"yubin/internal/tlswords"
)

// Inspect says what of the settings has no effect, or another one than
// somebody may think. They are read in the form of main.cf.
func Inspect(c *config.Config) []config.Problem {
	var problems []config.Problem
	note := func(d *config.Def, what string) {
		p := c.Problem(d.Name, what)
		p.Notice = true
		problems = append(problems, p)
	}
	set := func(d *config.Def) bool { _, ok := c.Raw(d.Name); return ok }
	for _, p := range config.TLSServers {
		if c.Check(Params(p.Set)) != nil {
			continue // Lint has said what is wrong
		}
		for _, l := range []config.List{p.Protocols, p.MandatoryProtocols} {
			if set(l.Def) && tlswords.Older(l.Of(c)) {
				note(l.Def, "TLSv1.2 is the oldest version that is spoken")
			}
		}
		for _, g := range []config.String{p.Ciphers, p.MandatoryCiphers} {
			if set(g.Def) && len(g.Of(c)) > 0 && (g.Of(c) == "null" || g.Of(c) == "export") {
				note(g.Def, "means low here: there is nothing weaker")
			}
		}
		if _, err := settings(c, p, levelOf(c, p)); err != nil {
			if bad, ok := err.(config.Problem); ok {
				bad.Mend = "correct the value"
				problems = append(problems, bad)
			}
		}
	}
	for _, l := range []config.String{config.TLSHighCipherlist, config.TLSMediumCipherlist} {
		if c.Check([]*config.Def{l.Def}) != nil || l.Of(c) == "" {
			continue
		}
		if _, ok := tlswords.List(l.Of(c)); !ok {
			note(l.Def, "names no cipher suite that is there, so the grade is what it is without it")
		}
	}
	return problems
}
