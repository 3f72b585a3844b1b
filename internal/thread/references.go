package thread

import (
	"cmp"
	"slices"
)

// A Message is what threading looks at.
type Message struct {
	ID         uint32   // sequence number or UID; not 0
	MessageID  string   // as ParseIDs gives it; "" none
	References []string // of References, or the first of In-Reply-To where that has none
	Subject    string   // base subject, folded for comparison
	Reply      bool     // BaseSubject took something that a reply has
	Sent       int64    // sent date, in seconds
}

// A Node is a message in a thread; ID 0 stands for one that is not there.
type Node struct {
	ID   uint32
	Kids []*Node

	m      *Message
	parent *Node
	kids   int // while messages are linked: how many have it as parent
	date   int64
}

// longestWalk is how many ancestors are looked at to find a loop; what is deeper
// is not linked, so that no set of messages makes threading slow.
const longestWalk = 10000

// References threads messages by THREAD=REFERENCES (RFC 5256, 3).
func References(messages []Message) []*Node {
	roots := prune(link(messages))
	sortAll(roots)
	sortByDate(roots)
	roots = gather(roots)
	sortAll(roots)
	sortByDate(roots)
	return roots
}

// Refs threads messages by THREAD=REFS (draft-ietf-morg-inthread): by references
// alone, and threads are sorted by what was sent last in each.
func Refs(messages []Message) []*Node {
	roots := prune(link(messages))
	order := sortAll(roots)
	for _, n := range slices.Backward(order) {
		for _, k := range n.Kids {
			n.date = max(n.date, k.date)
		}
	}
	sortByDate(roots)
	return roots
}

// link makes nodes of all messages and IDs and links them (step 1). It returns
// those without a parent (step 2).
func link(messages []Message) []*Node {
	byID := make(map[string]*Node, len(messages))
	nodes := make([]*Node, 0, len(messages))
	var block []Node // allocating them one by one would cost as much as all else
	add := func(id string) *Node {
		if len(block) == 0 {
			block = make([]Node, 256)
		}
		n := &block[0]
		block = block[1:]
		nodes = append(nodes, n)
		if id != "" {
			byID[id] = n
		}
		return n
	}
	find := func(id string) *Node {
		if n := byID[id]; n != nil {
			return n
		}
		return add(id)
	}
	for i := range messages {
		m := &messages[i]
		var n *Node
		switch n = byID[m.MessageID]; {
		case m.MessageID == "":
			n = add("")
		case n == nil:
			n = add(m.MessageID)
		case n.m != nil:
			n = add("") // its ID is another's
		}
		n.m, n.ID = m, m.ID
		var before *Node
		for _, id := range m.References {
			ref := find(id)
			if before != nil && ref.parent == nil && !loops(before, ref) {
				ref.adopt(before)
			}
			before = ref
		}
		if n.parent != nil && n.parent != before {
			n.orphan()
		}
		if before != nil && n.parent == nil && !loops(before, n) {
			n.adopt(before)
		}
	}
	return raise(nodes)
}

// raise gives the parents of nodes their kids, and returns those without one.
func raise(nodes []*Node) (roots []*Node) {
	room := make([]*Node, len(nodes))
	for _, n := range nodes {
		p := n.parent
		if p == nil {
			roots = append(roots, n)
			continue
		}
		if p.Kids == nil {
			p.Kids, room = room[:0:p.kids], room[p.kids:]
		}
		p.Kids = append(p.Kids, n)
	}
	return roots
}

// loops tells whether parent is kid or below it.
func loops(parent, kid *Node) bool {
	if parent == kid {
		return true
	}
	if kid.kids == 0 {
		return false
	}
	steps := 0
	for p := parent; p != nil; p = p.parent {
		if steps++; p == kid || steps > longestWalk {
			return true
		}
	}
	return false
}

func (n *Node) adopt(parent *Node) {
	n.parent = parent
	parent.kids++
}

func (n *Node) orphan() {
	n.parent.kids--
	n.parent = nil
}

// levels returns all nodes, parents before their kids.
func levels(roots []*Node) []*Node {
	list := append(make([]*Node, 0, 2*len(roots)+64), roots...)
	for i := 0; i < len(list); i++ {
		list = append(list, list[i].Kids...)
	}
	return list
}

// prune takes away nodes without a message (step 3); the kids of one take its
// place, but several do not become roots.
func prune(roots []*Node) []*Node {
	for _, n := range slices.Backward(levels(roots)) {
		n.Kids = flatten(n.Kids, false)
	}
	return flatten(roots, true)
}

func flatten(nodes []*Node, roots bool) []*Node {
	if !slices.ContainsFunc(nodes, func(n *Node) bool { return n.m == nil }) {
		return nodes
	}
	var list []*Node
	for _, n := range nodes {
		if n.m != nil || roots && len(n.Kids) > 1 {
			list = append(list, n)
		} else {
			list = append(list, n.Kids...)
		}
	}
	return list
}

// sortAll sorts the kids of all nodes by date (steps 4 and 6). The date of a node
// without a message is its first kid's. It returns the nodes, parents first.
func sortAll(roots []*Node) []*Node {
	list := levels(roots)
	for _, n := range slices.Backward(list) {
		sortByDate(n.Kids)
		if n.m != nil {
			n.date = n.m.Sent
		} else if len(n.Kids) > 0 {
			n.date = n.Kids[0].date
		}
	}
	return list
}

func sortByDate(nodes []*Node) {
	if len(nodes) < 2 {
		return
	}
	slices.SortStableFunc(nodes, func(a, b *Node) int {
		return cmp.Or(cmp.Compare(a.date, b.date), cmp.Compare(a.first(), b.first()))
	})
}

// first is the ID of a node, or of its first kid.
func (n *Node) first() uint32 {
	if n.m == nil && len(n.Kids) > 0 {
		return n.Kids[0].ID
	}
	return n.ID
}
