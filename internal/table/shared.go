package table

import (
	"sync"
	"weak"
)

// opened are the text tables that daemons have open (Warm), by path: a table that
// several parameters name, or that is opened again by a reload, is in memory once. It
// goes with the last who uses it.
var opened struct {
	sync.Mutex
	files map[string]weak.Pointer[File[snapshot]]
}

// sharedFile is the File of a path that is open already, or else the one that f
// makes, on its way into memory.
func sharedFile(path string, f func() *File[snapshot]) *File[snapshot] {
	opened.Lock()
	defer opened.Unlock()
	if file := opened.files[path].Value(); file != nil {
		file.lookAgain() // who reloads after a change wants the change
		return file
	}
	file := f()
	file.Warm()
	if opened.files == nil {
		opened.files = map[string]weak.Pointer[File[snapshot]]{}
	}
	opened.files[path] = weak.Make(file)
	return file
}
