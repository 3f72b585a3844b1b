package mailbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/sys/unix"
)

const keywordsFile = "dovecot-keywords"

// maxKeywordsFile bounds what is read of a keywords file, octets.
const maxKeywordsFile = 64 << 10

// parseKeywords reads "INDEX NAME" lines; what is no such line is passed over,
// as Dovecot does.
func parseKeywords(data []byte) []string {
	var names []string
	for line := range bytes.Lines(data) {
		index, name, ok := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(" "))
		n, rest := digits(index)
		if !ok || len(index) == 0 || len(rest) > 0 || n >= maxKeywords || !validKeyword(string(name)) {
			continue
		}
		for len(names) <= int(n) {
			names = append(names, "")
		}
		names[n] = string(name)
	}
	return names
}

// validKeyword tells whether a name is an atom (RFC 9051, 9: flag-keyword) that a line can hold.
func validKeyword(name string) bool {
	if name == "" || len(name) > 255 {
		return false
	}
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c == 0x7f || strings.IndexByte(`(){%*"\]`, c) >= 0 {
			return false
		}
	}
	return true
}

func formatKeywords(names []string) []byte {
	var b []byte
	for i, name := range names {
		if name != "" {
			b = fmt.Appendf(b, "%d %s\n", i, name)
		}
	}
	return b
}

// findKeyword returns the letter's number; names differ not by case alone.
func findKeyword(names []string, name string) int {
	for i, n := range names {
		if strings.EqualFold(n, name) {
			return i
		}
	}
	return -1
}

// loadKeywords reads the file if it is another than the one read last.
func (f *folder) loadKeywords() (changed bool, err error) {
	st, err := f.dir.stat(keywordsFile)
	if gone(err) {
		changed = len(f.keywords) > 0
		f.keywords, f.keywordsAt = nil, fileSeen{}
		return changed, nil
	}
	if err != nil {
		return false, err
	}
	if f.keywordsAt.is(&st) {
		return false, nil
	}
	file, err := f.dir.open(keywordsFile, unix.O_RDONLY)
	if err != nil {
		return false, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxKeywordsFile))
	if err != nil {
		return false, err
	}
	f.keywords, f.keywordsAt = parseKeywords(data), seen(&st)
	return true, nil
}

// letters returns the letters of keywords, and gives those that have none the
// next free one. The folder's mutex is held.
func (f *folder) letters(names []string) (set Keywords, err error) {
	if len(names) == 0 {
		return 0, nil
	}
	var missing []string
	if _, err := f.loadKeywords(); err != nil {
		return 0, err
	}
	for _, name := range names {
		if !validKeyword(name) {
			return 0, fmt.Errorf("keyword %q: want an atom of at most 255 octets", name)
		}
		if i := findKeyword(f.keywords, name); i >= 0 {
			set |= 1 << i
		} else {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return set, nil
	}
	more, err := f.addKeywords(missing)
	return set | more, err
}

// addKeywords writes new names into the file.
func (f *folder) addKeywords(names []string) (set Keywords, err error) {
	l, err := f.dir.lock(keywordsFile, keywordTimes)
	if err != nil {
		return 0, err
	}
	done := false
	defer func() {
		if !done {
			l.unlock()
		}
	}()
	if _, err := f.loadKeywords(); err != nil { // another may have added some
		return 0, err
	}
	all := append([]string(nil), f.keywords...)
	for _, name := range names {
		i := findKeyword(all, name)
		if i < 0 {
			if i = freeLetter(all, f.used()); i == maxKeywords {
				return 0, ErrKeywords
			}
			for len(all) <= i {
				all = append(all, "")
			}
			all[i] = name
		}
		set |= 1 << i
	}
	err = l.write(formatKeywords(all))
	if err == nil {
		err = f.store.o.Flush.Flush(flushFile(l.file))
	}
	if err != nil {
		return 0, full(err)
	}
	done = true
	if err := l.replace(); err != nil {
		return 0, err
	}
	f.keywordsAt = fileSeen{}
	_, err = f.loadKeywords()
	return set, errors.Join(err, f.flushDir())
}

// freeLetter returns the first letter without a name that no message has.
func freeLetter(names []string, used Keywords) int {
	for i := range maxKeywords {
		if (i >= len(names) || names[i] == "") && used&(1<<i) == 0 {
			return i
		}
	}
	return maxKeywords
}

// used returns all letters in the names of files.
func (f *folder) used() (k Keywords) {
	for i := range f.all {
		k |= f.all[i].kw
	}
	return k
}
