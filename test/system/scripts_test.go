package system

import (
	"strings"
	"testing"

	"yubin/test/instance"
)

// A slip in main.cf: what runs goes on with the values from before, but sendmail
// reads it anew for each letter. It says that one should try again: the mail of a
// filter that ends with sendmail's status waits then, and does not come back.
func TestSendmailWithAWrongValue(t *testing.T) {
	t.Parallel()
	for slip, name := range map[string]string{
		"message_size_limit = 20MB": "message_size_limit", "no equals sign": "missing '='", "authorized_submit_users = nosuch:x": "authorized_submit_users",
	} {
		i := instance.New(t, instance.Options{Stopped: true, Main: []string{slip}})
		r := i.Run("Subject: x\n\ny\n", "sendmail", "-C", i.Etc(), "-i", "bob@example.test")
		if r.Code != 75 || r.Stdout != "" || !strings.Contains(r.Stderr, "etc/main.cf:") || !strings.Contains(r.Stderr, name) {
			t.Errorf("%s: %+v", slip, r)
		}
	}
	i := instance.New(t, instance.Options{Stopped: true})
	if r := i.Run("", "sendmail", "-C", i.Path("gone"), "bob@example.test"); r.Code != 75 {
		t.Errorf("no main.cf: %+v", r)
	}
}
