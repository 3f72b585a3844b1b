package mailbox

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// FolderID is the folder's MAILBOXID (RFC 8474, 4): its FolderGUID, which
// stays when it is renamed and goes with the uidlist, as UIDVALIDITY does.
func (s *Snapshot) FolderID() string { return "F" + s.guid }

// MessageID is message i's EMAILID (RFC 8474, 5.1). A GUID is made of any
// characters, so it is a hash; copies, which have the GUID, have it too.
func (s *Snapshot) MessageID(i int) string { return "M" + hashed(s.copied(i)) }

func hashed(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:16])
}

// copied is the GUID that copies of message i have: its own, or a hash of one
// that a uidlist cannot hold.
func (s *Snapshot) copied(i int) string {
	g := s.GUID(i)
	if len(g) > maxGUID || strings.ContainsFunc(g, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return hashed(g)
	}
	return g
}

// maxGUID is how long a GUID may be to go with a copy, octets.
const maxGUID = 255

// carried returns what the uidlist has to say of a copy of message i, so that
// it has the same GUID; Dovecot does so too.
func (s *Snapshot) carried(i int) string { return "G" + s.copied(i) }

// savedFrom bounds what can be a time in a message's name: Maildir is younger.
var savedFrom = time.Date(1995, 1, 1, 0, 0, 0, 0, time.UTC)

// Saved returns the time at which message i came into this folder (RFC 8514:
// SAVEDATE). That is the time in its name: delivery, APPEND, COPY and
// MOVE, ours and Dovecot's, give a new name, and no flag changes it. The inode's
// time, which Dovecot shows, is younger after each change of flags; it stands
// in where a name has no time that can be.
func (v *View) Saved(i int) (time.Time, error) {
	sec, usec := arrival(v.snap.base(v.snap.at(i)))
	now := time.Now()
	if sec < uint64(now.Unix()+86400) && usec < 1e6 {
		if named := time.Unix(int64(sec), int64(usec)*1000); named.After(savedFrom) {
			return named, nil
		}
	}
	st, err := v.stat(i)
	if err != nil {
		return time.Time{}, err
	}
	return time.Unix(st.Ctim.Unix()), nil
}

// stat returns what the system knows of message i's file.
func (v *View) stat(i int) (st unix.Stat_t, err error) {
	uid := v.snap.at(i).uid
	d, name, err := v.f.locate(v, uid)
	if err == nil {
		st, err = d.stat(name)
		v.f.opening.RUnlock()
		if err == nil && st.Mode&unix.S_IFMT == unix.S_IFREG {
			return st, nil
		}
	}
	file, err := v.openUID(uid) // which looks for a file that was renamed
	if err != nil {
		return st, err
	}
	defer file.Close()
	err = unix.Fstat(file.fd, &st)
	return st, err
}
