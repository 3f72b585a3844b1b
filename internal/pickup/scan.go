package pickup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"yubin/internal/config"
	"yubin/internal/intake"
	"yubin/internal/maillog"
	"yubin/internal/queue"
)

const (
	parallel   = 50               // letters under way at once: they share qmgr's flushes
	turn       = 500              // letters taken between two looks at the directory
	unmarked   = time.Minute      // an incomplete file this old may be one that lost its mark
	abandoned  = 24 * time.Hour   // and one this old is given up
	firstRetry = time.Second      // after the queue took no mail
	lastRetry  = 30 * time.Second // at most
	lockRetry  = 200 * time.Millisecond
	editRetry  = 10 * time.Second // of a letter that cannot be taken for now

	lastEditRetry = time.Minute // at most
	sayAgain      = time.Hour   // of a letter that still waits for the same reason
)

// An intaker is what pickup needs of package intake.
type intaker interface {
	Blank(ctx context.Context) (*intake.Blank, error)
	Commit(ctx context.Context, b *intake.Blank, as string) (string, error)
	Return(b *intake.Blank)
}

// A worker empties maildrop/.
type worker struct {
	dir      *os.File // maildrop/
	corrupt  *os.File
	log      *maillog.Logger
	queue    intaker
	edit     *editor
	hostname string
	mailName string
	limit    int // maildrop_uid_limit
	now      func() time.Time

	wake  chan struct{}
	quit  chan struct{}
	large sync.Mutex // held while a letter with a large envelope is in memory

	mu   sync.Mutex // guards what follows
	busy bool       // working, or waiting to try again
	next time.Time  // when a file that is left alone must be looked at again; zero: never
	// postponed are letters that could not be read, whose addresses could not be
	// rewritten, whose ID is in use, or that could not be removed.
	postponed map[string]*waiting
	// left are files that sendmail has not finished, and when they are looked into
	// again.
	left map[string]time.Time
}

func newWorker(queueDir string, c *config.Config, log *maillog.Logger, q intaker) (*worker, error) {
	w := &worker{
		log: log, queue: q, hostname: config.Myhostname.Of(c), mailName: config.MailName.Of(c),
		limit: config.MaildropUIDLimit.Of(c), now: time.Now,
		wake: make(chan struct{}, 1), quit: make(chan struct{}), postponed: map[string]*waiting{}, left: map[string]time.Time{},
	}
	var err error
	if w.edit, err = newEditor(c, log); err != nil {
		return nil, err
	}
	if w.dir, err = os.Open(filepath.Join(queueDir, queue.DirMaildrop)); err != nil {
		return nil, err
	}
	if w.corrupt, err = os.Open(filepath.Join(queueDir, queue.DirCorrupt)); err != nil {
		w.dir.Close()
		return nil, err
	}
	w.poke() // what came while nobody ran
	return w, nil
}

func (w *worker) close() {
	w.dir.Close()
	w.corrupt.Close()
}

// poke says that there may be work.
func (w *worker) poke() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// drain ends run when the letters under way have arrived.
func (w *worker) drain() { close(w.quit) }

// idle tells whether nothing is under way, and when there will be.
func (w *worker) idle() (bool, time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.busy && len(w.wake) == 0, w.next
}

func (w *worker) setBusy(busy bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy = busy
}

// run works until drain or the end of ctx.
func (w *worker) run(ctx context.Context) {
	retry := time.NewTimer(0)
	<-retry.C
	defer retry.Stop()
	wait := firstRetry
	for {
		select {
		case <-w.wake:
		case <-retry.C:
		case <-w.quit:
			return
		case <-ctx.Done():
			return
		}
		w.setBusy(true)
		more, err := w.turns(ctx)
		switch {
		case w.stopped(ctx):
			return
		case errors.Is(err, errLocked):
			retry.Reset(lockRetry)
		case err != nil:
			w.log.Warn("%v; trying again in %v", err, wait)
			retry.Reset(wait)
			wait = min(2*wait, lastRetry)
		case more:
			w.poke()
		default:
			wait = firstRetry
			w.setBusy(false)
		}
	}
}

func (w *worker) stopped(ctx context.Context) bool {
	select {
	case <-w.quit:
		return true
	default:
		return ctx.Err() != nil
	}
}

// errLocked says that another generation of pickup still works.
var errLocked = errors.New("maildrop is locked")

// turns takes one turn's worth of letters; more says that there may be others.
func (w *worker) turns(ctx context.Context) (more bool, err error) {
	// Two generations that took one file could deliver it twice: the second
	// might commit it after the first one's copy has come and gone.
	err = unix.Flock(int(w.dir.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false, errLocked
	}
	if err != nil {
		return false, fmt.Errorf("lock maildrop: %w", err)
	}
	defer unix.Flock(int(w.dir.Fd()), unix.LOCK_UN)
	files, err := w.scan()
	if err != nil {
		return false, fmt.Errorf("read maildrop: %w", err)
	}
	order := roundRobin(files, turn)
	taken, err := w.takeAll(ctx, order)
	return taken > 0 && len(order) < len(files), err
}

// takeAll takes the files, many at once. It stops at the first error that
// concerns all.
func (w *worker) takeAll(ctx context.Context, files []file) (taken int, err error) {
	work := make(chan file)
	results := make(chan error)
	var group sync.WaitGroup
	for range min(parallel, len(files)) {
		group.Go(func() {
			for f := range work {
				results <- w.take(ctx, f)
			}
		})
	}
	stop := make(chan struct{})
	go func() {
		defer close(results)
		defer group.Wait()
		defer close(work)
		for _, f := range files {
			select {
			case work <- f:
			case <-stop:
				return
			case <-w.quit:
				return
			case <-ctx.Done():
				return
			}
		}
	}()
	for e := range results {
		switch {
		case e == nil:
			taken++
		case err == nil:
			err = e
			close(stop)
		}
	}
	return taken, err
}

// A file is an entry of maildrop/ to be taken.
type file struct {
	name string
	uid  int
}

// scan lists the files that are ready, and clears away what is not a letter.
func (w *worker) scan() ([]file, error) {
	fd, err := unix.Openat(int(w.dir.Fd()), ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	d := os.NewFile(uintptr(fd), queue.DirMaildrop)
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	w.setNext(time.Time{})
	w.lookAgain()
	var files []file
	var counters []string
	waiting := map[int]int{}
	for _, name := range names {
		if strings.HasPrefix(name, ".") {
			counters = append(counters, name)
			continue
		}
		var st unix.Stat_t
		if err := unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			return nil, &os.PathError{Op: "stat", Path: name, Err: err}
		}
		waiting[int(st.Uid)]++
		if w.ready(name, &st) {
			files = append(files, file{name, int(st.Uid)})
		}
	}
	w.resetCounters(counters, waiting)
	return files, nil
}

// ready tells whether to look into an entry now. If not, next says when.
func (w *worker) ready(name string, st *unix.Stat_t) bool {
	if due, later := w.isPostponed(name); later {
		w.setNext(due)
		return false
	}
	if st.Mode&unix.S_IFMT == unix.S_IFREG && st.Mode&unix.S_IXUSR != 0 && queue.ValidID(name) {
		return true
	}
	due := time.Unix(st.Mtim.Unix()).Add(unmarked)
	if again, left := w.isLeft(name); left {
		due = again
	}
	now := w.now()
	if !now.Before(due) {
		// A file that is left again is looked at once a minute.
		w.setNext(now.Add(unmarked))
		return true
	}
	w.setNext(due)
	return false
}

// leave leaves a file alone for a while that sendmail has not finished: others have
// their turn.
func (w *worker) leave(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left[name] = w.now().Add(unmarked)
}

// isLeft tells until when an unfinished file is left alone.
func (w *worker) isLeft(name string) (again time.Time, left bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	again, left = w.left[name]
	return again, left
}

// lookAgain forgets the unfinished files whose time has come, and all that have gone since.
func (w *worker) lookAgain() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	maps.DeleteFunc(w.left, func(_ string, again time.Time) bool { return !now.Before(again) })
	maps.DeleteFunc(w.postponed, func(_ string, l *waiting) bool { return now.Sub(l.due) > sayAgain })
}

// setNext lowers next to t; the zero time clears it.
func (w *worker) setNext(t time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t.IsZero() || w.next.IsZero() || t.Before(w.next) {
		w.next = t
	}
}

// resetCounters removes the counters by which sendmail keeps maildrop_uid_limit
// (see package submit) of users who have few letters waiting.
func (w *worker) resetCounters(names []string, waiting map[int]int) {
	for _, name := range names {
		digits, ok := strings.CutPrefix(name, ".uid-")
		uid, err := strconv.Atoi(digits)
		if !ok || err != nil || name != queue.CounterName(uid) || waiting[uid] > w.limit/2 {
			continue
		}
		var st unix.Stat_t
		if unix.Fstatat(int(w.dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil && st.Size > int64(w.limit/2) {
			// If it cannot be removed, the next scan tries again.
			_ = unix.Unlinkat(int(w.dir.Fd()), name, 0)
		}
	}
}

// roundRobin returns at most n of the files, the oldest of each uid in turn, so
// that a user with ten thousand letters does not keep another's waiting.
func roundRobin(files []file, n int) []file {
	slices.SortFunc(files, func(a, b file) int {
		return cmp.Or(cmp.Compare(a.uid, b.uid), strings.Compare(a.name, b.name))
	})
	var queues [][]file
	for rest := files; len(rest) > 0; {
		end := 0
		for end < len(rest) && rest[end].uid == rest[0].uid {
			end++
		}
		queues = append(queues, rest[:end])
		rest = rest[end:]
	}
	order := make([]file, 0, min(n, len(files)))
	for len(queues) > 0 && len(order) < n {
		left := queues[:0]
		for _, q := range queues {
			if len(order) < n {
				order = append(order, q[0])
				q = q[1:]
			}
			if len(q) > 0 {
				left = append(left, q)
			}
		}
		queues = left
	}
	return order
}
