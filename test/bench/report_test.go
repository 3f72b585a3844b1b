package main

import (
	"os"
	"strings"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	t.Parallel()
	line := "12 (a) b (c) S 7 12 12 0 -1 0 0 0 0 0 100 20 3 4 20 0 1 0 5"
	got, err := parseStat([]byte(line))
	want := stat{7, usage{1030 * time.Millisecond, 240 * time.Millisecond}}
	if err != nil || got != want {
		t.Errorf("parseStat(%q) = %+v, %v; want %+v", line, got, err, want)
	}
	for _, bad := range []string{"", "12 (x", "12 (x) S 7", "12 (x) S x 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1"} {
		if _, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("parseStat(%q): no error", bad)
		}
	}
}

// The test's own processor time is in its tree's, and its memory is not zero.
func TestTree(t *testing.T) {
	t.Parallel()
	if _, err := treeUsage(os.Getpid()); err != nil {
		t.Error(err)
	}
	if pss, err := treePSS(os.Getpid()); err != nil || pss <= 0 {
		t.Errorf("treePSS: %d, %v", pss, err)
	}
	if _, err := treeUsage(1 << 30); err == nil {
		t.Error("a process that cannot exist has a usage")
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   []float64
		want float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{4, 1}, 2.5}, {[]float64{9, 1, 5}, 5}} {
		var rs []result
		for _, v := range c.in {
			rs = append(rs, result{value: v})
		}
		if got := median(rs, value); got != c.want {
			t.Errorf("median of %v = %v, want %v", c.in, got, c.want)
		}
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	rate := row{unit: perSecond, ratio: 5}
	for _, c := range []struct {
		what                   string
		row                    row
		p, y, talk, pCPU, yCPU float64
		want                   string
	}{
		{"ratio reached", rate, 100, 500, 10000, 0, 0, "yes"},
		{"ratio missed", rate, 100, 499, 10000, 0, 0, "no"},
		{"share of the talker", rate, 1000, 3000, 5000, 0, 0, "yes"},
		{"no talker", rate, 100, 499, 0, 0, 0, "no"},
		{"time", row{unit: seconds, ratio: 0.25}, 4, 1, 0, 0, 0, "yes"},
		{"time missed", row{unit: seconds, ratio: 0.25}, 4, 1.1, 0, 0, 0, "no"},
		{"memory", row{unit: mebibytes, most: 20}, 0, 20, 0, 0, 0, "yes"},
		{"memory missed", row{unit: mebibytes, most: 20}, 100, 21, 0, 0, 0, "no"},
		{"CPU", row{unit: perSecond, ratio: 5, cpu: 0.25}, 100, 500, 0, 2, 0.5, "yes; CPU yes"},
		{"CPU missed", row{unit: perSecond, ratio: 5, cpu: 0.25}, 100, 500, 0, 2, 0.6, "yes; CPU no"},
	} {
		if got := verdict(c.row, c.p, c.y, c.talk, c.pCPU, c.yCPU); got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}

// A row that no system ran, and one that only one did, still have a line of
// the table's width.
func TestReport(t *testing.T) {
	t.Parallel()
	r := newRun(options{time: time.Second, rounds: 1}, t.TempDir())
	r.rows = selectRows("deliver/1K/1,memory/0")
	r.results[key{"deliver/1K/1", "yubin"}] = []result{{value: 1234, messages: 10}}
	table := r.report(nil).String()
	for line := range strings.Lines(table) {
		if strings.HasPrefix(line, "|") && strings.Count(line, "|") != 14 {
			t.Errorf("%q is not of 13 cells", line)
		}
	}
	if !strings.Contains(table, "| 1234 |") {
		t.Errorf("no figure in %s", table)
	}
}

// Dead destinations are compared with the system's own time without them; a row
// without a target is not judged.
func TestReportAway(t *testing.T) {
	t.Parallel()
	r := newRun(options{time: time.Second, rounds: 1}, t.TempDir())
	for _, c := range []struct {
		row   string
		yubin result
		want  string
	}{
		{"destinations", result{value: 11, without: 10, messages: 100},
			"| destinations/1000 | s | 60.0 (2.00× of 30.0) | 11.0 (1.10× of 10.0) | 0.18× | ≤ 1.1× of itself |  |  | 0.25 + 0.75 | 0.25 + 0.75 | 1.00× | yes | "},
		{"destinations", result{value: 12, without: 10, messages: 100},
			"| destinations/1000 | s | 60.0 (2.00× of 30.0) | 12.0 (1.20× of 10.0) | 0.20× | ≤ 1.1× of itself |  |  | 0.25 + 0.75 | 0.25 + 0.75 | 1.00× | no | "},
		{"memory/out", result{value: 30}, "| memory/out/500 | MiB | 60.0 | 30.0 | 0.50× |  |  |  |  |  |  |  | "},
	} {
		row := selectRows(c.row)[0]
		used := usage{25 * time.Millisecond, 75 * time.Millisecond}
		postfix := result{value: 60, messages: c.yubin.messages, used: used}
		c.yubin.used = used
		if row.slower > 0 {
			postfix.without = 30
		}
		r.results[key{row.name, "postfix"}], r.results[key{row.name, "yubin"}] = []result{postfix}, []result{c.yubin}
		if got := r.line(row); got != c.want {
			t.Errorf("got  %q\nwant %q", got, c.want)
		}
	}
}

func TestSelectRows(t *testing.T) {
	t.Parallel()
	for prefixes, want := range map[string]int{"": len(rows), "deliver": 9, "accept,memory/0": 4, "nothing": 0} {
		if got := len(selectRows(prefixes)); got != want {
			t.Errorf("%q selects %d rows, want %d", prefixes, got, want)
		}
	}
}
