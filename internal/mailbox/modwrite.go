package mailbox

import (
	"encoding/binary"
	"hash/crc32"
)

func (e *encoder) words(words []string) {
	e.u32(uint32(len(words)))
	for _, w := range words {
		e.text(w)
	}
}

// A modWriter makes records.
type modWriter struct {
	encoder
	sum uint32
}

// record appends one whose body fill writes.
func (w *modWriter) record(kind byte, fill func(e *encoder)) {
	at := len(w.encoder)
	w.u32(0)
	w.u32(0)
	w.encoder = append(w.encoder, kind)
	fill(&w.encoder)
	body := w.encoder[at+8:]
	w.sum = crc32.Update(w.sum, castagnoli, body)
	binary.LittleEndian.PutUint32(w.encoder[at:], uint32(len(body)))
	binary.LittleEndian.PutUint32(w.encoder[at+4:], w.sum)
}

// state writes the first record, of a numbered Snapshot.
func (w *modWriter) state(s *Snapshot, next uint32) {
	w.record(modState, func(e *encoder) {
		e.u32(s.validity)
		e.u32(next)
		e.u64(s.mods.highest)
		e.u64(s.mods.floor)
		e.words(s.keywords)
		e.u32(uint32(s.n))
		for c, in := range s.chunks {
			for k := range in {
				e.u32(in[k].uid)
				e.u32(stateOf(&in[k]))
				e.u64(s.mods.chunks[c][k])
			}
		}
		e.u32(uint32(len(s.mods.gone)))
		for _, g := range s.mods.gone {
			e.u32(g.First)
			e.u32(g.Last)
			e.u64(g.mod)
		}
	})
}

func (w *modWriter) change(c *modChanges, mod uint64, next uint32) {
	w.record(modChange, func(e *encoder) {
		e.u64(mod)
		e.u32(next)
		e.u32(uint32(len(c.recs)))
		for _, r := range c.recs {
			e.u32(r.uid)
			e.u32(r.state)
		}
		e.u32(uint32(len(c.gone)))
		for _, g := range c.gone {
			e.u32(g.First)
			e.u32(g.Last)
		}
	})
}

func (w *modWriter) use(boot string, upTo uint64) {
	w.record(modUsed, func(e *encoder) { e.text(boot); e.u64(upTo) })
}
