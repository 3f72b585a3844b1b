package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// show sends both letters and shows what became of them.
func (s *system) show(ctx context.Context) error {
	logged, err := size(s.path("log"))
	if err != nil {
		return err
	}
	token := fmt.Sprint(time.Now().UnixNano()) // tells this run's letters from older ones
	fmt.Printf("\nThe system runs; smtpd listens on %s.\n", s.addr)

	fmt.Printf("\n--- A letter by the sendmail command\n\n")
	if err := s.bySendmail(ctx, token); err != nil {
		return fmt.Errorf("sendmail: %w", err)
	}
	fmt.Printf("\n--- A letter by SMTP\n\n")
	if err := s.bySMTP(token); err != nil {
		return fmt.Errorf("SMTP to %s: %w", s.addr, err)
	}
	for _, box := range []string{"alice", "bob"} {
		path, text, err := s.find(ctx, box, token)
		if err != nil {
			return err
		}
		fmt.Printf("\n--- %s\n\n%s", s.relative(path), indent(text))
	}
	return s.showLog(ctx, logged)
}

func size(path string) (int64, error) {
	info, err := os.Stat(path)
	if os.IsNotExist(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (s *system) bySendmail(ctx context.Context, token string) error {
	letter := "From: Demo <demo@" + domain + ">\n" +
		"To: Alice <alice@" + domain + ">\n" +
		"Subject: a letter from a script\n" +
		"X-Demo: " + token + "\n\n" +
		"Dear Alice,\n\nthis one came by the sendmail command.\n"
	fmt.Printf("$ bin/sendmail -C %s/etc -i -t <<END\n%sEND\n", s.shown, letter)
	c := exec.CommandContext(ctx, filepath.Join(s.bin, "sendmail"), "-C", s.path("etc"), "-i", "-t")
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(letter), os.Stdout, os.Stderr
	return c.Run()
}

// bySMTP speaks the dialogue aloud.
func (s *system) bySMTP(token string) error {
	conn, err := net.DialTimeout("tcp", s.addr, patience)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	r := textproto.NewReader(bufio.NewReader(conn))
	letter := "From: Demo <demo@" + domain + ">\n" +
		"To: Bob <bob@" + domain + ">\n" +
		"Subject: a letter from the network\n" +
		"Date: " + time.Now().Format(time.RFC1123Z) + "\n" +
		"Message-ID: <" + token + "@demo." + domain + ">\n" +
		"X-Demo: " + token + "\n\n" +
		"Dear Bob,\n\nthis one came by SMTP.\n."
	for _, step := range []struct{ say, want string }{
		{"", "220"},
		{"EHLO demo." + domain, "250"},
		{"MAIL FROM:<demo@" + domain + ">", "250"},
		{"RCPT TO:<bob@" + domain + ">", "250"},
		{"DATA", "354"},
		{letter, "250"},
		{"QUIT", "221"},
	} {
		if step.say != "" {
			fmt.Printf("C: %s\n", strings.ReplaceAll(step.say, "\n", "\nC: "))
			if _, err := io.WriteString(conn, strings.ReplaceAll(step.say, "\n", "\r\n")+"\r\n"); err != nil {
				return err
			}
		}
		for {
			line, err := r.ReadLine()
			if err != nil {
				return err
			}
			fmt.Printf("S: %s\n", line)
			if !strings.HasPrefix(line, step.want) {
				return fmt.Errorf("reply %q, want %s", line, step.want)
			}
			if !strings.HasPrefix(line[3:], "-") {
				break
			}
		}
	}
	return nil
}

// find waits for this run's letter in a mailbox.
func (s *system) find(ctx context.Context, box, token string) (path, text string, err error) {
	mark := []byte("X-Demo: " + token)
	err = until(ctx, "the letter to "+box+" is in "+s.relative(s.path("mail", box, "new")), func() (bool, error) {
		names, err := filepath.Glob(s.path("mail", box, "new", "*"))
		if err != nil {
			return false, err
		}
		for _, name := range names {
			if b, err := os.ReadFile(name); err == nil && bytes.Contains(b, mark) {
				path, text = name, string(b)
				return true, nil
			}
		}
		return false, nil
	})
	return path, text, err
}

// showLog prints what was logged since offset, once both messages are gone
// from the queue.
func (s *system) showLog(ctx context.Context, offset int64) error {
	var lines []byte
	err := until(ctx, "two log lines that end in \"removed\"", func() (bool, error) {
		b, err := os.ReadFile(s.path("log"))
		if err != nil {
			return false, err
		}
		lines = b[min(offset, int64(len(b))):]
		return bytes.Count(lines, []byte(": removed\n")) >= 2, nil
	})
	fmt.Printf("\n--- %s\n\n%s", s.relative(s.path("log")), indent(string(lines)))
	return err
}

// relative shortens a path below the directory to what the user typed.
func (s *system) relative(path string) string {
	if rest, ok := strings.CutPrefix(path, s.dir); ok {
		return s.shown + rest
	}
	return path
}

func indent(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n    ") + "\n"
}

// advise says how to go on.
func (s *system) advise() {
	host, port, _ := net.SplitHostPort(s.addr)
	fmt.Printf(`
--- Both letters have arrived. The system stays up; Ctrl-C stops it. In another terminal:

    printf 'Subject: hello\n\nhi\n' | bin/sendmail -C %[1]s/etc alice@%[2]s
    swaks --server %[3]s --port %[4]s --to bob@%[2]s
    ls %[1]s/mail/*/new; tail %[1]s/log
    bin/mailq -c %[1]s/etc
    bin/mailctl -c %[1]s/etc config -n
`, s.shown, domain, host, port)
}
