package table

import "fmt"

// blocks keeps track of "if" ... "endif" in a table of rules. A block whose "if"
// makes no sense is left out whole, since its rules would otherwise apply to
// every key.
type blocks struct {
	open   []block
	report Reporter
}

// A block is the line and the rule number of an "if"; the rule is -1 in a block
// that is left out.
type block struct{ line, rule int }

// left tells whether lines are being left out.
func (b *blocks) left() bool { return len(b.open) > 0 && b.open[len(b.open)-1].rule < 0 }

// begin takes an "if" that becomes the rule of that number, unless it is wrong
// or in a block that is left out: then begin returns false.
func (b *blocks) begin(line, rule int, wrong error) bool {
	if wrong != nil {
		b.report(line, fmt.Sprintf("%v; the lines until endif are ignored", wrong))
	}
	if wrong != nil || b.left() {
		rule = -1
	}
	b.open = append(b.open, block{line, rule})
	return rule >= 0
}

// end takes an "endif" and returns the rule that it belongs to, or -1.
func (b *blocks) end(line int) int {
	if len(b.open) == 0 {
		b.report(line, "endif without if, ignored")
		return -1
	}
	last := b.open[len(b.open)-1]
	b.open = b.open[:len(b.open)-1]
	return last.rule
}

// unended reports the blocks that are still open and yields their rules.
func (b *blocks) unended(yield func(rule int) bool) {
	for _, o := range b.open {
		b.report(o.line, "if without endif")
		if o.rule >= 0 && !yield(o.rule) {
			return
		}
	}
}
