package pop3d

import (
	"strings"

	"yubin/internal/talk"
)

// lang answers LANG: there is one language (RFC 6856, 3).
func lang(t *talk.Conn, args string) error {
	switch strings.ToLower(args) {
	case "":
		return t.Printf("+OK Language listing follows:\r\nen English\r\n.\r\n")
	case "*", "en", "i-default":
		return t.Printf("+OK en English it is\r\n")
	}
	return t.Printf("-ERR There is no such language here\r\n")
}
