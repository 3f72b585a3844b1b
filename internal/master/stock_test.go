package master

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"yubin/internal/systemd"
)

// Where one socket has both protocols of all interfaces, it serves where both
// are wanted, and is left alone where only one is.
func TestStockDual(t *testing.T) {
	t.Parallel()
	four, six := endpoint{addr: netip.MustParseAddrPort("0.0.0.0:25")}, endpoint{addr: netip.MustParseAddrPort("[::]:25")}
	for _, c := range []struct {
		name  string
		stock stock
		want  []endpoint
		taken string
	}{
		{"both of one", stock{{where: "[::]:25", dual: true}}, []endpoint{four, six}, "[::]:25"},
		{"both of two", stock{{where: "[::]:25"}, {where: "0.0.0.0:25"}}, []endpoint{four, six}, "0.0.0.0:25 [::]:25"},
		{"IPv6 of one", stock{{where: "[::]:25", dual: true}}, []endpoint{six}, "[::]:25"},
		{"IPv4 alone", stock{{where: "0.0.0.0:25"}, {where: "[::]:25"}}, []endpoint{four}, "0.0.0.0:25"},
		{"twice", stock{{where: "0.0.0.0:25"}, {where: "0.0.0.0:25"}}, []endpoint{four}, "0.0.0.0:25"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := &service{want: c.want}
			if err := s.open(&c.stock, nil); err != nil {
				t.Fatal(err)
			}
			var taken []string
			for _, socket := range s.sockets {
				taken = append(taken, socket.where)
			}
			if got := strings.Join(taken, " "); got != c.taken {
				t.Errorf("got %s, want %s", got, c.taken)
			}
		})
	}
	st := stock{{where: "[::]:25", dual: true}}
	if got := st.at(four, []endpoint{four}); got != nil {
		t.Error("a socket of both protocols was taken for IPv4 alone")
	}
}

// What no service can use is refused, with what it is.
func TestAdoptSocket(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	make := func(family, kind int, addr unix.Sockaddr, listen bool) int {
		fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		if err := unix.Bind(fd, addr); err != nil {
			t.Fatal(err)
		}
		if listen {
			if err := unix.Listen(fd, 1); err != nil {
				t.Fatal(err)
			}
		}
		return fd
	}
	loop := &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	path := func(name string) *unix.SockaddrUnix { return &unix.SockaddrUnix{Name: filepath.Join(dir, name)} }
	gone := make(unix.AF_UNIX, unix.SOCK_SEQPACKET, path("gone"), true)
	if err := os.Remove(filepath.Join(dir, "gone")); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, c := range []struct {
		name, label string
		fd          int
		want        string
	}{
		{"inet", "smtp", make(unix.AF_INET, unix.SOCK_STREAM, loop, true), "127.0.0.1:"},
		{"unix", "x", make(unix.AF_UNIX, unix.SOCK_SEQPACKET, path("s"), true), path("s").Name},
		{"kept", keptPrefix + "x", make(unix.AF_UNIX, unix.SOCK_SEQPACKET, path("k"), true), path("k").Name},
		{"stream", "x", make(unix.AF_UNIX, unix.SOCK_STREAM, path("t"), true), "error: " + path("t").Name + " is not of the type"},
		{"quiet", "x", make(unix.AF_INET, unix.SOCK_STREAM, loop, false), "error: it does not listen"},
		{"datagram", "x", make(unix.AF_INET, unix.SOCK_DGRAM, loop, false), "error: it does not listen"},
		{"removed", "x", gone, "error: there is no socket " + path("gone").Name},
		{"file", "x", int(file.Fd()), "error: getsockopt"},
	} {
		s, err := adoptSocket(systemd.Given{FD: c.fd, Name: c.label})
		got := fmt.Sprintf("error: %v", err)
		if err == nil {
			got = s.where
			if kept := strings.HasPrefix(c.label, keptPrefix); s.kept != kept || (s.name == "") != kept {
				t.Errorf("%s: kept %t, name %q", c.name, s.kept, s.name)
			}
		}
		if !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

// An IPv6 socket as the service manager makes it has IPv4 as well.
func TestAdoptDual(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "[::]:0")
	if err != nil {
		t.Skip(err) // this host has no IPv6
	}
	defer l.Close()
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s, err := adoptSocket(systemd.Given{FD: int(f.Fd())})
	if err != nil || !s.dual || !strings.HasPrefix(s.where, "[::]:") {
		t.Errorf("got %+v, %v", s, err)
	}
}
