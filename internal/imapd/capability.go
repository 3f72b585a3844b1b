package imapd

import (
	"fmt"

	"yubin/internal/imap"
)

// Capabilities, each of which is here because the whole of it works. Those of
// the login role tell a client how to log in, and what it may hope for.
const (
	loginCapabilities   = "IMAP4rev1 IMAP4rev2 SASL-IR LITERAL+ ID ENABLE IDLE"
	sessionCapabilities = "IMAP4rev1 IMAP4rev2 LITERAL+ ID ENABLE IDLE NAMESPACE CHILDREN UIDPLUS UNSELECT MOVE ESEARCH SEARCHRES WITHIN" +
		" CONDSTORE QRESYNC SAVEDATE OBJECTID LIST-EXTENDED LIST-STATUS SPECIAL-USE CREATE-SPECIAL-USE STATUS=SIZE MULTIAPPEND BINARY PREVIEW UTF8=ACCEPT I18NLEVEL=1" +
		" SORT SORT=DISPLAY ESORT THREAD=REFERENCES THREAD=REFS THREAD=ORDEREDSUBJECT" +
		" COMPRESS=DEFLATE CATENATE REPLACE NOTIFY QUOTA QUOTA=RES-STORAGE QUOTA=RES-MESSAGE"
)

// capabilities are those of a session.
func (srv *server) capabilities() string {
	return fmt.Sprintf("%s APPENDLIMIT=%d", sessionCapabilities, srv.appendLimit)
}

// serverID is the answer to ID (RFC 2971).
const serverID = `* ID ("name" "Yubin")` + "\r\n"

// readID reads the arguments of ID, which are for statistics only.
func readID(d *imap.Decoder) {
	d.SP()
	d.ID()
	d.End()
}
