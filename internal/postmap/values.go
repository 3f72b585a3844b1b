package postmap

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"yubin/internal/table"
)

// maxValue is how many octets the files of one value may have together.
const maxValue = 16 << 20

// A fileTable is a table whose values name files: -F. What Postfix keeps of them,
// in base64, in the database that it builds, is in the files here, so that a value
// is what they hold. Servers keep base64, and their values are decoded.
type fileTable struct {
	table.Table
	encoded bool
}

// filesOf is the table of a spec read so.
func filesOf(t table.Table, spec string) fileTable {
	kind, _, _ := strings.Cut(strings.TrimPrefix(spec, "proxy:"), ":")
	return fileTable{t, slices.Contains([]string{"tcp", "socketmap"}, kind)}
}

func (t fileTable) Lookup(key string) (value string, found bool, err error) {
	value, found, err = t.Table.Lookup(key)
	switch {
	case !found || err != nil:
		return "", false, err
	case !t.encoded:
		value, err = concatenated(value)
		return value, err == nil, err
	}
	b, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		return "", false, fmt.Errorf("the value is not base64: %w", err)
	}
	return string(b), true, nil
}

// concatenated is the content of the files that a value names, with a line end
// between them.
func concatenated(value string) (string, error) {
	names := strings.FieldsFunc(value, func(c rune) bool { return strings.ContainsRune(", \t\r\n", c) })
	if len(names) == 0 {
		return "", fmt.Errorf("want names of files, have %q", value)
	}
	var all bytes.Buffer
	for i, name := range names {
		if i > 0 {
			all.WriteByte('\n')
		}
		f, err := os.Open(name)
		if err != nil {
			return "", err
		}
		_, err = io.Copy(&all, io.LimitReader(f, maxValue+1))
		f.Close()
		switch {
		case err != nil:
			return "", err
		case all.Len() > maxValue:
			return "", fmt.Errorf("%s: more than %d octets in the files of one value", name, maxValue)
		}
	}
	return all.String(), nil
}
