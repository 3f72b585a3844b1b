package submit

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"yubin/internal/cli"
	"yubin/internal/config"
)

// early runs before anything that the caller names is read. Standard input,
// output and error are open: the Go runtime opens what is closed at start.
func early(dir string) error {
	uid, gid := os.Getuid(), os.Getgid()
	if uid != os.Geteuid() {
		// Installed set-uid by mistake.
		if err := syscall.Setresuid(uid, uid, uid); err != nil {
			return fail(cli.ExOSErr, "give up the rights of another user: %w", err)
		}
	}
	if gid == os.Getegid() {
		return nil
	}
	if zone := os.Getenv("TZ"); strings.Contains(zone, "/") && (filepath.IsAbs(strings.TrimPrefix(zone, ":")) || strings.Contains(zone, "..")) {
		os.Unsetenv("TZ") // it would have us open a file of the caller's choice
	}
	if allowedConfig(dir) {
		return nil
	}
	return dropGroup()
}

// allowedConfig tells whether the administrator knows the configuration
// directory dir. Only the default main.cf is read for that.
func allowedConfig(dir string) bool {
	if dir == config.DefaultDir {
		return true
	}
	c, err := config.Load(config.DefaultDir, nil)
	if err != nil || c.Check([]*config.Def{config.AlternateConfigDirs.Def}) != nil {
		return false
	}
	return slices.Contains(config.AlternateConfigDirs.Of(c), dir)
}

// dropGroup gives up the set-gid group for good.
func dropGroup() error {
	gid := os.Getgid()
	if gid == os.Getegid() {
		return nil
	}
	if err := syscall.Setresgid(gid, gid, gid); err != nil {
		return fail(cli.ExOSErr, "give up the rights of the group: %w", err)
	}
	return nil
}

// cleanEnvironment keeps the variables that import_environment lists, and sets
// those that it gives a value.
func cleanEnvironment(list []string) {
	keep := map[string]string{}
	for _, entry := range list {
		name, value, set := strings.Cut(entry, "=")
		if !set {
			value, set = os.LookupEnv(name)
		}
		if set {
			keep[name] = value
		}
	}
	os.Clearenv()
	for name, value := range keep {
		os.Setenv(name, value)
	}
}
