package mailbox

import (
	"slices"
	"sort"
)

// A UIDRange are the UIDs from First to Last, both included.
type UIDRange struct{ First, Last uint32 }

// ranges makes ranges of UIDs, which it sorts.
func ranges(uids []uint32) []UIDRange {
	slices.Sort(uids)
	var list []UIDRange
	for _, uid := range uids {
		if n := len(list); n > 0 && (list[n-1].Last == uid || list[n-1].Last+1 == uid) {
			list[n-1].Last = uid
			continue
		}
		list = append(list, UIDRange{uid, uid})
	}
	return list
}

// join makes ranges of ranges in any order.
func join(list []UIDRange) []UIDRange {
	sort.Slice(list, func(i, j int) bool { return list[i].First < list[j].First })
	var joined []UIDRange
	for _, r := range list {
		if n := len(joined); n > 0 && uint64(r.First) <= uint64(joined[n-1].Last)+1 {
			joined[n-1].Last = max(joined[n-1].Last, r.Last)
			continue
		}
		joined = append(joined, r)
	}
	return joined
}
