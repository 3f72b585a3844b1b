package ipc

// The status pipe from a service to master carries lines:
//
//	READY                      the service accepts
//	STOPPED-ACCEPTING          master watches the listening socket again
//	NEXT-WAKE MICROSECONDS     start the service at this time (since 1970) at the latest
//
// The descriptor is named by StatusName in LISTEN_FDNAMES, after the listening
// sockets; LogName names maillog_file, opened by master for appending. Both
// are absent when something else started the service.
const (
	StatusReady    = "READY"
	StatusStopped  = "STOPPED-ACCEPTING"
	StatusNextWake = "NEXT-WAKE"

	StatusName = "yubin-status"
	LogName    = "yubin-log"
)
