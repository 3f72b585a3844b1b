package main

import (
	"runtime"
	"testing"
)

// The demo runs, and runs again in the same place.
func TestDemo(t *testing.T) {
	runtime.LockOSThread() // as main does
	defer runtime.UnlockOSThread()
	dir := t.TempDir()
	for range 2 {
		if err := demo(t.Context(), dir, "../../bin", true); err != nil {
			t.Fatal(err)
		}
	}
}
