package thread

import (
	"strconv"
	"strings"
	"time"
)

// ParseDate reads the value of a Date field (RFC 5322, 3.3 and 4.3), and what is
// nearly one. As RFC 5256, 2.2 wants, a time that is none is midnight, and a zone
// that is none is UTC.
func ParseDate(value string) (time.Time, bool) {
	words := strings.FieldsFunc(withoutComments(value), func(r rune) bool { return isSpace(r) || r == ',' })
	if len(words) > 0 && !isDigit(words[0][0]) && (len(words) < 2 || month(words[0]) == 0 || !isDigit(words[1][0])) {
		words = words[1:] // the day of the week
	}
	if len(words) == 1 {
		words = append(strings.Split(words[0], "-"), words[1:]...) // 1-Jan-2024
	} else if len(words) > 1 && strings.Count(words[0], "-") == 2 {
		words = append(strings.Split(words[0], "-"), words[1:]...)
	}
	if len(words) < 3 {
		return time.Time{}, false
	}
	if month(words[0]) != 0 { // Jan 1 00:00:00 2024
		words[0], words[1] = words[1], words[0]
		if len(words) > 3 && strings.Contains(words[2], ":") {
			words[2], words[3] = words[3], words[2]
		}
	}
	day, err := strconv.Atoi(words[0])
	m := month(words[1])
	year, ok := parseYear(words[2])
	if err != nil || m == 0 || !ok || day < 1 || day > daysIn(m, year) {
		return time.Time{}, false
	}
	var clock [3]int
	zone := time.UTC
	if len(words) > 3 {
		clock = parseClock(words[3])
	}
	if len(words) > 4 {
		zone = parseZone(words[4])
	}
	return time.Date(year, m, day, clock[0], clock[1], clock[2], 0, zone), true
}

// withoutComments replaces comments by spaces.
func withoutComments(s string) string {
	if strings.IndexByte(s, '(') < 0 {
		return s
	}
	b := []byte(s)
	depth := 0
	for i, c := range b {
		switch {
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
			b[i] = ' '
		}
		if depth > 0 {
			b[i] = ' '
		}
	}
	return string(b)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func month(s string) time.Month {
	if len(s) < 3 {
		return 0
	}
	i := strings.Index("janfebmaraprmayjunjulaugsepoctnovdec", lowerASCII(s[:3]))
	if i < 0 || i%3 != 0 {
		return 0
	}
	return time.Month(i/3 + 1)
}

func daysIn(m time.Month, year int) int { return time.Date(year, m+1, 0, 0, 0, 0, 0, time.UTC).Day() }

// parseYear reads a year, which may have two or three digits (RFC 5322, 4.3).
func parseYear(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	switch {
	case err != nil || n < 0 || n > 9999 || !isDigit(s[0]):
		return 0, false
	case len(s) == 2 && n < 50:
		n += 2000
	case len(s) < 4:
		n += 1900
	}
	return n, true
}

func parseClock(s string) (clock [3]int) {
	fields := strings.Split(s, ":")
	if len(fields) < 2 || len(fields) > 3 {
		return clock
	}
	for i, f := range fields {
		n, err := strconv.Atoi(f)
		if limit := [...]int{23, 59, 60}[i]; err != nil || n < 0 || n > limit {
			return [3]int{}
		}
		clock[i] = n
	}
	return clock
}

// zones are the names of RFC 5322, 4.3; hours.
var zones = map[string]int{"est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7}

func parseZone(s string) *time.Location {
	if hours, ok := zones[lowerASCII(s)]; ok {
		return time.FixedZone(s, hours*3600)
	}
	if len(s) != 5 || s[0] != '+' && s[0] != '-' {
		return time.UTC
	}
	n, err := strconv.Atoi(s[1:])
	if err != nil || n < 0 || n%100 > 59 || n > 2400 {
		return time.UTC
	}
	seconds := n/100*3600 + n%100*60
	if s[0] == '-' {
		seconds = -seconds
	}
	return time.FixedZone("", seconds)
}
