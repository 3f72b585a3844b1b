package table

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"yubin/internal/smtp"
)

// WithLine is spec, with the line that has key where it is a text file.
func WithLine(spec, key string, alias bool) string {
	if _, line := Where(spec, key, alias); line > 0 {
		return fmt.Sprintf("%s line %d", spec, line)
	}
	return spec
}

// Where is the file and the line in which the table type:name has key, for people;
// line is 0 where it is no text file, or is not found. alias says that its lines
// are those of alias_maps. The file is read for it.
func Where(spec, key string, alias bool) (file string, line int) {
	kind, name, _ := strings.Cut(bare(spec), ":")
	if !slices.Contains([]string{"btree", "cdb", "dbm", "hash", "lmdb", "texthash"}, kind) {
		return "", 0
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return name, 0
	}
	for number, text := range logicalLines(data, func(int, string) {}) {
		have, value, why := splitKey(text)
		ok := why == ""
		if alias {
			have, value, ok = splitAlias(text)
		}
		if ok && len(value) > 0 && smtp.FoldKey(string(have)) == smtp.FoldKey(key) {
			return name, number
		}
	}
	return name, 0
}
