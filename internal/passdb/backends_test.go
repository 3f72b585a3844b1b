package passdb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"yubin/internal/ipc"
)

func TestShadow(t *testing.T) {
	t.Parallel()
	r := newRig(t, "static:password={PLAIN}x", map[string]string{
		"passwd": "ann:x:1001:1002:Ann:/home/ann:/bin/sh\nben:x:1003:1003::/home/ben:/bin/sh\ncay:x:1004:1004::/home/cay:/bin/sh\n" +
			"dan:x:1005:1005::/home/dan:/bin/sh\neve:x:1006:1006::/home/eve:/bin/sh\nfay:x:1007:1007::/home/fay:/bin/sh\n" +
			"gus:x:1008:1008::/home/gus:/bin/sh\nhal:x:1009:1009::/home/hal:/bin/sh\nivy:x:1010:1010::/home/ivy:/bin/sh\n+::::::\n",
		"shadow": "ann:" + hashed[2] + ":20000:0:99999:7:::\nben:!" + hashed[2] + ":20000:0:99999:7:::\ncay:*:20000::::::\n" +
			"dan:" + hashed[2] + ":20000:0:99999:7::20100:\neve:" + hashed[2] + ":0:0:99999:7:::\nfay:" + hashed[2] + ":20000:0:30:7:10::\n" +
			"gus::20000:0:99999:7:::\nivy:" + hashed[2] + ":0:0:99999:7::20100:\n",
	})
	env := r.l[0].(*static).env
	s := newShadow(env, filepath.Join(r.dir, "passwd"), filepath.Join(r.dir, "shadow"))
	day := 20050
	s.now = func() time.Time { return time.Unix(int64(day)*86400, 0) }
	for _, c := range []struct {
		user, password string
		day            int
		want           error
	}{
		{"ann", sample, 20050, nil},
		{"ANN", sample, 20050, nil},
		{"ann", "x", 20050, ErrMismatch},
		{"ben", sample, 20050, ErrMismatch}, // locked
		{"cay", "*", 20050, ErrMismatch},
		{"dan", sample, 20050, nil},
		{"dan", sample, 20100, ErrExpired},
		{"dan", "x", 20100, ErrMismatch}, // and learns nothing
		{"eve", sample, 20050, ErrExpired},
		{"fay", sample, 20040, nil}, // within the grace
		{"fay", sample, 20041, ErrExpired},
		{"gus", "", 20050, ErrMismatch}, // no password is not any password
		{"hal", "", 20050, ErrMismatch},
		{"zoe", "x", 20050, ErrUnknown},
		{"+", "", 20050, ErrUnknown},
	} {
		day = c.day
		got, err := s.Verify(t.Context(), c.user, c.password, &ipc.AuthFacts{})
		if !errors.Is(err, c.want) {
			t.Errorf("%s, %q on day %d: got %v, want %v", c.user, c.password, c.day, err, c.want)
		}
		if err == nil && got.User == "ann" && (got.Account.UID != 1001 || got.Account.Base != "/home/ann" || got.Account.Mailbox != "Maildir/") {
			t.Errorf("got %+v", got.Account)
		}
	}
	// A certificate or a token needs no password that is still good, but an account.
	day = 20100
	for user, want := range map[string]error{"ann": nil, "dan": ErrExpired, "eve": nil, "ivy": ErrExpired} {
		c, err := s.Lookup(t.Context(), user)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Admit(&ipc.AuthFacts{}); !errors.Is(err, want) {
			t.Errorf("%s without a password: got %v, want %v", user, err, want)
		}
	}
	if h := s.decoy("zoe"); h != hashed[2] {
		t.Errorf("decoy: got %q", h)
	}
	if err := os.Remove(filepath.Join(r.dir, "shadow")); err != nil {
		t.Fatal(err)
	}
	s = newShadow(env, filepath.Join(r.dir, "passwd"), filepath.Join(r.dir, "shadow"))
	if _, err := s.Verify(t.Context(), "ann", sample, &ipc.AuthFacts{}); err == nil || errors.Is(err, ErrMismatch) || errors.Is(err, ErrUnknown) {
		t.Errorf("without /etc/shadow: got %v", err)
	}
}

func TestStatic(t *testing.T) {
	t.Parallel()
	r := newRig(t, "{ static:password={PLAIN}x uid=5000 gid=5001 home=/srv/%d/%n allow_nets=192.0.2.0/24 }", nil)
	for _, c := range []struct {
		user, password, client string
		want                   error
	}{
		{"ann@example.org", "x", "192.0.2.1", nil},
		{"ann@example.org", "y", "192.0.2.1", ErrMismatch},
		{"ann@example.org", "x", "192.0.3.1", ErrMismatch},
		{"../ann@example.org", "x", "192.0.2.1", ErrUnknown},
	} {
		if err := r.verify(c.user, c.password, c.client); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.user, err, c.want)
		}
	}
	c, err := r.l.Lookup(t.Context(), "Ann@example.org")
	if err != nil || c.Account.Home != "/srv/example.org/ann" || c.Account.UID != 5000 || c.Account.GID != 5001 {
		t.Errorf("got %+v, %v", c, err)
	}
	// A name that somebody thinks up leads nowhere else.
	if c, err = r.l.Lookup(t.Context(), "..@example.org"); err != nil || c.NoAccount == nil {
		t.Errorf("got %+v, %v", c, err)
	}
}

// program writes a checkpassword program.
func (r *rig) program(script string) string {
	r.t.Helper()
	path := filepath.Join(r.dir, "check")
	// A child that another test begins meanwhile would have it open, and it could not be run.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		r.t.Fatal(err)
	}
	return path
}

func TestCheckpassword(t *testing.T) {
	t.Parallel()
	r := newRig(t, "{ checkpassword:DIR/check one two }", nil)
	r.program(`[ "$1 $2 $SERVICE $TCPREMOTEIP" = "one two imap 192.0.2.1" ] || exit 3
IFS= read -r line <<END
$(tr '\000' '|' <&3)
END
case $line in
'ann@example.org|geheim|'*) ;;
'ben@example.org|'*) exit 111 ;;
'cay@example.org|'*) kill -9 $$ ;;
'eve@example.org|'*) USER=../eve; export USER ;;
*) exit 1 ;;
esac
shift 2
HOME=/srv/ann userdb_uid=5000 userdb_gid=5001
export HOME userdb_uid userdb_gid
exec "$@"
`)
	c, _, err := r.l.Verify(t.Context(), r.h, "ann@example.org", "geheim", &ipc.AuthFacts{Service: "imap", Client: "192.0.2.1"})
	if err != nil {
		t.Fatal(err)
	}
	if c.User != "ann@example.org" || c.Account.Home != "/srv/ann" || c.Account.UID != 5000 || c.Account.Mailbox != "ann/Maildir" {
		t.Errorf("got %+v, %v", c.Account, c.NoAccount)
	}
	for _, k := range []struct {
		user, password string
		final          bool
	}{{"ann@example.org", "x", true}, {"zoe@example.org", "geheim", true}, {"ben@example.org", "x", false}, {"cay@example.org", "x", false}, {"eve@example.org", "x", false}} {
		err := r.verify(k.user, k.password, "192.0.2.1")
		if err == nil || errors.Is(err, ErrMismatch) != k.final {
			t.Errorf("%s: got %v, want that the password is wrong: %t", k.user, err, k.final)
		}
		if strings.Contains(fmt.Sprint(err), "geheim") {
			t.Errorf("%s: the error has the password: %v", k.user, err)
		}
	}
	if _, err := r.l.Lookup(t.Context(), "ann@example.org"); !errors.Is(err, ErrCannotTell) {
		t.Errorf("lookup: got %v, want %v", err, ErrCannotTell)
	}
}

// A program that does not end is ended, with all that it has started.
func TestCheckpasswordHangs(t *testing.T) {
	t.Parallel()
	r := newRig(t, "checkpassword:DIR/check", nil)
	r.program("sleep 1000 &\nsleep 1000\n")
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := r.l[0].Verify(ctx, "ann", "x", &ipc.AuthFacts{})
	if err == nil || errors.Is(err, ErrMismatch) {
		t.Errorf("got %v", err)
	}
	if d := time.Since(start); d > checkTime/2 {
		t.Errorf("took %v", d)
	}
}
