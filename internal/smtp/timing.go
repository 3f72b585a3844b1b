package smtp

import (
	"strconv"
	"strings"
	"time"
)

// ParseHoldFor reads the value of HOLDFOR: seconds, of at most nine digits (RFC
// 4865, 4).
func ParseHoldFor(value string) (time.Duration, error) {
	n, ok := seconds(value)
	if !ok || n == 0 {
		return 0, Refuse(501, BadArguments, "Bad HOLDFOR parameter syntax")
	}
	return n, nil
}

// ParseHoldUntil reads the value of HOLDUNTIL: a date and time of RFC 3339 (RFC
// 4865, 4).
func ParseHoldUntil(value string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, value)
	if err != nil || len(value) > len("2006-01-02T15:04:05.000000-07:00") {
		return t, Refuse(501, BadArguments, "Bad HOLDUNTIL parameter syntax")
	}
	return t, nil
}

// A DeliverBy is when a message is to be delivered by, and what becomes of it
// then (RFC 2852).
type DeliverBy struct {
	In     time.Duration // from now on; with Return never 0 or less
	Return bool          // it goes back; else its sender is told, and it is tried on
	Trace  bool          // the sender is told when it is relayed
}

// ParseDeliverBy reads the value of BY (RFC 2852, 4).
func ParseDeliverBy(value string) (d DeliverBy, err error) {
	text, mode, _ := strings.Cut(value, ";")
	digits := strings.TrimPrefix(text, "+")
	sign := time.Duration(1)
	if rest, ok := strings.CutPrefix(text, "-"); ok {
		digits, sign = rest, -1
	}
	n, ok := seconds(digits)
	mode, d.Trace = strings.CutSuffix(strings.ToUpper(mode), "T")
	d.In, d.Return = sign*n, mode == "R"
	if !ok || mode != "R" && mode != "N" {
		return d, Refuse(501, BadArguments, "Bad BY parameter syntax")
	}
	if d.Return && d.In <= 0 {
		return d, Refuse(501, BadArguments, "BY: that time is over")
	}
	return d, nil
}

// String is the value of BY.
func (d DeliverBy) String() string {
	text := strconv.FormatInt(int64(d.In/time.Second), 10) + ";N"
	if d.Return {
		text = text[:len(text)-1] + "R"
	}
	if d.Trace {
		text += "T"
	}
	return text
}

// seconds reads one to nine digits.
func seconds(s string) (time.Duration, bool) {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.Atoi(s)
	return time.Duration(n) * time.Second, err == nil && len(s) <= 9
}
