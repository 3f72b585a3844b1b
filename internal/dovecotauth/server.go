package dovecotauth

import (
	"bufio"
	"crypto/rand"
	"encoding/hex"
	"io"
	"os"
	"strconv"
	"strings"

	"yubin/internal/ipc"
	"yubin/internal/sasl"
)

// words of sasl.Properties in a MECH line: what a mechanism lacks, or has.
var words = []struct {
	property sasl.Properties
	has      bool
	word     string
}{
	{sasl.NoPlaintext, false, "plaintext"},
	{sasl.NoDictionary, false, "dictionary"},
	{sasl.NoActive, false, "active"},
	{sasl.ForwardSecrecy, true, "forward-secrecy"},
	{sasl.MutualAuth, true, "mutual-auth"},
}

// Greeting is what a server says first. connection is a number of this
// connection's own.
func Greeting(mechanisms []string, connection uint64) string {
	var b strings.Builder
	b.WriteString(line("VERSION", strconv.Itoa(major), strconv.Itoa(minor)))
	for _, m := range mechanisms {
		mech := []string{"MECH", m}
		for _, w := range words {
			if (sasl.PropertiesOf(m)&w.property != 0) == w.has {
				mech = append(mech, w.word)
			}
		}
		b.WriteString(line(mech...))
	}
	cookie := make([]byte, 16)
	rand.Read(cookie) // never fails
	b.WriteString(line("SPID", strconv.Itoa(os.Getpid())) + line("CUID", writeID(connection)) +
		line("COOKIE", hex.EncodeToString(cookie)) + line("DONE"))
	return b.String()
}

// A Reader reads what a client says.
type Reader struct {
	r       *bufio.Reader
	version bool // it has said which it speaks
}

// NewReader returns a Reader of r.
func NewReader(r io.Reader) *Reader { return &Reader{r: newReader(r)} }

// Next returns the next request: AuthBegin, AuthContinue or AuthCancel. An error
// other than io.EOF is a client that speaks another protocol.
func (r *Reader) Next() (*ipc.AuthRequest, error) {
	for {
		w, err := readLine(r.r)
		switch {
		case err != nil:
			return nil, err
		case !r.version:
			if err := readVersion(w); err != nil {
				return nil, err
			}
			r.version = true
			continue
		}
		q := &ipc.AuthRequest{Op: map[string]string{"AUTH": ipc.AuthBegin, "CONT": ipc.AuthContinue, "CANCEL": ipc.AuthCancel}[w[0]]}
		if q.Op == "" {
			continue // CPID, or a later version's
		}
		if len(w) < 2 {
			return nil, errLine
		}
		if q.Exchange, err = readID(w[1]); err != nil {
			return nil, err
		}
		switch q.Op {
		case ipc.AuthBegin:
			if err := readBegin(q, w[2:]); err != nil {
				return nil, err
			}
		case ipc.AuthContinue:
			if len(w) < 3 {
				return nil, errLine
			}
			if q.Response, err = readData(w[2]); err != nil {
				return nil, err
			}
		}
		return q, nil
	}
}

// readBegin reads the words of AUTH behind the number.
func readBegin(q *ipc.AuthRequest, w []string) error {
	if len(w) == 0 {
		return errLine
	}
	p := params(w[1:])
	port := func(name string) uint16 {
		n, _ := strconv.ParseUint(p[name], 10, 16)
		return uint16(n)
	}
	q.Mechanism = strings.ToUpper(w[0])
	q.Facts = &ipc.AuthFacts{
		Service: p["service"], Client: p["rip"], Port: port("rport"), Local: p["lip"], LPort: port("lport"), Session: p["session"],
	}
	if q.Facts.Service == "" {
		return errLine
	}
	if _, secured := p["secured"]; secured {
		q.Facts.TLS = &ipc.TLSFacts{SNI: p["local_name"]}
		if _, valid := p["valid-client-cert"]; valid {
			q.Facts.TLS.CertName = p["cert_username"]
		}
	}
	resp, initial := p["resp"]
	q.Initial = initial
	var err error
	q.Response, err = readData(resp)
	return err
}

// Reply is the line that says r.
func Reply(r *ipc.AuthReply) string {
	id := writeID(r.Exchange)
	switch r.State {
	case ipc.AuthGoOn:
		return line("CONT", id, writeData(r.Challenge))
	case ipc.AuthOK:
		return line("OK", id, "user="+r.User)
	}
	w := []string{"FAIL", id}
	if r.User != "" {
		w = append(w, "user="+r.User)
	}
	if r.State == ipc.AuthTempFail {
		return line(append(w, "temp", "code=temp_fail")...)
	}
	for _, c := range codes {
		if c.code == r.Code {
			word := c.param
			if c.value != "" {
				word += "=" + c.value
			}
			w = append(w, word)
		}
	}
	return line(w...)
}
