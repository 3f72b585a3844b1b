package system

import (
	"fmt"
	"os"
	"os/user"
	"strings"
	"sync"
	"syscall"
	"testing"

	"yubin/test/instance"
)

// accounts is an instance without virtual mailboxes, as an installation is: its
// user makes them.
func accounts(t *testing.T, o instance.Options) *instance.Instance {
	t.Helper()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	o.Main = append(o.Main, "virtual_mailbox_domains =", "virtual_mailbox_maps =", "virtual_uid_maps =", "virtual_gid_maps =",
		"virtual_mailbox_user = "+me.Username, "home_mailbox = Maildir/")
	return instance.New(t, o)
}

const userSecret = "seven-of-nine-horses"

func add(i *instance.Instance, name string) instance.Result {
	i.T.Helper()
	r := i.Run(userSecret+"\n", "mailctl", "-c", i.Etc(), "user", "add", name)
	if r.Code != 0 {
		i.T.Fatalf("user add %s: %+v", name, r)
	}
	return r
}

func letters(i *instance.Instance, box string) int {
	files, err := os.ReadDir(i.Path("mail", box, "Maildir", "new"))
	if err != nil {
		return 0
	}
	return len(files)
}

// rcpt is what smtpd says of a recipient, by a connection of its own.
func rcpt(i *instance.Instance, addr string) string {
	i.T.Helper()
	s := i.Dial()
	defer s.Close()
	s.Want("250", "EHLO client.test")
	s.Want("250", "MAIL FROM:<carol@client.test>")
	reply, err := s.Cmd("RCPT TO:<" + addr + ">")
	if err != nil {
		i.T.Fatal(err)
	}
	return reply
}

// One command makes an account whose mail arrives; whom there is no account of
// is refused, and whether there is one is not known while authd is away.
func TestUserAdd(t *testing.T) {
	t.Parallel()
	i := accounts(t, instance.Options{Main: []string{"recipient_delimiter = +"}})
	r := add(i, "Ann@Users.test")
	if !strings.Contains(r.Stdout, "virtual_mailbox_maps = userdb:mailbox\n") {
		t.Errorf("it does not say what it changed: %+v", r)
	}
	i.Until("smtpd has read main.cf again", func() bool { return strings.HasPrefix(rcpt(i, "ann@users.test"), "250 ") })
	i.Submit("carol@client.test", "Ann@users.test", "Subject: one\r\n\r\nhello\r\n")
	i.Submit("carol@client.test", "ann+lists@users.test", "Subject: two\r\n\r\nhello\r\n")
	i.Until("both letters are in the Maildir", func() bool { return letters(i, "users.test/ann") == 2 })
	if got := rcpt(i, "ben@users.test"); !strings.HasPrefix(got, "550 5.1.1 ") {
		t.Errorf("unknown user: got %s", got)
	}
	// The next account needs no reload.
	add(i, "ben@users.test")
	if got := rcpt(i, "ben@users.test"); !strings.HasPrefix(got, "250 ") {
		t.Errorf("new user: got %s", got)
	}
	i.Submit("carol@client.test", "ben@users.test", "Subject: one\r\n\r\nhello\r\n")
	i.Until("the letter is in the Maildir", func() bool { return letters(i, "users.test/ben") == 1 })

	show := i.Mailctl("user", "show", "ann@users.test")
	if !strings.Contains(show.Stdout, "mailbox: "+i.Path("mail/users.test/ann/Maildir")+"/\n") {
		t.Errorf("show: %+v", show)
	}
	if r := i.Mailctl("user", "rename", "ann@users.test", "anna@users.test"); r.Code != 0 {
		t.Fatalf("rename: %+v", r)
	}
	i.Submit("carol@client.test", "anna@users.test", "Subject: three\r\n\r\nhello\r\n")
	i.Until("the letter is beside the old ones", func() bool { return letters(i, "users.test/anna") == 3 })
	i.KeepsSecret("ann@users.test", userSecret, r, show)

	// Nobody can read the accounts: nobody knows.
	if err := os.Rename(i.Path("etc/users"), i.Path("etc/users.away")); err != nil {
		t.Fatal(err)
	}
	i.Until("an unreadable file is a temporary error", func() bool { return strings.HasPrefix(rcpt(i, "zoe@users.test"), "451 ") })
	if err := os.Rename(i.Path("etc/users.away"), i.Path("etc/users")); err != nil {
		t.Fatal(err)
	}
	i.Until("unknown users are unknown again", func() bool { return strings.HasPrefix(rcpt(i, "zoe@users.test"), "550 ") })
}

// authd that does not answer is a temporary error, for known and unknown alike.
func TestUserWithoutAuthd(t *testing.T) {
	t.Parallel()
	i := accounts(t, instance.Options{})
	add(i, "ann@users.test")
	i.Stop()
	// It cannot start with this.
	i.AppendMain("auth_backends = nothing")
	i.Start()
	for _, addr := range []string{"ann@users.test", "zoe@users.test"} {
		if got := rcpt(i, addr); !strings.HasPrefix(got, "451 ") {
			t.Errorf("%s: got %s", addr, got)
		}
	}
}

// authd killed again and again costs no answer that is wrong.
func TestUserAuthdKilled(t *testing.T) {
	t.Parallel()
	i := accounts(t, instance.Options{})
	add(i, "ann@users.test")
	i.Until("smtpd has read main.cf again", func() bool { return strings.HasPrefix(rcpt(i, "ann@users.test"), "250 ") })
	for range 5 {
		for _, pid := range i.Processes("authd") {
			syscall.Kill(pid, syscall.SIGKILL)
		}
		if got := rcpt(i, "ann@users.test"); !strings.HasPrefix(got, "250 ") && !strings.HasPrefix(got, "451 ") {
			t.Fatalf("got %s", got)
		}
		i.Until("authd answers again", func() bool { return strings.HasPrefix(rcpt(i, "ann@users.test"), "250 ") })
	}
}

// Many who make accounts at once lose none.
func TestUserAddTogether(t *testing.T) {
	t.Parallel()
	i := accounts(t, instance.Options{Stopped: true})
	const many = 30
	var wg sync.WaitGroup
	results := make([]instance.Result, many)
	for n := range many {
		wg.Go(func() {
			// Every third name is wanted by two.
			results[n] = i.Run(userSecret+"\n", "mailctl", "-c", i.Etc(), "user", "add", fmt.Sprintf("user%d@users.test", n-n%3/2))
		})
	}
	wg.Wait()
	made := 0
	for _, r := range results {
		switch r.Code {
		case 0:
			made++
		case 65:
		default:
			t.Errorf("got %+v", r)
		}
	}
	list := i.Mailctl("user", "list")
	if made != many-many/3 || strings.Count(list.Stdout, "@users.test\n") != made {
		t.Errorf("%d made, want %d; listed\n%s", made, many-many/3, list.Stdout)
	}
	i.Start()
	for _, n := range []int{0, 1, 27} {
		if got := rcpt(i, fmt.Sprintf("user%d@users.test", n)); !strings.HasPrefix(got, "250 ") {
			t.Errorf("user%d: got %s", n, got)
		}
	}
}
