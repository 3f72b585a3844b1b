package imap

// A Notify is the arguments of NOTIFY (RFC 5465).
type Notify struct {
	None   bool
	Status bool // STATUS responses at once
	Groups []NotifyGroup
}

// A NotifyGroup is mailboxes and what is told of them.
type NotifyGroup struct {
	Which     string // SELECTED, SELECTED-DELAYED, INBOXES, PERSONAL, SUBSCRIBED, SUBTREE, MAILBOXES
	Mailboxes []string
	None      bool
	Events    []string    // in upper case
	Fetch     []FetchItem // what is sent of a new message
}

var (
	notifyNamed  = set("SUBTREE", "MAILBOXES")
	notifyGroups = set("SELECTED", "SELECTED-DELAYED", "INBOXES", "PERSONAL", "SUBSCRIBED", "SUBTREE", "MAILBOXES")
)

// Notify reads the arguments of NOTIFY. An event that is not known is kept, for
// the answer BADEVENT.
func (d *Decoder) Notify() (n Notify) {
	switch d.Keyword() {
	case "NONE":
		n.None = true
		return n
	case "SET":
	default:
		d.Fail("Expected SET or NONE")
	}
	d.SP()
	if !d.Open() {
		if d.Keyword() != "STATUS" {
			d.Fail("Expected STATUS or an event group")
		}
		n.Status = true
		d.SP()
	}
	for more := true; more && d.err == nil; more = d.Space() {
		n.Groups = append(n.Groups, d.notifyGroup())
	}
	return n
}

func (d *Decoder) notifyGroup() (g NotifyGroup) {
	d.want('(')
	g.Which = d.oneOf(notifyGroups, "Unknown mailbox filter")
	d.SP()
	if notifyNamed[g.Which] {
		if d.Open() {
			if d.List(func() { g.Mailboxes = append(g.Mailboxes, d.Mailbox()) }); len(g.Mailboxes) == 0 {
				d.Fail("Expected a mailbox name")
			}
		} else {
			g.Mailboxes = []string{d.Mailbox()}
		}
		d.SP()
	}
	if !d.Open() {
		if d.Keyword() != "NONE" {
			d.Fail("Expected events or NONE")
		}
		g.None = true
	} else if d.List(func() { d.notifyEvent(&g) }); len(g.Events) == 0 {
		d.Fail("Expected an event")
	}
	d.want(')')
	return g
}

func (d *Decoder) notifyEvent(g *NotifyGroup) {
	// The items of MessageNew come in place of the next event.
	if d.Open() {
		if len(g.Events) == 0 || g.Events[len(g.Events)-1] != "MESSAGENEW" || g.Fetch != nil {
			d.Fail("FETCH items belong to MessageNew")
		}
		d.List(func() { g.Fetch = d.fetchListed(g.Fetch) })
		return
	}
	g.Events = append(g.Events, d.Keyword())
}
