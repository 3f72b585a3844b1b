//go:build root

package root

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"yubin/test/instance"
)

// files makes files of an owner; what ends in a slash is a directory.
func files(t *testing.T, uid int, mode os.FileMode, texts map[string]string) {
	t.Helper()
	for name, text := range texts {
		var err error
		if strings.HasSuffix(name, "/") {
			err = os.Mkdir(name, 0o700)
		} else {
			err = os.WriteFile(name, []byte(text), 0o600)
		}
		if err == nil {
			err = os.Chown(name, uid, uid)
		}
		if err == nil {
			err = os.Chmod(name, mode)
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(name) })
	}
}

// owner returns who owns a file, and its mode.
func owner(t *testing.T, name string) string {
	t.Helper()
	info, err := os.Lstat(name)
	if err != nil {
		t.Error(err)
		return ""
	}
	st := info.Sys().(*syscall.Stat_t)
	return fmt.Sprintf("%d:%d %v", st.Uid, st.Gid, info.Mode())
}

func content(name string) string {
	b, _ := os.ReadFile(name)
	return string(b)
}

// open is a directory that everybody may write in.
func open(t *testing.T, i *instance.Instance) string {
	t.Helper()
	dir := i.Path("open")
	if err := os.Mkdir(dir, 0o755); err == nil {
		err = os.Chmod(dir, 0o1777)
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const whoami = `(id -u; id -G; echo $HOME; umask) >`

// Commands and files have the rights of whose list they stand in, and nothing
// ever those of root.
func TestRightsOfLists(t *testing.T) {
	i := newSystem(t, instance.Options{Stopped: true, Main: []string{"home_mailbox = Maildir/", "allow_mail_to_commands = alias, forward, include"}})
	dir := open(t, i)
	ann := home(t, "ann")
	list := i.Path("etc", "list")
	files(t, benUID, 0o644, map[string]string{list: `"|` + whoami + dir + `/include"` + "\n"})
	own := i.Path("etc", "own")
	files(t, benUID, 0o644, map[string]string{own: `bens: "|` + whoami + dir + `/table"` + "\n"})
	i.WriteFile("etc/aliases", []string{`roots: "|` + whoami + dir + `/alias", ` + dir + `/file, :include:` + list, "postmaster: root"})
	i.AppendMain("alias_maps = hash:"+i.Path("etc", "aliases")+", hash:"+own, "mailbox_command_maps = inline:{ { root = "+strings.ReplaceAll(whoami, "$", "$$")+dir+"/root } }")
	files(t, annUID, 0o644, map[string]string{filepath.Join(ann, ".forward"): "\\ann\n~/mbox\n\"|" + whoami + dir + "/forward\"\n"})
	t.Cleanup(func() { os.Remove(filepath.Join(ann, "mbox")); os.RemoveAll(filepath.Join(ann, "Maildir")) })
	i.Start()
	for _, to := range []string{"roots", "bens", "ann", "root"} {
		i.Submit("carol@client.test", to+"@localhost", "Subject: x\n\nhello\n")
	}
	i.Until("the queue is empty", i.Drained)
	benHome := home(t, "ben")
	for name, want := range map[string]string{
		"alias":   "65534\n65534\n\n0077\n",
		"include": fmt.Sprintf("%d\n%d\n%s\n0077\n", benUID, benUID, benHome),
		"table":   fmt.Sprintf("%d\n%d\n%s\n0077\n", benUID, benUID, benHome),
		"forward": fmt.Sprintf("%d\n%d\n%s\n0077\n", annUID, annUID, ann),
		"root":    "65534\n65534\n/root\n0077\n",
	} {
		got := content(filepath.Join(dir, name))
		lines := strings.SplitN(got, "\n", 4)
		if wants := strings.SplitN(want, "\n", 4); len(lines) < 3 || strings.Join(lines[:3], " ") != strings.Join(wants[:3], " ") {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got := owner(t, filepath.Join(dir, "file")); got != "65534:65534 -rw-------" {
		t.Errorf("a file of root's alias: %s", got)
	}
	if got := owner(t, filepath.Join(ann, "mbox")); got != fmt.Sprintf("%d:%d -rw-------", annUID, annUID) {
		t.Errorf("a file of ann's: %s", got)
	}
	if found, _ := filepath.Glob(filepath.Join(ann, "Maildir/new/*")); len(found) != 1 {
		t.Errorf("ann's own copy: %q", found)
	}
}

// .forward files that others could have made or changed do not count, and what a
// user may not read is not read for her.
func TestForwardFilesOfOthers(t *testing.T) {
	i := newSystem(t, instance.Options{Stopped: true, Main: []string{"home_mailbox = Maildir/", "recipient_delimiter = +", "minimal_backoff_time = 1s"}})
	dir := open(t, i)
	ann := home(t, "ann")
	trap := "|touch " + dir + "/trap"
	files(t, annUID, 0o666, map[string]string{filepath.Join(ann, ".forward+open"): trap})
	files(t, benUID, 0o644, map[string]string{filepath.Join(ann, ".forward+ben"): trap, filepath.Join(dir, "target"): trap})
	secret := i.Path("etc", "secret")
	files(t, 0, 0o600, map[string]string{secret: "alice@example.test\n"})
	files(t, annUID, 0o644, map[string]string{filepath.Join(ann, ".forward+include"): ":include:" + secret})
	link := filepath.Join(ann, ".forward+link")
	if err := os.Symlink(filepath.Join(dir, "target"), link); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(link); os.RemoveAll(filepath.Join(ann, "Maildir")) })
	i.Start()
	for _, to := range []string{"open", "ben", "link"} {
		i.Submit("carol@client.test", "ann+"+to+"@localhost", "Subject: "+to+"\n\nhello\n")
	}
	i.Until("all are in ann's Maildir", func() bool {
		found, _ := filepath.Glob(filepath.Join(ann, "Maildir/new/*"))
		return len(found) == 3
	})
	for _, why := range []string{"anybody may write to it", fmt.Sprintf("it belongs to uid %d", benUID), "it is a link"} {
		i.WaitLog("does not count: " + why)
	}
	i.Submit("carol@client.test", "ann+include@localhost", "Subject: include\n\nhello\n")
	i.WaitLog("an :include: file cannot be read: ", "permission denied")
	if len(i.Mail("alice")) > 0 {
		t.Error("ann's .forward file read root's file")
	}
	if _, err := os.Stat(filepath.Join(dir, "trap")); err == nil {
		t.Error("a command of somebody else's ran")
	}
}

// The spool, in each of the ways in which systems have it; what others have planted
// in it is not written to.
func TestMboxSpool(t *testing.T) {
	for name, c := range map[string]struct {
		mode  os.FileMode
		group int
		want  string // the mailbox's owner
	}{
		"everybody's": {0o1777, 0, fmt.Sprintf("%d:%d -rw-------", annUID, annUID)},
		"a group's":   {0o775, vmailUID, fmt.Sprintf("%d:%d -rw-------", annUID, vmailUID)},
		"root's":      {0o755, 0, fmt.Sprintf("%d:%d -rw-------", annUID, annUID)},
	} {
		t.Run(name, func(t *testing.T) {
			i := newSystem(t, instance.Options{Stopped: true, Main: []string{"home_mailbox =", "minimal_backoff_time = 1s", "forward_path ="}})
			spool := i.Path("spool")
			if err := os.Mkdir(spool, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Chown(spool, 0, c.group); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(spool, c.mode); err != nil {
				t.Fatal(err)
			}
			i.AppendMain("mail_spool_directory = "+spool, "home_mailbox =")
			i.Start()
			for n := range 3 {
				i.Submit("carol@client.test", "ann@localhost", fmt.Sprintf("Subject: %d\n\nhello\n", n))
			}
			i.Until("the queue is empty", i.Drained)
			box := filepath.Join(spool, "ann")
			if got := owner(t, box); got != c.want {
				t.Errorf("mailbox: %s, want %s", got, c.want)
			}
			if n := strings.Count(content(box), "\nSubject: "); n != 3 {
				t.Errorf("%d messages, want 3", n)
			}
			if left, _ := filepath.Glob(filepath.Join(spool, "*.lock")); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
			// ben plants a link, then a second name, in ann's place.
			victim := filepath.Join(home(t, "ann"), "victim")
			files(t, annUID, 0o600, map[string]string{victim: "precious"})
			for what, plant := range map[string]func(string, string) error{"link": os.Symlink, "name": os.Link} {
				if err := os.Remove(box); err != nil {
					t.Fatal(err)
				}
				if err := plant(victim, box); err != nil {
					t.Logf("%s: %v: another file system", what, err)
					files(t, annUID, 0o600, map[string]string{box + ".other": ""})
					if err := plant(box+".other", box); err != nil {
						t.Fatal(err)
					}
				}
				id := i.Submit("carol@client.test", "ann@localhost", "Subject: "+what+"\n\nhello\n")
				i.WaitLog(id, "has several names, or is a link that somebody else has made")
				i.Mailctl("queue", "delete", "ALL")
			}
			if got := content(victim); got != "precious" {
				t.Errorf("ann's file has %q", got)
			}
		})
	}
}
