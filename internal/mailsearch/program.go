package mailsearch

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"yubin/internal/imap"
	"yubin/internal/mailtext"
	"yubin/internal/mimescan"
)

// ErrCharset is a search in a charset that is not known: NO [BADCHARSET].
var ErrCharset = errors.New("unknown charset")

// Costs of keys: what must be read to answer one.
const (
	free   = iota
	fields // the fields of an envelope
	header
	body
)

// A node is a key of a program.
type node struct {
	key    *imap.SearchKey
	cost   int
	kids   []*node
	needle string           // folded
	field  mimescan.FieldID // of HEADER, 0 another
	name   string           // of HEADER, lower case
	index  int              // of TEXT or BODY: which of the program's strings
}

// A Program is a search that was prepared. Many Searchers may use it at once.
type Program struct {
	root *node
	text []string // strings of TEXT
	body []string // strings of BODY
}

// Compile prepares a search whose strings are in charset, "" for UTF-8.
func Compile(k *imap.SearchKey, charset string) (*Program, error) {
	if !mailtext.KnownCharset(charset) {
		return nil, ErrCharset
	}
	p := &Program{}
	p.root = p.compile(k, charset)
	return p, nil
}

func (p *Program) compile(k *imap.SearchKey, charset string) *node {
	n := &node{key: k}
	text := mailtext.Decode([]byte(k.Text), charset)
	switch k.Op {
	case imap.SearchHeader:
		n.needle = mailtext.Fold(text)
		n.name = strings.ToLower(k.Field)
		n.cost = header
		if n.field = mimescan.FieldOf(k.Field); n.field >= mimescan.Date {
			n.cost = fields
		}
	case imap.SearchSentBefore, imap.SearchSentOn, imap.SearchSentSince:
		n.cost = fields
	case imap.SearchText:
		n.cost, n.index = body, len(p.text)
		p.text = append(p.text, text)
	case imap.SearchBody:
		n.cost, n.index = body, len(p.body)
		p.body = append(p.body, text)
	}
	for i := range k.Kids {
		kid := p.compile(&k.Kids[i], charset)
		n.kids = append(n.kids, kid)
		n.cost = max(n.cost, kid.cost)
	}
	slices.SortStableFunc(n.kids, func(a, b *node) int { return cmp.Compare(a.cost, b.cost) })
	return n
}
