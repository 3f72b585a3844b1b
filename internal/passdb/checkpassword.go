package passdb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"strings"
	"sync"
	"syscall"
	"time"

	"yubin/internal/account"
	"yubin/internal/ipc"
)

// checkTime is how long a program of checkpassword may take.
const checkTime = 30 * time.Second

// maxReport is the most that such a program may say, octets.
const maxReport = 64 << 10

// checkpassword is the backend checkpassword:PROGRAM. The program reads
//
//	name NUL password NUL timestamp NUL
//
// from descriptor 3. It ends with 1 when the password is not right and with 111
// when it cannot say. When it is right it executes what its arguments name: a
// shell here that writes USER, HOME and the userdb_ variables that the program
// has set, each with a NUL behind it.
type checkpassword struct {
	env     *Env
	command []string
	pool    *pool
}

// reporter is what the program executes.
var reporter = []string{"/bin/sh", "-c", `env -0 >&4`}

func openCheckpassword(e *Env, argument string) (DB, error) {
	command := strings.Fields(argument)
	if len(command) == 0 || !path.IsAbs(command[0]) {
		return nil, errors.New("checkpassword: want the absolute path of a program, and its arguments")
	}
	return &checkpassword{e, command, newPool(checkPrograms)}, nil
}

// checkPrograms is how many run at once.
const checkPrograms = 16

func (k *checkpassword) Name() string { return "checkpassword" }

func (k *checkpassword) Lookup(context.Context, string) (*Credential, error) {
	return nil, fmt.Errorf("checkpassword: %w", ErrCannotTell)
}

func (k *checkpassword) Verify(ctx context.Context, user, password string, f *ipc.AuthFacts) (*Credential, error) {
	if strings.ContainsRune(user+password, 0) || len(password) > maxSecret || CheckName(user) != nil {
		return nil, ErrMismatch
	}
	if err := k.pool.enter(ctx, f.Client); err != nil {
		return nil, err
	}
	defer k.pool.leave()
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	said, err := k.run(ctx, user, password, f)
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%s: no answer within %v", k.command[0], checkTime)
	case errors.As(err, &exit) && exit.ExitCode() == 1:
		return nil, ErrMismatch
	case err != nil:
		// 111 means that it cannot say, and so does everything else.
		return nil, fmt.Errorf("%s: %w", k.command[0], err)
	}
	return k.credential(user, said)
}

// run starts the program and returns what its end has told.
func (k *checkpassword) run(ctx context.Context, user, password string, f *ipc.AuthFacts) ([]byte, error) {
	secret, theirs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	out, report, err := os.Pipe()
	if err != nil {
		secret.Close()
		return nil, err
	}
	defer out.Close()
	cmd := exec.CommandContext(ctx, k.command[0], append(k.command[1:len(k.command):len(k.command)], reporter...)...)
	cmd.ExtraFiles = []*os.File{secret, report}
	cmd.Env = []string{"PATH=/usr/bin:/bin", "PROTO=" + strings.ToUpper(f.Service), "TCPREMOTEIP=" + f.Client, "TCPLOCALIP=" + f.Local,
		"SERVICE=" + f.Service, "USER=" + user}
	// It and what it starts end together.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	err = cmd.Start()
	secret.Close()
	report.Close()
	if err != nil {
		return nil, err
	}
	// Short enough for the pipe: nobody waits for a program that does not read.
	_, _ = io.WriteString(theirs, user+"\x00"+password+"\x00"+fmt.Sprint(time.Now().Unix())+"\x00")
	theirs.Close()
	var said []byte
	var wg sync.WaitGroup
	wg.Go(func() { said, _ = io.ReadAll(io.LimitReader(out, maxReport)) })
	err = cmd.Wait()
	// Something that the program left behind may hold its end of the pipe.
	out.SetReadDeadline(time.Now().Add(time.Second))
	wg.Wait()
	return said, err
}

// credential reads the environment that the program has left.
func (k *checkpassword) credential(user string, said []byte) (*Credential, error) {
	vars := map[string]string{}
	for _, v := range bytes.Split(said, []byte{0}) {
		name, value, _ := strings.Cut(string(v), "=")
		vars[name] = value
	}
	c := &Credential{User: fold(user), Fields: map[string]string{}}
	if name := vars["USER"]; name != "" {
		if CheckName(name) != nil {
			return nil, fmt.Errorf("%s: the USER that it names cannot be one", k.command[0])
		}
		c.User = fold(name)
	}
	return k.env.place(c, &account.Person{
		Name: c.User, UID: vars["userdb_uid"], GID: vars["userdb_gid"], Home: vars["HOME"], Mail: vars["userdb_mail"],
		Quota: quotaRules(func(name string) string { return vars[name] }),
	}), nil
}
