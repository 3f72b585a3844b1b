// Package lull gives memory back when a process has become quiet. A thousand
// clients who log in leave the garbage of a thousand logins, and stacks as deep
// as a TLS handshake; then they do nothing for hours, and neither does the garbage
// collector, which goes by what is allocated.
package lull

import (
	"runtime/debug"
	"sync/atomic"
	"time"
)

const (
	quiet  = 3 * time.Second
	enough = 16 // pieces of work that leave something worth collecting
)

// A Keeper waits for a lull.
type Keeper struct {
	timer *time.Timer
	since atomic.Int32 // pieces of work since the last collection
}

// New returns a Keeper, which is there as long as the process.
func New() *Keeper { return newKeeper(quiet, debug.FreeOSMemory) }

func newKeeper(quiet time.Duration, collect func()) *Keeper {
	k := &Keeper{}
	k.timer = time.AfterFunc(quiet, func() {
		if k.since.Load() >= enough {
			k.since.Store(0)
			collect()
		}
	})
	return k
}

// Stir notes a piece of work. Any goroutine may call it.
func (k *Keeper) Stir() {
	k.since.Add(1)
	k.timer.Reset(quiet)
}
