package ipc

import "fmt"

// A LoginLine is what a line of the log says of a client who logs in, in the
// order of Dovecot's login_log_format_elements. An element that is empty is left
// out.
type LoginLine struct {
	User, Method string
	Facts        *AuthFacts
	PID          int    // of the session process
	Handshake    string // why there is no TLS
	Secure       bool   // as good as TLS
}

func (l *LoginLine) String() string {
	line := fmt.Sprintf("user=<%s>", l.User)
	if l.Method != "" {
		line += ", method=" + l.Method
	}
	line += fmt.Sprintf(", rip=%s, lip=%s", l.Facts.Client, l.Facts.Local)
	if l.PID != 0 {
		line += fmt.Sprintf(", mpid=%d", l.PID)
	}
	switch {
	case l.Facts.TLS != nil:
		line += ", TLS"
	case l.Handshake != "":
		line += ", TLS handshaking: " + l.Handshake
	case l.Secure:
		line += ", secured"
	}
	return line + fmt.Sprintf(", session=<%s>", l.Facts.Session)
}
