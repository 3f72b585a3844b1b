// Package pickup is the daemon that takes letters from maildrop/ to the queue.
//
// A file in maildrop/ was written by sendmail with its caller's uid, and is
// believed in nothing: the submitter is the file's owner, the ID must be its
// name, addresses and attributes are checked as a stranger's are, checksums
// must be right. What is no letter goes to corrupt/ and is never deleted, but
// for unfinished files of more than a day.
//
//	sendmail          pickup                              qmgr
//	O_EXCL, write
//	fsync file, name
//	mark (mode) ────▶ read, check, copy onto a blank
//	                  commit as sendmail's ID ──────────▶ flush, remove maildrop/ID
//	                  ◀───────────────────────────────── done
//
// The mark is not flushed. After a power failure a file without it whose
// checksums are right is a letter that sendmail may have said 0 for, and is
// taken once it is too old to be one in the making.
//
// A letter that cannot be read now, or whose addresses cannot be rewritten, stays where
// it is, and is tried again; the others do not wait for it.
//
// Reading order: scan.go finds files and takes turns by uid; take.go is the way
// of one letter.
package pickup

import (
	"context"
	"net"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/fdpass"
	"yubin/internal/intake"
	"yubin/internal/maillog"
	"yubin/internal/queue"
	"yubin/internal/rewrite"
	"yubin/internal/service"
)

// Command is pickup(8).
var Command = &cli.Command{
	Name: "pickup", Section: 8,
	Params: slices.Concat([]*config.Def{
		config.QueueDirectory.Def, config.Myhostname.Def, config.MailName.Def, config.MaildropUIDLimit.Def,
		config.ReceiveOverrideOptions.Def,
	}, rewrite.Params(), rewrite.FilterParams(), service.Params),
	Setup: func(fs *pflag.FlagSet) func(context.Context, *cli.Env) error {
		o := service.Flags(fs)
		return func(ctx context.Context, env *cli.Env) error {
			d := new(daemon)
			return service.Run(ctx, env, o, service.Handler{
				Check: check, Conn: d.conn, Start: d.start, Idle: d.idle, Stop: d.stop,
			})
		}
	},
}

// check finds wrong values.
func check(c *config.Config, log *maillog.Logger) error {
	_, err := newEditor(c, log)
	return err
}

// daemon joins the service to a worker.
type daemon struct {
	w      *worker
	cancel context.CancelFunc
	done   chan struct{}
}

func (d *daemon) start(ctx context.Context, s *service.Service) error {
	queueDir := config.QueueDirectory.Of(s.Config)
	client := intake.New(intake.Options{
		Dial:    func() (*fdpass.Conn, error) { return fdpass.Dial(filepath.Join(queueDir, queue.DirPublic, "qmgr")) },
		Program: "pickup", Log: s.Log,
	})
	var err error
	if d.w, err = newWorker(queueDir, s.Config, s.Log, client); err != nil {
		return err
	}
	ctx, d.cancel = context.WithCancel(ctx)
	d.done = make(chan struct{})
	go func() {
		defer close(d.done)
		defer client.Close()
		d.w.run(ctx)
	}()
	return nil
}

// conn is a poke: that somebody connected is all it says.
func (d *daemon) conn(_ context.Context, c net.Conn) {
	c.Close()
	d.w.poke()
}

func (d *daemon) idle() (ok bool, next time.Time) { return d.w.idle() }

// stop lets letters that are on their way arrive; files not begun stay.
func (d *daemon) stop(ctx context.Context) {
	d.w.drain()
	select {
	case <-d.done:
	case <-ctx.Done():
		d.cancel()
		<-d.done
	}
	d.w.close()
}
