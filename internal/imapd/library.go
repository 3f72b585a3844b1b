package imapd

import (
	"fmt"
	"hash/crc32"
	"sync"

	"yubin/internal/mailbox"
	"yubin/internal/mailrecord"
	"yubin/internal/mimescan"
)

// A library is what a command finds out about messages: from their records
// where there are any, else from their texts, and then there are records. It may be
// used by many goroutines.
type library struct {
	view    *mailbox.View
	limits  mimescan.Limits
	open    sync.Once
	records *mailbox.Records
}

// library is for one command.
func (v *visit) library() *library { return &library{view: v.box.view, limits: v.srv.mime} }

// recordVersion tells records apart that were made in another way.
func (l *library) recordVersion() uint32 {
	return crc32.ChecksumIEEE(fmt.Appendf(nil, "%d %v", mailrecord.Version, l.limits))
}

// close ends the use of the library: what was found out is kept.
func (l *library) close() {
	if l.records != nil {
		l.records.Close()
	}
}

// A look is one goroutine's way to look at messages of a library, one after the
// other.
type look struct {
	*library
	reader  *mailbox.RecordReader
	head    []byte // the start of a message that was read
	scratch []byte
}

func (l *library) look() *look { return &look{library: l} }

func (l *look) close() {
	if l.reader != nil {
		l.reader.Close()
	}
}

// kept are the folder's records.
func (l *library) kept() *mailbox.Records {
	l.open.Do(func() { l.records = l.view.Records(l.recordVersion()) })
	return l.records
}

// shelf is where records are read.
func (l *look) shelf() *mailbox.RecordReader {
	if l.reader == nil {
		l.reader = l.kept().Reader()
	}
	return l.reader
}
