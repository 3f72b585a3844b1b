package ids

import (
	"os"
	"os/user"
	"strconv"
	"testing"
)

func TestIDs(t *testing.T) {
	t.Parallel()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	own, err := user.LookupGroupId(me.Gid)
	if err != nil {
		t.Fatal(err)
	}
	a, err := User(me.Username)
	if err != nil || strconv.Itoa(a.UID) != me.Uid || strconv.Itoa(a.GID) != me.Gid {
		t.Errorf("%s is %+v, %v; want %s:%s", me.Username, a, err, me.Uid, me.Gid)
	}
	if g, err := Group(own.Name); err != nil || strconv.Itoa(g) != own.Gid {
		t.Errorf("group %s is %d, %v; want %s", own.Name, g, err, own.Gid)
	}
	const nobody = "no-such-account"
	if _, err := User(nobody); err == nil {
		t.Error("an account that is not there was found")
	}
	if _, err := Group(nobody); err == nil {
		t.Error("a group that is not there was found")
	}
	trusted := Trusted("root", nobody)
	for uid := range trusted {
		if uid != 0 && uid != uint32(os.Geteuid()) {
			t.Errorf("uid %d is trusted", uid)
		}
	}
	if !trusted[0] || !trusted[uint32(os.Geteuid())] {
		t.Errorf("trusted are %v", trusted)
	}
}
