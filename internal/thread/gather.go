package thread

// subject returns the base subject of a thread: its first message's.
func (n *Node) subject() (subject string, reply bool) {
	if n.m == nil {
		n = n.Kids[0]
	}
	return n.m.Subject, n.m.Reply
}

// gather puts threads with the same base subject together (step 5).
func gather(roots []*Node) []*Node {
	table := map[string]*Node{}
	for _, n := range roots {
		subject, reply := n.subject()
		if subject == "" {
			continue
		}
		have := table[subject]
		if have == nil {
			table[subject] = n
			continue
		}
		_, haveReply := have.subject()
		if n.m == nil && have.m != nil || have.m != nil && haveReply && !reply {
			table[subject] = n
		}
	}
	gone := map[*Node]bool{}
	place := map[*Node]*Node{} // whose place a new node takes
	for _, n := range roots {
		subject, reply := n.subject()
		have := table[subject]
		if subject == "" || have == n {
			continue
		}
		_, haveReply := have.subject()
		switch {
		case have.m == nil && n.m == nil:
			have.Kids = append(have.Kids, n.Kids...)
		case have.m == nil, reply && !haveReply:
			have.Kids = append(have.Kids, n)
		default:
			both := &Node{Kids: []*Node{have, n}}
			table[subject] = both
			place[have] = both
		}
		gone[n] = true
	}
	var list []*Node
	for _, n := range roots {
		if gone[n] {
			continue
		}
		if both := place[n]; both != nil {
			n = both
		}
		list = append(list, n)
	}
	return list
}
