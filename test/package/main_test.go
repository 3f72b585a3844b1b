//go:build root

// Package packaging shows what the RPM promises: that it is built the same from
// the same commit, that it is made well, and, in a container that systemd
// boots, what becomes of a machine when it is installed, started, upgraded and
// erased. The container is a Debian system with dnf (root.sh) under an overlay,
// so it costs seconds and leaves nothing behind.
//
// The tests need root and the packages that .ci/run installs. What cannot be
// done here fails: nothing is skipped.
package packaging

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Releases of the package: what is installed, and the next build, which
// replaces it.
const (
	release     = "1"
	nextRelease = "2"
)

// tools are the programs that the tests run.
var tools = []string{"rpmbuild", "rpmlint", "createrepo_c", "debootstrap", "systemd-nspawn", "systemd-analyze", "nsenter"}

func TestMain(m *testing.M) {
	var missing []string
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			missing = append(missing, tool)
		}
	}
	switch {
	case os.Geteuid() != 0:
		fmt.Fprintln(os.Stderr, "the tests of the package run as root: they boot a container")
		os.Exit(1)
	case len(missing) > 0:
		fmt.Fprintln(os.Stderr, "the tests of the package need", strings.Join(missing, ", "), "-- .ci/run names the packages")
		os.Exit(1)
	}
	dir, err := os.MkdirTemp("", "yubin-package")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	builds = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// builds is where the RPMs of all tests are. Set once, by TestMain.
var builds string

// build returns the directory of the RPMs of a release, of the version that the
// spec has.
func build(t *testing.T, release string) string {
	t.Helper()
	if err := buildOnce(release)(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(builds, release)
}

// buildOnce builds a release, the first time that somebody wants it.
var buildOnce = func() func(string) func() error {
	var mu sync.Mutex
	known := map[string]func() error{}
	return func(release string) func() error {
		mu.Lock()
		defer mu.Unlock()
		if known[release] == nil {
			known[release] = sync.OnceValue(func() error { return buildIn(filepath.Join(builds, release), release) })
		}
		return known[release]
	}
}()

// buildIn is make rpm, into dir.
func buildIn(dir, release string, env ...string) error {
	c := exec.Command("make", "rpm", "RPMS="+dir, "RELEASE="+release)
	c.Dir = "../.."
	c.Env = append(os.Environ(), env...)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("build release %s: %w\n%s", release, err, out)
	}
	return nil
}

// output runs a program in the source tree and returns what it printed; its
// failure is the test's.
func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), name, args...)
	c.Dir = "../.."
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(c.Args, " "), err, out)
	}
	return string(out)
}
