package dovecotauth

import (
	"bufio"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"yubin/internal/auth"
	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/sasl"
)

// mostLines is how many lines a greeting has at most.
const mostLines = 100

// A wire is a connection to an auth service.
type wire struct {
	conn    net.Conn
	r       *bufio.Reader
	offered []string // mechanisms
	mu      sync.Mutex
	replies chan result   // of lines, and of what is answered here
	done    chan struct{} // closed by Close
	close   func()
}

type result struct {
	reply *ipc.AuthReply
	err   error
}

// greet reads the greeting of a server.
func greet(c net.Conn) (*wire, error) {
	w := &wire{conn: c, r: newReader(c), replies: make(chan result, 16), done: make(chan struct{})}
	w.close = sync.OnceFunc(func() { close(w.done) })
	c.SetDeadline(time.Now().Add(connectTime))
	hello := line("VERSION", strconv.Itoa(major), strconv.Itoa(minor)) + line("CPID", strconv.Itoa(os.Getpid()))
	if _, err := c.Write([]byte(hello)); err != nil {
		return nil, err
	}
	for range mostLines {
		words, err := readLine(w.r)
		if err != nil {
			return nil, err
		}
		switch words[0] {
		case "VERSION":
			if err := readVersion(words); err != nil {
				return nil, err
			}
		case "MECH":
			if len(words) > 1 && len(words[1]) <= 20 && !slices.Contains(words[2:], "private") {
				w.offered = append(w.offered, strings.ToUpper(words[1]))
			}
		case "DONE":
			c.SetDeadline(time.Time{})
			go w.read()
			return w, nil
		}
	}
	return nil, errLine
}

// read passes replies on until the end.
func (w *wire) read() {
	for {
		words, err := readLine(w.r)
		var r *ipc.AuthReply
		if err == nil {
			if r, err = readReply(words); r == nil && err == nil {
				continue // a later version's
			}
		}
		w.deliver(result{r, err})
		if err != nil {
			return
		}
	}
}

func (w *wire) deliver(r result) {
	select {
	case w.replies <- r:
	case <-w.done:
	}
}

// Recv implements auth.Wire.
func (w *wire) Recv() (*ipc.AuthReply, error) {
	select {
	case r := <-w.replies:
		return r.reply, r.err
	case <-w.done:
		return nil, net.ErrClosed
	}
}

// Close implements auth.Wire.
func (w *wire) Close() error {
	w.close()
	return w.conn.Close()
}

// Send implements auth.Wire.
func (w *wire) Send(q *ipc.AuthRequest, _ ...fdpass.Handle) error {
	text := ""
	switch q.Op {
	case ipc.AuthMechanisms:
		w.deliver(result{&ipc.AuthReply{Exchange: q.Exchange, State: ipc.AuthOK, Mechanisms: w.mechanisms(q.Facts)}, nil})
		return nil
	case ipc.AuthBegin:
		text = writeBegin(q)
	case ipc.AuthContinue:
		text = line("CONT", writeID(q.Exchange), writeData(q.Response))
	case ipc.AuthCancel:
		text = line("CANCEL", writeID(q.Exchange))
	default:
		return auth.ErrUnsupported
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conn.SetWriteDeadline(time.Now().Add(connectTime))
	_, err := w.conn.Write([]byte(text))
	return err
}

// mechanisms are those of the greeting that a client can use: the protocol has
// no channel binding, and EXTERNAL wants a certificate. The strongest come
// first, those that are not known here last.
func (w *wire) mechanisms(f *ipc.AuthFacts) []string {
	known := sasl.Offer(^sasl.Abilities(0), sasl.Channel{Exporter: []byte{}, CertName: "x"})
	rank := func(m string) int {
		if i := slices.Index(known, m); i >= 0 {
			return i
		}
		return len(known)
	}
	var names []string
	for _, m := range w.offered {
		if strings.HasSuffix(m, "-PLUS") || m == "EXTERNAL" && (f.TLS == nil || f.TLS.CertName == "") {
			continue
		}
		names = append(names, m)
	}
	slices.SortStableFunc(names, func(a, b string) int { return rank(a) - rank(b) })
	return names
}

// writeBegin is an AUTH line. What the response is goes last.
func writeBegin(q *ipc.AuthRequest) string {
	f := q.Facts
	words := []string{"AUTH", writeID(q.Exchange), q.Mechanism, "service=" + f.Service}
	add := func(name, value string) {
		if value != "" {
			words = append(words, name+"="+value)
		}
	}
	port := func(n uint16) string {
		if n == 0 {
			return ""
		}
		return strconv.Itoa(int(n))
	}
	add("rip", f.Client)
	add("rport", port(f.Port))
	add("lip", f.Local)
	add("lport", port(f.LPort))
	add("session", f.Session)
	if t := f.TLS; t != nil {
		words = append(words, "secured=tls")
		add("local_name", t.SNI)
		if t.CertName != "" {
			words = append(words, "valid-client-cert")
			add("cert_username", t.CertName)
		}
	}
	if q.Initial {
		words = append(words, "resp="+writeData(q.Response))
	}
	return line(words...)
}

// codes are Dovecot's words for why a login failed.
var codes = []struct{ param, value, code string }{
	{"user_disabled", "", ipc.AuthCodeDisabled},
	{"pass_expired", "", ipc.AuthCodeExpired},
	{"authz", "", ipc.AuthCodeAuthz},
	{"code", "user_disabled", ipc.AuthCodeDisabled},
	{"code", "pass_expired", ipc.AuthCodeExpired},
	{"code", "authz_failed", ipc.AuthCodeAuthz},
	{"code", "invalid_base64", ipc.AuthCodeMalformed},
}

// readReply reads a line of the server; nil: it is none that is known.
func readReply(words []string) (*ipc.AuthReply, error) {
	if !slices.Contains([]string{"OK", "FAIL", "CONT"}, words[0]) {
		return nil, nil
	}
	if len(words) < 2 {
		return nil, errLine
	}
	id, err := readID(words[1])
	if err != nil {
		return nil, err
	}
	r := &ipc.AuthReply{Exchange: id}
	if words[0] == "CONT" {
		r.State = ipc.AuthGoOn
		if len(words) > 2 {
			r.Challenge, err = readData(words[2])
		}
		return r, err
	}
	p := params(words[2:])
	r.User = p["user"]
	if words[0] == "OK" {
		r.State = ipc.AuthOK
		if r.User == "" {
			return nil, errLine
		}
		return r, nil
	}
	_, temp := p["temp"]
	if temp || p["code"] == "temp_fail" {
		u := auth.Unavailable()
		r.State, r.Code, r.Text = u.State, u.Code, u.Text
		return r, nil
	}
	r.State, r.Code, r.Text = ipc.AuthFailed, ipc.AuthCodeFailed, p["reason"]
	for _, c := range codes {
		if value, ok := p[c.param]; ok && value == c.value {
			r.Code = c.code
			break
		}
	}
	return r, nil
}
