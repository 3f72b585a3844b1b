package historic

import (
	"strings"
	"testing"
)

// What scripts say to mailq and newaliases.
func TestUnder(t *testing.T) {
	t.Parallel()
	all := map[string][]Letter{
		"p": {{'c', true, "config"}, {'j', false, "json"}, {Flag: Flush}},
		"i": {{'c', true, "config"}},
	}
	for _, c := range []struct{ mode, in, want string }{
		{"p", "", "--"},
		{"p", "-Ac", "--"},
		{"p", "-C /etc/x -v -j", "--config=/etc/x --verbose --json --"},
		{"p", "-c /etc/x/main.cf -o max_idle=1s", "--config=/etc/x --option=max_idle=1s --"},
		{"p", "-bp -odi -OQueueDirectory=/x -Fx", "--"},
		{"p", "-jv x", "--json --verbose -- x"},
		{"p", "-c /x --json", "-c /x --json"},
		{"p", "-q", "--flush --"},
		{"p", "-v -q -C /etc/x", "--verbose --flush --config=/etc/x --"},
		{"p", "-qRexample.com", "this is -bp of sendmail: call that for anything else"},
		{"p", "-bi", "this is -bp of sendmail: call that for anything else"},
		{"i", "-q", "this is -bi of sendmail: call that for anything else"},
		{"i", "-bp", "this is -bi of sendmail: call that for anything else"},
		{"i", "-I -bi", "--"},
		{"i", "-oA/a -oAlmdb:/b$ -v", "--verbose --option=alias_database={$default_database_type:/a}, {lmdb:/b$$} --"},
		{"i", "-oA", "-oA wants the name of an alias file"},
		{"i", "-o", "option -o needs an argument"},
		{"p", "-z", "unsupported: -z"},
	} {
		got, err := Under(c.mode, all[c.mode]...)(strings.Fields(c.in))
		text := strings.Join(got, " ")
		if err != nil {
			text = err.Error()
		}
		if text != c.want {
			t.Errorf("%s %q: %q, want %q", c.mode, c.in, text, c.want)
		}
	}
}
