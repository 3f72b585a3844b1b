package qmgr

import (
	"fmt"

	"yubin/internal/ipc"
)

// What the log says of an operation on messages, under the name that it has in
// Postfix's: of each message, and of all. The others leave lines of their own.
var deeds = map[string]struct{ each, all string }{
	ipc.OpHold:    {"placed on hold", "Placed on hold"},
	ipc.OpRelease: {"released from hold", "Released from hold"},
	ipc.OpDelete:  {"", "Deleted"}, // "removed" comes when it is
}

// did logs that an operation was carried out on a message.
func (s *scheduler) did(op, id string) {
	if said := deeds[op].each; said != "" {
		t := s.log.about(id, 48)
		t.Say(said)
		s.log.put(logLine{tag: "postsuper", text: t})
	}
}

// didAll logs on how many messages it was.
func (s *scheduler) didAll(op string, n int) {
	said := deeds[op].all
	if said == "" || n == 0 {
		return
	}
	plural := "s"
	if n == 1 {
		plural = ""
	}
	t := s.log.out.Text(48)
	t.Say(fmt.Sprintf("%s: %d message%s", said, n, plural))
	s.log.put(logLine{tag: "postsuper", text: t})
}
