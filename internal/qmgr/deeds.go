package qmgr

import (
	"fmt"

	"yubin/internal/ipc"
	"yubin/internal/maillog"
)

// What the log says, as Postfix's postsuper does, of what an administrator has
// done: of each message, and of all together.
var deeds = map[string]struct {
	event     maillog.Event
	each, all string
}{
	ipc.OpHold:    {maillog.Hold, "placed on hold", "Placed on hold"},
	ipc.OpRelease: {maillog.Release, "released from hold", "Released from hold"},
	ipc.OpRequeue: {maillog.Requeue, "requeued", "Requeued"},
	ipc.OpExpire:  {maillog.ForceExpire, "expired", "Force-expired"},
	ipc.OpDelete:  {maillog.Removed, "removed", "Deleted"},
}

// did logs that an operation was carried out on a message.
func (s *scheduler) did(op, id string) {
	d, ok := deeds[op]
	if !ok {
		return
	}
	t := s.log.about(id, 48)
	t.Say(d.each)
	s.log.put(logLine{tag: "postsuper", event: d.event, text: t})
}

// didAll logs on how many messages it was.
func (s *scheduler) didAll(op string, n int) {
	d, ok := deeds[op]
	if !ok || n == 0 {
		return
	}
	plural := "s"
	if n == 1 {
		plural = ""
	}
	t := s.log.out.Text(48)
	t.Say(fmt.Sprintf("%s: %d message%s", d.all, n, plural))
	s.log.put(logLine{tag: "postsuper", text: t})
}
