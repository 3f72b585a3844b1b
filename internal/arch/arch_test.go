package arch

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "yubin/"

// bans are what a program must not link, and why.
var bans = []struct{ program, dependency, reason string }{
	{"cmd/sendmail", "crypto/tls", "it is set-gid and starts for every letter: small, and quick to start"},
	{"cmd/sendmail", "net/http", "it is set-gid and starts for every letter: small, and quick to start"},
	{"cmd/sendmail", "github.com/emersion/go-message", "a set-gid program parses no more than it must"},
	{"cmd/sendmail", "github.com/miekg/dns", "a set-gid program asks no network"},
	{"cmd/mailq", "crypto/tls", "it only asks qmgr over a local socket"},
	{"cmd/mailq", "net/http", "it only asks qmgr over a local socket"},
	{"cmd/mailq", "github.com/emersion/go-message", "it reads no message"},
	{"cmd/mailq", "github.com/miekg/dns", "it only asks qmgr over a local socket"},
	{"cmd/master", "crypto/tls", "it is root and parses nothing from the network"},
	{"cmd/master", "net/http", "it is root and parses nothing from the network"},
	{"cmd/master", "github.com/emersion/go-message", "it is root and reads no message"},
	{"cmd/master", "github.com/miekg/dns", "it is root and parses nothing from the network"},
}

// doors are libraries that one package alone imports, so that they can be
// replaced there; and what tests put on the other side of it.
var doors = []struct {
	library string
	doors   []string
}{
	{"github.com/emersion/go-message", []string{"internal/dsn"}},
	{"github.com/miekg/dns", []string{"internal/resolve", "test/dns"}},
	{"github.com/golang-jwt/jwt/v5", []string{"internal/authd"}},
}

// A listed package is what `go list -json` says of it.
type listed struct {
	ImportPath string
	Imports    []string
}

func list(t *testing.T, args ...string) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-json=ImportPath,Imports"}, args...)...)
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %q: %v", args, err)
	}
	var packages []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

// layers reads layers.txt: lines of patterns, lowest first.
func layers(t *testing.T) [][]string {
	t.Helper()
	b, err := os.ReadFile("layers.txt")
	if err != nil {
		t.Fatal(err)
	}
	var lines [][]string
	for l := range strings.Lines(string(b)) {
		if f := strings.Fields(l); len(f) > 0 && !strings.HasPrefix(f[0], "#") {
			lines = append(lines, f)
		}
	}
	return lines
}

// layerOf returns the line that names a package, or -1.
func layerOf(lines [][]string, pkg string) int {
	return slices.IndexFunc(lines, func(patterns []string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool {
			ok, err := path.Match(p, pkg)
			return ok && err == nil
		})
	})
}

func TestLayers(t *testing.T) {
	t.Parallel()
	lines := layers(t)
	for _, p := range list(t, "./...") {
		name := strings.TrimPrefix(p.ImportPath, module)
		own := layerOf(lines, name)
		if own < 0 {
			t.Errorf("%s is missing in layers.txt", name)
			continue
		}
		for _, imported := range p.Imports {
			below, ours := strings.CutPrefix(imported, module)
			if ours && layerOf(lines, below) >= own {
				t.Errorf("%s imports %s, which layers.txt does not have above it", name, below)
			}
			for _, d := range doors {
				if (imported == d.library || strings.HasPrefix(imported, d.library+"/")) && !slices.Contains(d.doors, name) {
					t.Errorf("%s imports %s: only %q may", name, imported, d.doors)
				}
			}
		}
	}
}

func TestBans(t *testing.T) {
	t.Parallel()
	linked := map[string][]listed{}
	for _, b := range bans {
		if linked[b.program] == nil {
			linked[b.program] = list(t, "-deps", "./"+b.program)
		}
		for _, p := range linked[b.program] {
			if p.ImportPath == b.dependency || strings.HasPrefix(p.ImportPath, b.dependency+"/") {
				t.Errorf("%s links %s: %s", b.program, p.ImportPath, b.reason)
			}
		}
	}
}
