package thread

import "strconv"

// Append appends threads as THREAD answers them (RFC 5256, 4).
func Append(b []byte, roots []*Node) []byte {
	for _, n := range roots {
		b = n.append(b)
	}
	return b
}

func (n *Node) append(b []byte) []byte {
	b = append(b, '(')
	for {
		if n.ID != 0 {
			b = strconv.AppendUint(b, uint64(n.ID), 10)
			if len(n.Kids) > 0 {
				b = append(b, ' ')
			}
		}
		if len(n.Kids) != 1 {
			break
		}
		n = n.Kids[0]
	}
	for _, k := range n.Kids {
		b = k.append(b)
	}
	return append(b, ')')
}
