package quota

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A Usage is an amount of mail. As a limit, 0 is none.
type Usage struct {
	Bytes, Count int64
}

func (u Usage) plus(v Usage) Usage { return Usage{u.Bytes + v.Bytes, u.Count + v.Count} }

// Minus is the amount taken away.
func (u Usage) Minus() Usage { return Usage{-u.Bytes, -u.Count} }

// beyond tells whether u is more than a limit allows.
func (u Usage) beyond(limit Usage) bool {
	return limit.Bytes > 0 && u.Bytes > limit.Bytes || limit.Count > 0 && u.Count > limit.Count
}

// Rules say what the limits are; nil has none of its own. They do not change.
type Rules struct {
	limit Usage
	// forced: limit stands, whatever maildirsize says ("*"); else that comes
	// first ("?").
	forced  bool
	folders []folderRule
	grace   amount
}

// A folderRule is for the folders that a mask matches: they do not count, or more
// may be put into them.
type folderRule struct {
	mask   string // as written
	ignore bool
	bytes  amount
	count  amount
}

// An amount is a number, or a part of a limit.
type amount struct{ fixed, percent int64 }

func (a amount) of(limit int64) int64 {
	if limit == 0 {
		return 0
	}
	// In this order nothing overflows, and little is lost.
	return a.fixed + limit/100*a.percent + limit%100*a.percent/100
}

// defaultGrace is Dovecot's quota_grace.
var defaultGrace = amount{percent: 10}

// most bounds limits and lines, so that sums cannot overflow.
const most = 1 << 50

// Parse reads rules, in Dovecot's words: MAILBOX:LIMIT[:LIMIT], where a limit is
// storage=, bytes= or messages=, or MAILBOX:ignore. MAILBOX is "*" for the limits of
// the whole, "?" for those that a limit in maildirsize comes before, or the name of
// a folder in which the limits are others. Of two rules for one name the later
// counts.
func Parse(rules []string) (*Rules, error) {
	r := &Rules{grace: defaultGrace}
	for _, rule := range rules {
		if err := r.add(rule); err != nil {
			return nil, fmt.Errorf("quota rule %q: %w", rule, err)
		}
	}
	return r, nil
}

// With returns r with an account's rules, one a line: each takes the place of that
// for the same folder.
func (r *Rules) With(account string) (*Rules, error) {
	if account == "" {
		return r, nil
	}
	own := &Rules{grace: defaultGrace}
	if r != nil {
		*own = *r
		own.folders = append([]folderRule(nil), r.folders...)
	}
	for _, rule := range strings.Split(account, "\n") {
		if err := own.add(rule); err != nil {
			return nil, fmt.Errorf("the account's quota rule %q: %w", rule, err)
		}
	}
	return own, nil
}

// Grace returns r with another grace: how far beyond the limit one last delivery
// may go, octets, or a part of the limit ("10%").
func (r *Rules) Grace(text string) (*Rules, error) {
	a, err := parseAmount(text, 1)
	if err == nil && a.fixed < 0 || a.percent < 0 {
		err = errNumber
	}
	if err != nil {
		return nil, err
	}
	own := *r
	own.grace = a
	return &own, nil
}

func (r *Rules) add(rule string) error {
	name, limits, ok := strings.Cut(strings.TrimSpace(rule), ":")
	if !ok || name == "" {
		return errors.New("want MAILBOX:LIMIT")
	}
	whole := name == "*" || name == "?"
	f := folderRule{mask: name}
	switch {
	case limits != "ignore":
		if err := f.limits(limits, whole); err != nil {
			return err
		}
	case whole:
		return errors.New("want a limit: only a folder can be ignored")
	default:
		f.ignore = true
	}
	if whole {
		r.limit, r.forced = Usage{f.bytes.fixed, f.count.fixed}, name == "*"
		return nil
	}
	if strings.EqualFold(f.mask, "INBOX") {
		f.mask = "INBOX"
	}
	f.mask = strings.ReplaceAll(f.mask, ".", "/") // as Dovecot separates levels
	for i := range r.folders {
		if r.folders[i].mask == f.mask {
			r.folders[i] = f
			return nil
		}
	}
	r.folders = append(r.folders, f)
	return nil
}

func (f *folderRule) limits(text string, whole bool) error {
	for _, word := range strings.Split(text, ":") {
		key, value, _ := strings.Cut(word, "=")
		unit, to := int64(1), &f.bytes
		switch key {
		case "storage":
			unit = 1024
		case "bytes":
		case "messages":
			to = &f.count
		default:
			return fmt.Errorf("want storage=, bytes=, messages= or ignore, have %q", word)
		}
		if whole && strings.HasPrefix(value, "+") {
			return errors.New("a limit of the whole cannot begin with +")
		}
		a, err := parseAmount(value, unit)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		if whole && (a.percent != 0 || a.fixed < 0) {
			return errors.New("a limit of the whole is not a percentage, and not negative")
		}
		*to = a
	}
	return nil
}

var errNumber = errors.New("want a number, with K, M, G, T or % behind it")

// units are what may stand behind a number.
var units = map[byte]int64{'B': 1, 'K': 1 << 10, 'M': 1 << 20, 'G': 1 << 30, 'T': 1 << 40}

// parseAmount reads a number; one without a unit is in the given one.
func parseAmount(text string, unit int64) (a amount, err error) {
	text = strings.TrimPrefix(strings.TrimSpace(text), "+")
	digits := strings.TrimRight(text, "%bkmgtBKMGT")
	behind := strings.ToUpper(text[len(digits):])
	if len(behind) == 2 && behind[1] == 'B' && behind != "BB" {
		behind = behind[:1] // "10MB"
	}
	n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
	if err != nil || len(behind) > 1 {
		return a, errNumber
	}
	if behind == "%" {
		if n <= -100 || n > 10000 {
			return a, errors.New("want a percentage above -100 and up to 10000")
		}
		return amount{percent: n}, nil
	}
	if behind != "" {
		unit = units[behind[0]]
	}
	if n > most/unit || n < -most/unit {
		return a, errors.New("the number is too large")
	}
	return amount{fixed: n * unit}, nil
}

// of returns the rule for a folder, nil if there is none.
func (r *Rules) of(folder string) *folderRule {
	if r == nil {
		return nil
	}
	for i := range r.folders {
		if glob(r.folders[i].mask, folder) {
			return &r.folders[i]
		}
	}
	return nil
}

// Ignores tells whether what is in a folder does not count.
func (r *Rules) Ignores(folder string) bool {
	f := r.of(folder)
	return f != nil && f.ignore
}

// within is the limit for what is put into a folder, where that of the whole is
// limit.
func (r *Rules) within(folder string, limit Usage) Usage {
	f := r.of(folder)
	if f == nil {
		return limit
	}
	return Usage{atLeast1(limit.Bytes, f.bytes), atLeast1(limit.Count, f.count)}
}

// atLeast1 keeps a limit one.
func atLeast1(limit int64, more amount) int64 {
	if limit == 0 {
		return 0
	}
	return max(limit+more.of(limit), 1)
}

// glob matches "*" and "?".
func glob(mask, name string) bool {
	for mask != "" {
		switch mask[0] {
		case '*':
			for i := 0; i <= len(name); i++ {
				if glob(mask[1:], name[i:]) {
					return true
				}
			}
			return false
		case '?':
			if name == "" {
				return false
			}
		default:
			if name == "" || name[0] != mask[0] {
				return false
			}
		}
		mask, name = mask[1:], name[1:]
	}
	return name == ""
}
