package dovecotauth

import (
	"fmt"
	"net"
	"strings"
	"time"

	"yubin/internal/auth"
	"yubin/internal/maillog"
)

// connectTime is how long a server may take to greet.
const connectTime = 10 * time.Second

// New returns the auth service at a place (ParsePlace) as a Server. It hands no
// connections over.
func New(network, address string, log *maillog.Logger) auth.Server {
	return auth.NewOver(func() (auth.Wire, error) {
		c, err := net.DialTimeout(network, address, connectTime)
		if err == nil {
			var w *wire
			if w, err = greet(c); err == nil {
				return w, nil
			}
			c.Close()
		}
		return nil, fmt.Errorf("authentication service at %s: %w", address, err)
	}, log)
}

// ParsePlace reads smtpd_sasl_path: a socket's path, which may begin with unix:
// and is below dir unless it is absolute; or inet:host:port.
func ParsePlace(place, dir string) (network, address string, err error) {
	if rest, ok := strings.CutPrefix(place, "inet:"); ok {
		if !strings.Contains(rest, ":") {
			rest = "127.0.0.1:" + rest
		}
		if _, port, err := net.SplitHostPort(rest); err != nil || port == "" {
			return "", "", fmt.Errorf("want the path of a socket, or inet:host:port")
		}
		return "tcp", rest, nil
	}
	path := strings.TrimPrefix(place, "unix:")
	if path == "" {
		return "", "", fmt.Errorf("want the path of a socket, or inet:host:port")
	}
	if path[0] != '/' {
		path = dir + "/" + path
	}
	return "unix", path, nil
}
