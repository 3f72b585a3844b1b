// Package nss knows the users and groups of the system. Where pamd(8) is
// installed it is asked, which asks the system's name services (nsswitch.conf),
// so that users of SSSD and the like exist; else the files in /etc are read, as
// a program without the C library can.
//
// What cannot be found out is an error, never "there is none": a helper that is
// installed and does not answer does not turn its users into unknown ones.
package nss

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"yubin/internal/config"
	"yubin/internal/ipc"
)

// Params are the parameters that New reads.
func Params() []*config.Def {
	return []*config.Def{config.NSSServiceName.Def, config.DaemonDirectory.Def, config.QueueDirectory.Def, config.PamdTimeLimit.Def}
}

// Program is the helper's, in daemon_directory.
const Program = "pamd"

// A Client answers questions about users and groups. It is safe for concurrent
// use.
type Client struct {
	helper *helper // nil: the files
}

// New returns a client as c says. It opens nothing yet.
func New(c *config.Config) *Client {
	service := config.NSSServiceName.Of(c)
	if service == "" {
		return &Client{}
	}
	_, err := os.Stat(filepath.Join(config.DaemonDirectory.Of(c), Program))
	if errors.Is(err, fs.ErrNotExist) {
		return &Client{}
	}
	return &Client{&helper{path: filepath.Join(config.QueueDirectory.Of(c), "public", service), askTime: AskTime(c)}}
}

// AskTime is how long pamd may take with a question, which gives up itself
// before, and says so.
func AskTime(c *config.Config) time.Duration { return config.PamdTimeLimit.Of(c) + 5*time.Second }

// Asks tells whether there is a helper, which then is asked, and alone.
func (c *Client) Asks() bool { return c.helper != nil }

// User returns what is known of a user; nil: there is none of that name.
func (c *Client) User(name string) (*ipc.NSSUser, error) {
	if !possible(name) {
		return nil, nil
	}
	if c.helper == nil {
		return account(user.Lookup(name))
	}
	a, err := c.helper.ask(ipc.NSSRequest{User: name})
	return a.User, err
}

// UserByID is User by ID.
func (c *Client) UserByID(uid uint32) (*ipc.NSSUser, error) {
	if c.helper == nil {
		return account(user.LookupId(strconv.FormatUint(uint64(uid), 10)))
	}
	a, err := c.helper.ask(ipc.NSSRequest{UID: &uid})
	return a.User, err
}

// Group returns what the helper knows of a group; nil: there is none of that
// name. Without a helper there is nobody to ask: see Asks.
func (c *Client) Group(name string) (*ipc.NSSGroup, error) {
	if !possible(name) {
		return nil, nil
	}
	if c.helper == nil {
		return nil, errors.New("there is no helper to ask")
	}
	a, err := c.helper.ask(ipc.NSSRequest{Group: name})
	return a.Group, err
}

// maxName is more octets than a user's or a group's name has (LOGIN_NAME_MAX).
const maxName = 256

// possible tells whether there could be a user or a group of this name: no line
// of passwd(5) can have the others.
func possible(name string) bool {
	return name != "" && len(name) <= maxName && !strings.ContainsAny(name, ":\n\x00")
}

// account is a user as package os/user reads it from the files.
func account(u *user.User, err error) (*ipc.NSSUser, error) {
	var noName user.UnknownUserError
	var noID user.UnknownUserIdError
	switch {
	case errors.As(err, &noName), errors.As(err, &noID):
		return nil, nil
	case err != nil:
		return nil, err
	}
	groups, err := u.GroupIds()
	if err != nil {
		return nil, err
	}
	a := &ipc.NSSUser{Name: u.Username, Gecos: u.Name, Home: u.HomeDir}
	ids := make([]uint32, 2+len(groups))
	for i, s := range append([]string{u.Uid, u.Gid}, groups...) {
		n, err := strconv.ParseUint(s, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("user %q: %q is no ID", u.Username, s)
		}
		ids[i] = uint32(n)
	}
	a.UID, a.GID, a.Groups = ids[0], ids[1], ids[2:]
	return a, nil
}
