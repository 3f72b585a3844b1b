package smtpd

import (
	"slices"
	"testing"
)

// All have one idea of what parts words.
func TestWords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text, first, rest string
		words, members    []string
	}{
		{"", "", "", nil, nil},
		{" \t\r", "", "", nil, nil},
		{"NOOP", "NOOP", "", []string{"NOOP"}, []string{"NOOP"}},
		{"NOOP\r", "NOOP", "", []string{"NOOP"}, []string{"NOOP"}}, // what ends in CR CR LF
		{" a\tb  c ", "a", "b  c", []string{"a", "b", "c"}, []string{"a", "b", "c"}},
		{"a\r\n b", "a", "b", []string{"a", "b"}, []string{"a", "b"}},
		{"a, b,c", "a,", "b,c", []string{"a,", "b,c"}, []string{"a", "b", "c"}},
		{"a\u00a0b\u0085c\vd\fe", "a\u00a0b\u0085c\vd\fe", "", []string{"a\u00a0b\u0085c\vd\fe"}, []string{"a\u00a0b\u0085c\vd\fe"}},
		{"\xff \xa0b", "\xff", "\xa0b", []string{"\xff", "\xa0b"}, []string{"\xff", "\xa0b"}},
	} {
		first, rest := cutWord(c.text)
		if first != c.first || rest != c.rest || !slices.Equal(words(c.text), c.words) || !slices.Equal(members(c.text), c.members) {
			t.Errorf("%q: %q %q, words %q, members %q", c.text, first, rest, words(c.text), members(c.text))
		}
	}
}

// A command that ends in CR CR LF, or has more blanks than it should, is one all
// the same.
func TestBlanksOfCommands(t *testing.T) {
	t.Parallel()
	r := newRig(t, "smtpd_noop_commands =")
	c := r.connect(stranger)
	c.reply()
	for _, line := range []string{"\tHELO  client.example \r", "NOOP\r", "MAIL\tFROM:<a@b.example>\r", "RSET \t"} {
		if got := c.say(line); got[:4] != "250 " {
			t.Errorf("%q: %q", line, got)
		}
	}
	if got := c.say("NOOP\u00a0"); got[:4] != "500 " {
		t.Errorf("a blank that is none: %q", got)
	}
	c.close()
}
