package smtpd

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/intake"
	"yubin/internal/maillog"
	"yubin/internal/match"
	"yubin/internal/queue"
	"yubin/internal/servertls"
	"yubin/internal/smtp"
	"yubin/internal/table"
)

// localParams are the parameters of -S alone.
var localParams = []*config.Def{config.SendmailPath.Def}

// runLocal is one session on standard input and output (-S): that of the user
// who runs it, with his rights and no others. Letters go to sendmail, which
// leaves them in maildrop/ whether or not the mail system runs.
func runLocal(ctx context.Context, env *cli.Env) error {
	log, err := localLog(env.Config)
	if err != nil {
		return &cli.Status{Code: cli.ExOSErr, Err: err}
	}
	defer log.Close()
	var args []string
	if env.Config.Dir != config.DefaultDir {
		args = []string{"-C", env.Config.Dir}
	}
	s, err := newLocal(env.Config, log, &handover{program: config.SendmailPath.Of(env.Config), args: args})
	if err != nil {
		return &cli.Status{Code: cli.ExConfig, Err: err}
	}
	near, far := net.Pipe()
	go func() {
		defer near.Close()
		_, _ = io.Copy(near, &wireEnds{r: bufio.NewReader(env.Stdin)}) // the session sees the end
	}()
	defer far.Close()
	s.session(ctx, &stdio{far, env.Stdout}, peer{name: "localhost", ip: netip.AddrFrom4([4]byte{127, 0, 0, 1}), reverse: "localhost"})
	return nil
}

// localLog is syslog where there is one, else nothing: the log file is not this
// user's to write, and standard error is read by whoever has started us.
func localLog(c *config.Config) (*maillog.Logger, error) {
	o := maillog.Options{Tag: config.SyslogName.Of(c) + "/smtpd", Facility: config.SyslogFacility.Of(c)}
	info, err := os.Stat("/dev/log")
	if config.MaillogFile.Of(c) != "" || err != nil || info.Mode().Type() != os.ModeSocket {
		if o.File, err = os.OpenFile(os.DevNull, os.O_WRONLY, 0); err != nil {
			return nil, err
		}
	}
	return maillog.Open(o)
}

// newLocal returns the server of -S. It restricts nothing and rewrites nothing,
// as sendmail does not: there is nobody to be kept out.
func newLocal(c *config.Config, log *maillog.Logger, d depot) (*server, error) {
	none, err := match.New(config.Mynetworks.Name, nil)
	if err != nil {
		return nil, err
	}
	s := &server{
		local: true, log: log, cleanup: log.As("cleanup"), depot: d, load: newLoad("smtpd", 0, log), stats: newStatistics("smtpd", time.Minute, time.Hour, log.As("anvil")), calm: read(c), clients: map[netip.Addr]int{},
		tls:         &tlsState{Server: new(servertls.Server)},
		clientRates: newRates[netip.Addr](time.Hour), userRates: newRates[string](time.Hour),
		networks: none, unlimited: none, bareNoted: none, flushed: none, xclients: none, xforwards: none, forbidden: none, noops: none,
		teller:  &teller{},
		discard: &discarder{words: notLocal, maps: new(table.Maps), log: log},
	}
	s.tense = s.calm
	p := s.calm
	p.heloRequired, p.etrn, p.synchronized, p.unlistedRecipient, p.unlistedSender = false, false, false, false, false
	p.delayReject, p.bareNewline, p.perClient, p.rate, p.userRate = true, "no", 0, [events]int{}, [events]int{}
	return s, nil
}

// complete is an address with the domain that it lacks; sendmail does that for
// the letters of -S.
func (s *session) complete(addr string) string {
	if s.srv.local {
		return addr
	}
	return s.srv.rewrite.Complete(addr)
}

// A stdio is the client of -S. What he takes his time to read he holds up
// himself.
type stdio struct {
	net.Conn // to read from
	out      io.Writer
}

func (c *stdio) Write(p []byte) (int, error)      { return c.out.Write(p) }
func (c *stdio) SetWriteDeadline(time.Time) error { return nil }

// wireEnds reads lines with CR LF where the text has LF alone: programs and
// people at a terminal write that, and mean it, the end of a message included.
// One submitter alone speaks here, so nothing can be smuggled into a letter.
type wireEnds struct {
	r    *bufio.Reader
	last byte
	due  bool // LF, behind a CR that was added
}

func (w *wireEnds) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if w.due {
			p[n], w.due, w.last = '\n', false, '\n'
			n++
			continue
		}
		if n > 0 && w.r.Buffered() == 0 {
			return n, nil
		}
		c, err := w.r.ReadByte()
		if err != nil {
			return n, err
		}
		if c == '\n' && w.last != '\r' {
			c, w.due = '\r', true
		}
		p[n], w.last = c, c
		n++
	}
	return n, nil
}

// A handover is a depot whose letters go to sendmail, one at a time.
type handover struct {
	program string
	args    []string
	spool   *os.File // the letter at hand
}

func (h *handover) Full(context.Context) bool { return false }

// Blank returns a file of the user's own, without a name.
func (h *handover) Blank(context.Context) (*intake.Blank, error) {
	f, err := os.CreateTemp("", "smtpd-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	// The writer closes its file; what it wrote is read back through another
	// descriptor of the same one.
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		f.Close()
		return nil, os.NewSyscallError("dup", err)
	}
	h.spool = f
	return &intake.Blank{ID: queue.FreshID(time.Now(), queue.OriginSendmail), File: os.NewFile(uintptr(fd), f.Name())}, nil
}

func (h *handover) Return(b *intake.Blank) {
	b.File.Close()
	h.spool.Close()
}

// Commit has sendmail take the letter.
func (h *handover) Commit(ctx context.Context, _ *intake.Blank, _ string) (string, error) {
	defer h.spool.Close()
	m, err := queue.Read(h.spool)
	if err != nil {
		return "", err
	}
	args := append(append([]string{}, h.args...), "-i", "-f", smtp.Quote(m.Env.Sender))
	if body := m.Env.Attrs[queue.AttrBody]; body != "" {
		args = append(args, "-B"+body)
	}
	args = append(args, "--")
	for _, r := range m.Env.Recipients {
		args = append(args, smtp.Quote(r.Address))
	}
	c := exec.CommandContext(ctx, h.program, args...)
	var said bytes.Buffer
	c.Stdin, c.Stderr = io.NewSectionReader(h.spool, m.ContentOffset(), int64(m.Content)), &said
	if err := c.Run(); err != nil {
		return "", fmt.Errorf("%s: %w: %s", h.program, err, strings.TrimSpace(said.String()))
	}
	return "", nil
}
