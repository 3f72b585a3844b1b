package dovecotauth

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"yubin/internal/sasl"
)

// maxLine is the longest line, octets: the longest response in base64, and as
// much again for the words before it.
const maxLine = sasl.MaxMessage/3*4 + 8<<10

// The version that is spoken here. Minor versions add only what may be passed
// over.
const (
	major = 1
	minor = 2
)

// errLine is that of a line that the protocol does not have. It has nothing of
// the line, which may hold a password.
var errLine = errors.New("a line that is not of Dovecot's authentication protocol")

// newReader returns a reader of lines.
func newReader(r io.Reader) *bufio.Reader { return bufio.NewReaderSize(r, maxLine) }

// readLine reads a line and returns its words, as they are.
func readLine(r *bufio.Reader) ([]string, error) {
	b, err := r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, fmt.Errorf("%w: it is longer than %d octets", errLine, maxLine)
	case err != nil:
		return nil, err // what came before the end is no line
	}
	return strings.Split(string(b[:len(b)-1]), "\t"), nil
}

// escapes are written for what would end a word or a line.
var (
	escape   = strings.NewReplacer("\x00", "\x010", "\x01", "\x011", "\t", "\x01t", "\r", "\x01r", "\n", "\x01n")
	unescape = strings.NewReplacer("\x010", "\x00", "\x011", "\x01", "\x01t", "\t", "\x01r", "\r", "\x01n", "\n")
)

// line writes a line of words, which may hold anything.
func line(words ...string) string {
	for i, w := range words {
		words[i] = escape.Replace(w)
	}
	return strings.Join(words, "\t") + "\n"
}

// params are the name=value words of a line; a name alone has the value "".
func params(words []string) map[string]string {
	p := map[string]string{}
	for _, w := range words {
		name, value, _ := strings.Cut(w, "=")
		p[name] = unescape.Replace(value)
	}
	return p
}

// readID reads the number of an exchange: 32 bits, none of them the sign.
func readID(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0, errLine
	}
	return n, nil
}

func writeID(n uint64) string { return strconv.FormatUint(n, 10) }

// readData reads base64; nothing is no data.
func readData(s string) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, errLine
	}
	return b, nil
}

func writeData(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// readVersion checks a VERSION line.
func readVersion(words []string) error {
	if len(words) < 3 || words[0] != "VERSION" {
		return errLine
	}
	if words[1] != strconv.Itoa(major) {
		return fmt.Errorf("version %.10q of Dovecot's authentication protocol: want %d", words[1], major)
	}
	return nil
}
