package smtp

import (
	"fmt"
	"strconv"
	"strings"
)

// Detail is the subject and detail part of an enhanced status code (RFC 3463,
// 2). The class is not stored: it is the first digit of the reply code, so the
// two cannot disagree.
type Detail struct{ Subject, Detail uint16 }

// The details that yubin says (RFC 3463, 3).
var (
	Undefined          = Detail{0, 0}
	BadMailbox         = Detail{1, 1}
	BadSystem          = Detail{1, 2}
	BadRecipientSyntax = Detail{1, 3}
	DestinationOK      = Detail{1, 5}
	SenderOK           = Detail{1, 0}
	BadSenderSyntax    = Detail{1, 7}
	BadSenderSystem    = Detail{1, 8}
	MailboxDisabled    = Detail{2, 1}
	MailboxFull        = Detail{2, 2}
	LocalProcessing    = Detail{3, 0}
	SystemFull         = Detail{3, 1}
	SystemShutdown     = Detail{3, 2}
	TooBig             = Detail{3, 4}
	RoutingLoop        = Detail{4, 6}
	BadConnection      = Detail{4, 2}
	BadCommand         = Detail{5, 1}
	BadSyntax          = Detail{5, 2}
	TooManyRecipients  = Detail{5, 3}
	BadArguments       = Detail{5, 4}
	TooLong            = Detail{5, 6}
	BadContent         = Detail{6, 0}
	SecurityOther      = Detail{7, 0}
	NotAuthorized      = Detail{7, 1}
	BadCredentials     = Detail{7, 8}
	NeedsEncryption    = Detail{7, 11}
)

// Code returns the enhanced status code of class (2, 4 or 5) and d.
func (d Detail) Code(class int) string {
	return fmt.Sprintf("%d.%d.%d", class, d.Subject, d.Detail)
}

// ParseCode reads an enhanced status code such as 5.1.1 (RFC 3463, 2).
func ParseCode(s string) (class int, d Detail, ok bool) {
	c, rest, ok1 := strings.Cut(s, ".")
	subject, detail, ok2 := strings.Cut(rest, ".")
	if !ok1 || !ok2 || (c != "2" && c != "4" && c != "5") {
		return 0, Detail{}, false
	}
	d.Subject, ok1 = digits(subject)
	d.Detail, ok2 = digits(detail)
	if !ok1 || !ok2 {
		return 0, Detail{}, false
	}
	return int(c[0] - '0'), d, true
}

// digits reads one to three decimal digits without a leading zero.
func digits(s string) (uint16, bool) {
	if len(s) < 1 || len(s) > 3 || s[0] == '0' && len(s) > 1 {
		return 0, false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseUint(s, 10, 16)
	return uint16(n), err == nil
}
