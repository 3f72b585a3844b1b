package ipc

// The status connection between a service and master is a Unix socket of type
// SOCK_SEQPACKET that carries one line a packet, without a line end. The
// service says:
//
//	READY                      the service accepts
//	STOPPED-ACCEPTING          master watches the listening socket again
//	NEXT-WAKE MICROSECONDS     start the service at this time (since 1970) at the latest
//
// and master says:
//
//	LOG [text] [json]          the descriptors beside it are maillog_file and maillog_json_file,
//	                           opened again, as far as there are such
//	RETIRE                     stop accepting, drain and end: the service was changed,
//	                           or its program
//
// A session process is told SessionOrders instead (session.go), and says beside
// READY and STOPPED-ACCEPTING:
//
//	SAY NUMBER TEXT            a line for the log, about the session of that number
//	END NUMBER                 that session has ended
//
// Its end tells the service that master has gone.
//
// The descriptor is named by StatusName in LISTEN_FDNAMES, after the listening
// sockets; LogName names maillog_file and LogJSONName maillog_json_file, opened by
// master for appending. All are absent when something else started the service.
// JournalVariable is in the environment of services whose lines go to systemd's
// journal, with the socket for its value.
const (
	StatusReady    = "READY"
	StatusStopped  = "STOPPED-ACCEPTING"
	StatusNextWake = "NEXT-WAKE"
	StatusLog      = "LOG"
	StatusLogText  = "text"
	StatusLogJSON  = "json"
	StatusRetire   = "RETIRE"
	StatusSay      = "SAY"
	StatusEnd      = "END"

	StatusName  = "yubin-status"
	LogName     = "yubin-log"
	LogJSONName = "yubin-log-json"

	JournalVariable = "YUBIN_JOURNAL"
)
