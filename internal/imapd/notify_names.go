package imapd

import (
	"maps"
	"slices"
	"strings"
	"time"

	"yubin/internal/imap"
	"yubin/internal/mailbox"
)

// names are the mailboxes that there are and what is subscribed, as a client
// knows it.
type names struct {
	exist      map[string]mailbox.FolderIdentity
	subscribed map[string]bool
	recent     bool // they have changed not long ago
}

func (v *visit) lookAtNames() (x names, err error) {
	if x.exist, err = v.tree.Identities(); err != nil {
		return x, v.failed("list", err)
	}
	list, err := v.tree.Subscriptions()
	if err != nil {
		return x, v.failed("list", err)
	}
	x.subscribed = map[string]bool{}
	for _, name := range list {
		x.subscribed[name] = true
	}
	return x, nil
}

// knowNames is for what the client has done itself: it need not be told.
func (n *notify) knowNames(v *visit) {
	if n == nil || n.groups == nil {
		return
	}
	now, err := v.lookAtNames()
	if err != nil {
		return // it is told then
	}
	n.names = now
	if n.follow(v, false) != nil {
		n.fret(true) // somebody has to hear it
	}
}

// settling is how long names may go on changing before they are looked at all
// the same: a mailbox is renamed with those below it one by one.
const settling = 200 * time.Millisecond

// ready tells whether names are to be looked at, and forgets it.
func (n *notify) ready() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.restless.IsZero() || !n.ripe && time.Since(n.restless) < settling {
		return false
	}
	n.restless, n.ripe = time.Time{}, false
	return true
}

// sayNames tells which names have come, gone, or are subscribed now, and
// watches what there is.
func (n *notify) sayNames(v *visit) error {
	if !n.ready() {
		return nil
	}
	now, err := v.lookAtNames()
	if isRefusal(err) {
		return nil // the next look may do
	}
	if err != nil {
		return err
	}
	old := n.names
	n.names, n.names.recent = now, true
	if err := n.follow(v, false); err != nil && (err == errTooMany || !isRefusal(err)) {
		return err
	}
	told := n.changed(&old, &now)
	if len(told) == 0 {
		return nil
	}
	return n.sayList(v, told)
}

// changed are the names to tell of, each with the name that it had.
func (n *notify) changed(old, now *names) map[string]string {
	told := map[string]string{}
	affected := func(name, was string, e events, subscribed bool) {
		if n.of(name, subscribed)&e == 0 {
			return
		}
		if told[name] == "" {
			told[name] = was
		}
	}
	either := func(name string) bool { return old.subscribed[name] || now.subscribed[name] }
	moved := renamed(old, now)
	for name := range now.exist {
		if was, ok := moved[name]; ok {
			// Those below it have gone with it, and are not told of.
			if top, below := parentOf(name); !below || moved[top] == "" || was != moved[top]+name[len(top):] {
				affected(name, was, mailboxName, either(name) || either(was))
			}
		} else if old.exist[name] != now.exist[name] {
			affected(name, "", mailboxName, either(name))
			if top, ok := parentOf(name); ok && old.exist[name] == "" {
				affected(top, "", mailboxName, either(top))
			}
		}
	}
	for name := range old.exist {
		if _, ok := now.exist[name]; ok || slices.Contains(slices.Collect(maps.Values(moved)), name) {
			continue
		}
		affected(name, "", mailboxName, either(name))
		if top, ok := parentOf(name); ok {
			affected(top, "", mailboxName, either(top))
		}
	}
	for _, list := range []map[string]bool{old.subscribed, now.subscribed} {
		for name := range list {
			if old.subscribed[name] != now.subscribed[name] {
				affected(name, "", subscriptionChange, true)
			}
		}
	}
	return told
}

// renamed are new names with the old ones of the same folders.
func renamed(old, now *names) map[string]string {
	was := map[mailbox.FolderIdentity]string{}
	for name, id := range old.exist {
		if _, ok := now.exist[name]; !ok {
			was[id] = name
		}
	}
	moved := map[string]string{}
	for name, id := range now.exist {
		if old.exist[name] == "" && was[id] != "" {
			moved[name] = was[id]
		}
	}
	return moved
}

// parentOf is the level above a name.
func parentOf(name string) (string, bool) {
	i := strings.LastIndexByte(name, '/')
	if i < 0 {
		return "", false
	}
	return name[:i], true
}

// sayList sends LIST responses.
func (n *notify) sayList(v *visit, told map[string]string) error {
	nodes, err := v.nodes()
	if isRefusal(err) {
		return nil
	}
	if err != nil {
		return err
	}
	all := map[string]*node{}
	for _, x := range nodes {
		all[x.name] = x
	}
	how := &imap.List{Extended: true, ReturnSubscribed: true}
	for _, name := range slices.Sorted(maps.Keys(told)) {
		x := all[name]
		if x == nil {
			x = &node{name: name}
		}
		b := append(v.out[:0], "* LIST ("+v.attributes(x, how)+`) "/" `...)
		b = v.appendName(b, name)
		if was := told[name]; was != "" {
			b = append(v.appendName(append(b, ` ("OLDNAME" (`...), was), "))"...)
		}
		b = append(b, "\r\n"...)
		v.out = b
		if _, err := v.Write(b); err != nil {
			return err
		}
	}
	return nil
}
