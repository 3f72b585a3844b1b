//go:build interop

package interop

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"yubin/internal/header"
)

// outDir is a directory that everybody may write to.
func outDir(t *testing.T) string {
	dir := serverDir(t, "out", nil)
	if err := os.Chmod(dir, 0o777|fs.ModeSticky); err != nil {
		t.Fatal(err)
	}
	return dir
}

// written tells what is below a directory: whose each file is, and each letter in
// it, without what differs from run to run.
func written(t *testing.T, etc, out string) (lines []string) {
	t.Helper()
	err := filepath.WalkDir(out, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(out, path)
		if dir, _ := filepath.Split(name); strings.HasSuffix(dir, "/new/") {
			name = dir + "*"
		}
		of := fmt.Sprintf("%s of %d with %o: ", name, info.Sys().(*syscall.Stat_t).Uid, info.Mode().Perm())
		for _, letter := range strings.SplitAfter(string(b), "\n\nFrom: ann\n\n") { // the end of the only body, in an mbox
			if letter != "" {
				lines = append(lines, of+strings.NewReplacer(etc, "%ETC", out, "%OUT").Replace(plain(letter)))
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// plain is a letter on one line.
func plain(letter string) string {
	if strings.Contains(letter, "\r\n") {
		return "CRLF " + plain(strings.ReplaceAll(letter, "\r\n", "\n"))
	}
	first, rest := "", letter
	if fromLine.MatchString(letter) {
		first, rest, _ = strings.Cut(letter, "\n")
		first = fromLine.FindString(first) + "| "
	}
	head, body, ok := strings.Cut(rest, "\n\n")
	if !ok {
		return fmt.Sprintf("%s%q", first, rest)
	}
	var fields []string
	header.Each([]byte(head+"\n\n"), func(name string, value []byte) {
		switch name {
		case "received", "date", "message-id":
		default:
			fields = append(fields, name+": "+strings.Join(strings.Fields(header.Line(value)), " "))
		}
	})
	// An alias of local users is a message of its own here, with a Delivered-To for
	// each step; there the first alone. What matters is that the first is there.
	isDelivered := func(field string) bool { return strings.HasPrefix(field, "delivered-to: ") }
	for n := slices.IndexFunc(fields, isDelivered); n >= 0 && slices.ContainsFunc(fields[n+1:], isDelivered); n = slices.IndexFunc(fields, isDelivered) {
		fields = slices.Delete(fields, n, n+1)
	}
	return fmt.Sprintf("%s%s %q", first, strings.Join(fields, " | "), body)
}

var fromLine = regexp.MustCompile(`^From \S+ `)
