package queue

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Names of message attributes (record A).
const (
	AttrOrigin        = "origin"         // which program wrote the file: smtpd, pickup, qmgr, sendmail
	AttrClientName    = "client_name"    // "unknown" when it has none
	AttrClientAddress = "client_address" // without brackets
	AttrClientPort    = "client_port"
	AttrHelo          = "helo_name"
	AttrProtocol      = "protocol_name"  // SMTP, ESMTP
	AttrSASLMethod    = "sasl_method"    // how the client logged in
	AttrSASLUser      = "sasl_username"  // as whom
	AttrSASLSender    = "sasl_sender"    // whom the client says the letter comes from (RFC 4954, 5), decoded
	AttrRelease       = "release"        // not before this time, microseconds since 1970 (RFC 4865)
	AttrDeliverBy     = "deliver_by"     // see Deadline (RFC 2852)
	AttrIdent         = "log_ident"      // the queue ID that another mail system says the message had there (XFORWARD)
	AttrSource        = "source"         // remote: the client is none whose letters are completed; absent: it is, or there is none
	AttrUID           = "uid"            // submitter of a local message, decimal
	AttrBody          = "body"           // 7BIT, 8BITMIME, BINARYMIME; absent when not said
	AttrUTF8          = "smtputf8"       // RFC 6531: yes, the client has asked for it
	AttrMessageID     = "message_id"     // with its angle brackets
	AttrAnew          = "anew"           // how often a list was expanded anew on the way here
	AttrParent        = "parent"         // ID of the message that this one came from
	AttrRequireTLS    = "require_tls"    // RFC 8689: yes
	AttrVerbose       = "verbose"        // sendmail -v: report deliveries to the sender
	AttrProbe         = "probe"          // sendmail -bv: find out, deliver nothing, report to the sender
	AttrFilter        = "content_filter" // transport:nexthop of a content filter that gets the message, whoever it is for
	AttrHold          = "hold"           // yes: it goes from incoming/ to hold/, untried
	AttrPostmaster    = "postmaster"     // a notice to the postmaster: yes
	AttrReport        = "report"         // what the sender is to be told of the recipient that this message stands for: see Record
	AttrRet           = "dsn_ret"        // RFC 3461: FULL, HDRS
	AttrEnvID         = "dsn_envid"      // RFC 3461, decoded xtext
	AttrBlank         = "blank"          // ID of the blank that pickup wrote under sendmail's ID
)

// Names of recipient attributes (record P).
const (
	AttrNotify = "dsn_notify" // RFC 3461: NEVER or a comma list of SUCCESS, FAILURE, DELAY
	AttrOrcpt  = "dsn_orcpt"  // RFC 3461, addr-type;address, decoded xtext
	// AttrExpanded is set for an address that others stand for, which follow: it is
	// here so that the sender hears of it.
	AttrExpanded = "expanded"
)

// A Recipient is one address that a message is for.
type Recipient struct {
	Address  string
	Original string            // what the sender asked for; "" when it is Address
	Exact    bool              // aliases have been applied; do not apply them again
	Member   string            // what of the address's expansion this is (ipc.Target); "": all of it
	Attrs    map[string]string // nil for none
}

// An Envelope is what a queue file says beside its content. Strings hold valid
// UTF-8 without control characters.
type Envelope struct {
	Sender     string // "" is the null sender
	Attrs      map[string]string
	Recipients []Recipient
}

// Encode returns the envelope's records. It fails on a string that could be
// read back as something else.
func (e *Envelope) Encode() ([]byte, error) {
	b := make([]byte, 0, 128+64*len(e.Recipients))
	var err error
	put := func(letter byte, value string) {
		if err == nil && !clean(value) {
			err = fmt.Errorf("envelope record %c: %q has a control character or is not UTF-8", letter, value)
		}
		b = append(append(append(b, letter), value...), 0)
	}
	putAttrs := func(letter byte, attrs map[string]string) {
		for _, name := range slices.Sorted(maps.Keys(attrs)) {
			put(letter, name+"="+attrs[name])
		}
	}
	put('S', e.Sender)
	putAttrs('A', e.Attrs)
	for i := range e.Recipients {
		r := &e.Recipients[i]
		if r.Original != "" && r.Original != r.Address {
			put('O', r.Original)
		}
		if r.Exact {
			put('X', "")
		}
		if r.Member != "" {
			put('M', r.Member)
		}
		putAttrs('P', r.Attrs)
		put('R', r.Address)
	}
	return b, err
}

// ParseEnvelope reads the records that Encode wrote. Whatever it accepts,
// Encode gives back in the same meaning.
func ParseEnvelope(b []byte) (*Envelope, error) {
	e := &Envelope{}
	var next Recipient
	sender := false
	for len(b) > 0 {
		end := bytes.IndexByte(b, 0)
		if end < 1 {
			return nil, fmt.Errorf("envelope record without end or letter")
		}
		letter, value := b[0], string(b[1:end])
		b = b[end+1:]
		if !clean(value) {
			return nil, fmt.Errorf("envelope record %c: %q has a control character or is not UTF-8", letter, value)
		}
		if !sender && letter != 'S' {
			return nil, fmt.Errorf("envelope starts with record %q, want S", letter)
		}
		switch letter {
		case 'S':
			if sender {
				return nil, fmt.Errorf("envelope with two senders")
			}
			e.Sender, sender = value, true
		case 'A':
			if err := setAttr(&e.Attrs, value); err != nil {
				return nil, err
			}
		case 'O':
			next.Original = value
		case 'X':
			next.Exact = true
		case 'M':
			next.Member = value
		case 'P':
			if err := setAttr(&next.Attrs, value); err != nil {
				return nil, err
			}
		case 'R':
			next.Address = value
			e.Recipients = append(e.Recipients, next)
			next = Recipient{}
		default:
			if letter < 'a' || letter > 'z' {
				return nil, fmt.Errorf("envelope record %q is unknown to this version", letter)
			}
		}
	}
	if !sender {
		return nil, fmt.Errorf("envelope without a sender")
	}
	return e, nil
}

func setAttr(attrs *map[string]string, pair string) error {
	name, value, ok := strings.Cut(pair, "=")
	if !ok || name == "" {
		return fmt.Errorf("envelope attribute %q: want name=value", pair)
	}
	if *attrs == nil {
		*attrs = make(map[string]string)
	}
	(*attrs)[name] = value
	return nil
}

// clean tells whether s is UTF-8 without control characters (C0, DEL).
func clean(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return false
		}
	}
	return utf8.ValidString(s)
}
