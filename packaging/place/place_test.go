package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"strings"
	"testing"

	"yubin/internal/manifest"
)

const list = `
dir    /usr/share/yubin             root root     0755 -
file   /usr/sbin/sendmail.yubin     root maildrop 2755 bin/sendmail
link   /usr/lib/sendmail.yubin      root root     -    ../sbin/sendmail.yubin
ghost  /usr/sbin/sendmail           root root     0755 -
config /etc/yubin/main.cf           root root     0644 etc/main.cf
doc    /usr/share/doc/yubin/README  root root     0644 README
file   /usr/share/man/man1/m.1.gz   root root     0644 man/m.1
dir    /var/spool/yubin/maildrop    yubin maildrop 0730 -
option /usr/libexec/yubin/pamd      root root     0755 bin/pamd
`

func entries(t *testing.T) []manifest.Entry {
	t.Helper()
	all, err := manifest.Parse(strings.NewReader(list))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestFiles(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := files(&out, entries(t)); err != nil {
		t.Fatal(err)
	}
	const want = `%dir %attr(0755,root,root) /usr/share/yubin
%attr(2755,root,maildrop) /usr/sbin/sendmail.yubin
%attr(-,root,root) /usr/lib/sendmail.yubin
%ghost %attr(0755,root,root) /usr/sbin/sendmail
%config(noreplace) %attr(0644,root,root) /etc/yubin/main.cf
%doc %attr(0644,root,root) /usr/share/doc/yubin/README
%attr(0644,root,root) /usr/share/man/man1/m.1.gz
%dir %attr(0730,yubin,maildrop) /var/spool/yubin/maildrop
%attr(0755,root,root) /usr/libexec/yubin/pamd
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &out, want)
	}
}

// Modes are right below a DESTDIR, whoever runs it; a second time changes what
// is ours and keeps what is the administrator's.
func TestInstall(t *testing.T) {
	tree := t.TempDir()
	t.Chdir(tree)
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"bin", "etc", "man"} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write("bin/sendmail", "one")
	write("etc/main.cf", "ours")
	write("README", "read me")
	write("man/m.1", ".TH M 1\n")
	dest := t.TempDir()
	var out strings.Builder
	install := func() {
		t.Helper()
		if err := newInstaller(dest+"/", &out).install(entries(t)); err != nil {
			t.Fatal(err)
		}
	}
	install()
	write("bin/sendmail", "two")
	write(dest+"/etc/yubin/main.cf", "theirs")
	install()
	for _, e := range entries(t) {
		for _, d := range e.Compare(dest) {
			if !strings.HasPrefix(d.What, "has owner") && !strings.Contains(d.What, "unknown") {
				t.Errorf("%s %s", e.Path, d.What)
			}
		}
	}
	if _, err := os.Lstat(dest + "/usr/sbin/sendmail"); err == nil {
		t.Error("made a ghost")
	}
	for name, want := range map[string]string{"/usr/sbin/sendmail.yubin": "two", "/etc/yubin/main.cf": "theirs"} {
		if b, err := os.ReadFile(dest + name); err != nil || string(b) != want {
			t.Errorf("%s: got %q, %v, want %q", name, b, err, want)
		}
	}
	if info, err := os.Stat(dest + "/usr/sbin/sendmail.yubin"); err != nil || info.Mode()&os.ModeSetgid == 0 {
		t.Errorf("sendmail: %v, %v", info.Mode(), err)
	}
	if !strings.Contains(out.String(), "main.cf stays as it is") || !strings.Contains(out.String(), "/usr/libexec/yubin/pamd is left out") {
		t.Errorf("said %q", &out)
	}
	packed, err := os.ReadFile(dest + "/usr/share/man/man1/m.1.gz")
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(z); err != nil || string(b) != ".TH M 1\n" {
		t.Errorf("page: %q, %v", b, err)
	}
}
