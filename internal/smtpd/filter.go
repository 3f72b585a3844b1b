package smtpd

import (
	"strings"

	"yubin/internal/rewrite"
)

// filter notes what FILTER of an access table says: the message, whoever it is
// for, goes to transport:nexthop once it is in the queue. The last one counts. It
// returns false where that makes no sense, or comes too late: the envelope is
// written before the content.
func (q *query) filter(to, otherwise string) bool {
	full, err := rewrite.FilterOf(to, otherwise)
	switch {
	case err != nil || !strings.Contains(to, ":") || q.stage >= stageEndOfData:
		return false
	case q.s.inTransaction():
		q.s.msg.filter = full
	default:
		q.s.filter = full // of all messages of this session
	}
	return true
}

// contentFilter is where the message goes first; "": where its recipients are.
func (s *session) contentFilter() string {
	switch {
	case s.srv.local: // pickup(8) decides
		return ""
	case s.msg.filter != "":
		return s.msg.filter
	}
	return s.srv.p().filter
}
