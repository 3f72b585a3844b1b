package pamd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
)

const workerEnv = "YUBIN_TEST_PAMD_WORKER"

// The test binary is its own worker.
func TestMain(m *testing.M) {
	if os.Getenv(workerEnv) != "" {
		if err := work(fake{}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func fakeWorker() *exec.Cmd {
	exe, _ := os.Executable()
	return &exec.Cmd{Path: exe, Args: []string{"pamd"}, Env: append(os.Environ(), workerEnv+"=1")}
}

// fake stands for the libraries. What it does depends on the user.
type fake struct{}

func (fake) prepare() {}

func (fake) check(q *ipc.PAMRequest) ipc.PAMReply {
	mischief(q.User)
	switch {
	case q.User != "ann":
		return ipc.PAMReply{Result: q.User}
	case string(q.Password) != secret:
		return ipc.PAMReply{Result: ipc.PAMMismatch}
	}
	return ipc.PAMReply{Result: ipc.PAMOK, User: "ann"}
}

func (fake) user(name string) (*ipc.NSSUser, error) {
	mischief(name)
	switch name {
	case "ann":
		return &ipc.NSSUser{Name: name, UID: 1001, GID: 1002, Groups: []uint32{1002, 7}, Home: "/home/ann", Gecos: fmt.Sprint(os.Getpid())}, nil
	case "down":
		return nil, syscall.ETIMEDOUT
	}
	return nil, nil
}

func (fake) userByID(uid uint32) (*ipc.NSSUser, error) {
	return &ipc.NSSUser{Name: "me", UID: uid}, nil
}

func (fake) group(name string) (*ipc.NSSGroup, error) {
	return &ipc.NSSGroup{Name: name, GID: 5, Members: []string{"ann"}}, nil
}

func mischief(user string) {
	switch user {
	case "hang":
		time.Sleep(time.Hour)
	case "crash":
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		time.Sleep(time.Hour)
	}
}

const secret = "correct-horse"

// A rig is a daemon and its log.
type rig struct {
	*daemon
	log string
}

func newRig(t *testing.T, limit time.Duration) *rig {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	log, err := maillog.Open(maillog.Options{Tag: "postfix/pamd", File: f})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	me := map[uint32]bool{uint32(os.Geteuid()): true}
	d := &daemon{
		log: log, keepers: me, known: me, strangers: make(chan struct{}, 1),
		pam: newPool(fakeWorker, 3, 100, limit), nss: newPool(fakeWorker, 3, 100, limit),
		cache: newCache(time.Hour, 100),
	}
	t.Cleanup(d.close)
	return &rig{d, path}
}

// dial is a conversation in a role.
func (r *rig) dial(t *testing.T, role string) *fdpass.Conn {
	t.Helper()
	ours, theirs, err := fdpass.Pair()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer theirs.Close()
		r.converse(context.Background(), theirs.Unix())
	}()
	t.Cleanup(func() { ours.Close(); <-done })
	// Who is not wanted may be gone already: the answer shows.
	if err := ours.Send(ipc.Hello{Version: 1, Role: role}); err != nil && !errors.Is(err, syscall.EPIPE) {
		t.Fatal(err)
	}
	return ours
}

// roundTrip sends q and waits for the answer.
func roundTrip[A any](t *testing.T, c *fdpass.Conn, q any) (a A, err error) {
	t.Helper()
	c.Unix().SetDeadline(time.Now().Add(time.Minute))
	if err := c.Send(q); err != nil {
		return a, err
	}
	_, err = c.Recv(&a)
	return a, err
}

const ample = time.Minute

func TestPasswords(t *testing.T) {
	t.Parallel()
	r := newRig(t, ample)
	c := r.dial(t, ipc.RolePAM)
	for _, q := range []struct{ service, user, password, want string }{
		{"yubin", "ann", secret, ipc.PAMOK},
		{"yubin", "ann", "wrong", ipc.PAMMismatch},
		{"yubin", "ann", "", ipc.PAMMismatch},
		{"yubin", "ann", secret + "\x00", ipc.PAMMismatch},
		{"yubin", "ann", strings.Repeat("x", maxPassword), ipc.PAMMismatch},
		{"yubin", ipc.PAMUnknown, secret, ipc.PAMUnknown},
		{"yubin", "", secret, ipc.PAMUnknown},
		{"yubin", "a\x00b", secret, ipc.PAMUnknown},
		{"yubin", strings.Repeat("u", maxUser+1), secret, ipc.PAMUnknown},
		{"yubin", ipc.PAMExpired, secret, ipc.PAMExpired},
		{"../passwd", "ann", secret, ipc.PAMTempFail},
		{".hidden", "ann", secret, ipc.PAMTempFail},
		{"", "ann", secret, ipc.PAMTempFail},
		{"yubin", "crash", secret, ipc.PAMTempFail},
		{"yubin", "ann", secret, ipc.PAMOK},
	} {
		a, err := roundTrip[ipc.PAMReply](t, c, ipc.PAMRequest{Service: q.service, User: q.user, Password: []byte(q.password), Client: "192.0.2.1"})
		if err != nil || a.Result != q.want {
			t.Errorf("%q, %.20q, %.20q: got %+v, %v, want %s", q.service, q.user, q.password, a, err, q.want)
		}
		if strings.Contains(a.Error, secret) {
			t.Errorf("the error has the password: %s", a.Error)
		}
	}
	b, err := os.ReadFile(r.log)
	if err != nil || strings.Contains(string(b), secret) || !strings.Contains(string(b), "pam(crash,192.0.2.1): process ") {
		t.Errorf("log, %v:\n%s", err, b)
	}
}

// A module that hangs is ended, and others are served meanwhile; when more hang
// than there may be, the rest hear so, and afterwards all is well.
func TestHangingModule(t *testing.T) {
	t.Parallel()
	r := newRig(t, 5*time.Second) // others are served in less, on a busy machine
	var wg sync.WaitGroup
	hang := func() {
		wg.Go(func() {
			err := r.pam.ask(t.Context(), &ipc.PAMDWork{PAM: &ipc.PAMRequest{Service: "yubin", User: "hang", Password: []byte("x")}}, new(ipc.PAMReply))
			if err == nil || !strings.Contains(err.Error(), "pamd_time_limit") && !errors.Is(err, errBusy) {
				t.Errorf("a module that hangs: %v", err)
			}
		})
	}
	good := func() error {
		var a ipc.PAMReply
		err := r.pam.ask(t.Context(), &ipc.PAMDWork{PAM: &ipc.PAMRequest{Service: "yubin", User: "ann", Password: []byte(secret)}}, &a)
		if err == nil && a.Result != ipc.PAMOK {
			err = errors.New(a.Result)
		}
		return err
	}
	hang()
	if err := good(); err != nil {
		t.Errorf("beside one that hangs: %v", err)
	}
	for range 8 {
		hang()
	}
	wg.Wait()
	// Those that were killed have gone, or go soon.
	for end := time.Now().Add(time.Minute); ; {
		err := good()
		if err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("after all have been killed: %v", err)
		}
	}
}

// The daemon ends though a module hangs.
func TestEndWhileHanging(t *testing.T) {
	t.Parallel()
	r := newRig(t, time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- r.pam.ask(ctx, &ipc.PAMDWork{PAM: &ipc.PAMRequest{Service: "yubin", User: "hang", Password: []byte("x")}}, new(ipc.PAMReply))
	}()
	cancel()
	if err := <-done; err == nil {
		t.Error("no error")
	}
}

func TestUsers(t *testing.T) {
	t.Parallel()
	r := newRig(t, ample)
	c := r.dial(t, ipc.RoleNSS)
	uid := uint32(12)
	for _, q := range []struct {
		ask  ipc.NSSRequest
		want string
	}{
		{ipc.NSSRequest{User: "ann"}, "ann 1001 1002 /home/ann [1002 7]"},
		{ipc.NSSRequest{User: "zoe"}, "none"},
		{ipc.NSSRequest{User: "down"}, "error connection timed out"},
		{ipc.NSSRequest{UID: &uid}, "me 12 0  []"},
		{ipc.NSSRequest{Group: "list"}, "list 5 [ann]"},
		{ipc.NSSRequest{}, "error there is no question"},
	} {
		a, err := roundTrip[ipc.NSSReply](t, c, q.ask)
		got := "none"
		switch {
		case err != nil:
			got = err.Error()
		case a.Error != "":
			got = "error " + a.Error
		case a.User != nil:
			got = fmt.Sprint(a.User.Name, " ", a.User.UID, " ", a.User.GID, " ", a.User.Home, " ", a.User.Groups)
		case a.Group != nil:
			got = fmt.Sprint(a.Group.Name, " ", a.Group.GID, " ", a.Group.Members)
		}
		if got != q.want {
			t.Errorf("%+v: got %s, want %s", q.ask, got, q.want)
		}
	}
	if a, err := roundTrip[ipc.NSSReply](t, c, ipc.NSSRequest{User: "crash"}); err != nil || !strings.Contains(a.Error, "has died (signal: killed") {
		t.Errorf("a module that crashes: %+v, %v", a, err)
	}
}

// Who may ask what.
func TestAuthority(t *testing.T) {
	t.Parallel()
	r := newRig(t, ample)
	r.keepers, r.known = nil, nil
	if a, err := roundTrip[ipc.PAMReply](t, r.dial(t, ipc.RolePAM), ipc.PAMRequest{Service: "yubin", User: "ann", Password: []byte(secret)}); err == nil {
		t.Errorf("anybody may have passwords checked: %+v", a)
	}
	r2 := newRig(t, ample)
	r2.known = nil
	me := uint32(os.Geteuid())
	if a, err := roundTrip[ipc.NSSReply](t, r2.dial(t, ipc.RoleNSS), ipc.NSSRequest{UID: &me}); err != nil || a.User == nil {
		t.Errorf("a stranger: %+v, %v", a, err)
	}
	// Strangers cannot take all connections.
	if _, err := roundTrip[ipc.NSSReply](t, r2.dial(t, ipc.RoleNSS), ipc.NSSRequest{UID: &me}); err == nil {
		t.Error("a second stranger is served where one may be")
	}
	if _, err := roundTrip[ipc.NSSReply](t, newRig(t, ample).dial(t, "relay"), ipc.NSSRequest{UID: &me}); err == nil {
		t.Error("a role of another program is served")
	}
}

// A worker answers maxUse questions; one that has died meanwhile is replaced.
func TestWorkersAreReplaced(t *testing.T) {
	t.Parallel()
	p := newPool(fakeWorker, 1, 3, ample)
	defer p.close()
	pid := func() string {
		t.Helper()
		var a ipc.NSSReply
		if err := p.ask(t.Context(), &ipc.PAMDWork{NSS: &ipc.NSSRequest{User: "ann"}}, &a); err != nil {
			t.Fatal(err)
		}
		return a.User.Gecos
	}
	first := pid()
	if second, third, fourth := pid(), pid(), pid(); second != first || third != first || fourth == first {
		t.Errorf("three questions to one worker: got %s %s %s %s", first, second, third, fourth)
	}
	w := p.take()
	if w == nil {
		t.Fatal("no worker is idle")
	}
	w.cmd.Process.Kill()
	w.cmd.Process.Wait()
	p.keep(w)
	if pid() == fmt.Sprint(w.cmd.Process.Pid) {
		t.Error("the dead answer")
	}
}
