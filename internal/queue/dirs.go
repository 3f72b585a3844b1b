package queue

// Names below queue_directory.
const (
	DirMaildrop = "maildrop" // sendmail's files, pickup's work
	DirPool     = "pool"     // blanks
	DirIncoming = "incoming" // committed, not yet tried or being tried for the first time
	DirDeferred = "deferred" // to be tried at the file's mtime
	DirHold     = "hold"     // waits for an administrator
	DirCorrupt  = "corrupt"  // could not be read; kept
	DirPublic   = "public"   // sockets that every local user may connect to
	DirPrivate  = "private"  // sockets of the system alone
	DirPID      = "pid"      // master's lock file
	FormatFile  = "format"   // names the format of this directory; also qmgr's lock
)
