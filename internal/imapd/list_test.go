package imapd

import (
	"slices"
	"strings"
	"testing"
)

// What RECURSIVEMATCH adds is what has something below it that is wanted and is
// not in the answer (RFC 5258, 5, example 9).
func TestRecursiveMatch(t *testing.T) {
	t.Parallel()
	u := newRig(t).connect()
	for _, name := range []string{"foo2", "foo2/bar1", "foo2/bar2", "baz2", "baz2/bar2", "baz2/bar22", "baz2/bar222", "eps2", "eps2/mamba", "qux2/bar2"} {
		u.cmd("CREATE %s", name)
	}
	for _, name := range []string{"foo2/bar1", "foo2/bar2", "baz2/bar2", "baz2/bar22", "baz2/bar222", "eps2", "eps2/mamba", "qux2/bar2"} {
		u.cmd("SUBSCRIBE %s", name)
	}
	for pattern, want := range map[string][]string{
		"*2": {`baz2/bar2`, `baz2/bar22`, `baz2/bar222`, `eps2 ("CHILDINFO" ("SUBSCRIBED"))`, `foo2 ("CHILDINFO" ("SUBSCRIBED"))`, `foo2/bar2`, `qux2/bar2`},
		"*":  {`baz2/bar2`, `baz2/bar22`, `baz2/bar222`, `eps2 ("CHILDINFO" ("SUBSCRIBED"))`, `eps2/mamba`, `foo2/bar1`, `foo2/bar2`, `qux2/bar2`},
		"%":  {`baz2 ("CHILDINFO" ("SUBSCRIBED"))`, `eps2 ("CHILDINFO" ("SUBSCRIBED"))`, `foo2 ("CHILDINFO" ("SUBSCRIBED"))`, `qux2 ("CHILDINFO" ("SUBSCRIBED"))`},
	} {
		var got, status []string
		for _, l := range u.cmd(`LIST (RECURSIVEMATCH SUBSCRIBED) "" %s RETURN (STATUS (MESSAGES))`, pattern) {
			if _, rest, ok := strings.Cut(l, ` "/" `); ok {
				got = append(got, rest)
			}
			if rest, ok := strings.CutPrefix(l, "* STATUS "); ok {
				status = append(status, strings.Trim(strings.Fields(rest)[0], `"`))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q\nwant %q", pattern, got, want)
		}
		// One that is there for what is below it alone has no STATUS (RFC 5819, 2).
		if slices.ContainsFunc(status, func(name string) bool { return name == "foo2" || name == "baz2" }) {
			t.Errorf("%s: STATUS of %q", pattern, status)
		}
	}
}

// In an empty mailbox no number is right, "*" neither (RFC 9051, 9: seq-number);
// a UID that is not there is none, and clients search through 1:*.
func TestNumbersOfNothing(t *testing.T) {
	t.Parallel()
	u := newRig(t).connect()
	u.cmd("SELECT INBOX")
	for command, want := range map[string]string{
		"FETCH 1:* FLAGS": "BAD", "FETCH * UID": "BAD", `STORE 1:* +FLAGS (\Seen)`: "BAD", "COPY 1:* INBOX": "BAD", "MOVE * INBOX": "BAD",
		"UID FETCH 1:* FLAGS": "OK", "SEARCH 1:*": "OK", "UID SEARCH 1:* NOT DELETED": "OK",
	} {
		lines := u.cmd("%s", command)
		if last := lines[len(lines)-1]; !strings.HasPrefix(last, "x "+want+" ") {
			t.Errorf("%s: %q, want %s", command, last, want)
		}
	}
}
