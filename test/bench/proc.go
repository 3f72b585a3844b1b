package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// tick is the unit of /proc/PID/stat; Linux shows 100 a second everywhere.
const tick = 10 * time.Millisecond

// usage is processor time.
type usage struct{ user, sys time.Duration }

func (u usage) total() time.Duration { return u.user + u.sys }
func (u usage) add(v usage) usage    { return usage{u.user + v.user, u.sys + v.sys} }
func (u usage) sub(v usage) usage    { return usage{u.user - v.user, u.sys - v.sys} }

// stat is what /proc/PID/stat says of one process; used includes the children
// that it has waited for.
type stat struct {
	parent int
	used   usage
}

// parseStat reads a /proc/PID/stat line; the name in parentheses may hold
// anything (proc_pid_stat(5)).
func parseStat(b []byte) (stat, error) {
	end := bytes.LastIndexByte(b, ')')
	fields := strings.Fields(string(b[end+1:]))
	if end < 0 || len(fields) < 15 {
		return stat{}, fmt.Errorf("stat line %q", b)
	}
	var n [15]int64
	for _, i := range []int{1, 11, 12, 13, 14} { // ppid utime stime cutime cstime
		v, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return stat{}, fmt.Errorf("stat line %q: %w", b, err)
		}
		n[i] = v
	}
	return stat{int(n[1]), usage{time.Duration(n[11]+n[13]) * tick, time.Duration(n[12]+n[14]) * tick}}, nil
}

// tree returns root and its living descendants.
func tree(root int) (map[int]stat, error) {
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	all := map[int]stat{}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		s, err := parseStat(b)
		if err != nil {
			return nil, err
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		all[pid] = s
	}
	if _, ok := all[root]; !ok {
		return nil, fmt.Errorf("process %d is gone", root)
	}
	family := map[int]stat{}
	for pid, s := range all {
		for p := pid; p > 1; p = all[p].parent {
			if p == root {
				family[pid] = s
				break
			}
		}
	}
	return family, nil
}

// treeUsage is what root and its descendants used, those that have ended and
// were waited for included.
func treeUsage(root int) (usage, error) {
	family, err := tree(root)
	var u usage
	for _, s := range family {
		u = u.add(s.used)
	}
	return u, err
}

// treePSS is the memory of root and its descendants in octets, pages that
// several processes share divided among them.
func treePSS(root int) (int64, error) {
	family, err := tree(root)
	if err != nil {
		return 0, err
	}
	var sum int64
	for pid := range family {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(b)) {
			if v, ok := strings.CutPrefix(line, "Pss:"); ok {
				kib, err := strconv.ParseInt(strings.Fields(v)[0], 10, 64)
				if err != nil {
					return 0, fmt.Errorf("smaps_rollup of %d: %w", pid, err)
				}
				sum += kib << 10
			}
		}
	}
	return sum, nil
}

// machineUsage is the busy time of all processors.
func machineUsage() (time.Duration, error) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(b), "\n")
	var busy int64
	for i, f := range strings.Fields(line) {
		if i == 0 || i == 4 || i == 5 || i > 7 { // name, idle, iowait; steal is not ours, guest is in user
			continue
		}
		v, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/stat: %w", err)
		}
		busy += v
	}
	return time.Duration(busy) * tick, nil
}

// ownUsage is what this process (unix.RUSAGE_SELF) or its ended children
// (unix.RUSAGE_CHILDREN) used.
func ownUsage(who int) usage {
	var r unix.Rusage
	if unix.Getrusage(who, &r) != nil {
		return usage{}
	}
	return usage{time.Duration(r.Utime.Nano()), time.Duration(r.Stime.Nano())}
}

// A meter measures processor time from its start: the server's, the commands'
// that the load ran, and that of everything else on the machine but the load
// (the kernel's flushing threads, and other people's work).
type meter struct {
	root    int
	server  usage
	command usage
	self    usage
	machine time.Duration
}

func startMeter(root int) (*meter, error) {
	m := &meter{root: root, command: ownUsage(unix.RUSAGE_CHILDREN), self: ownUsage(unix.RUSAGE_SELF)}
	var err error
	if m.server, err = treeUsage(root); err != nil {
		return nil, err
	}
	m.machine, err = machineUsage()
	return m, err
}

// read returns what was used since the start.
func (m *meter) read() (system usage, rest time.Duration, err error) {
	server, err := treeUsage(m.root)
	if err != nil {
		return usage{}, 0, err
	}
	machine, err := machineUsage()
	if err != nil {
		return usage{}, 0, err
	}
	system = server.sub(m.server).add(ownUsage(unix.RUSAGE_CHILDREN).sub(m.command))
	self := ownUsage(unix.RUSAGE_SELF).sub(m.self)
	return system, max(0, machine-m.machine-system.total()-self.total()), nil
}
