package authd

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"yubin/internal/config"
	"yubin/internal/maillog"
)

// keyFile is in data_directory.
const keyFile = "authd.key"

// keySize is how long it is, octets.
const keySize = 32

// lastingKey returns the key of what is made up for users who do not exist: the
// salts of SCRAM. Those of users who do exist stay what they are for years, so
// the key must outlive the process. It opens nothing.
func lastingKey(c *config.Config, log *maillog.Logger) []byte {
	dir := config.DataDirectory.Of(c)
	key, err := readKey(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeKey(dir); err == nil || errors.Is(err, fs.ErrExist) { // another authd was quicker
			key, err = readKey(dir)
		}
	}
	if err != nil {
		log.Warn("%s/%s: %v; until it can be written, who tries names before and after a restart can tell which exist", dir, keyFile, err)
		key = make([]byte, keySize)
		rand.Read(key) // never fails
	}
	return key
}

// readKey reads the key. The directory is another user's, who can put anything
// there: what is not ours is not taken.
func readKey(dir string) ([]byte, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := root.OpenFile(keyFile, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || info.Mode() != 0o600 || int(stat.Uid) != os.Geteuid() {
		return nil, fmt.Errorf("want a file of uid %d with mode 0600", os.Geteuid())
	}
	key := make([]byte, keySize)
	_, err = io.ReadFull(f, key)
	return key, err
}

// makeKey writes a new key.
func makeKey(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	key := make([]byte, keySize)
	rand.Read(key) // never fails
	// Under another name first: nobody reads half of it.
	draft := keyFile + "." + rand.Text()
	f, err := root.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(key)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	err = root.Link(draft, keyFile)
	return errors.Join(err, root.Remove(draft))
}
