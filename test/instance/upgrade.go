package instance

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Install puts another build of the programs in the place of those that run,
// as a package does: written beside them and renamed. The build differs from
// bin/ in its version, whose last letter is n. Options.OwnPrograms.
func (i *Instance) Install(n byte) (version string) {
	i.T.Helper()
	old := strings.TrimPrefix(strings.TrimSpace(i.Mailctl("--version").Stdout), "mailctl (yubin) ")
	version = old[:len(old)-1] + string(n)
	for _, p := range i.programs() {
		b, err := os.ReadFile(p)
		i.check(err)
		i.Replace(filepath.Base(p), bytes.ReplaceAll(b, []byte("yubin-"+old), []byte("yubin-"+version)))
	}
	return version
}

func (i *Instance) programs() []string {
	i.T.Helper()
	programs, err := filepath.Glob(filepath.Join(i.Bin, "*"))
	i.check(err)
	return programs
}

// Replace puts a file in the place of a program.
func (i *Instance) Replace(name string, content []byte) {
	i.T.Helper()
	i.check(writeFile(filepath.Join(i.Dir, "new"), content, 0o755))
	i.check(os.Rename(filepath.Join(i.Dir, "new"), filepath.Join(i.Bin, name)))
}

// Outdated returns the processes called name whose program was replaced since
// they started.
func (i *Instance) Outdated(name string) (pids []int) {
	for _, pid := range i.Processes(name) {
		if exe, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "exe")); err == nil && strings.HasSuffix(exe, " (deleted)") {
			pids = append(pids, pid)
		}
	}
	return pids
}
