package instance

import (
	"bytes"
	"debug/buildinfo"
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
	for _, p := range i.programs() {
		version = i.installOne(p, n)
	}
	return version
}

func (i *Instance) programs() []string {
	i.T.Helper()
	programs, err := filepath.Glob(filepath.Join(i.Bin, "*"))
	i.check(err)
	return programs
}

func (i *Instance) installOne(path string, n byte) (version string) {
	i.T.Helper()
	info, err := buildinfo.ReadFile(path)
	i.check(err)
	b, err := os.ReadFile(path)
	i.check(err)
	old := info.Main.Path + "\t" + info.Main.Version
	end := strings.TrimRight(info.Main.Version, ")")
	version = end[:len(end)-1] + string(n)
	b = bytes.ReplaceAll(b, []byte(old), []byte(info.Main.Path+"\t"+version+info.Main.Version[len(version):]))
	i.Replace(filepath.Base(path), b)
	return strings.Trim(version, "()")
}

// Replace puts a file in the place of a program.
func (i *Instance) Replace(name string, content []byte) {
	i.T.Helper()
	i.check(os.WriteFile(filepath.Join(i.Dir, "new"), content, 0o755))
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
