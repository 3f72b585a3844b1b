package local

import (
	"strings"

	"yubin/internal/route"
)

// bases returns what a local part is looked up as: in lower case, with its
// extension and then, if it has one, without.
func bases(local, delimiters string) []string {
	local = strings.ToLower(local)
	if base, _ := route.SplitExtension(local, delimiters); base != local {
		return []string{local, base}
	}
	return []string{local}
}
