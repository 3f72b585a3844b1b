package pickup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"yubin/internal/header"
	"yubin/internal/intake"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
	"yubin/internal/queue"
	"yubin/internal/rewrite"
	"yubin/internal/smtp"
)

// Limits of what is held in memory of a letter. Several small envelopes are in
// memory at once, large ones only one at a time.
const (
	largeEnvelope = 1 << 20
	maxEnvelope   = 256 << 20
)

// errLater says that an entry is left alone for now.
var errLater = errors.New("not yet complete")

// errKept says that a letter has its message in the queue, and stays: qmgr's warning
// tells why.
var errKept = errors.New("its message is in the queue, but qmgr could not remove it")

// A badFile is an entry of maildrop/ that is no letter and never will be.
type badFile struct{ why error }

func (b *badFile) Error() string { return b.why.Error() }

func bad(format string, args ...any) error { return &badFile{fmt.Errorf(format, args...)} }

// A lostFile is one that the disk does not give, now or ever: no fault of the other
// letters.
type lostFile struct{ error }

func (l *lostFile) Unwrap() error { return l.error }

// trouble tells a file's own fault from want of descriptors or memory, which concerns all.
func trouble(err error) error {
	for _, common := range []error{unix.EMFILE, unix.ENFILE, unix.ENOMEM, fs.ErrNotExist} {
		if errors.Is(err, common) {
			return err
		}
	}
	return &lostFile{err}
}

// take takes one entry of maildrop/. Its error concerns all letters (the queue
// takes none); what is wrong with this one is dealt with here.
func (w *worker) take(ctx context.Context, f file) error {
	err := w.letter(ctx, f.name)
	var b *badFile
	var address *rewrite.Error
	var own *lostFile
	var refused *intake.Refused
	switch {
	case errors.As(err, &address), errors.As(err, &own), errors.Is(err, errKept),
		errors.As(err, &refused) && refused.Reason == ipc.ErrorIDInUse:
		w.postpone(f.name, err)
		return nil
	case errors.Is(err, errLater):
		w.leave(f.name)
		return nil
	case err == nil, errors.Is(err, fs.ErrNotExist):
		w.settled(f.name)
		return nil
	case errors.As(err, &b):
		return w.setAside(f.name, b)
	}
	return fmt.Errorf("maildrop/%s: %w", f.name, err)
}

// setAside moves a file to corrupt/.
func (w *worker) setAside(name string, why error) error {
	from, to := int(w.dir.Fd()), int(w.corrupt.Fd())
	err := unix.Renameat2(from, name, to, name, unix.RENAME_NOREPLACE)
	if errors.Is(err, fs.ErrExist) || errors.Is(err, unix.EINVAL) {
		err = unix.Renameat2(from, name, to, name+"."+queue.FreshID(w.now(), queue.OriginSendmail), unix.RENAME_NOREPLACE)
	}
	if err != nil {
		return fmt.Errorf("move maildrop/%s (%w) to corrupt: %w", name, why, err)
	}
	w.log.Warn("%s: moved from maildrop to corrupt: %v", name, why)
	return nil
}

// letter takes the letter name to the queue.
func (w *worker) letter(ctx context.Context, name string) error {
	fd, err := unix.Openat(int(w.dir.Fd()), name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENXIO) {
		return bad("not a regular file")
	}
	if err != nil {
		return trouble(&os.PathError{Op: "open", Path: name, Err: err})
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return trouble(os.NewSyscallError("fstat", err))
	}
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return bad("not a regular file")
	case st.Nlink == 0:
		return fs.ErrNotExist // taken by another generation
	case st.Nlink != 1:
		return bad("file with %d names", st.Nlink)
	case !queue.ValidID(name):
		return bad("not a queue ID")
	}
	m, err := w.read(f)
	if err != nil {
		return w.unreadable(name, &st, err)
	}
	if m.Envelope > largeEnvelope {
		defer w.large.Unlock()
	}
	env, err := envelope(m, name, int(st.Uid))
	if err != nil {
		return err
	}
	if err := w.edit.Envelope(env, w.edit.options); err != nil {
		return err
	}
	if w.edit.filter != "" && env.Attrs[queue.AttrProbe] == "" {
		env.Attrs[queue.AttrFilter] = w.edit.filter
	}
	if err := w.copy(ctx, f, m, env, time.Unix(st.Mtim.Unix())); err != nil {
		return err
	}
	if unix.Fstat(fd, &st) == nil && st.Nlink > 0 {
		return errKept
	}
	return nil
}

// read reads the letter and verifies its checksums. When it returns one with a
// large envelope, it holds w.large.
func (w *worker) read(f *os.File) (*queue.Message, error) {
	var b [queue.HeaderSize]byte
	if _, err := f.ReadAt(b[:], 0); err != nil && err != io.EOF {
		return nil, err
	}
	h, err := queue.ParseHeader(b[:])
	if err != nil {
		return nil, err
	}
	if h.Envelope > maxEnvelope {
		return nil, bad("envelope of %d octets", h.Envelope)
	}
	if h.Envelope > largeEnvelope {
		w.large.Lock()
	}
	m, err := queue.Read(f)
	if h.Envelope > largeEnvelope && (err != nil || m.Envelope <= largeEnvelope) {
		w.large.Unlock()
	}
	return m, err
}

// unreadable decides on a file that cannot be read as a letter.
func (w *worker) unreadable(name string, st *unix.Stat_t, err error) error {
	var b *badFile
	known := errors.Is(err, queue.ErrBlank) || errors.Is(err, queue.ErrCorrupt) || errors.As(err, &b)
	if !known {
		return trouble(err) // the disk
	}
	if st.Mode&unix.S_IXUSR != 0 || !errors.Is(err, queue.ErrBlank) {
		return &badFile{err}
	}
	if w.now().Sub(time.Unix(st.Mtim.Unix())) < abandoned {
		return errLater
	}
	if err := unix.Unlinkat(int(w.dir.Fd()), name, 0); err != nil {
		return trouble(&os.PathError{Op: "unlink", Path: name, Err: err})
	}
	w.log.Info("%s: removed an unfinished file of uid %d: sendmail was interrupted a day ago", name, st.Uid)
	return nil
}

// envelope makes the envelope of the message from that of the letter: what a
// submitter may say is checked, what he may not is left out.
func envelope(m *queue.Message, name string, uid int) (*queue.Envelope, error) {
	if m.ID != name {
		return nil, bad("its header says that it is %s", m.ID)
	}
	if len(m.Env.Recipients) == 0 {
		return nil, bad("no recipients")
	}
	e := &queue.Envelope{Sender: m.Env.Sender, Attrs: map[string]string{}, Recipients: m.Env.Recipients}
	if err := checkAddress(e.Sender); e.Sender != "" && err != nil {
		return nil, bad("sender: %w", err)
	}
	for name, value := range m.Env.Attrs {
		if allowed(name, value) {
			e.Attrs[name] = value
		}
	}
	e.Attrs[queue.AttrOrigin] = "pickup"
	e.Attrs[queue.AttrUID] = fmt.Sprint(uid)
	for i := range e.Recipients {
		r := &e.Recipients[i]
		if err := checkAddress(r.Address); err != nil {
			return nil, bad("recipient %d: %w", i, err)
		}
		// Whether aliases are applied is not the submitter's business.
		*r = queue.Recipient{Address: r.Address, Attrs: notify(r.Attrs)}
	}
	return e, nil
}

func checkAddress(addr string) error {
	if local, domain := smtp.SplitAddress(addr); local == "" || domain == "" {
		return fmt.Errorf("%q is not an address", addr)
	}
	return smtp.Check(addr)
}

// allowed tells whether a submitter may set an attribute to a value.
func allowed(name, value string) bool {
	switch name {
	case queue.AttrBody:
		return value == "7BIT" || value == "8BITMIME"
	case queue.AttrRet:
		return value == "FULL" || value == "HDRS"
	case queue.AttrVerbose, queue.AttrProbe, queue.AttrRequireTLS:
		return value == "yes"
	case queue.AttrEnvID:
		return smtp.ValidEnvID(value)
	}
	return false
}

// notify returns the attributes of a recipient that a submitter may set.
func notify(attrs map[string]string) map[string]string {
	if n, err := smtp.ParseNotify(attrs[queue.AttrNotify]); err == nil {
		return map[string]string{queue.AttrNotify: n.String()}
	}
	return nil
}

// copy writes the letter onto a blank and commits it under its own ID.
func (w *worker) copy(ctx context.Context, f *os.File, m *queue.Message, env *queue.Envelope, arrival time.Time) error {
	b, err := w.queue.Blank(ctx)
	if err != nil {
		return err
	}
	env.Attrs[queue.AttrBlank] = b.ID
	look := new(header.Inspector)
	if err := w.fill(f, m, env, arrival, b.File, b.Size, look); err != nil {
		w.queue.Return(b)
		return fmt.Errorf("write message: %w", err)
	}
	if !w.isTold(m.ID) {
		w.report(m.ID, env, look)
	}
	_, err = w.queue.Commit(ctx, b, m.ID)
	return err
}

// report says in the log whose letter comes.
func (w *worker) report(id string, env *queue.Envelope, look *header.Inspector) {
	w.log.On(maillog.Pickup).Info("%s: uid=%s from=<%s>", id, env.Attrs[queue.AttrUID], smtp.Quote(env.Sender))
	cleanup := w.log.As("cleanup")
	cleanup.On(maillog.MessageID).Info("%s: message-id=%s", id, look.MessageID)
	if look.ResentID != "" {
		cleanup.On(maillog.MessageID).Info("%s: resent-message-id=%s", id, look.ResentID)
	}
}

// fill writes the message into to, which it closes when it succeeds.
func (w *worker) fill(f *os.File, m *queue.Message, env *queue.Envelope, arrival time.Time, to *os.File, old int64, look *header.Inspector) error {
	out, err := queue.NewWriter(to, m.ID, old, env)
	if err != nil {
		return err
	}
	out.SetArrival(arrival)
	if _, err := fmt.Fprintf(out, "Received: by %s (%s, from userid %s)\n\tid %s; %s\n",
		w.hostname, w.mailName, env.Attrs[queue.AttrUID], m.ID, header.FormatDate(arrival)); err != nil {
		return err
	}
	filter := header.NewFilter(io.MultiWriter(out, look), header.Dropped, nil)
	filter.Edit(w.edit.Header(true, w.edit.options))
	content := &source{r: io.NewSectionReader(f, m.ContentOffset(), int64(m.Content))}
	n, err := io.Copy(filter, content)
	switch {
	case content.err != nil:
		return trouble(content.err)
	case err != nil:
		return err
	case n != int64(m.Content):
		return trouble(io.ErrUnexpectedEOF)
	}
	if err := errors.Join(filter.Close(), look.Close()); err != nil {
		return err
	}
	return out.Close()
}

// A source remembers why it could not be read: the blank's errors are the queue's.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}
