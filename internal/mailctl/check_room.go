package mailctl

import (
	"fmt"

	"golang.org/x/sys/unix"

	"yubin/internal/config"
)

// roomParams are the parameters that inspectRoom reads.
var roomParams = []*config.Def{config.QueueDirectory.Def, config.QueueMinfree.Def, config.MessageSizeLimit.Def}

// inspectRoom looks at the room that the queue's file system has, as qmgr(8) does.
func inspectRoom(c *config.Config) []config.Problem {
	if c.Check(roomParams) != nil {
		return nil // Lint has said what is wrong
	}
	least := config.MinFree(c)
	dir := config.QueueDirectory.Of(c)
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return nil // inspectQueue says what is to be said
	}
	free := int64(st.Bavail) * st.Bsize
	if free >= least {
		return nil
	}
	p := c.Problem(config.QueueDirectory.Name, fmt.Sprintf("%d octets free in %s, below queue_minfree (%d): no mail is taken", free, dir, least))
	p.Mend = "make room"
	return []config.Problem{p}
}
