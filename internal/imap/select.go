package imap

// A Select is the arguments of SELECT or EXAMINE.
type Select struct {
	Mailbox   string // as sent
	CondStore bool   // RFC 7162, 3.1.8
	QResync   *QResync
}

// A QResync is what a client knew when it was here last (RFC 7162, 3.2.5).
type QResync struct {
	UIDValidity uint32
	ModSeq      uint64
	Known       []Range // UIDs; nil: all
	// Sequence numbers and the UIDs they had, in step.
	SeqMatch, UIDMatch []Range
}

// Select reads the arguments of SELECT or EXAMINE.
func (d *Decoder) Select() (s Select) {
	s.Mailbox = d.Mailbox()
	if !d.Space() {
		return s
	}
	d.List(func() {
		switch d.Keyword() {
		case "CONDSTORE":
			s.CondStore = true
		case "QRESYNC":
			d.SP()
			s.QResync = d.qresync()
		default:
			d.Fail("Unknown SELECT parameter")
		}
	})
	return s
}

func (d *Decoder) qresync() *QResync {
	q := &QResync{}
	d.want('(')
	q.UIDValidity = d.Positive()
	d.SP()
	if q.ModSeq = d.Number64(); q.ModSeq == 0 {
		d.Fail("Expected a mod-sequence above 0")
	}
	if d.Space() {
		if !d.Open() {
			q.Known = d.UIDs()
		}
		if q.Known == nil || d.Space() {
			d.want('(')
			q.SeqMatch = d.UIDs()
			d.SP()
			q.UIDMatch = d.UIDs()
			d.want(')')
		}
	}
	d.want(')')
	return q
}

// A Create is the arguments of CREATE.
type Create struct {
	Mailbox string
	Use     []string // special uses (RFC 6154, 3), as sent
}

// Create reads the arguments of CREATE.
func (d *Decoder) Create() (c Create) {
	c.Mailbox = d.Mailbox()
	if !d.Space() {
		return c
	}
	d.List(func() {
		if d.Keyword() != "USE" {
			d.Fail("Unknown CREATE parameter")
		}
		d.SP()
		d.List(func() {
			d.want('\\')
			c.Use = append(c.Use, `\`+d.Atom())
		})
	})
	return c
}

// Items of STATUS.
const (
	StatusMessages       = "MESSAGES"
	StatusRecent         = "RECENT"
	StatusUIDNext        = "UIDNEXT"
	StatusUIDValidity    = "UIDVALIDITY"
	StatusUnseen         = "UNSEEN"
	StatusDeleted        = "DELETED"
	StatusSize           = "SIZE"            // RFC 8438
	StatusHighestModSeq  = "HIGHESTMODSEQ"   // RFC 7162
	StatusAppendLimit    = "APPENDLIMIT"     // RFC 7889
	StatusMailboxID      = "MAILBOXID"       // RFC 8474
	StatusDeletedStorage = "DELETED-STORAGE" // RFC 9208
)

var statusItems = set(StatusMessages, StatusRecent, StatusUIDNext, StatusUIDValidity, StatusUnseen, StatusDeleted,
	StatusSize, StatusHighestModSeq, StatusAppendLimit, StatusMailboxID, StatusDeletedStorage)

func set(words ...string) map[string]bool {
	m := make(map[string]bool, len(words))
	for _, w := range words {
		m[w] = true
	}
	return m
}

// StatusItems reads the list of items that STATUS wants.
func (d *Decoder) StatusItems() (items []string) {
	d.List(func() { items = append(items, d.oneOf(statusItems, "Unknown STATUS item")) })
	if len(items) == 0 {
		d.Fail("Expected a STATUS item")
	}
	return items
}

// oneOf reads one of a set of names.
func (d *Decoder) oneOf(names map[string]bool, fault string) string {
	w := d.Keyword()
	if !names[w] {
		d.Fail("%s", fault)
	}
	return w
}
