package mailctl

import (
	"fmt"

	"yubin/internal/config"
	"yubin/internal/queue"
)

// roomParams are the parameters that inspectRoom reads.
var roomParams = []*config.Def{config.QueueDirectory.Def, config.QueueMinfree.Def, config.MessageSizeLimit.Def}

// inspectRoom looks at the room that the queue's file system has, as qmgr(8) does.
func inspectRoom(c *config.Config) []config.Problem {
	if c.Check(roomParams) != nil {
		return nil // Lint has said what is wrong
	}
	dir := config.QueueDirectory.Of(c)
	sp, err := queue.SpaceIn(dir)
	if err != nil {
		return nil // inspectQueue says what is to be said
	}
	short := sp.Short(config.MinFree(c))
	if short == nil {
		return nil
	}
	p := c.Problem(config.QueueDirectory.Name, fmt.Sprintf("in %s there are %v: no mail is taken", dir, short))
	p.Mend = "make room"
	return []config.Problem{p}
}
