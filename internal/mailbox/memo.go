package mailbox

import "slices"

// A memo is what came of looking at all messages of a folder: clients that show
// threads page by page ask for all of them each time. It lives as long as the shelf.
type memo struct {
	key    string
	snap   *Snapshot
	answer []byte
}

const (
	maxMemos = 4       // of one folder
	maxMemo  = 1 << 20 // octets of one
)

// Remember keeps an answer that follows from which messages there are, not
// from their flags. It must not be changed any more.
func (r *Records) Remember(key string, answer []byte) {
	if len(answer) > maxMemo {
		return
	}
	s := r.s
	s.mu.Lock()
	defer s.mu.Unlock()
	s.memos = slices.DeleteFunc(s.memos, func(m memo) bool { return m.key == key })
	if len(s.memos) == maxMemos {
		s.memos = s.memos[1:]
	}
	s.memos = append(s.memos, memo{key, r.snap, answer})
}

// Recall returns what was remembered under a key, if the messages are the same;
// else nil.
func (r *Records) Recall(key string) []byte {
	r.s.mu.RLock()
	i := slices.IndexFunc(r.s.memos, func(m memo) bool { return m.key == key })
	var m memo
	if i >= 0 {
		m = r.s.memos[i]
	}
	r.s.mu.RUnlock()
	if i < 0 {
		return nil
	}
	if c := changes(m.snap, r.snap); c.Reset || len(c.New) > 0 || len(c.Gone) > 0 {
		return nil
	}
	return m.answer
}
