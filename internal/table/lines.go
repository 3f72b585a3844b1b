package table

import (
	"bytes"
	"iter"
)

const blanks = " \t\r\n\v\f"

// logicalLines yields the logical lines of text and the number of the first
// physical line of each. A yielded line is only good until the next one.
func logicalLines(text []byte, report Reporter) iter.Seq2[int, []byte] {
	return joinedLines(text, "", report)
}

// joinedLines is logicalLines with a joint between the physical lines, which keep
// the blanks they have there.
func joinedLines(text []byte, joint string, report Reporter) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		var held, joined []byte // the line so far; the room for lines that are continued
		continued := false      // held is in joined
		first := 0
		for number := 1; len(text) > 0; number++ {
			var physical []byte
			physical, text, _ = bytes.Cut(text, []byte("\n"))
			trimmed := trim(physical)
			physical = bytes.TrimSuffix(physical, []byte("\r"))
			switch {
			case len(trimmed) == 0 || trimmed[0] == '#':
			case !isBlank(physical[0]):
				if first > 0 && !yield(first, trim(held)) {
					return
				}
				held, first, continued = physical, number, false
			case first == 0:
				report(number, "logical line must not start with white space, ignored")
			default:
				if !continued {
					joined, continued = append(joined[:0], held...), true
				}
				joined = append(append(joined, joint...), physical...)
				held = joined
			}
		}
		if first > 0 {
			yield(first, trim(held))
		}
	}
}

// trim drops blanks on both sides, faster than bytes.Trim: tables are long.
func trim(b []byte) []byte {
	for len(b) > 0 && isBlank(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isBlank(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

func isBlank(c byte) bool {
	return c == ' ' || c >= '\t' && c <= '\r'
}
