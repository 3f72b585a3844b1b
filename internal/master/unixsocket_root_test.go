//go:build root

package master

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"yubin/internal/config"
	"yubin/internal/ids"
)

// The socket of auth_dovecot_socket is made with its owner's rights: in its
// directory, and nowhere that the owner could not write.
func TestDovecotSocketOwner(t *testing.T) {
	who, err := ids.User("daemon")
	if err != nil {
		t.Fatal(err)
	}
	mail, err := ids.Group("mail")
	if err != nil {
		t.Fatal(err)
	}
	top := t.TempDir()
	own, roots := filepath.Join(top, "own"), filepath.Join(top, "root")
	for _, d := range []string{own, roots} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for d := own; d != "/tmp" && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(own, who.UID, who.GID); err != nil {
		t.Fatal(err)
	}
	for dir, may := range map[string]bool{own: true, roots: false} {
		value := filepath.Join(dir, "auth") + ":daemon:mail:0660"
		if err := os.WriteFile(filepath.Join(top, "main.cf"), []byte("auth_dovecot_socket = "+value+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(top, nil)
		if err != nil {
			t.Fatal(err)
		}
		e, _, err := dovecotEndpoint(c)
		if err != nil {
			t.Fatal(err)
		}
		s, err := listenUnix(e, nil)
		if !may {
			if !errors.Is(err, fs.ErrPermission) {
				t.Errorf("%s: got %v", dir, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		defer s.close()
		info, err := os.Lstat(e.unix)
		if err != nil {
			t.Fatal(err)
		}
		stat := info.Sys().(*syscall.Stat_t)
		if got, want := fmt.Sprint(info.Mode(), stat.Uid, stat.Gid), fmt.Sprint(os.ModeSocket|0o660, who.UID, mail); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
