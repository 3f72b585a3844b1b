package system

import (
	"os"
	"strings"
	"testing"
)

// Nobody's shell sees what strangers write: words of a shell in sender and
// recipient reach a command as they are, and run nothing.
func TestWordsRunNothing(t *testing.T) {
	t.Parallel()
	d := newLocal(t, `cmd: "|/bin/cat >>OUT/piped; (echo \"$SENDER\"; echo \"$EXTENSION\") >>OUT/env"`, "recipient_delimiter = +")
	d.Start()
	trap := d.Path("out", "trap")
	words := []string{"$(touch " + trap + ")", "`touch " + trap + "`", "x;touch " + trap, "x|touch " + trap, "x\ttouch", "${run{/bin/touch " + trap + "}}", "'\"; touch " + trap + "; \"'", "-oX" + trap, "&touch " + trap + "&"}
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	s := d.Dial()
	defer s.Close()
	s.Want("250", "EHLO client.test")
	var sent []string
	for _, w := range words {
		from, to := `"`+quote.Replace(w)+`"@client.test`, `"cmd+`+quote.Replace(w)+`"@mx.example.test`
		reply, err := s.Cmd("MAIL FROM:<" + from + ">")
		if err != nil || reply[0] != '2' {
			if strings.Contains(w, "\t") && err == nil {
				continue // refused at the door
			}
			t.Fatalf("%q: %s, %v", from, reply, err)
		}
		s.Want("250", "RCPT TO:<"+to+">")
		s.Want("354", "DATA")
		s.Want("250", "Subject: x\r\n\r\n.")
		sent = append(sent, w)
	}
	s.Want("221", "QUIT")
	d.Until("all are delivered", d.Drained)
	if n := strings.Count(d.out("piped"), "Subject: x"); n != len(sent) {
		t.Errorf("%d of %d letters were given to the command", n, len(sent))
	}
	if _, err := os.Stat(trap); !os.IsNotExist(err) {
		t.Errorf("somebody's words were obeyed: %v", err)
	}
	// What the filter of environment variables leaves stands in one piece.
	if lines := strings.Count(d.out("env"), "\n"); lines != 2*len(sent) {
		t.Errorf("the command's environment: %q", d.out("env"))
	}
}
