package smtpd

import (
	"bufio"
	"context"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// listen serves r on a loopback port until the test ends.
func (r *rig) listen() string {
	r.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				r.srv.serve(context.Background(), c)
			})
		}
	})
	r.t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	return l.Addr().String()
}

// A session that waits for its client holds little memory. The limit is for
// the server's end: heap and stack.
func TestIdleMemory(t *testing.T) {
	const sessions, limit = 200, 30 << 10
	r := newRig(t, "smtpd_client_connection_count_limit = 0")
	addr := r.listen()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range sessions {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		// Unbuffered, so that what is measured is the server's.
		io.WriteString(c, "EHLO h\r\n")
		var b [512]byte
		for got := ""; !strings.Contains(got, "\r\n250 "); {
			n, err := c.Read(b[:])
			if err != nil {
				t.Fatal(err)
			}
			got += string(b[:n])
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := (after.HeapInuse + after.StackInuse - before.HeapInuse - before.StackInuse) / sessions
	t.Logf("%d octets for each idle session", each)
	if each > limit {
		t.Errorf("want at most %d", limit)
	}
}

// One session of EHLO, MAIL, RCPT, DATA with 1 KiB, QUIT.
func BenchmarkSession(b *testing.B) {
	r := newRig(b, "smtpd_client_connection_count_limit = 0")
	addr := r.listen()
	letter := "Subject: x\r\n\r\n" + strings.Repeat(strings.Repeat("x", 62)+"\r\n", 16) + ".\r\n"
	b.ReportAllocs()
	b.SetParallelism(10)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				b.Error(err)
				return
			}
			in := bufio.NewReaderSize(c, 512)
			want := func(code string) {
				for {
					line, err := in.ReadString('\n')
					if err != nil || !strings.HasPrefix(line, code) {
						b.Errorf("got %q, %v; want %s", line, err, code)
						return
					}
					if line[3] == ' ' {
						return
					}
				}
			}
			want("220")
			for _, step := range [][2]string{
				{"EHLO h\r\n", "250"}, {"MAIL FROM:<a@b.example>\r\n", "250"}, {"RCPT TO:<ann@example.org>\r\n", "250"},
				{"DATA\r\n", "354"}, {letter, "250"}, {"QUIT\r\n", "221"},
			} {
				io.WriteString(c, step[0])
				want(step[1])
			}
			c.Close()
		}
	})
}
