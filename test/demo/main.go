// Demo is what make run starts: a private mail system below ./run, as the
// present user, on a port of its own. It sends a letter by bin/sendmail and one
// by SMTP, shows the files and the log lines that come of them, and stays up
// until Ctrl-C. Everything that it makes is below ./run, which may be removed
// while the demo is not running; mail stays there from one run to the next.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
)

func main() {
	dir := flag.String("dir", "run", "directory of the system")
	bin := flag.String("bin", "bin", "yubin's programs")
	once := flag.Bool("once", false, "end when both letters have arrived")
	flag.Parse()
	// The kernel stops the system when the thread that started it ends
	// (Pdeathsig), so that thread must be one that stays: main's.
	runtime.LockOSThread()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := demo(ctx, *dir, *bin, *once); err != nil {
		fmt.Fprintf(os.Stderr, "demo: %v\n", err)
		os.Exit(1)
	}
}

// demo runs the system until ctx ends.
func demo(ctx context.Context, dir, bin string, once bool) (err error) {
	s, err := prepare(dir, bin)
	if err != nil {
		return err
	}
	if err := s.start(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if err := s.show(ctx); err != nil {
		return err
	}
	if once {
		return nil
	}
	s.advise()
	select {
	case <-ctx.Done():
		fmt.Println("\nstopping")
		return nil
	case err := <-s.exited:
		s.exited <- err
		if err == nil {
			err = errors.New("somebody stopped it")
		}
		return fmt.Errorf("master ended by itself: %w; see %s", err, s.path("log"))
	}
}
