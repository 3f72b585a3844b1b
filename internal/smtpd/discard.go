package smtpd

import (
	"slices"
	"strings"

	"yubin/internal/config"
	"yubin/internal/maillog"
	"yubin/internal/smtp"
	"yubin/internal/table"
)

// discardParams are the parameters of what EHLO says or does not say.
var discardParams = []*config.Def{config.SmtpdDiscardEhloKeywords.Def, config.SmtpdDiscardEhloKeywordAddressMaps.Def,
	config.SMTPUTF8Enable.Def, config.StrictSMTPUTF8.Def}

// A discarder knows the extensions that are kept from clients.
type discarder struct {
	words []string // upper case
	maps  *table.Maps
	log   *maillog.Logger
}

// silent is the word that keeps the discarding out of the log.
const silent = "SILENT-DISCARD"

func newDiscarder(c *config.Config, log *maillog.Logger) (*discarder, error) {
	maps, err := table.OpenMaps(config.SmtpdDiscardEhloKeywordAddressMaps.Of(c),
		table.Report(func(p config.Problem) { log.Warn("%v", p) }), table.Site(c))
	if err != nil {
		return nil, err
	}
	return &discarder{upperWords(strings.Join(config.SmtpdDiscardEhloKeywords.Of(c), " ")), maps, log}, nil
}

func upperWords(list string) []string { return members(strings.ToUpper(list)) }

// of returns what is kept from a client: what the tables say of its address, or
// else the list. A table that cannot be read keeps nothing back but the list.
func (d *discarder) of(who peer) []string {
	value, found, err := table.First(d.maps, []string{who.address()})
	switch {
	case err != nil:
		d.log.Warn("%s: %v: %v", config.SmtpdDiscardEhloKeywordAddressMaps.Name, who, err)
	case found:
		return upperWords(value)
	}
	return d.words
}

// notLocal are the extensions that sendmail's command line, to which a session on
// standard input gives its letters, has no place for.
var notLocal = []string{"DSN", "SMTPUTF8", "CHUNKING", smtp.BinaryMIME, silent}

// discards tells whether an extension is kept from this client.
func (s *session) discards(keyword string) bool { return slices.Contains(s.discarded, keyword) }

// offer takes out of the lines of EHLO what is kept from the client.
func (s *session) offer(lines []string) []string {
	var gone []string
	lines = slices.DeleteFunc(lines, func(line string) bool {
		word, _, _ := strings.Cut(line, " ")
		word, _, _ = strings.Cut(word, "=") // AUTH=
		if !s.discards(word) {
			return false
		}
		gone = append(gone, word)
		return true
	})
	if len(gone) > 0 && !s.discards(silent) {
		s.srv.log.Info("discarding EHLO keywords: %s", strings.Join(slices.Compact(gone), " "))
	}
	return lines
}

// extensionOf are the extensions that parameters of MAIL and RCPT belong to.
var extensionOf = map[string]string{
	"SMTPUTF8": "SMTPUTF8", "RET": "DSN", "ENVID": "DSN", "NOTIFY": "DSN", "ORCPT": "DSN",
	"BY": "DELIVERBY", "HOLDFOR": "FUTURERELEASE", "HOLDUNTIL": "FUTURERELEASE",
}

// withheld refuses a parameter of an extension that is kept from the client.
func (s *session) withheld(p smtp.Param) error {
	switch ext := extensionOf[p.Name]; {
	case ext == "" || !s.discards(ext) && (ext != "SMTPUTF8" || s.srv.p().utf8):
		return nil
	case ext == "DSN":
		return smtp.Refuse(501, smtp.NotAuthorized, "DSN support is disabled")
	}
	return smtp.Unsupported(p)
}
