package table

import (
	"time"

	"yubin/internal/remote"
)

// remoteLimits are those of a server that has a table.
var remoteLimits = remote.Limits{Time: 30 * time.Second, Turns: 16, Idle: 10 * time.Second}
