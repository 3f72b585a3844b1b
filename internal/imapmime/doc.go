// Package imapmime answers what IMAP asks of one message: ENVELOPE, BODY and
// BODYSTRUCTURE as octets that are ready to send (RFC 9051, 7.5.2), the texts of
// BODY[...] and BINARY[...] as streams (RFC 9051, 6.4.5.1, RFC 3516), PREVIEW (RFC
// 8970). It reads messages by package mimescan and holds at most a few buffers of
// one in memory. It knows no session and no mailbox.
//
//	address.go    address lists
//	envelope.go   ENVELOPE
//	structure.go  BODY and BODYSTRUCTURE
//	section.go    BODY[...]
//	binary.go     BINARY[...]
//	preview.go    PREVIEW; html.go: text of HTML
//
// Messages that follow no standard are shown as Dovecot shows them; what differs
// on purpose is in testdata/differences.txt.
package imapmime
