//go:build pam && cgo

package pamd

import (
	"slices"
	"testing"

	"yubin/internal/ipc"
)

// The libraries know root, and know that nobody has an odd name.
func TestLibraries(t *testing.T) {
	var l libraries
	u, err := l.user("root")
	if err != nil || u == nil || u.UID != 0 || u.Home == "" || !slices.Contains(u.Groups, 0) {
		t.Errorf("root: %+v, %v", u, err)
	}
	if u, err = l.userByID(0); err != nil || u == nil || u.Name != "root" {
		t.Errorf("0: %+v, %v", u, err)
	}
	if u, err = l.user("nobody-has-this-name"); err != nil || u != nil {
		t.Errorf("an unknown user: %+v, %v", u, err)
	}
	if u, err = l.userByID(4000000000); err != nil || u != nil {
		t.Errorf("an unknown ID: %+v, %v", u, err)
	}
	if g, err := l.group("root"); err != nil || g == nil || g.GID != 0 {
		t.Errorf("group root: %+v, %v", g, err)
	}
	if g, err := l.group("nobody-has-this-name"); err != nil || g != nil {
		t.Errorf("an unknown group: %+v, %v", g, err)
	}
	a := l.check(&ipc.PAMRequest{Service: "no-such-service", User: "root", Password: []byte("x")})
	if a.Result != ipc.PAMTempFail || a.Error != "there is no /etc/pam.d/no-such-service" {
		t.Errorf("a service that is not there: %+v", a)
	}
}
