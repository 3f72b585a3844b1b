package qmgr

// An intent is what is to happen to a message when it has been read, or is safe.
type intent struct{ hold, remove, expire bool }

// take has a message heed an intent.
func (m *message) take(want *intent) {
	m.hold, m.remove, m.Expired = m.hold || want.hold, m.remove || want.remove, m.Expired || want.expire
}

// arrive counts a message whose commit is about to be flushed. What somebody wants of
// it counts when that is over: the file is the flush's until then.
func (s *scheduler) arrive(id string) {
	s.inFlight++
	s.arriving[id] = &intent{}
}

// arrived returns what has been wanted of a message since arrive.
func (s *scheduler) arrived(id string) *intent {
	want := s.arriving[id]
	delete(s.arriving, id)
	if want == nil {
		want = &intent{}
	}
	return want
}

// coming is the intent of a message that will be in memory soon; nil: it will not.
func (s *scheduler) coming(id string) *intent {
	if i := s.loading[id]; i != nil {
		return i
	}
	return s.arriving[id]
}

// carryOut does what has been wanted of a message that does not come into memory.
func (s *scheduler) carryOut(id string, want *intent) {
	var err error
	switch {
	case want.remove:
		_, err = s.deleteOne(id, "")
	case want.hold:
		_, err = s.holdOne(id, "")
	}
	if err != nil {
		s.log.warn("%s: %v", id, err)
	}
}
