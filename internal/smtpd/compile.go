package smtpd

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"yubin/internal/access"
	"yubin/internal/config"
	"yubin/internal/maillog"
)

// compileRules reads the restriction lists of c.
func compileRules(c *config.Config, log *maillog.Logger) (rulebook, error) {
	var book rulebook
	closed := false
	k := &compiler{
		c: c, log: log, named: config.SmtpdRestrictionClasses.Of(c),
		classes: map[string]*ruleList{}, alone: map[string]rule{}, policies: map[string]*policyService{},
	}
	for at := range stages {
		list, err := k.list(lists[at].Of(c))
		if err != nil {
			return book, placed(c, lists[at].Name, err)
		}
		book[at] = list.rules
		closed = closed || list.closes && (stage(at) == stageRelay || stage(at) == stageRecipient)
	}
	if !closed {
		// Postfix refuses to run then, too: the other way is an open relay.
		return book, c.Fault(lists[stageRelay].Def, "with "+lists[stageRecipient].Name+
			": want one of reject_unauth_destination, defer_unauth_destination, reject, defer; without it everybody may relay")
	}
	return book, nil
}

// placed says where an error is, unless it says so: in a class that is named there.
func placed(c *config.Config, name string, err error) error {
	if p := (config.Problem{}); errors.As(err, &p) {
		return err
	}
	return c.Problem(name, err.Error())
}

// A ruleList is a list of restrictions, read.
type ruleList struct {
	rules  []rule
	closes bool // no stranger's mail for elsewhere gets past it
}

// separators stand between restrictions.
const separators = ", \t\r\n"

// A compiler turns words into rules.
type compiler struct {
	c       *config.Config
	log     *maillog.Logger
	owners  *senderOwners        // nil until a restriction needs it
	named   []string             // smtpd_restriction_classes
	classes map[string]*ruleList // those that were read; nil: one that is being read
	// policies are the servers by what names them, so that lists share connections.
	policies map[string]*policyService

	mu    sync.Mutex      // guards alone once there are sessions
	alone map[string]rule // by the word of an action
}

func (k *compiler) list(words []string) (*ruleList, error) {
	l := &ruleList{}
	warn := false
	for i := 0; i < len(words); i++ {
		if strings.EqualFold(words[i], access.WarnIfReject) {
			warn = true
			continue
		}
		arg := ""
		if i+1 < len(words) {
			arg = words[i+1]
		}
		ask, taken, closes, err := k.word(words[i], arg)
		if err != nil {
			return nil, err
		}
		if taken {
			i++
		}
		l.rules = append(l.rules, rule{ask, warn})
		l.closes = l.closes || closes && !warn
		warn = false
	}
	if warn {
		return nil, fmt.Errorf("%s: want a restriction behind it", access.WarnIfReject)
	}
	return l, nil
}

// word reads one restriction, or a class of them. arg is what stands behind it; taken
// tells whether it is a part of it.
func (k *compiler) word(name, arg string) (ask func(*query) verdict, taken, closes bool, err error) {
	if slices.Contains(k.named, name) {
		l, err := k.class(name)
		if err != nil {
			return nil, false, false, err
		}
		return func(q *query) verdict { return q.ask(l.rules) }, false, l.closes, nil
	}
	word, err := lookUp(name)
	if err != nil {
		return nil, false, false, err
	}
	switch {
	case word.operand == "":
		arg = ""
	case !strings.Contains(arg, ":"):
		return nil, false, false, fmt.Errorf("%s: want %s behind it", word.name, word.operand)
	}
	if ask, err = word.build(k, arg); err != nil {
		return nil, false, false, fmt.Errorf("%s: %w", word.name, err)
	}
	return ask, word.operand != "", word.closes, nil
}

// class reads the restrictions that a parameter of the administrator's gives a name.
func (k *compiler) class(name string) (*ruleList, error) {
	l, met := k.classes[name]
	switch {
	case met && l == nil:
		return nil, k.c.Problem(name, "want a class that does not name itself, not even by another one")
	case met:
		return l, nil
	}
	k.classes[name] = nil
	raw, ok := k.c.Raw(name)
	if !ok {
		return nil, fmt.Errorf("class %s has no definition: want %s = restrictions", name, name)
	}
	text, err := k.c.Expand(raw)
	if err != nil {
		return nil, k.c.Problem(name, err.Error())
	}
	words, err := config.SplitBraces(text, separators)
	if err == nil {
		l, err = k.list(words)
	}
	if err != nil {
		return nil, placed(k.c, name, err)
	}
	k.classes[name] = l
	return l, nil
}

// known tells whether an action of an access table may name a restriction. A table
// behind it would be opened too late: a class says it.
func (k *compiler) known(name string) bool {
	return slices.Contains(k.named, name) || access.Alone(name)
}

// said reads the restrictions of an action. Their number is that of words, not of
// actions: these may have come from a client's text by a pattern.
func (k *compiler) said(words []string) ([]rule, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var rules []rule
	warn := false
	for _, name := range words {
		if strings.EqualFold(name, access.WarnIfReject) {
			warn = true
			continue
		}
		r, ok := k.alone[name]
		if !ok {
			ask, _, _, err := k.word(name, "")
			if err != nil {
				return nil, err
			}
			r = rule{ask: ask}
			k.alone[name] = r
		}
		r.warn, warn = warn, false
		rules = append(rules, r)
	}
	return rules, nil
}
