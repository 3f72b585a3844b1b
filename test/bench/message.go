package main

import (
	"bytes"
	"fmt"
	"strings"
)

// domain is where the mailboxes are.
const domain = "bench.test"

// mailboxes is how many there are in the table of both systems; loads spread
// over the first loadBoxes of them.
const (
	mailboxes = 10000
	loadBoxes = 50
)

func mailbox(i int) string { return fmt.Sprintf("u%05d", i) }

// mailboxMap is the table of virtual mailboxes that both systems read.
func mailboxMap() string {
	var b strings.Builder
	for i := range mailboxes {
		fmt.Fprintf(&b, "%s@%s %s/\n", mailbox(i), domain, mailbox(i))
	}
	return b.String()
}

// rcptCommands are RCPT commands to the first n mailboxes.
func rcptCommands(n int) [][]byte {
	commands := make([][]byte, n)
	for i := range commands {
		commands[i] = fmt.Appendf(nil, "RCPT TO:<%s@%s>\r\n", mailbox(i), domain)
	}
	return commands
}

// message returns a message of size octets on the wire, without final dot.
func message(size int) []byte {
	const header = "From: Load <sender@load.test>\r\n" +
		"To: somebody@" + domain + "\r\n" +
		"Subject: bench\r\n" +
		"Date: Thu, 01 Jan 2026 12:00:00 +0000\r\n" +
		"Message-ID: <bench@load.test>\r\n" +
		"\r\n"
	line := []byte(strings.Repeat("The quick brown fox jumps over the lazy dog. ", 2)[:76] + "\r\n")
	b := append(make([]byte, 0, size), header...)
	for len(b)+len(line) <= size {
		b = append(b, line...)
	}
	if rest := size - len(b); rest >= 2 {
		b = append(b, line[:rest-2]...)
		b = append(b, "\r\n"...)
	}
	return b
}

// wire is message with the dot that ends DATA.
func wire(size int) []byte { return append(message(size), ".\r\n"...) }

// script is message as a script gives it to sendmail: lines end in LF.
func script(size int) []byte { return bytes.ReplaceAll(message(size), []byte("\r\n"), []byte("\n")) }
