package qmgr

// An intent is what is to happen to a message when it has been read, or is safe.
type intent struct{ hold, remove, expire bool }

// take has a message heed an intent.
func (m *message) take(want intent) {
	m.hold, m.remove, m.Expired = m.hold || want.hold, m.remove || want.remove, m.Expired || want.expire
}

// arrive counts a message whose commit is about to be flushed. What somebody wants of
// it counts when that is over: the file is the flush's until then.
func (s *scheduler) arrive(id string) {
	s.inFlight++
	s.arriving[id] = intent{}
}

// arrived returns what has been wanted of a message since arrive.
func (s *scheduler) arrived(id string) intent {
	want := s.arriving[id]
	delete(s.arriving, id)
	return want
}

// read returns what has been wanted of a message while it was read.
func (s *scheduler) read(id string) intent {
	want := s.loading[id]
	delete(s.loading, id)
	return want
}

// coming tells whether a message will be in memory soon.
func (s *scheduler) coming(id string) bool {
	_, read := s.loading[id]
	_, safe := s.arriving[id]
	return read || safe
}

// want notes an intent, if the message will be in memory soon.
func (s *scheduler) want(id string, also intent) bool {
	for _, soon := range [...]map[string]intent{s.loading, s.arriving} {
		if i, ok := soon[id]; ok {
			soon[id] = intent{i.hold || also.hold, i.remove || also.remove, i.expire || also.expire}
			return true
		}
	}
	return false
}

// carryOut does what has been wanted of a message that does not come into memory.
func (s *scheduler) carryOut(id string, want intent) {
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
