package dns

import (
	"strings"

	"github.com/miekg/dns"
)

// A Fault is a way to misbehave.
type Fault int

// The faults.
const (
	Well          Fault = iota
	ServFail            // SERVFAIL
	Bogus               // SERVFAIL, as a validating server says of a forged answer
	Refused             // REFUSED
	Silence             // no reply
	Truncate            // TC and nothing else over UDP; the answer over TCP
	TruncateOnly        // TC over UDP; over TCP the connection is closed
	WrongID             // a reply with another ID, and nothing else
	WrongQuestion       // a reply to another question, and nothing else
	LiesFirst           // WrongID, WrongQuestion and noise with bad records, then the answer
	Garbage             // the right ID, then noise
	NoEDNS              // FORMERR to questions with EDNS
	Lame                // a referral to others, in place of an answer
	OneStep             // of a chain of aliases, one each time
	NoSOA               // negative answers without a SOA record
	EmptyHeader         // NOERROR with no section at all, not even the question
	OtherName           // the records of another name
)

// ServeDNS answers one question.
func (s *Server) ServeDNS(w dns.ResponseWriter, req *dns.Msg) {
	if len(req.Question) != 1 {
		return
	}
	q := req.Question[0]
	tcp := w.RemoteAddr().Network() == "tcp"
	s.mu.Lock()
	s.asked = append(s.asked, Question{
		Name: strings.TrimSuffix(strings.ToLower(q.Name), "."), Type: dns.TypeToString[q.Qtype], TCP: tcp, EDNS: req.IsEdns0() != nil,
	})
	wrong, gate := s.faultOf(fqdn(q.Name), dns.TypeToString[q.Qtype]), s.gate
	s.mu.Unlock()
	if gate != nil {
		<-gate
	}
	if !s.misbehave(w, req, wrong, tcp) {
		s.mu.Lock()
		m := s.answer(req, wrong)
		s.mu.Unlock()
		if !tcp {
			size := uint16(dns.MinMsgSize)
			if opt := req.IsEdns0(); opt != nil {
				size = opt.UDPSize()
			}
			m.Truncate(int(size))
		}
		_ = w.WriteMsg(m)
	}
}

// faultOf is that of the nearest name above, of the type if there is one.
func (s *Server) faultOf(name, kind string) Fault {
	for {
		for _, k := range []string{kind, ""} {
			if f := s.faults[fault{name, k}]; f != Well {
				return f
			}
		}
		if name == "." {
			return Well
		}
		i, end := dns.NextLabel(name, 0)
		if name = name[i:]; end {
			name = "."
		}
	}
}

// misbehave does what a fault wants. It returns false when an answer is to
// follow.
func (s *Server) misbehave(w dns.ResponseWriter, req *dns.Msg, fault Fault, tcp bool) bool {
	m := reply(req)
	switch fault {
	case ServFail, Bogus:
		m.Rcode = dns.RcodeServerFailure
		if opt := m.IsEdns0(); opt != nil && fault == Bogus {
			opt.Option = append(opt.Option, &dns.EDNS0_EDE{InfoCode: dns.ExtendedErrorCodeDNSBogus, ExtraText: "\x1b[31mforged"})
		}
	case Refused:
		m.Rcode = dns.RcodeRefused
	case Silence:
		return true
	case Truncate, TruncateOnly:
		if tcp && fault == TruncateOnly {
			_ = w.Close()
			return true
		}
		if tcp {
			return false
		}
		m.Truncated = true
	case WrongID:
		m = lie(req)
		m.Id++
	case WrongQuestion:
		m = lie(req)
		m.Question[0].Name = "other.test."
	case LiesFirst:
		for _, f := range []Fault{WrongID, WrongQuestion} {
			s.misbehave(w, req, f, tcp)
		}
		_, _ = w.Write([]byte("noise"))
		return false
	case Garbage:
		b, _ := m.Pack()
		b[5]++ // one question more than there is
		_, _ = w.Write(b)
		return true
	case NoEDNS:
		if req.IsEdns0() == nil {
			return false
		}
		m.Rcode, m.Extra, m.Question = dns.RcodeFormatError, nil, nil
	case Lame:
		m.RecursionAvailable = false
		m.Ns = []dns.RR{&dns.NS{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeNS, Class: dns.ClassINET}, Ns: "a.root.test."}}
	case OtherName:
		m = lie(req)
		for _, rr := range m.Answer {
			rr.Header().Name = "other.test."
		}
	case EmptyHeader:
		m.Question, m.Extra = nil, nil
	default:
		return false
	}
	_ = w.WriteMsg(m)
	return true
}

// lie is a reply that leads mail astray.
func lie(req *dns.Msg) *dns.Msg {
	m := reply(req)
	name := req.Question[0].Name
	m.Answer = []dns.RR{
		&dns.MX{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeMX, Class: dns.ClassINET, Ttl: 3600}, Mx: "evil.test."},
		&dns.A{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 3600}, A: []byte{127, 6, 6, 6}},
	}
	return m
}

func reply(req *dns.Msg) *dns.Msg {
	m := new(dns.Msg).SetReply(req)
	m.RecursionAvailable = true
	if req.IsEdns0() != nil {
		m.SetEdns0(1232, false)
	}
	return m
}

// answer looks a question up in the zones, through aliases.
func (s *Server) answer(req *dns.Msg, fault Fault) *dns.Msg {
	m := reply(req)
	q := req.Question[0]
	name, secure := fqdn(q.Name), true
	for range 20 {
		origin := s.zoneOf(name)
		if origin == "" {
			if len(m.Answer) == 0 {
				m.Rcode = dns.RcodeRefused
			}
			break
		}
		secure = secure && s.signed[origin]
		found, alias, exists := s.find(origin, name, q.Qtype)
		m.Answer = append(m.Answer, found...)
		if alias != "" && fault != OneStep {
			name = alias
			continue
		}
		if len(found) == 0 {
			if !exists {
				m.Rcode = dns.RcodeNameError
			}
			if fault != NoSOA {
				m.Ns = s.soa(origin)
			}
		}
		break
	}
	opt := req.IsEdns0()
	m.AuthenticatedData = secure && m.Rcode != dns.RcodeRefused && (req.AuthenticatedData || opt != nil && opt.Do())
	return m
}

// zoneOf is the origin of the zone that a name is in.
func (s *Server) zoneOf(name string) string {
	for at, end := 0, false; !end; at, end = dns.NextLabel(name, at) {
		if _, ok := s.zones[name[at:]]; ok {
			return name[at:]
		}
	}
	if _, ok := s.zones["."]; ok {
		return "."
	}
	return ""
}

// find returns the records of a name; alias is where they lead instead.
func (s *Server) find(origin, name string, kind uint16) (found []dns.RR, alias string, exists bool) {
	for _, rr := range s.zones[origin] {
		h := rr.Header()
		owner := strings.ToLower(h.Name)
		exists = exists || dns.IsSubDomain(name, owner)
		if owner != name {
			continue
		}
		cname, is := rr.(*dns.CNAME)
		switch {
		case h.Rrtype == kind:
			found = append(found, dns.Copy(rr))
		case is:
			return []dns.RR{dns.Copy(rr)}, strings.ToLower(cname.Target), true
		}
	}
	return found, "", exists
}

func (s *Server) soa(origin string) []dns.RR {
	for _, rr := range s.zones[origin] {
		if rr.Header().Rrtype == dns.TypeSOA {
			return []dns.RR{dns.Copy(rr)}
		}
	}
	return nil
}
