package smtpc

import "yubin/internal/ipc"

// misunderstood tells whether a reply says that this side breaks the rules of
// SMTP, or does so itself: those of x0z are about syntax and commands (RFC 5321,
// 4.2.1). That EHLO is not known is no fault.
func misunderstood(r *reply, phase string) bool {
	return (r.code/10 == 50 || r.code == 555) && phase != helloPhase("EHLO")
}

// tell notes a session of which the postmaster is to hear (notify_classes), once.
// The letter is qmgr's: this process writes none.
func (j *job) tell(s *session) {
	if s.said == nil || !s.wrong {
		return
	}
	if j.told == nil {
		j.told = &ipc.Session{Peer: s.name, Reason: s.reason, Text: s.said.String()}
	}
	s.wrong = false
}
