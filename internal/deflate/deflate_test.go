package deflate

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// texts are of every kind: none, short, repeated, random, longer than the window.
func texts() map[string][]byte {
	rnd := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 50<<10)
	for i := range noise {
		noise[i] = byte(rnd.Uint32())
	}
	words := bytes.Repeat([]byte("a1 UID FETCH 1:* (FLAGS BODY.PEEK[HEADER])\r\n"), 1000)
	return map[string][]byte{
		"none": nil, "one": []byte("x"), "command": []byte("a NOOP\r\n"), "run": bytes.Repeat([]byte("x"), 70<<10),
		"noise": noise, "words": words, "both": append(bytes.Clone(words), noise...),
	}
}

// pack is what compress/flate makes of text at a level, flushed now and then.
func pack(t testing.TB, text []byte, level int, every int, end bool) []byte {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	for len(text) > 0 {
		n := min(every, len(text))
		w.Write(text[:n])
		w.Flush()
		text = text[n:]
	}
	if end {
		w.Close()
	}
	return b.Bytes()
}

// enough is how much of a stream is read in tests.
const enough = 1 << 20

// unpack gives input to an inflater in pieces, and output room in pieces.
func unpack(in []byte, piece, room int) ([]byte, error) {
	var z inflater
	var out []byte
	p := make([]byte, room)
	for {
		n, err := z.inflate(p)
		out = append(out, p[:n]...)
		if err != nil || len(out) >= enough {
			return out, err
		}
		if n == 0 {
			if len(in) == 0 {
				return out, nil
			}
			k := min(piece, len(in))
			z.src, in = append([]byte(nil), in[:k]...), in[k:]
		}
	}
}

// What compress/flate has compressed comes out, in whatever pieces it comes.
func TestInflate(t *testing.T) {
	t.Parallel()
	for name, text := range texts() {
		for _, level := range []int{flate.HuffmanOnly, flate.NoCompression, flate.BestSpeed, flate.BestCompression} {
			for _, every := range []int{1000, 1 << 20} {
				in := pack(t, text, level, every, true)
				for _, piece := range []int{1, 7, 4096} {
					if got, err := unpack(in, piece, piece*3); err != io.EOF || !bytes.Equal(got, text) {
						t.Errorf("%s, level %d, flushed every %d, pieces of %d: %d octets, %v; want %d", name, level, every, piece, len(got), err, len(text))
					}
				}
			}
		}
	}
}

// A bomb comes out as fast as it is asked for, and an inflater that waits holds
// no more than has come.
func TestBounded(t *testing.T) {
	t.Parallel()
	var z inflater
	z.src = pack(t, make([]byte, 100<<20), flate.BestCompression, 1<<30, false)
	p := make([]byte, 100)
	if n, err := z.inflate(p); n != 100 || err != nil || len(z.win) > 200 {
		t.Errorf("%d octets, %v, window %d", n, err, len(z.win))
	}
	z = inflater{src: pack(t, []byte("a NOOP\r\n"), flate.BestSpeed, 100, false)}
	if n, err := z.inflate(p); n != 8 || err != nil || cap(z.win) > 64 || z.codes != nil {
		t.Errorf("%d octets, %v, window %d", n, err, cap(z.win))
	}
}

// FuzzInflate: an inflater never panics, gives what compress/flate gives and
// ends where that ends, and does not depend on how the input is cut.
func FuzzInflate(f *testing.F) {
	for _, text := range texts() {
		f.Add(pack(f, text[:min(len(text), 2000)], flate.BestCompression, 500, true), 3)
	}
	f.Fuzz(func(t *testing.T, in []byte, piece int) {
		want, werr := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(in)), enough))
		got, err := unpack(in, max(1, piece%5000), 1<<12)
		got = got[:min(len(got), enough)]
		var corrupt flate.CorruptInputError
		switch {
		case len(want) == enough:
			err = nil // neither was read to its end
		case werr == nil && err != io.EOF:
			t.Fatalf("%x: %v, want the end", in, err)
		case err == io.EOF && (errors.As(werr, &corrupt) || werr == io.ErrUnexpectedEOF):
			t.Fatalf("%x: %v, want %v", in, err, werr)
		case err == errCorrupt && werr == nil:
			t.Fatalf("%x: refused", in)
		}
		if werr == nil && !bytes.Equal(got, want) {
			t.Fatalf("%x: %d octets, want %d", in, len(got), len(want))
		}
	})
}

// Both ways over a connection, and reads that a deadline ends go on.
func TestConn(t *testing.T) {
	t.Parallel()
	a, b := net.Pipe()
	defer a.Close()
	c := Over(b)
	defer c.Close()
	for name, text := range texts() {
		if len(text) == 0 {
			continue
		}
		in := pack(t, text, flate.BestCompression, 3000, false)
		go func() {
			for _, piece := range [][]byte{in[:len(in)/2], in[len(in)/2:]} {
				a.Write(piece)
			}
		}()
		got := make([]byte, 0, len(text))
		p := make([]byte, 777)
		for k := 0; len(got) < len(text); k++ {
			c.SetReadDeadline(time.Now().Add(time.Duration(k%2) * time.Minute)) // every other has passed
			n, err := c.Read(p[:1+len(got)%len(p)])
			if got = append(got, p[:n]...); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(got, text) {
			t.Errorf("%s: other text came", name)
		}
		// The rest, which has no text in it, is taken too.
		c.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: behind the text: %d, %v", name, n, err)
		}
	}
}

// What is written comes out of compress/flate, all of it at once.
func TestWrite(t *testing.T) {
	t.Parallel()
	a, b := net.Pipe()
	defer a.Close()
	c := Over(b)
	defer c.Close()
	r := flate.NewReader(a)
	for name, text := range texts() {
		go func() {
			for _, half := range [][]byte{text[:len(text)/2], text[len(text)/2:]} {
				if n, err := c.Write(half); n != len(half) || err != nil {
					t.Errorf("%s: %d, %v", name, n, err)
				}
			}
		}()
		got := make([]byte, len(text))
		if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%s: other text came, %v", name, err)
		}
	}
}

// BenchmarkWrite is answers of a usual size.
func BenchmarkWrite(b *testing.B) {
	text := []byte(strings.Repeat("* 17 FETCH (UID 1234 FLAGS (\\Seen) RFC822.SIZE 4711)\r\n", 40))
	c := Over(discard{})
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		c.Write(text)
	}
}

func BenchmarkInflate(b *testing.B) {
	text := texts()["words"]
	in := pack(b, text, flate.BestSpeed, 4096, false)
	p := make([]byte, 4096)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		z := inflater{src: in}
		for n := 1; n > 0; {
			n, _ = z.inflate(p)
		}
	}
}

type discard struct{ net.Conn }

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// A connection that waits for the next command holds what came before, and no
// buffer of either direction.
func TestIdleMemory(t *testing.T) {
	text := []byte(strings.Repeat("a1 UID FETCH 1:* (FLAGS)\r\n", 20))
	in := pack(t, text, flate.BestCompression, 25, false)
	var before, after runtime.MemStats
	const many = 200
	idle := make([]*Conn, many)
	runtime.GC()
	runtime.GC() // pools, too
	runtime.ReadMemStats(&before)
	for i := range idle {
		idle[i] = Over(&recorded{in: bytes.NewReader(in)})
		if _, err := io.ReadFull(idle[i], make([]byte, len(text))); err != nil {
			t.Fatal(err)
		}
		idle[i].Write(text)
		if n, err := idle[i].Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Fatal(n, err)
		}
	}
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&after)
	if each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / many; each > 6<<10 {
		t.Errorf("each holds %d octets", each)
	} else {
		t.Logf("each holds %d octets", each)
	}
	runtime.KeepAlive(idle)
}

type recorded struct {
	discard
	in io.Reader
}

func (r *recorded) Read(p []byte) (int, error) { return r.in.Read(p) }
