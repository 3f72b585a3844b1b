package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// A stock is the mail that is in each of a row's mailboxes from the start, in
// cur/, with the dovecot-uidlist that whoever delivered it left, and no index or
// cache. It is the same mail in all turns of a run: hard links to letters that are
// written once, so that a turn begins soon and both systems find them in memory.
type stock struct {
	messages int
	deleted  bool // every second has \Deleted
}

// letters is how many different ones there are; a larger mailbox has them
// several times.
const letters = 10000

// stockValidity is the UIDVALIDITY of such mailboxes.
const stockValidity = 1700000000

// lay puts it into mailbox i below base. People who have a uid of their own get
// copies.
func (k stock) lay(r *run, base string, i, uid int) error {
	if err := r.write(min(k.messages, letters)); err != nil {
		return err
	}
	box := filepath.Join(base, mailbox(i))
	list := fmt.Appendf(nil, "3 V%d N%d G%032x\n", stockValidity, k.messages+1, i+1)
	random := rand.New(rand.NewPCG(3, 4))
	for n := range k.messages {
		l := r.letters[n%letters]
		name := fmt.Sprintf("%d.M%dP%d.bench,S=%d,W=%d", stockValidity+61*n, random.IntN(1e6), random.IntN(1e5), l.size, l.wire)
		list = fmt.Appendf(list, "%d :%s\n", n+1, name)
		if err := l.put(filepath.Join(box, "cur", name+":2,"+k.flags(n)), uid); err != nil {
			return err
		}
	}
	path := filepath.Join(box, "dovecot-uidlist")
	if err := os.WriteFile(path, list, 0o600); err != nil {
		return err
	}
	return os.Chown(path, uid, uid)
}

// layAll puts what a row wants into its mailboxes.
func (r *run) layAll(base string, row row) error {
	if row.stock == nil {
		return nil
	}
	for i := range row.boxes {
		if err := row.stock.lay(r, base, i, row.setup.uid(i)); err != nil {
			return err
		}
	}
	return nil
}

// flags are those of message n, as its name has them: most have been read.
func (k stock) flags(n int) string {
	flags := [10]string{7: "RS", 9: ""}[n%10]
	if flags == "" && n%10 < 9 {
		flags = "S"
	}
	if k.deleted && n%2 == 1 {
		flags += "T"
	}
	return flags
}

// A letter is one that is written.
type letter struct {
	path       string
	size, wire int // octets with LF, and with CR LF
}

// put makes it a message of somebody.
func (l letter) put(path string, uid int) error {
	if uid == mailUID {
		return os.Link(l.path, path)
	}
	text, err := os.ReadFile(l.path)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return err
	}
	return os.Chown(path, uid, uid)
}

// write makes sure that the first n letters are there.
func (r *run) write(n int) error {
	dir := filepath.Join(r.dir, "letters")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for i := len(r.letters); i < n; i++ {
		text := letterText(i)
		l := letter{filepath.Join(dir, fmt.Sprint(i)), len(text), len(text) + bytes.Count(text, []byte("\n"))}
		if err := os.WriteFile(l.path, text, 0o600); err != nil {
			return err
		}
		if err := os.Chown(l.path, mailUID, mailUID); err != nil {
			return err
		}
		r.letters = append(r.letters, l)
	}
	return nil
}

// stockOctets is what the first n letters have on the wire.
func (r *run) stockOctets(n int) (sum int) {
	for _, l := range r.letters[:n] {
		sum += l.wire
	}
	return sum
}

// threadLength is how many letters a thread has, each an answer to the one before or to the first.
const threadLength = 5

// The words that are looked for, and who has them.
const (
	subjectWord = "quarterly"
	bodyWord    = "zebra"
)

func hasSubjectWord(i int) bool { return i/threadLength%20 == 3 }
func hasBodyWord(i int) bool    { return i%97 == 0 }

// having counts the first n letters that have a word.
func having(n int, has func(i int) bool) (count int) {
	for i := range n {
		if has(i) {
			count++
		}
	}
	return count
}

// letterText is the text of letter i as it is stored: half of them plain text, some
// with HTML beside it, and each fifth with an attachment; 13 KiB on an average.
func letterText(i int) []byte {
	random := rand.New(rand.NewPCG(5, uint64(i)))
	var b bytes.Buffer
	header(&b, random, i)
	switch kind := i % 10; {
	case kind < 5:
		b.WriteString("Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n")
		prose(&b, random, i, 1000+random.IntN(5000))
	case kind < 8:
		b.WriteString("Content-Type: multipart/alternative; boundary=\"=_alt\"\n\nFor those without MIME.\n")
		b.WriteString("--=_alt\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n")
		prose(&b, random, i, 2000)
		b.WriteString("--=_alt\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 7bit\n\n<html><body><p>\n")
		prose(&b, random, i, 5000)
		b.WriteString("</p></body></html>\n--=_alt--\n")
	default:
		b.WriteString("Content-Type: multipart/mixed; boundary=\"=_mixed\"\n\n")
		b.WriteString("--=_mixed\nContent-Type: text/plain; charset=us-ascii\n\n")
		prose(&b, random, i, 2000)
		fmt.Fprintf(&b, "--=_mixed\nContent-Type: application/pdf; name=\"report %d.pdf\"\nContent-Disposition: attachment; filename=\"report %d.pdf\"\nContent-Transfer-Encoding: base64\n\n", i, i)
		attachment(&b, random, 15000+random.IntN(60000))
		b.WriteString("--=_mixed--\n")
	}
	return b.Bytes()
}

func header(b *bytes.Buffer, random *rand.Rand, i int) {
	root, thread := i-i%threadLength, i/threadLength
	person := func() string {
		n := random.IntN(200)
		return fmt.Sprintf("%s %s <person%d@letters.test>", capital(word(random)), capital(word(random)), n)
	}
	at := fmt.Sprintf("%02d Nov 2025 %02d:%02d:%02d +0100", 1+i%28, i/3600%24, i/60%60, i%60)
	fmt.Fprintf(b, "Return-Path: <person@letters.test>\nReceived: from mail.letters.test (mail.letters.test [192.0.2.1])\n\tby mx.%s with ESMTPS id %08X; %s\n", domain, i, at)
	fmt.Fprintf(b, "From: %s\nTo: %s\n", person(), person())
	for range random.IntN(3) {
		fmt.Fprintf(b, "Cc: %s,\n\t%s\n", person(), person())
	}
	subject := fmt.Sprintf("%s %s %d", capital(wordOf(thread)), wordOf(thread/7), thread)
	switch {
	case hasSubjectWord(i):
		subject += " " + subjectWord
	case thread%10 == 0:
		subject += " =?UTF-8?Q?Gr=C3=BC=C3=9Fe?="
	}
	if i > root {
		subject = "Re: " + subject
	}
	fmt.Fprintf(b, "Subject: %s\nDate: %s\nMessage-ID: <letter%d@letters.test>\n", subject, at, i)
	if i > root {
		parent := i - 1
		if i%2 == 0 {
			parent = root
		}
		fmt.Fprintf(b, "In-Reply-To: <letter%d@letters.test>\nReferences: <letter%d@letters.test>\n", parent, root)
		if parent != root {
			fmt.Fprintf(b, "\t<letter%d@letters.test>\n", parent)
		}
	}
	b.WriteString("MIME-Version: 1.0\nUser-Agent: Bench/1.0\n")
}

// prose is text of about n octets.
func prose(b *bytes.Buffer, random *rand.Rand, i, n int) {
	if hasBodyWord(i) {
		fmt.Fprintf(b, "The %s was seen.\n", bodyWord)
	}
	for end := b.Len() + n; b.Len() < end; {
		for line := b.Len(); b.Len() < line+66; {
			b.WriteString(word(random))
			b.WriteByte(' ')
		}
		b.WriteString("so.\n")
	}
}

// attachment is base64 of about n octets.
func attachment(b *bytes.Buffer, random *rand.Rand, n int) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for end := b.Len() + n; b.Len() < end; b.WriteByte('\n') {
		for range 7 {
			for bits, k := random.Uint64(), 0; k < 10; k++ {
				b.WriteByte(alphabet[bits&63])
				bits >>= 6
			}
		}
	}
}

var words = strings.Fields(`about above after again along amber answer apple autumn before bench between blue
bridge broken brown candle carry castle chair church clear cloud coast corner cotton country dinner distance
early earth empty evening every family field figure finger flower forest garden gather gentle glass golden
green ground harbour heavy house hundred island journey kitchen ladder language later letter light little
machine market meadow middle minute morning mother mountain narrow nature never night north number ocean
office orange other paper people picture plain planet pocket power present quiet reason river round sailor
school second shadow silver simple single sister slowly small south spring station stone story street
summer table thing thought through timber travel under valley village voice water weather west where window
winter without wonder yellow young`)

func word(random *rand.Rand) string { return words[random.IntN(len(words))] }
func wordOf(n int) string           { return words[n%len(words)] }
func capital(s string) string       { return strings.ToUpper(s[:1]) + s[1:] }
