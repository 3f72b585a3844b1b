//go:build interop

package interop

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

const roundcubeDir = "/usr/share/roundcube"

// A roundcube is a browser with Debian's Roundcube, which PHP's own web server runs.
type roundcube struct {
	t      *testing.T
	base   string
	client *http.Client
	token  string
}

// newRoundcube has one that reads mail at an IMAP server.
func newRoundcube(t *testing.T, imap string) *roundcube {
	t.Helper()
	dir := t.TempDir()
	for _, sub := range []string{"logs", "tmp", "conf"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"defaults.inc.php", "mimetypes.php"} {
		text, err := os.ReadFile("/etc/roundcube/" + file)
		if err != nil {
			t.Fatal(err)
		}
		popFile(t, dir, "conf/"+file, string(text))
	}
	popFile(t, dir, "conf/config.inc.php", fmt.Sprintf(`<?php
$config = [];
$config['db_dsnw'] = 'sqlite:///%[1]s/db?mode=0640';
$config['imap_host'] = '%[2]s';
$config['imap_conn_options'] = ['ssl' => ['verify_peer' => false, 'verify_peer_name' => false]];
$config['des_key'] = '%[3]s';
$config['plugins'] = [];
$config['log_dir'] = '%[1]s/logs/';
$config['temp_dir'] = '%[1]s/tmp/';
$config['language'] = 'en_US';
`, dir, imap, rand.Text()[:24]))
	succeed(t, "", "php", "-r", fmt.Sprintf(`(new PDO("sqlite:%s/db"))->exec(file_get_contents("%s/SQL/sqlite.initial.sql"));`, dir, roundcubeDir))
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &roundcube{t: t, base: "http://" + startPHP(t, dir) + "/", client: &http.Client{Jar: jar, Timeout: time.Minute}}
	t.Cleanup(func() {
		if errors, err := os.ReadFile(filepath.Join(dir, "logs", "errors.log")); err == nil {
			t.Errorf("Roundcube complains:\n%s", errors)
		}
	})
	return r
}

// startPHP runs PHP's web server at an address of its own.
func startPHP(t *testing.T, dir string) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr = strings.Replace(l.Addr().String(), "127.0.0.1", fmt.Sprintf("127.%d.%d.7", 1+os.Getpid()%250, 1+time.Now().UnixNano()%250), 1)
	l.Close()
	c := exec.Command("php", "-S", addr, "-t", roundcubeDir)
	c.Env = append(os.Environ(), "ROUNDCUBE_CONFIG_DIR="+filepath.Join(dir, "conf"))
	log, err := os.Create(filepath.Join(dir, "php.log"))
	if err != nil {
		t.Fatal(err)
	}
	c.Stdout, c.Stderr = log, log
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill(); c.Wait(); log.Close() })
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		conn, err := net.Dial("tcp4", addr)
		if err == nil {
			conn.Close()
			return addr
		}
		if time.Now().After(end) {
			t.Fatalf("PHP does not answer at %s: %v", addr, err)
		}
	}
}

// ask sends a request: a GET, or with a form a POST.
func (r *roundcube) ask(query string, form url.Values) string {
	r.t.Helper()
	method, body := http.MethodGet, io.Reader(nil)
	if form != nil {
		form.Set("_token", r.token)
		method, body = http.MethodPost, strings.NewReader(form.Encode())
	}
	q, err := http.NewRequest(method, r.base+"?"+query, body)
	if err != nil {
		r.t.Fatal(err)
	}
	if form != nil {
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if r.token != "" {
		q.Header.Set("X-Roundcube-Request", r.token)
	}
	a, err := r.client.Do(q)
	if err != nil {
		r.t.Fatal(err)
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	if err != nil || a.StatusCode != http.StatusOK {
		r.t.Fatalf("%s: %s, %v\n%s", query, a.Status, err, text)
	}
	return string(text)
}

// remote is ask for what a page's script asks for; it returns what the script is to
// do.
func (r *roundcube) remote(query string, form url.Values) string {
	r.t.Helper()
	if form != nil {
		form.Set("_remote", "1")
	}
	text := r.ask(query+"&_remote=1", form)
	var answer struct{ Exec string }
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		r.t.Fatalf("%s: %v in %q", query, err, text)
	}
	if strings.Contains(answer.Exec, `"error"`) {
		r.t.Errorf("%s: %s", query, answer.Exec)
	}
	return answer.Exec
}

var (
	formToken = regexp.MustCompile(`name="_token" value="([^"]+)"`)
	pageToken = regexp.MustCompile(`"request_token":"([^"]+)"`)
	listedRow = regexp.MustCompile(`add_message_row\((\d+),\{[^}]*"subject":"([^"]*)"`)
)

// login logs in.
func (r *roundcube) login(user, password string) {
	r.t.Helper()
	m := formToken.FindStringSubmatch(r.ask("", nil))
	if m == nil {
		r.t.Fatal("the page has no token")
	}
	r.token = m[1]
	page := r.ask("_task=login", url.Values{"_task": {"login"}, "_action": {"login"}, "_user": {user}, "_pass": {password}})
	if m = pageToken.FindStringSubmatch(page); m == nil || !strings.Contains(page, `"task":"mail"`) {
		r.t.Fatalf("the login leads to %.2000s", page)
	}
	r.token = m[1]
}

// list are the messages of a folder: UID and subject.
func (r *roundcube) list(query string) (rows []string) {
	r.t.Helper()
	exec := r.remote("_task=mail&"+query, nil)
	for _, m := range listedRow.FindAllStringSubmatch(exec, -1) {
		rows = append(rows, m[1]+" "+m[2])
	}
	return rows
}

// Roundcube lists, opens, searches, sorts, marks, copies, moves and removes letters,
// and makes folders.
func TestRoundcube(t *testing.T) {
	t.Parallel()
	need(t, "php")
	for _, w := range imapWays {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			s := newShared(t)
			_, host := mailServer(t, s.dir, "imapd", ":1143", ":1993")
			s.asOwner(func() {
				for range 4 {
					s.deliver()
				}
				s.must(s.tree.Create("Trash"))
			})
			at := host + ":" + w.port
			switch {
			case w.tls:
				at = "ssl://" + at
			case w.stls:
				at = "tls://" + at
			}
			r := newRoundcube(t, at)
			r.login(popUser, popSecret)
			same := func(what string, got []string, want ...string) {
				t.Helper()
				if strings.Join(got, ", ") != strings.Join(want, ", ") {
					t.Errorf("%s: got %q, want %q", what, got, want)
				}
			}
			same("list", r.list("_action=list&_mbox=INBOX"), "4 4", "3 3", "2 2", "1 1")
			same("sorted", r.list("_action=list&_mbox=INBOX&_sort=subject_ASC"), "1 1", "2 2", "3 3", "4 4")
			same("search", r.list("_action=search&_mbox=INBOX&_q=3&_headers=subject&_scope=base"), "3 3")
			same("text", r.list("_action=search&_mbox=INBOX&_q=line&_headers=text&_scope=base"), "1 1", "2 2", "3 3", "4 4")
			if page := r.ask("_task=mail&_action=show&_uid=2&_mbox=INBOX", nil); strings.Count(page, "line") < 2 || !strings.Contains(page, "<title>") {
				t.Errorf("letter 2: %.3000s", page)
			}
			// It cuts white space off the end.
			if text := r.ask("_task=mail&_action=viewsource&_uid=3&_mbox=INBOX", nil); strings.ReplaceAll(text, "\r", "") != "Subject: 3\n\nline\nline\nline" {
				t.Errorf("the source of letter 3: %q", text)
			}
			r.remote("_task=mail&_action=mark", url.Values{"_uid": {"1"}, "_mbox": {"INBOX"}, "_flag": {"flagged"}})
			r.remote("_task=mail&_action=mark", url.Values{"_uid": {"1,3"}, "_mbox": {"INBOX"}, "_flag": {"read"}})
			r.ask("_task=settings&_action=save-folder", url.Values{"_name": {"Wörk"}, "_mbox": {""}, "_parent": {""}})
			r.remote("_task=mail&_action=copy", url.Values{"_uid": {"1"}, "_mbox": {"INBOX"}, "_target_mbox": {"W&APY-rk"}})
			r.remote("_task=mail&_action=move", url.Values{"_uid": {"4"}, "_mbox": {"INBOX"}, "_target_mbox": {"Trash"}})
			r.remote("_task=mail&_action=mark", url.Values{"_uid": {"3"}, "_mbox": {"INBOX"}, "_flag": {"delete"}})
			r.remote("_task=mail&_action=expunge", url.Values{"_mbox": {"INBOX"}})
			same("INBOX", r.list("_action=list&_mbox=INBOX&_refresh=1"), "1 1", "2 2")
			same("Trash", r.list("_action=list&_mbox=Trash"), "1 4")
			same("Wörk", r.list("_action=list&_mbox=W%26APY-rk"), "1 1")
			for folder, want := range map[string][]string{"INBOX": {`1 20 \Flagged \Seen`, `2 26 \Seen`, "next 5"}, "Wörk": {`1 20 \Flagged \Seen`, "next 2"}} {
				same(folder+" on the disk", s.ourView(folder)[1:], want...)
			}
		})
	}
}
