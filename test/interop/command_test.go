//go:build interop

package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"yubin/test/instance"
)

// repository makes a git repository with one commit and returns its directory
// and the commit's patch file.
func repository(t *testing.T) (dir, patch string) {
	t.Helper()
	dir = t.TempDir()
	git := func(args ...string) {
		t.Helper()
		succeed(t, "", append([]string{"git", "-C", dir}, args...)...)
	}
	git("init", "-q", "-b", "main")
	text := "Grüße\n.\nFrom here on\n\ttabs and trailing blanks  \n"
	if err := os.WriteFile(filepath.Join(dir, "letter.txt"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	git("add", "letter.txt")
	git("commit", "-q", "-m", "letter: write it", "-m", "With a dot alone on a line.")
	git("format-patch", "-q", "-1", "--root", "-o", filepath.Join(dir, "out"))
	patches, err := filepath.Glob(filepath.Join(dir, "out", "*.patch"))
	if err != nil || len(patches) != 1 {
		t.Fatalf("patches %q, %v; want one", patches, err)
	}
	return dir, patches[0]
}

// git send-email sends a patch by SMTP and by the sendmail command; git am
// makes the same tree of what arrives.
func TestGitSendEmail(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	need(t, filepath.Join(strings.TrimSpace(string(out)), "git-send-email"))
	i := start(t)
	host, port := port(t, i)
	for _, c := range []struct {
		name, box string
		door      []string
	}{
		{"SMTP", "alice", []string{"--smtp-server=" + host, "--smtp-server-port=" + port}},
		{"sendmail", "bob", []string{"--sendmail-cmd=" + filepath.Join(i.Bin, "sendmail") + " -C " + i.Etc()}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, patch := repository(t)
			argv := append([]string{"git", "-C", dir, "send-email", "--quiet", "--confirm=never", "--suppress-cc=all",
				"--from=Ann <ann@peer.test>", "--envelope-sender=ann@peer.test", "--to=" + c.box + "@" + instance.Domain}, c.door...)
			succeed(t, "", append(argv, patch)...)
			m := one(t, i, c.box)
			wantText(t, m, "Return-Path: <ann@peer.test>\n", "Subject: [PATCH] letter: write it\n", "X-Mailer: git-send-email")

			again := t.TempDir()
			succeed(t, "", "git", "-C", again, "init", "-q", "-b", "main")
			succeed(t, m, "git", "-C", again, "am", "-q")
			tree := func(dir string) string {
				return succeed(t, "", "git", "-C", dir, "rev-parse", "HEAD^{tree}")
			}
			if got, want := tree(again), tree(dir); got != want {
				t.Errorf("the patch applies to tree %s, want %s; delivered:\n%s", got, want, m)
			}
		})
	}
	wantEmpty(t, i)
}

// muttrc is a configuration that asks no questions.
func muttrc(t *testing.T, i *instance.Instance) string {
	t.Helper()
	return writeFile(t, "muttrc", fmt.Sprintf(`set sendmail = "%s -C %s -oem -oi"
set from = ann@peer.test
set realname = "Ann"
set use_envelope_from = yes
set hidden_host = yes
set record = ""
set charset = utf-8
set send_charset = utf-8
set confirmappend = no
set confirmcreate = no
set delete = yes
set quit = yes
set wait_key = no
set mark_old = no
set mail_check = 0
set folder = ~
set header_cache = ""
set copy = no
`, filepath.Join(i.Bin, "sendmail"), i.Etc()))
}

// mutt sends by the sendmail command, with an attachment.
func TestMuttSends(t *testing.T) {
	t.Parallel()
	need(t, "mutt")
	i := start(t)
	attachment := writeFile(t, "data.bin", "\x00\x01\r\n.\n\xff")
	succeed(t, "Schöne Grüße,\n.\nAnn\n", "mutt", "-n", "-F", muttrc(t, i),
		"-s", "Ein Gruß", "-b", bob, "-a", attachment, "--", alice)
	for _, box := range []string{"alice", "bob"} {
		m := one(t, i, box)
		wantText(t, m, "Return-Path: <ann@peer.test>\n", "From: Ann <ann@peer.test>\n", "To: "+alice+"\n",
			"Content-Type: multipart/mixed", `filename="data.bin"`, "AAENCi4K/w==")
		if strings.Contains(m, "Bcc:") {
			t.Errorf("the letter to %s shows Bcc:\n%s", box, m)
		}
	}
	wantEmpty(t, i)
}

// mutt opens the Maildir, copies the letter out, and files it as read.
func TestMuttReads(t *testing.T) {
	t.Parallel()
	need(t, "mutt")
	need(t, "script") // gives mutt a terminal
	i := start(t)
	const letter = "From: Ann <ann@peer.test>\nTo: " + alice + "\nSubject: for mutt\n\nGrüße\nFrom the sea\n"
	i.Submit("ann@peer.test", alice, letter)
	var name, delivered string
	for name, delivered = range i.WaitMail("alice", 1) {
	}
	copied := filepath.Join(t.TempDir(), "copied")
	mutt := fmt.Sprintf(`exec mutt -n -F %s -m Maildir -f %s -e 'push "<copy-message>%s<enter><display-message><exit><quit>"'`,
		muttrc(t, i), i.Path("mail", "alice"), copied)
	output := succeed(t, "", "script", "-q", "-e", "-c", mutt, "/dev/null")

	copies := instance.ReadMaildir(t, copied)
	got := instance.One(t, copies)
	wantText(t, got, "Subject: for mutt\n", "Delivered-To: "+alice+"\n")
	wantBody(t, got, "Grüße\nFrom the sea\n")
	seen := filepath.Join(i.Path("mail", "alice"), "cur", name+":2,S")
	b, err := os.ReadFile(seen)
	if err != nil || string(b) != delivered {
		t.Errorf("the letter that was read: %q, %v; want it unchanged as %s; mutt printed\n%s", b, err, seen, output)
	}
}
