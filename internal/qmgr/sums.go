package qmgr

import (
	"fmt"

	"yubin/internal/ipc"
)

// sums are what the log says of an operation on many messages, besides a line for
// each: logwatch counts by them.
var sums = map[string]string{
	ipc.OpHold:    "Placed on hold",
	ipc.OpRelease: "Released from hold",
	ipc.OpRequeue: "Requeued",
	ipc.OpDelete:  "Deleted",
}

// sum logs on how many messages an operation was carried out.
func (l *logs) sum(op string, n int) {
	if sums[op] == "" || n == 0 {
		return
	}
	plural := "s"
	if n == 1 {
		plural = ""
	}
	t := l.out.Text(48)
	t.Say(fmt.Sprintf("%s: %d message%s", sums[op], n, plural))
	l.put(logLine{tag: "postsuper", text: t})
}
