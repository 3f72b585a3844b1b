package aliases

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"yubin/internal/table"
)

// A member that is no address waits alone, and the others get the letter. When its
// turn comes again, the list may have been mended: then who is on it now, and was
// not, is who the broken member was meant to be. So its key has marks of all that the
// list had when the letter went to them.

const (
	brokenPrefix = "?"
	markSize     = 4   // octets
	maxMarks     = 180 // so that a key has no more than maxKey octets; a longer list waits as a whole
)

// breaks makes m a broken member.
func breaks(m Member, in *source, err error) Member {
	where, what := in.from, "a list"
	switch in.kind {
	case InAlias:
		where = table.WithLine(strings.TrimSuffix(in.from, ": "+in.name), in.name, true) + ": " + in.name
		what = fmt.Sprintf("alias %q", in.name)
	case InForward:
		what = "the user's .forward file"
	case InInclude:
		what = "an :include: file"
	}
	m.Form, m.Err = Broken, misconfigured(fmt.Errorf("%s: %w", where, err), "%s has a member that is not an address", what)
	return m
}

// mark is what is kept of a member.
func (m *Member) mark() uint32 {
	h := fnv.New32a()
	fmt.Fprintf(h, "%d %t %s", m.Form, m.Exact, m.Text)
	return h.Sum32()
}

// group is what members have in common that are sent and read together.
func (m *Member) group() uint32 {
	h := fnv.New32a()
	if m.Sender != nil {
		fmt.Fprintf(h, "%s ", *m.Sender)
	}
	fmt.Fprintf(h, "\x00%s", m.via)
	return h.Sum32()
}

// name makes one of the broken members of each group, and gives it its key.
func (e *Expansion) name() error {
	first := map[uint32]int{}
	var members []Member
	for _, m := range e.Members {
		if m.Form == Broken {
			if i, ok := first[m.group()]; ok {
				members[i].Err = also(members[i].Err, m.Err)
				continue
			}
			first[m.group()] = len(members)
		}
		members = append(members, m)
	}
	e.Members = members
	for group, i := range first {
		marks := []uint32{group}
		for k := range members {
			if m := &members[k]; m.Form != Broken && m.group() == group {
				marks = append(marks, m.mark())
			}
		}
		if len(marks) > maxMarks {
			return members[i].Err
		}
		slices.Sort(marks[1:])
		b := make([]byte, 0, markSize*len(marks))
		for _, mark := range marks {
			b = binary.BigEndian.AppendUint32(b, mark)
		}
		members[i].key = brokenPrefix + base64.RawStdEncoding.EncodeToString(b)
	}
	return nil
}

// also is err with another cause behind it.
func also(err, more error) error {
	a, ok1 := err.(*Error)
	b, ok2 := more.(*Error)
	if !ok1 || !ok2 || a.Err == nil || b.Err == nil {
		return err
	}
	return &Error{a.Class, a.Detail, a.Text, fmt.Errorf("%w; %w", a.Err, b.Err)}
}

// WasBroken tells whether a key is that of a broken member.
func WasBroken(key string) bool { return strings.HasPrefix(key, brokenPrefix) }

// mended are the members that have come in the place of a broken one, which may be
// among them still.
func (e *Expansion) mended(key string) (list []Member) {
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimPrefix(key, brokenPrefix))
	if err != nil || len(b) < markSize || len(b)%markSize != 0 {
		return nil
	}
	group := binary.BigEndian.Uint32(b)
	had := map[uint32]bool{}
	for b = b[markSize:]; len(b) > 0; b = b[markSize:] {
		had[binary.BigEndian.Uint32(b)] = true
	}
	for _, m := range e.Members {
		if m.group() == group && (m.Form == Broken || !had[m.mark()]) {
			list = append(list, m)
		}
	}
	return list
}
