//go:build race

package sock

import (
	"runtime"
	"unsafe"
)

// order stands for all sockets: what was done before something was sent
// happened before what is done after something was received. Package syscall
// tells the race detector the same of its calls.
var order byte

func departs() { runtime.RaceReleaseMerge(unsafe.Pointer(&order)) }

func arrived() { runtime.RaceAcquire(unsafe.Pointer(&order)) }
