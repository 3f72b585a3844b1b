// Package dns is a name server for tests: it answers from zones that the test
// writes, over UDP and TCP on one port of one address, and misbehaves where
// the test says so. A name below no zone is refused, so that no test
// depends on names it has not made.
//
//	s := dns.Start(t)
//	s.Zone("example.test", `
//		@     MX 10 mx1
//		mx1   A  127.0.0.2`)
//	s.Fail("broken.test", dns.ServFail)
//
// A program of the system learns of it by main.cf:
//
//	resolver_addresses = s.Addr()
//
// Its records have no time to live unless the test gives them one. Failures are
// remembered for a second all the same: a test that mends one at once sets
// resolver_cache_size = 0.
package dns

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// A Server is a running name server. Its methods are safe for concurrent use.
type Server struct {
	addr netip.AddrPort

	mu     sync.Mutex          // guards what is below
	zones  map[string][]dns.RR // by origin, in lower case with a final dot
	signed map[string]bool     // origins whose answers have the AD bit
	faults map[fault]Fault     // by name, and type or ""
	asked  []Question
	gate   chan struct{} // not nil: answers wait until it is closed
}

// A Question is one that has arrived.
type Question struct {
	Name, Type string // without a final dot, in lower case
	TCP        bool
	EDNS       bool
}

// Start runs a server on a free port of 127.0.0.1 until the test ends.
func Start(t testing.TB) *Server {
	t.Helper()
	return StartAt(t, "127.0.0.1")
}

// StartAt is Start on another address.
func StartAt(t testing.TB, host string) *Server {
	t.Helper()
	s := &Server{zones: map[string][]dns.RR{}, signed: map[string]bool{}, faults: map[fault]Fault{}}
	udp, tcp := listen(t, host)
	s.addr = udp.LocalAddr().(*net.UDPAddr).AddrPort()
	var wg sync.WaitGroup
	for _, srv := range []*dns.Server{
		{PacketConn: udp, Handler: s, UDPSize: 4096, MsgAcceptFunc: acceptAll},
		{Listener: tcp, Handler: s, MsgAcceptFunc: acceptAll},
	} {
		started := make(chan struct{})
		srv.NotifyStartedFunc = func() { close(started) }
		wg.Go(func() { _ = srv.ActivateAndServe() })
		<-started
		t.Cleanup(func() { _ = srv.Shutdown() })
	}
	t.Cleanup(s.Release) // first of all: nothing waits any more
	return s
}

// listen finds a port that is free for both protocols.
func listen(t testing.TB, host string) (net.PacketConn, net.Listener) {
	t.Helper()
	var lastErr error
	for range 20 {
		tcp, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			t.Fatal(err)
		}
		udp, err := net.ListenPacket("udp", tcp.Addr().String())
		if err == nil {
			return udp, tcp
		}
		lastErr = err
		tcp.Close()
	}
	t.Fatal(lastErr)
	return nil, nil
}

func acceptAll(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept }

// Addr is the server's address for resolver_addresses: host:port.
func (s *Server) Addr() string { return s.addr.String() }

// AddrPort is the server's address.
func (s *Server) AddrPort() netip.AddrPort { return s.addr }

// Zone sets the records of a zone, in place of those it had. The text is that
// of a master file (RFC 1035, 5) with the zone as its origin and a time to live
// of none, so that nobody keeps what the test changes; $TTL in the text changes
// that. A SOA record is supplied when the text has none: its minimum is the
// time that negative answers hold for, 0.
func (s *Server) Zone(zone, text string) {
	origin := fqdn(zone)
	var lines []string // a record begins its line: tests may indent them
	for l := range strings.Lines(text) {
		lines = append(lines, strings.TrimLeft(l, " \t"))
	}
	p := dns.NewZoneParser(strings.NewReader(strings.Join(lines, "")), origin, "zone "+zone)
	p.SetDefaultTTL(0)
	var records []dns.RR
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		records = append(records, rr)
	}
	if err := p.Err(); err != nil {
		panic(err) // the test is wrong
	}
	if !slices.ContainsFunc(records, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeSOA }) {
		records = append(records, &dns.SOA{
			Hdr: dns.RR_Header{Name: origin, Rrtype: dns.TypeSOA, Class: dns.ClassINET},
			Ns:  "ns." + origin, Mbox: "hostmaster." + origin, Serial: 1,
		})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.zones[origin] = records
}

// Sign makes the server vouch for a zone, as one does that has validated its
// signatures: the AD bit is in answers to those who ask for it.
func (s *Server) Sign(zones ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, z := range zones {
		s.signed[fqdn(z)] = true
	}
}

// A fault is what the server misbehaves for.
type fault struct{ name, kind string }

// Fail makes the server misbehave for a name and all below it, and if types are
// named, for questions of those types alone; "" is every name. Well ends that.
func (s *Server) Fail(name string, f Fault, types ...string) {
	if len(types) == 0 {
		types = []string{""}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, kind := range types {
		if f == Well {
			delete(s.faults, fault{fqdn(name), kind})
		} else {
			s.faults[fault{fqdn(name), kind}] = f
		}
	}
}

// Hold keeps all answers back until Release.
func (s *Server) Hold() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gate == nil {
		s.gate = make(chan struct{})
	}
}

// Release gives the answers that Hold keeps.
func (s *Server) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gate != nil {
		close(s.gate)
		s.gate = nil
	}
}

// Asked returns the questions that have arrived.
func (s *Server) Asked() []Question {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

// Count tells how often a question has arrived.
func (s *Server) Count(name, kind string) int {
	n := 0
	for _, q := range s.Asked() {
		if q.Name == name && q.Type == kind {
			n++
		}
	}
	return n
}

// WaitAsked waits until a question has arrived n times.
func (s *Server) WaitAsked(t testing.TB, name, kind string, n int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); s.Count(name, kind) < n; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s %s was asked for %d times in a minute, want %d; all: %v", name, kind, s.Count(name, kind), n, s.Asked())
		}
	}
}

func fqdn(name string) string { return strings.ToLower(dns.Fqdn(name)) }
