package submit

import (
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/spf13/pflag"
)

func TestNormalise(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"", "--"},
		{"-t", "--recipients-from-header --"},
		{"-ti bob", "--recipients-from-header --ignore-dots -- bob"},
		{"-oi -odi -fann -F CronDaemon", "--set=i --set=di --sender=ann --full-name=CronDaemon --"},
		{"-f=x bob -f evil", "--sender==x -- bob -f evil"},
		{"-r ann -- -bob", "--sender=ann -- -bob"},
		{"-q", "--queue= --"},
		{"-q -v", "--queue= --verbose --"},
		{"-q15m", "--queue=15m --"},
		{"-bs -i", "--mode=s --ignore-dots --"},
		{"-I", "--mode=i --"},
		{"-tf ann bob", "--recipients-from-header --sender=ann -- bob"},
		{"-C /etc/x/main.cf -vv", "--config=/etc/x --verbose --verbose --"},
		{"-em -e m -p1 -nmGUcx", "--"},
		{"- x", "-- - x"},
	} {
		got, err := commandLine(strings.Fields(c.in))
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("commandLine(%q) = %q, %v, want %q", c.in, got, err, c.want)
		}
	}
	if got, err := commandLine([]string{"-f", "", "-F", "a b"}); err != nil || !reflect.DeepEqual(got, []string{"--sender=", "--full-name=a b", "--"}) {
		t.Errorf("empty argument: %q, %v", got, err)
	}
}

// FuzzNormalise: whatever a script says, commandLine refuses it or gives what
// pflag takes, with the same operands behind the options, and no word of the
// caller's becomes a flag that the caller's letters did not name.
func FuzzNormalise(f *testing.F) {
	for _, s := range []string{"-t\n-i\nbob", "-f\n-x\n--\n-f", "-q\n-q1\n-oA\n", "-Ftest -f\nx"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Split(line, "\n")
		out, err := commandLine(args)
		if err != nil {
			if code(err) != 64 {
				t.Fatalf("%q: %v", args, err)
			}
			return
		}
		fs := pflag.NewFlagSet("sendmail", pflag.ContinueOnError)
		fs.SetInterspersed(false)
		fs.StringP("config", "C", "", "")
		flags(fs)
		if err := fs.Parse(out); err != nil {
			t.Fatalf("%q became %q: %v", args, out, err)
		}
		rest := fs.Args()
		if len(rest) > len(args) || !reflect.DeepEqual(append([]string{}, rest...), append([]string{}, args[len(args)-len(rest):]...)) {
			t.Fatalf("%q became %q: operands %q", args, out, rest)
		}
	})
}

func read(t *testing.T, r io.Reader, dots bool) string {
	t.Helper()
	in := newInput(r, dots)
	head, _, err := in.header()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.Write(head)
	if err := in.rest(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestInput(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", pieceSize-1)
	for _, c := range []struct {
		name, in string
		dots     bool
		want     string
	}{
		{"plain", "A: b\n\nc\n", false, "A: b\n\nc\n"},
		{"CRLF", "A: b\r\n\r\nc\r\r\nd\re\r\n", false, "A: b\n\nc\nd\re\n"},
		{"no final newline", "A: b\n\nc", false, "A: b\n\nc\n"},
		{"final CR", "A: b\n\nc\r", false, "A: b\n\nc\n"},
		{"dot", "A: b\n\nc\n.\nd\n", false, "A: b\n\nc\n"},
		{"dot with CRLF", "A: b\r\n\r\n.\r\nd\r\n", false, "A: b\n\n"},
		{"dot at the end", "A: b\n\nc\n.", false, "A: b\n\nc\n"},
		{"dot in the header", "A: b\n.\nd", false, "A: b\n"},
		{"dots", "A: b\n\nc\n.\nd\n", true, "A: b\n\nc\n.\nd\n"},
		{"two dots", "\n..\n.x\n", false, "\n..\n.x\n"},
		{"NUL and 8-bit", "\n\x00\xff\n", false, "\n\x00\xff\n"},
		{"long line", "\n" + long + "abc\n.\n", false, "\n" + long + "abc\n"},
		{"long line, CR at the cut", "\n" + long + "\r\nd\n", false, "\n" + long + "\nd\n"},
		{"long line, CR inside at the cut", "\n" + long + "\rd\n", false, "\n" + long + "\rd\n"},
		{"dot behind a long line's cut", "\n" + long + "x.\ny", false, "\n" + long + "x.\ny\n"},
		{"From_", "From x\n>From y\n>>From z\nA: b\n\nFrom c\n", false, "A: b\n\nFrom c\n"},
		{"long From_", "From " + long + "abc\nA: b\n", false, "A: b\n"},
		{"empty", "", false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(c.in), iotest.OneByteReader(strings.NewReader(c.in)), iotest.DataErrReader(strings.NewReader(c.in))} {
				if got := read(t, r, c.dots); got != c.want {
					t.Errorf("%.80q: got %.80q, want %.80q", c.in, got, c.want)
				}
			}
		})
	}
}

func TestHeaderBound(t *testing.T) {
	t.Parallel()
	in := newInput(io.LimitReader(endless{}, maxHeader+pieceSize*2), false)
	if _, _, err := in.header(); err != errHeader {
		t.Errorf("got %v, want %v", err, errHeader)
	}
}

// endless is a header without end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return copy(p, "X-Field: value\n"), nil }
