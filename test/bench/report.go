package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"yubin/internal/durable"
)

// talkShare is how much of the talker's rate stands for any ratio: some ratios
// are close to what loopback and the processors allow at all.
const talkShare = 0.6

// report is the table of this run.
func (r *run) report(systems []system) page {
	var versions []string
	for _, s := range systems {
		if v := s.version(); v != "" {
			versions = append(versions, v)
		}
	}
	text := fmt.Sprintf("`%s`, %s. %s; Linux %s, %d processors (%s), %s. Medians of %d turns, %v of load each.",
		commandLine(), r.began.UTC().Format("2 January 2006"), strings.Join(versions, ", "),
		kernel(), runtime.NumCPU(), processor(), fileSystem(r.dir), r.rounds, r.time)
	p := page{[]string{text}, map[string]entry{}}
	for _, row := range r.rows {
		p.lines[row.name] = entry{r.line(row), 0}
	}
	return p
}

// line is one row of the table, up to its last cell.
func (r *run) line(row row) string {
	peer, talk := r.results[key{row.name, row.comparedWith()}], r.results[key{row.name, "talk"}]
	yubin := r.results[key{row.name, "yubin"}]
	cells := []string{row.name, row.unit, "", "", "", target(row), "", "", "", "", "", ""}
	p, y, t := median(peer, value), median(yubin, value), median(talk, value)
	if len(peer) > 0 {
		cells[2], cells[8] = valueCell(peer), cpuCell(peer)
	}
	if len(yubin) > 0 {
		cells[3], cells[9] = valueCell(yubin), cpuCell(yubin)
	}
	if len(peer) > 0 && len(yubin) > 0 {
		cells[4] = figure(y/p, "×")
		if peer[0].messages > 0 {
			cells[10] = figure(median(yubin, cpuEach)/median(peer, cpuEach), "×")
		}
	}
	if len(talk) > 0 {
		cells[6] = figure(t, "")
		if len(yubin) > 0 {
			cells[7] = fmt.Sprintf("%.0f %%", 100*y/t)
		}
	}
	switch {
	case row.slower > 0 && len(yubin) > 0:
		cells[11] = yesOrNo(median(yubin, slowdown) <= row.slower)
	case len(yubin) > 0 && (len(peer) > 0 && row.ratio > 0 || row.most > 0):
		cells[11] = verdict(row, p, y, t, median(peer, cpuEach), median(yubin, cpuEach))
	}
	return "| " + strings.Join(cells, " | ") + " | "
}

func value(r result) float64   { return r.value }
func cpuEach(r result) float64 { return r.each(r.used.total()) }

// slowdown is what dead destinations do to the living ones.
func slowdown(r result) float64 { return r.value / r.without }

// valueCell is the figure of a system, and where there is one the slowdown.
func valueCell(rs []result) string {
	text := figure(median(rs, value), "")
	if rs[0].without > 0 {
		text += fmt.Sprintf(" (%s of %s)", figure(median(rs, slowdown), "×"),
			figure(median(rs, func(r result) float64 { return r.without }), ""))
	}
	return text
}

func cpuCell(rs []result) string {
	if rs[0].messages == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f + %.2f",
		median(rs, func(r result) float64 { return r.each(r.used.user) }),
		median(rs, func(r result) float64 { return r.each(r.used.sys) }))
}

// target is the row's target in words.
func target(row row) string {
	switch {
	case row.slower > 0:
		return fmt.Sprintf("≤ %.1f× of itself", row.slower)
	case row.most > 0:
		return fmt.Sprintf("≤ %.0f %s", row.most, row.unit)
	case row.ratio == 0:
		return ""
	case row.less():
		return fmt.Sprintf("≤ %.2f×", row.ratio)
	case row.cpu > 0:
		return fmt.Sprintf("≥ %.1f×; CPU ≤ %.2f×", row.ratio, row.cpu)
	}
	return fmt.Sprintf("≥ %.1f×", row.ratio)
}

// verdict says whether yubin's figure y meets the target, given the peer's p,
// the talker's t (0: none) and the processor time per message of both.
func verdict(row row, p, y, t, pCPU, yCPU float64) string {
	var met bool
	switch {
	case row.most > 0:
		met = y <= row.most
	case row.less():
		met = y <= row.ratio*p
	default:
		met = y >= row.ratio*p || t > 0 && y >= talkShare*t
	}
	words := yesOrNo(met)
	if row.cpu > 0 {
		words += "; CPU " + yesOrNo(yCPU <= row.cpu*pCPU)
	}
	return words
}

func yesOrNo(met bool) string {
	if met {
		return "yes"
	}
	return "no"
}

// median is the median of what f gives for each result; 0 without results.
func median(rs []result, f func(result) float64) float64 {
	if len(rs) == 0 {
		return 0
	}
	var v []float64
	for _, r := range rs {
		v = append(v, f(r))
	}
	slices.Sort(v)
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// figure writes a number with three figures or more.
func figure(v float64, unit string) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f%s", v, unit)
	case v >= 10:
		return fmt.Sprintf("%.1f%s", v, unit)
	}
	return fmt.Sprintf("%.2f%s", v, unit)
}

// commandLine is how this run can be repeated.
func commandLine() string {
	return strings.TrimSpace("test/bench/run.sh " + strings.Join(os.Args[1:], " "))
}

func kernel() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return "?"
	}
	return unix.ByteSliceToString(u.Release[:])
}

func processor() string {
	b, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(b)) {
		if name, v, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(v)
		}
	}
	return runtime.GOARCH
}

// fileSystem names the type of the file system that holds path.
func fileSystem(path string) string {
	names := map[int64]string{
		unix.EXT4_SUPER_MAGIC: "ext4", unix.XFS_SUPER_MAGIC: "xfs", unix.BTRFS_SUPER_MAGIC: "btrfs",
		unix.TMPFS_MAGIC: "tmpfs", unix.OVERLAYFS_SUPER_MAGIC: "overlayfs", unix.NFS_SUPER_MAGIC: "nfs",
	}
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return err.Error()
	}
	name := names[s.Type]
	if d, err := os.Open(path); err == nil && name == "ext4" {
		if !durable.Journals(d) {
			name = "ext4 without a journal"
		}
		d.Close()
	}
	if name != "" {
		return name
	}
	return fmt.Sprintf("file system %#x", s.Type)
}
