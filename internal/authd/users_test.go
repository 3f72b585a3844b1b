package authd

import (
	"strings"
	"testing"
	"time"

	"yubin/internal/ipc"
)

// What is asked about accounts, and that no secret is in any answer.
func TestUsers(t *testing.T) {
	t.Parallel()
	r := newRig(t, "auth_backends = passwd-file:DIR/users", "virtual_mailbox_base = DIR/vmail", "home_mailbox = Maildir/")
	r.file("users", "ann@example.org:{PLAIN}hunter2:5000:5001::::userdb_quota_rule=*:storage=1G\nbad@example.org:hunter2\n"+
		"ben@example.net:{PLAIN}hunter2:5:5\ncay:{PLAIN}hunter2:1000:1000::/home/cay::\n")
	c := r.connect(ipc.Hello{Version: ipc.UserVersion, Role: ipc.RoleUser})
	questions := []string{"ann@example.org", "ANN@Example.ORG", "zoe@example.org", "@example.org", "@example.com", "bad@example.org", "ben@example.net", "cay", "", "@"}
	for i, q := range questions {
		if err := c.Send(ipc.UserRequest{ID: uint64(i), User: q}); err != nil {
			t.Fatal(err)
		}
	}
	c.Unix().SetDeadline(time.Now().Add(30 * time.Second))
	answers := map[string]ipc.UserReply{}
	for range questions {
		var a ipc.UserReply
		if _, err := c.Recv(&a); err != nil {
			t.Fatal(err)
		}
		answers[questions[a.ID]] = a
	}
	for _, name := range questions[:2] {
		a := answers[name].Account
		if a == nil || a.User != "ann@example.org" || a.UID != 5000 || a.GID != 5001 || a.Base != r.dir+"/vmail" ||
			a.Mailbox != "example.org/ann/Maildir" || !a.Beneath || a.Quota != "*:storage=1G" {
			t.Errorf("%s: got %+v", name, answers[name])
		}
	}
	for _, name := range []string{"zoe@example.org", "@example.com", "", "@"} {
		if a := answers[name]; a.Account != nil || a.Domain || a.Error != "" {
			t.Errorf("%s: got %+v, want that there is none", name, a)
		}
	}
	if a := answers["@example.org"]; !a.Domain || a.Error != "" {
		t.Errorf("domain: got %+v", a)
	}
	if a := answers["cay"]; a.Account == nil || a.Account.Base != "/home/cay" {
		t.Errorf("cay: got %+v", a)
	}
	for name, say := range map[string]string{"bad@example.org": "not hashed", "ben@example.net": "virtual_minimum_uid"} {
		if a := answers[name]; a.Account != nil || !strings.Contains(a.Error, say) {
			t.Errorf("%s: got %+v, want an error with %q", name, a, say)
		}
	}
	if strings.Contains(r.log(), "hunter2") {
		t.Errorf("the log has a secret:\n%s", r.log())
	}
}
