package smtpc

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// extensions are what a server offers in its answer to EHLO.
type extensions struct {
	esmtp      bool
	pipelining bool            // RFC 2920
	size       bool            // RFC 1870
	maxSize    int64           // octets; 0: no limit is known
	eightBit   bool            // RFC 6152
	utf8       bool            // RFC 6531
	dsn        bool            // RFC 3461
	deliverBy  bool            // RFC 2852
	deliverMin time.Duration   // that a server needs to deliver in time
	chunking   bool            // RFC 3030
	binary     bool            // RFC 3030
	startTLS   bool            // RFC 3207
	requireTLS bool            // RFC 8689
	xforward   map[string]bool // attributes that XFORWARD takes
	auth       bool            // RFC 4954
	mechanisms []string

	// RFC 9422; 0: no limit.
	mailMax   int // transactions in a session
	rcptMax   int // recipients in a transaction
	domainMax int // domains of recipients in a transaction
}

// keywords are the extensions that are known, by EHLO keyword.
var keywords = map[string]func(e *extensions, params []string){
	"PIPELINING": func(e *extensions, _ []string) { e.pipelining = true },
	"8BITMIME":   func(e *extensions, _ []string) { e.eightBit = true },
	"SMTPUTF8":   func(e *extensions, _ []string) { e.utf8 = true },
	"DSN":        func(e *extensions, _ []string) { e.dsn = true },
	"DELIVERBY": func(e *extensions, p []string) {
		e.deliverBy = true
		if len(p) > 0 {
			text, _, _ := strings.Cut(p[0], ",")
			if n, err := strconv.ParseUint(text, 10, 30); err == nil {
				e.deliverMin = time.Duration(n) * time.Second
			}
		}
	},
	"CHUNKING":   func(e *extensions, _ []string) { e.chunking = true },
	"BINARYMIME": func(e *extensions, _ []string) { e.binary = true },
	"STARTTLS":   func(e *extensions, _ []string) { e.startTLS = true },
	"REQUIRETLS": func(e *extensions, _ []string) { e.requireTLS = true },
	"LIMITS":     (*extensions).limits,
	"XFORWARD": func(e *extensions, p []string) {
		e.xforward = map[string]bool{}
		for _, name := range p {
			e.xforward[strings.ToUpper(name)] = true
		}
	},
	"AUTH": func(e *extensions, p []string) { e.auth, e.mechanisms = true, append(e.mechanisms, p...) },
	"SIZE": func(e *extensions, p []string) {
		e.size = true
		if len(p) > 0 {
			// A number that is none, or too large to be one, limits nothing.
			e.maxSize, _ = strconv.ParseInt(p[0], 10, 64)
			if e.maxSize < 0 || e.maxSize == math.MaxInt64 {
				e.maxSize = 0
			}
		}
	},
}

// parseEhlo reads the lines of an answer to EHLO (RFC 5321, 4.1.1.1). The first
// names the server. Keywords in discard, upper case, are passed over.
func parseEhlo(lines []string, discard map[string]bool) extensions {
	e := extensions{esmtp: true}
	for _, l := range lines[1:] {
		words := strings.Fields(l)
		if len(words) == 0 {
			continue
		}
		// Servers from before the standard said AUTH=LOGIN, and some still do beside it.
		if first, ok := strings.CutPrefix(strings.ToUpper(words[0]), "AUTH="); ok {
			words = append([]string{"AUTH", first}, words[1:]...)
		}
		name := strings.ToUpper(words[0])
		if set := keywords[name]; set != nil && !discard[name] {
			set(&e, words[1:])
		}
	}
	// RFC 3030, 3: BINARYMIME is nothing without CHUNKING.
	e.binary = e.binary && e.chunking
	return e
}

// limits reads the parameters of LIMITS (RFC 9422, 3); a limit that makes no
// sense is passed over.
func (e *extensions) limits(params []string) {
	for _, p := range params {
		name, value, _ := strings.Cut(p, "=")
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 || len(value) > 6 {
			continue
		}
		switch strings.ToUpper(name) {
		case "MAILMAX":
			e.mailMax = n
		case "RCPTMAX":
			e.rcptMax = n
		case "RCPTDOMAINMAX":
			e.domainMax = n
		}
	}
}

// serverName is the name that a server gives itself in a greeting or an answer
// to EHLO.
func serverName(r *reply) string {
	name, _, _ := strings.Cut(r.lines[0], " ")
	return name
}
