package ipc

// HandOverVersion is the version of HandOver. A master that takes over knows
// its own version and the one before it.
const HandOverVersion = 2

// A HandOver is what a master leaves to the program that it becomes: JSON in a
// file in memory. Numbers of descriptors are as they are inherited; 0 is none.
type HandOver struct {
	Version   int             `json:"v"`
	Program   string          `json:"program"`                   // the version of who hands over
	Queue     string          `json:"queue"`                     // queue_directory
	Claim     int             `json:"claim"`                     // descriptor of the locked pid file
	Control   int             `json:"control"`                   // of the control socket
	Answer    int             `json:"answer"`                    // of the connection to who asked
	Sessions  int             `json:"sessions_socket,omitempty"` // of pid/sessions; since version 2
	Visit     uint64          `json:"visit,omitempty"`           // the number of the last session
	Announced bool            `json:"announced,omitempty"`
	Sockets   []HandedSocket  `json:"sockets"`
	Services  []HandedService `json:"services"`
	Processes []HandedProcess `json:"processes"`
}

// A HandedSocket is a listening socket. Where and of what kind it is can be
// asked of the kernel.
type HandedSocket struct {
	FD      int    `json:"fd"`
	Service string `json:"service"`        // its key: type, blank, name
	Name    string `json:"name,omitempty"` // the service manager's, if it made the socket
	Kept    bool   `json:"kept,omitempty"` // the service manager keeps it
}

// A HandedService is what is known of a service. Times are microseconds since
// 1970, 0 none.
type HandedService struct {
	Key       string `json:"key"` // type, blank, name
	Used      bool   `json:"used,omitempty"`
	Delay     int64  `json:"delay,omitempty"` // of the back-off, microseconds
	NotBefore int64  `json:"not_before,omitempty"`
	WakeAt    int64  `json:"wake_at,omitempty"`
}

// A HandedProcess is a child of master's, and stays one.
type HandedProcess struct {
	PID       int     `json:"pid"`
	Service   string  `json:"service"` // its key
	Path      string  `json:"path"`
	Status    int     `json:"status"` // descriptor of the status connection
	Stderr    int     `json:"stderr"` // of the pipe from its standard error
	Started   int64   `json:"started"`
	Accepting bool    `json:"accepting,omitempty"` // it accepts, or is starting to
	Ready     bool    `json:"ready,omitempty"`
	Stopped   bool    `json:"stopped,omitempty"`
	Host      bool    `json:"host,omitempty"`   // a session process: since version 2
	Visits    []Visit `json:"visits,omitempty"` // its sessions
}
