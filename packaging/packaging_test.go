// Package packaging holds the tests that the files of this directory agree
// with the manifest.
package packaging

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"yubin/internal/manifest"
)

func entries(t *testing.T) []manifest.Entry {
	t.Helper()
	all, err := manifest.Read("manifest")
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// rules returns the lines of a file that are no comments, as fields.
func rules(t *testing.T, name string) [][]string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var lines [][]string
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 0 && !strings.HasPrefix(f[0], "#") {
			lines = append(lines, f)
		}
	}
	return lines
}

// systemd-tmpfiles makes every directory below /var as the manifest has it, and
// no other.
func TestTmpfiles(t *testing.T) {
	t.Parallel()
	var want, got []string
	for _, e := range entries(t) {
		if e.Type == manifest.Dir && strings.HasPrefix(e.Path, "/var/") {
			want = append(want, fmt.Sprintf("d %s %04o %s %s -", e.Path, e.Mode, e.Owner, e.Group))
		}
	}
	for _, f := range rules(t, "tmpfiles.d/yubin.conf") {
		if f[0] == "d" {
			got = append(got, strings.Join(f, " "))
		}
	}
	if w, g := strings.Join(want, "\n"), strings.Join(got, "\n"); w != g {
		t.Errorf("tmpfiles.d/yubin.conf has\n%s\nthe manifest\n%s", g, w)
	}
}

// Each account of the manifest is made.
func TestSysusers(t *testing.T) {
	t.Parallel()
	made := map[string]bool{"user root": true, "group root": true}
	for _, f := range rules(t, "sysusers.d/yubin.conf") {
		switch f[0] {
		case "u":
			made["user "+f[1]], made["group "+f[1]] = true, true
		case "g":
			made["group "+f[1]] = true
		}
	}
	for _, e := range entries(t) {
		if !made["user "+e.Owner] || !made["group "+e.Group] {
			t.Errorf("%s belongs to %s:%s, which sysusers.d/yubin.conf does not make", e.Path, e.Owner, e.Group)
		}
	}
}

// The SELinux module labels sendmail, the configuration and the queue, and
// nothing that is not there.
func TestFileContexts(t *testing.T) {
	t.Parallel()
	policy, err := os.ReadFile("selinux/yubin.te")
	if err != nil {
		t.Fatal(err)
	}
	label := map[string]string{}
	for _, f := range rules(t, "selinux/yubin.fc") {
		path, err := regexp.Compile("^" + f[0] + "$")
		if err != nil {
			t.Fatal(err)
		}
		kind := strings.Split(f[len(f)-1], ":")[2]
		if !strings.Contains(string(policy), "type "+kind+";") {
			t.Errorf("yubin.te does not require %s", kind)
		}
		used := false
		for _, e := range entries(t) {
			if path.MatchString(e.Path) {
				label[e.Path], used = kind, true
			}
		}
		if !used {
			t.Errorf("%s is the pattern of nothing in the manifest", f[0])
		}
	}
	for path, want := range map[string]string{
		"/usr/sbin/sendmail.yubin": "sendmail_exec_t", "/etc/yubin/main.cf": "etc_mail_t", "/etc/yubin": "etc_mail_t",
		"/var/spool/yubin/maildrop": "mqueue_spool_t", "/usr/libexec/yubin/master": "",
	} {
		if label[path] != want {
			t.Errorf("%s: got %q, want %q", path, label[path], want)
		}
	}
}

// Every name that alternatives gives is a ghost of the manifest, and points to
// something that is installed.
func TestAlternatives(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("rpm/yubin.spec")
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]manifest.Type{}
	ghosts := map[string]bool{}
	for _, e := range entries(t) {
		kinds[e.Path] = e.Type
		if e.Type == manifest.Ghost {
			ghosts[e.Path] = true
		}
	}
	spec := strings.ReplaceAll(string(b), "%{_mandir}", "/usr/share/man")
	for _, m := range regexp.MustCompile(`--(?:install|slave) (\S+) mta\S* (\S+)`).FindAllStringSubmatch(spec, -1) {
		if name, target := m[1], m[2]; !ghosts[name] || kinds[target] != manifest.File && kinds[target] != manifest.Config && kinds[target] != manifest.Link {
			t.Errorf("%s -> %s is not in the manifest", name, target)
		} else {
			delete(ghosts, name)
		}
	}
	if len(ghosts) > 0 {
		t.Errorf("nobody makes the ghosts %v", ghosts)
	}
}
