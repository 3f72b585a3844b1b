package main

import (
	"runtime"

	"yubin/internal/cli"
	"yubin/internal/local"
)

// The main goroutine keeps the main thread, so that no delivery runs on it: it
// is the thread whose identity the kernel shows as the process's, and the one
// thread that the runtime cannot end.
func init() { runtime.LockOSThread() }

func main() { cli.Main(local.Command) }
