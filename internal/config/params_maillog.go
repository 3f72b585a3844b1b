package config

import (
	"errors"
	"path/filepath"
)

// The log beside the lines that everybody knows: maillog(5).
var (
	MaillogJSONFile = path("maillog_json_file", "", `
		Write each event also to this file, as one JSON object a line: maillog(5) has the fields. master(8) opens it, as maillog_file,
		and hands it to the daemons. The text goes on to maillog_file, or to syslog. /dev/stdout, for containers, is master's
		standard output.`)
	MaillogJournalSocket = String{register(&Def{Name: "maillog_journal_socket", Default: "/run/systemd/journal/socket", Type: "absolute path", Doc: `
		The socket of systemd's journal. When systemd has started master(8) with its output going to the journal, and maillog_file
		is empty, lines go there instead of to syslog, with the fields of maillog(5). Set it to nothing to use syslog always.`,
		check: func(v string) (any, error) {
			if v != "" && !filepath.IsAbs(v) {
				return nil, errors.New("want an absolute path, or nothing")
			}
			return v, nil
		}})}
)
