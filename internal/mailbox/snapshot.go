package mailbox

import (
	"sort"
	"strconv"
)

// A rec is one message in memory. Its base name is in the folder's names.
type rec struct {
	uid  uint32
	name uint32 // where in names
	kw   Keywords
	nlen uint8
	fl   Flags
	st   state
}

// state says where a message's file is.
type state uint8

const (
	inNew  state = 1 << iota // in new/, else in cur/
	odd                      // its name is not the one that flags and state give: see folder.odd
	absent                   // in the uidlist, but there is no file
	met                      // the scan has met it
)

// chunkSize is how many messages share one allocation: a change copies so many
// and the list of chunks.
const chunkSize = 512

type chunk []rec

// A Snapshot is a folder's messages at one time, in the order of their UIDs,
// numbered from 0: a sequence number is the index plus one. It never changes,
// and may be read by any number of goroutines.
type Snapshot struct {
	chunks   []chunk
	first    []int // the index of each chunk's first message
	n        int
	names    []byte
	ext      map[uint32]string
	keywords []string
	validity uint32
	next     uint32
	guid     string
	mods     *mods // nil: none are kept
}

// A Message is what a Snapshot has of one message.
type Message struct {
	UID      uint32
	Flags    Flags
	Keywords Keywords
}

// Len returns the number of messages.
func (s *Snapshot) Len() int { return s.n }

// UIDValidity and UIDNext are the folder's (RFC 9051, 2.3.1.1).
func (s *Snapshot) UIDValidity() uint32 { return s.validity }

// UIDNext is above every UID that was ever given in the folder.
func (s *Snapshot) UIDNext() uint32 { return s.next }

// FolderGUID identifies the folder, also when it is renamed: 32 hex digits.
func (s *Snapshot) FolderGUID() string { return s.guid }

// Message returns the message with index i.
func (s *Snapshot) Message(i int) Message {
	r := s.at(i)
	return Message{UID: r.uid, Flags: r.fl, Keywords: r.kw}
}

// Index returns the index of a UID; if there is none, ok is false and i is
// where it would be.
func (s *Snapshot) Index(uid uint32) (i int, ok bool) {
	c := sort.Search(len(s.chunks), func(c int) bool { return s.chunks[c][0].uid > uid }) - 1
	if c < 0 {
		return 0, false
	}
	in := s.chunks[c]
	k := sort.Search(len(in), func(k int) bool { return in[k].uid >= uid })
	return s.first[c] + k, k < len(in) && in[k].uid == uid
}

// Base returns the Maildir base name of message i: what stands before ":2,".
func (s *Snapshot) Base(i int) string { return string(s.base(s.at(i))) }

// UIDL returns the POP3 UIDL that message i brought from another server (the
// uidlist's extension P), "" if none.
func (s *Snapshot) UIDL(i int) string { return extension(s.ext[s.at(i).uid], 'P') }

// Order returns the place of message i in POP3's order (extension O), 0 if none.
func (s *Snapshot) Order(i int) uint32 { return number([]byte(extension(s.ext[s.at(i).uid], 'O'))) }

// GUID identifies message i wherever it is copied to: the extension G or,
// as with Dovecot, the base name.
func (s *Snapshot) GUID(i int) string {
	if g := extension(s.ext[s.at(i).uid], 'G'); g != "" {
		return g
	}
	return s.Base(i)
}

// Keyword returns the name of the keyword with the letter 'a'+k. One that the
// folder's file does not name has one made up, as with Dovecot.
func (s *Snapshot) Keyword(k int) string { return keywordName(s.keywords, k) }

// Keywords returns the names of all keywords that the folder's file has, by letter;
// "" for a letter without a name.
func (s *Snapshot) Keywords() []string { return append([]string(nil), s.keywords...) }

func keywordName(names []string, k int) string {
	if k < len(names) && names[k] != "" {
		return names[k]
	}
	return "unknown-" + strconv.Itoa(k)
}

func (s *Snapshot) at(i int) *rec {
	c, k := s.place(i)
	return &s.chunks[c][k]
}

// place returns the chunk of message i, and where in it the message is.
func (s *Snapshot) place(i int) (c, k int) {
	c = sort.Search(len(s.first), func(c int) bool { return s.first[c] > i }) - 1
	return c, i - s.first[c]
}

func (s *Snapshot) base(r *rec) []byte { return s.names[r.name : r.name+uint32(r.nlen)] }

// rebuild returns a Snapshot of the messages in all that have a file. What of s
// is the same is shared.
func (s *Snapshot) rebuild(all []rec) []chunk {
	var chunks []chunk
	var buf [chunkSize]rec
	old := s.chunks
	for at := 0; at < len(all); {
		// One chunk's worth: as far as the old chunk went, so that a removal
		// leaves the chunks behind it as they are.
		for len(old) > 0 && old[0][len(old[0])-1].uid < all[at].uid {
			old = old[1:]
		}
		end := uint32(0)
		if len(old) > 1 || len(old) == 1 && len(old[0]) == chunkSize {
			end = old[0][len(old[0])-1].uid
		}
		n := 0
		for at < len(all) && n < chunkSize && (end == 0 || all[at].uid <= end) {
			if r := all[at]; r.st&absent == 0 {
				r.st &^= met
				buf[n] = r
				n++
			}
			at++
		}
		if n == 0 {
			continue
		}
		if len(old) > 0 && same(old[0], buf[:n]) {
			chunks = append(chunks, old[0])
			continue
		}
		chunks = append(chunks, append(chunk(nil), buf[:n]...))
	}
	return chunks
}

func same(a chunk, b []rec) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// patch returns the chunks of s with recs, which are in the order of their
// UIDs and have one there, in place of their elders.
func (s *Snapshot) patch(recs []rec) []chunk {
	chunks := append([]chunk(nil), s.chunks...)
	copied := -1
	c := 0
	for _, r := range recs {
		for c+1 < len(chunks) && chunks[c+1][0].uid <= r.uid {
			c++
		}
		if c >= len(chunks) {
			break
		}
		in := chunks[c]
		k := sort.Search(len(in), func(k int) bool { return in[k].uid >= r.uid })
		if k == len(in) || in[k].uid != r.uid {
			continue
		}
		if copied != c {
			chunks[c] = append(chunk(nil), in...)
			copied = c
		}
		r.st &^= met
		chunks[c][k] = r
	}
	return chunks
}

// number counts the chunks' messages.
func (s *Snapshot) number() {
	s.first = make([]int, len(s.chunks))
	s.n = 0
	for i, c := range s.chunks {
		s.first[i] = s.n
		s.n += len(c)
	}
}

// Changes are what lies between two Snapshots of a folder.
type Changes struct {
	// Reset says that UIDVALIDITY is another: nothing that was known of the
	// folder holds any more, and the lists below are empty.
	Reset bool
	// New are UIDs that came, Gone those that went, Flags those whose flags or
	// keywords changed: each in rising order.
	New, Gone, Flags []uint32
	// ModSeq are UIDs that have another mod-sequence only (RFC 7162): what they
	// have now was recorded in between, or all numbers had to be given anew.
	ModSeq []uint32
}

// Empty tells whether nothing changed.
func (c *Changes) Empty() bool {
	return !c.Reset && len(c.New) == 0 && len(c.Gone) == 0 && len(c.Flags) == 0 && len(c.ModSeq) == 0
}

// Changes returns what lies between s and a later Snapshot of the folder.
func (s *Snapshot) Changes(now *Snapshot) *Changes { return changes(s, now) }

// changes compares two snapshots; chunks that they share cost nothing.
func changes(old, now *Snapshot) *Changes {
	c := &Changes{Reset: old.validity != now.validity}
	if c.Reset || old == now {
		return c
	}
	a, b := cursor{chunks: old.chunks}, cursor{chunks: now.chunks}
	for a.more() || b.more() {
		if a.skipShared(&b) {
			continue
		}
		switch {
		case !b.more() || a.more() && a.rec().uid < b.rec().uid:
			c.Gone = append(c.Gone, a.rec().uid)
			a.next()
		case !a.more() || b.rec().uid < a.rec().uid:
			c.New = append(c.New, b.rec().uid)
			b.next()
		default:
			if x, y := a.rec(), b.rec(); x.fl != y.fl || x.kw != y.kw {
				c.Flags = append(c.Flags, y.uid)
			}
			a.next()
			b.next()
		}
	}
	c.ModSeq = modOnly(old, now)
	return c
}

type cursor struct {
	chunks []chunk
	mods   [][]uint64 // beside them, or nil
	i      int
}

func (c *cursor) more() bool { return len(c.chunks) > 0 }
func (c *cursor) rec() *rec  { return &c.chunks[0][c.i] }

func (c *cursor) next() {
	if c.i++; c.i == len(c.chunks[0]) {
		c.nextChunk()
	}
}

func (c *cursor) nextChunk() {
	c.chunks, c.i = c.chunks[1:], 0
	if c.mods != nil {
		c.mods = c.mods[1:]
	}
}

// find goes on to a UID and returns its message, or nil.
func (c *cursor) find(uid uint32) *rec {
	for c.more() && c.rec().uid < uid {
		c.next()
	}
	if !c.more() || c.rec().uid != uid {
		return nil
	}
	return c.rec()
}

func (c *cursor) skipShared(o *cursor) bool {
	if !c.more() || !o.more() || c.i != 0 || o.i != 0 || &c.chunks[0][0] != &o.chunks[0][0] || len(c.chunks[0]) != len(o.chunks[0]) {
		return false
	}
	c.nextChunk()
	o.nextChunk()
	return true
}
