package wording

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"yubin/internal/config"
	"yubin/internal/dsn"
)

const four = "# all of them\nfailure_template = <<EOF\nCharset: iso-8859-1\nfrom: Post Office <post>\nSubject: Came back\nPostmaster-Subject: Copy\n\nGr\xfc\xdfe\n\n  two\nEOF\n\n" +
	"delay_template=<<X\n\nno header: EOF\nEOF\nX\nsuccess_template = << EOF\r\nSubject:ok\r\ntext at once\r\nEOF\r\nverify_template = <<EOF\nCharset: utf-8\n\nü\nEOF\n"

// What is read of a file, and what is left out.
func TestParse(t *testing.T) {
	t.Parallel()
	all, problems := Parse("b.cf", []byte(four))
	want := Templates{
		{"iso-8859-1", "Post Office <post>", "Came back", "Copy", "Grüße\n\n  two\n"},
		{Text: "no header: EOF\nEOF\n"},
		{Subject: "ok", Text: "text at once\n"},
		{Charset: "utf-8", Text: "ü\n"},
	}
	if all != want || len(problems) > 0 {
		t.Errorf("got %+q, %v, want %+q", all, problems, want)
	}
	const good = "failure_template = <<EOF\nSubject: x\n\ny\nEOF\n"
	for _, c := range []struct{ text, problem string }{
		{"x_template = <<EOF\nEOF\n" + good, `b.cf:1: "x_template" is no template`},
		{good + "delay_template = <<EOF\nX-Foo: x\n\ny\nEOF\n", `b.cf:6: delay_template: unknown field "X-Foo"`},
		{good + "delay_template = <<EOF\nSubject: x\n\nEOF\n", "b.cf:6: delay_template: no text"},
		{good + "delay_template = <<EOF\nSubject: ü\n\ny\nEOF\n", "b.cf:6: delay_template: Subject: want printable ASCII"},
		{good + "delay_template = <<EOF\n\nü\nEOF\n", "b.cf:6: delay_template: letters beyond ASCII"},
		{good + "delay_template = <<EOF\nCharset: x-none\n\nü\nEOF\n", `b.cf:6: delay_template: charset "x-none" is not known`},
		{good + "delay_template = <<EOF\n\n" + strings.Repeat("x", 901) + "\nEOF\n", "b.cf:6: delay_template: a line of more than 900 octets"},
		{good + "delay_template = <<EOF\ny\n", `b.cf:6: delay_template has no line "EOF" at its end`},
		{good + "delay_template = <<'EOF'\ny\n'EOF'\n", "b.cf:6: want NAME_template = <<EOF"},
		{good + "delay_template = x\n", "b.cf:6: want NAME_template = <<EOF"},
		{good + "garbage\n", "b.cf:6: want NAME_template = <<EOF"},
	} {
		all, problems := Parse("b.cf", []byte(c.text))
		if len(problems) != 1 || !strings.HasPrefix(problems[0].String(), c.problem) || all != (Templates{{Subject: "x", Text: "y\n"}}) {
			t.Errorf("%q: got %+v, %v, want %q and one template", c.text, all, problems, c.problem)
		}
	}
}

// FuzzParse: whatever is in a file, what is read of it can stand in a letter: one
// line each in the header, ASCII; valid text in lines of bounded length.
func FuzzParse(f *testing.F) {
	f.Add([]byte(four))
	f.Fuzz(func(t *testing.T, data []byte) {
		all, _ := Parse("b.cf", data)
		for _, tpl := range all {
			for _, s := range []string{tpl.From, tpl.Subject, tpl.PostmasterSubject} {
				if strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' }) {
					t.Errorf("field %q", s)
				}
			}
			if tpl.Text != strings.ToValidUTF8(tpl.Text, "") || strings.ContainsAny(tpl.Text, "\r\x00") {
				t.Errorf("text %q", tpl.Text)
			}
		}
	})
}

func load(t *testing.T, main, templates string) (Words, []config.Problem) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"main.cf": "myhostname = xn--bcher-kva.example\nbounce_template_file = $config_directory/b.cf\n" + main, "b.cf": templates} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := config.Load(dir, nil)
	if err == nil {
		err = c.Check(Params())
	}
	if err != nil {
		t.Fatal(err)
	}
	return Load(c)
}

// Names in a text, and a template that nobody can expand.
func TestLoad(t *testing.T) {
	t.Parallel()
	w, problems := load(t, "delay_warning_time = 90m\nmaximal_queue_lifetime = 36h\ncompany = $mydomain & Co\n",
		"failure_template = <<EOF\nSubject: $company\n\n$myhostname: $company, $$5 $delay_warning_time_hours ${delay_warning_time_minutes} $maximal_queue_lifetime_days $maximal_queue_lifetime ${company?{a}}\nEOF\n"+
			"delay_template = <<EOF\n\n$nobody\nEOF\n")
	if w[0] == nil || w[0].Text != "bücher.example: example & Co, $5 1 90 1 36h a\n" && w[0].Text != "bücher.example: xn--bcher-kva.example & Co, $5 1 90 1 36h a\n" || w[0].Subject != "$company" {
		t.Errorf("got %+v", w[0])
	}
	if w[1] != nil || len(problems) != 1 || !strings.Contains(problems[0].String(), `delay_template: no parameter is called "nobody"`) {
		t.Errorf("got %+v, %v", w[1], problems)
	}
	for _, c := range []struct {
		n    dsn.Notice
		want int
	}{{dsn.Notice{}, 0}, {dsn.Notice{Delayed: true}, 1}, {dsn.Notice{Arrived: true}, 2}, {dsn.Notice{Arrived: true, Trace: true}, 3}} {
		w = Words{}
		w[c.want] = &dsn.Words{}
		if w.Of(&c.n) == nil {
			t.Errorf("%+v has not the words of %s", c.n, Kinds[c.want])
		}
	}
}

// Our own words are a template file, and come out of it unchanged.
func TestOwnWords(t *testing.T) {
	t.Parallel()
	for i, kind := range Kinds {
		own := Complete(i, Template{})
		text := kind + "_template = <<EOF\nCharset: " + own.Charset + "\nFrom: " + own.From + "\nSubject: " + own.Subject + "\nPostmaster-Subject: " + own.PostmasterSubject + "\n\n" + own.Text + "EOF\n"
		all, problems := Parse("b.cf", []byte(text))
		if len(problems) > 0 || all[i] != own {
			t.Errorf("%s: got %+v, %v, want %+v", kind, all[i], problems, own)
		}
		w, problems := load(t, "", text)
		if len(problems) > 0 || w[i] == nil || !strings.Contains(w[i].Text, "host bücher.example.\n") {
			t.Errorf("%s: got %+v, %v", kind, w[i], problems)
		}
	}
}
