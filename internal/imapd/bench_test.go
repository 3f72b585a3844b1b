package imapd

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// BenchmarkMany is commands for 2,000 messages: cold finds out what there is to
// know of them, warm has it.
func BenchmarkMany(b *testing.B) {
	r := newRig(b)
	for i := range 2000 {
		text := fmt.Sprintf("From: User %d <u%d@a.example>\nTo: b@c.example\nSubject: Re: topic %d\nDate: Mon, 1 Jan 2024 10:00:00 +0000\n"+
			"Message-ID: <%d@a>\nReferences: <%d@a>\nContent-Type: text/plain; charset=utf-8\n\n", i%50, i%50, i%100, i, i/10)
		r.deliver("", fmt.Sprintf("%d.M%dP1.h", 1700000000+i, i), text+strings.Repeat("The quick brown fox jumps over the lazy dog\n", 100))
	}
	u := r.connect()
	u.in = bufio.NewReader(u.c) // a strict client would take most of the time
	u.cmd("SELECT INBOX")
	for _, c := range []string{
		"FETCH 1:* (UID FLAGS)", "FETCH 1:* (ENVELOPE BODYSTRUCTURE)", "FETCH 1:* BODY.PEEK[]", "FETCH 1:* (UID INTERNALDATE BODY.PEEK[HEADER.FIELDS (SUBJECT FROM DATE)])", "SEARCH SUBJECT nowhere", "SEARCH BODY nowhere",
		"SORT (SUBJECT) UTF-8 ALL", "THREAD REFERENCES UTF-8 UNDELETED",
	} {
		for _, temper := range []string{"cold", "warm"} {
			b.Run(c+"/"+temper, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if temper == "cold" {
						os.Remove(filepath.Join(r.dir, recordsName))
					}
					if got := u.cmd("%s", c); !strings.HasPrefix(got[len(got)-1], "x OK") {
						b.Fatal(got[len(got)-1])
					}
				}
			})
		}
	}
}
