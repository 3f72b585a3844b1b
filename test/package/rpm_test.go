//go:build root

package packaging

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Two builds of one commit, the second without a cache, are the same to the
// last bit.
func TestReproducible(t *testing.T) {
	first := sums(t, build(t, release))
	again := t.TempDir()
	if err := buildIn(again, release, "GOCACHE="+filepath.Join(builds, "cache")); err != nil {
		t.Fatal(err)
	}
	second := sums(t, again)
	if len(first) != 4 || len(second) != 4 {
		t.Fatalf("want yubin, yubin-postfix-commands, yubin-selinux and the source, have %d and %d files", len(first), len(second))
	}
	for name, sum := range first {
		if second[name] != sum {
			t.Errorf("%s differs between two builds", name)
		}
	}
}

func sums(t *testing.T, dir string) map[string][sha256.Size]byte {
	t.Helper()
	files, err := filepath.Glob(dir + "/*.rpm")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][sha256.Size]byte{}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(name)] = sha256.Sum256(b)
	}
	return all
}

// rpmlint finds nothing beyond what rpmlint.toml explains.
func TestRpmlint(t *testing.T) {
	files, err := filepath.Glob(build(t, release) + "/*.rpm")
	if err != nil {
		t.Fatal(err)
	}
	out := output(t, "rpmlint", append([]string{"-c", "packaging/rpm/rpmlint.toml", "packaging/rpm/yubin.spec"}, files...)...)
	if !strings.Contains(out, "4 packages and 1 specfiles checked; 0 errors, 0 warnings") {
		t.Error(out)
	}
}

// The unit gives master no more than it needs; the score is that of
// systemd-analyze, times ten.
func TestUnitIsHardened(t *testing.T) {
	output(t, "systemd-analyze", "security", "--offline=true", "--threshold=45", "packaging/systemd/yubin.service")
}
