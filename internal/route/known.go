package route

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"yubin/internal/smtp"
	"yubin/internal/table"
)

// reserved are the local parts that exist in every local domain, whatever the
// tables say: RFC 5321, 4.5.1, RFC 2142, 4, and the accounts that notices of
// the system itself go to.
var reserved = [...]string{"postmaster", "abuse", "root", "mailer-daemon"}

// Reserved tells whether local is one of the local parts that always exist.
func Reserved(local string) bool {
	for _, name := range reserved {
		if strings.EqualFold(local, name) {
			return true
		}
	}
	return false
}

// AliasTable is what replies call the table that recipients of class alias are in.
const AliasTable = "virtual alias table"

// Known tells whether addr has a recipient. When it has none, in is the name
// of the table for the reply ("User unknown in local recipient table"). Of
// domains of class default nothing is known, so that everyone exists. The error
// is temporary.
func (r *Router) Known(addr string) (ok bool, in string, err error) {
	p, valid := r.part(addr)
	if !valid {
		return false, "", nil
	}
	d, err := r.classify(p.domain, nil)
	if err != nil {
		return false, "", fmt.Errorf("resolve %s: %w", addr, err)
	}
	if d.class == Alias {
		return false, d.table, nil
	}
	if d.recipients == nil || d.recipients.Empty() || d.class == Local && Reserved(p.local) {
		return true, "", nil
	}
	keys := Keys(smtp.JoinAddress(p.local, p.domain), r.delimiters, d.class == Local)
	switch _, found, err := table.First(d.recipients, keys); {
	case err != nil:
		return false, "", fmt.Errorf("look up %s in %s: %w", keys[0], d.table, err)
	case found:
		return true, "", nil
	}
	return false, d.table, nil
}

// Keys returns the keys under which a table of recipients may have addr, in the
// order in which they are tried: the address, the address without its
// extension, then, when bare is set, the same two without the domain, and last
// the domain behind an @.
func Keys(addr, delimiters string, bare bool) []string {
	local, domain := smtp.SplitAddress(addr)
	base, extension := SplitExtension(local, delimiters)
	locals := []string{local}
	if extension != "" || base != local {
		locals = append(locals, base)
	}
	var keys []string
	for _, l := range locals {
		keys = append(keys, l+"@"+domain)
	}
	if bare {
		keys = append(keys, locals...)
	}
	return append(keys, "@"+domain)
}

// SplitExtension parts a local part at the first of the delimiters
// (recipient_delimiter). Without one, or where nothing would be left of the
// name, the extension is empty. Names that Postfix never parts stay whole:
// postmaster and its like, and, where - is the delimiter, owner-list and
// list-request.
func SplitExtension(local, delimiters string) (base, extension string) {
	i := strings.IndexAny(local, delimiters)
	if i <= 0 || Reserved(local) || strings.EqualFold(local, "double-bounce") {
		return local, ""
	}
	if local[i] == '-' {
		lower := strings.ToLower(local)
		if strings.HasPrefix(lower, "owner-") || strings.HasSuffix(lower, "-request") {
			return local, ""
		}
	}
	_, n := utf8.DecodeRuneInString(local[i:])
	return local[:i], local[i+n:]
}
