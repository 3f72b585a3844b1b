//go:build interop

package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"yubin/test/instance"
)

// sendmailOf writes a program of the instance that does what the sendmail command of
// an installation does.
func sendmailOf(t *testing.T, i *instance.Instance, path string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("#!/bin/sh\nexec %s -C %s \"$@\"\n", filepath.Join(i.Bin, "sendmail"), i.Etc())
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// beside is the command line of a program that runs where /usr/sbin/sendmail is
// the instance's, and where these files lie over the system's.
func beside(t *testing.T, i *instance.Instance, files map[string]string, argv ...string) []string {
	t.Helper()
	root := os.Getenv("YUBIN_TOOLS")
	if root == "" {
		t.Fatal("YUBIN_TOOLS is not set; make interop sets it")
	}
	over := serverDir(t, "beside", files) // mount(8) takes a comma in a name for its own
	sendmailOf(t, i, filepath.Join(over, "usr/sbin/sendmail"))
	script, err := filepath.Abs("beside.sh")
	if err != nil {
		t.Fatal(err)
	}
	return append([]string{script, root, over}, argv...)
}

// trace are the fields that delivery puts before a letter that sendmail took.
var trace = regexp.MustCompile(`^Return-Path: <([^\n]*)>\nX-Original-To: [^\n]*\nDelivered-To: [^\n]*\n` +
	`Received: (?:by|from) [^\n]*\n(?:\t[^\n]*\n)*`)

// wantLetter compares the whole of a delivered letter below its trace fields, and
// its envelope sender. In want, * is what differs from letter to letter.
func wantLetter(t *testing.T, got, sender, want string) {
	t.Helper()
	m := trace.FindStringSubmatch(got)
	if m == nil || m[1] != sender {
		t.Errorf("trace fields %q; want those of a letter from %q:\n%s", m, sender, got)
		return
	}
	pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(want), `\*`, `[^\n]*`) + "$"
	if content := got[len(m[0]):]; !regexp.MustCompile(pattern).MatchString(content) {
		t.Errorf("content\n%q\nwant\n%q", content, want)
	}
}

// chmod lets a file be executed.
func chmod(t *testing.T, path string) {
	t.Helper()
	if err := os.Chmod(path, 0o755); err != nil {
		t.Fatal(err)
	}
}
