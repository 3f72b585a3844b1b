package rewrite

import (
	"fmt"
	"strings"
)

// expand returns the addresses that virtual_alias_maps has for addr: addr itself,
// if it has none. As in Postfix, what an address becomes takes its place, further
// results come behind all others, and one that has become itself is done.
func (r *Rewriter) expand(addr string, t *trace) ([]string, error) {
	list := []string{addr}
	if r.virtual == nil {
		return list, nil
	}
	fails := func(format string, args ...any) ([]string, error) {
		return nil, &Error{Addr: addr, Expansion: true, Err: fmt.Errorf("virtual_alias_maps: "+format, args...)}
	}
	done := map[string]bool{} // in lower case
	for i := 0; i < len(list); i++ {
		for depth := 0; !done[strings.ToLower(list[i])]; depth++ {
			to, hit, err := r.virtual.Lookup(list[i])
			switch {
			case err != nil:
				return nil, &Error{Addr: addr, Err: err}
			case len(to) > 0 && depth >= r.recursion:
				return fails("more than virtual_alias_recursion_limit, %d, from one to the next: %s", r.recursion, list[i])
			}
			if len(to) == 0 {
				break
			}
			t.hit(hit)
			for _, a := range to {
				if len(a) > r.length {
					return fails("%s: longer than virtual_alias_address_length_limit, %d: %.60s...", hit.Key, r.length, a)
				}
				if strings.EqualFold(a, list[i]) {
					done[strings.ToLower(a)] = true
				}
			}
			list[i] = to[0]
			if list = append(list, to[1:]...); len(list) > r.expansion {
				return fails("more than virtual_alias_expansion_limit, %d addresses", r.expansion)
			}
		}
	}
	return list, nil
}
