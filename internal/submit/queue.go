package submit

import (
	"errors"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/fdpass"
	"yubin/internal/historic"
	"yubin/internal/ipc"
	"yubin/internal/queue"
	"yubin/internal/smtp"
)

// patience is how long -q waits for qmgr's next word.
const patience = time.Minute

func listQueue(env *cli.Env, _ *options) error {
	return become(config.MailqPath.Of(env.Config), configDir(env))
}

func newaliases(env *cli.Env, o *options) error {
	value, err := historic.AliasDatabase(o.set)
	if err != nil {
		return usage("%w", err)
	}
	args := configDir(env)
	if value != "" {
		args = append(args, "-o", "alias_database="+value)
	}
	return become(config.NewaliasesPath.Of(env.Config), args)
}

// speakSMTP is -bs: smtpd(8) with the caller's rights, which comes back here with
// each letter.
func speakSMTP(env *cli.Env, _ *options) error {
	return become(filepath.Join(config.DaemonDirectory.Of(env.Config), "smtpd"), append([]string{"-S"}, configDir(env)...))
}

// become replaces this program by another, without the group. Only the
// configured path counts, which is absolute: a set-gid program does not search.
func become(path string, args []string) error {
	if err := dropGroup(); err != nil {
		return err
	}
	signal.Reset(syscall.SIGPIPE, syscall.SIGXFSZ)
	err := syscall.Exec(path, append([]string{filepath.Base(path)}, args...), os.Environ())
	return fail(cli.ExUnavailable, "run %s: %w", path, err)
}

// flushQueue asks qmgr to try what waits (-q), one message (-qI), or the mail for
// a domain (-qR).
func flushQueue(env *cli.Env, o *options) error {
	request := ipc.ControlRequest{Op: ipc.OpFlush, All: true}
	if o.queue != "" {
		switch rest := o.queue[1:]; {
		case o.queue[0] >= '0' && o.queue[0] <= '9':
			return nil // -q15m: qmgr has its own schedule
		case o.queue[0] == 'I':
			if !queue.ValidID(rest) {
				return usage("-qI wants a queue ID, has %.40q", rest)
			}
			request = ipc.ControlRequest{Op: ipc.OpFlush, IDs: []string{rest}}
		case o.queue[0] == 'R':
			if !smtp.ValidDomain(strings.TrimPrefix(rest, "@")) {
				return usage("-qR wants a domain, has %.40q", rest)
			}
			request = ipc.ControlRequest{Op: ipc.OpFlush, To: rest}
		default:
			return usage("unsupported: -q%.40q", o.queue)
		}
	}
	if err := dropGroup(); err != nil {
		return err
	}
	return control(filepath.Join(config.QueueDirectory.Of(env.Config), queue.DirPublic, "qmgr"), request)
}

// control carries out one request.
func control(socket string, request ipc.ControlRequest) error {
	c, err := fdpass.Dial(socket)
	if err != nil {
		return fail(cli.ExUnavailable, "cannot flush the queue - mail system is down (%w)", err)
	}
	defer c.Close()
	if err = c.Send(ipc.Hello{Version: ipc.ControlVersion, Role: ipc.RoleControl, Program: "sendmail"}); err == nil {
		err = c.Send(request)
	}
	for err == nil {
		var reply ipc.ControlReply
		c.Unix().SetReadDeadline(time.Now().Add(patience))
		if _, err = c.Recv(&reply); err != nil {
			break
		}
		switch {
		case reply.Denied:
			return fail(cli.ExNoPerm, "%s", reply.Error)
		case reply.Error != "":
			return fail(cli.ExUnavailable, "%s", reply.Error)
		case len(reply.Missing) > 0:
			return fail(cli.ExUnavailable, "no message %s in the queue", reply.Missing[0])
		case reply.End:
			return nil
		}
	}
	if errors.Is(err, io.EOF) {
		err = errors.New("qmgr ended the conversation")
	}
	return fail(cli.ExTempFail, "flush the queue: %w", err)
}
