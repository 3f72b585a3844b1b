package imapd

import "testing"

// UTF-8 in the names of mailboxes is taken for what it is, also from a client that has not
// enabled it: go-imap sends it to every server that could. Answers are in modified UTF-7.
func TestEightBitNames(t *testing.T) {
	u := newRig(t).connect()
	u.play(`
		C: a CREATE "Entwürfe"
		S: a OK ...
		C: b LIST "" ("Entwü%" "Entw&APw-*")
		S: * LIST (\HasNoChildren) "/" Entw&APw-rfe
		S: b OK ...
		C: c LIST "Entw" "ü*"
		S: * LIST (\HasNoChildren) "/" Entw&APw-rfe
		S: c OK ...
		C: d APPEND "Entwürfe" {3+}
		C: abc
		S: d OK ...
		C: e STATUS {9+}
		C: Entwürfe (MESSAGES)
		S: * STATUS Entw&APw-rfe (MESSAGES 1)
		S: e OK ...
		C: f SELECT "Entwürfe"
		S~ f OK ...
		C: g COPY 1 "Entwürfe"
		S~ g OK ...
		C: h RENAME "Entwürfe" "Ä & ö"
		S: h OK ...
		C: i SUBSCRIBE "Ä & ö"
		S: i OK ...
		C: k LSUB "" "Ä & *"
		S: * LSUB () "/" "&AMQ- &- &APY-"
		S: k OK ...
		C: l UNSUBSCRIBE "&AMQ- &- &APY-"
		S: l OK ...
		C: m DELETE "Ä & ö"
		S~ m OK ...
	`)
	u.send("n CREATE \"\xfc\"\r\n")
	u.play(`
		S: n NO [CANNOT] Mailbox name is not valid UTF-8.
		C: o CREATE "Entwürfe&x"
		S: o OK ...
		C: p CREATE "Entw&x"
		S: p NO [CANNOT] Mailbox name is not valid modified UTF-7.
	`)
}
