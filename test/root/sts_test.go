//go:build root

package root

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"yubin/test/peer"
)

// A policyHost serves the MTA-STS policies of domains, by HTTPS at port 443 of
// a host.
type policyHost struct {
	mu       sync.Mutex // guards what follows
	policies map[string]string
	asked    map[string]int
}

func (n *network) policyHost(host int, cert *tls.Config) *policyHost {
	n.t.Helper()
	p := &policyHost{policies: map[string]string{}, asked: map[string]int{}}
	s := httptest.NewUnstartedServer(p)
	s.Listener.Close()
	n.on(host, func() {
		var err error
		if s.Listener, err = net.Listen("tcp", address(host)+":443"); err != nil {
			n.t.Fatal(err)
		}
	})
	s.TLS, s.Config.ErrorLog = cert, log.New(io.Discard, "", 0)
	s.StartTLS()
	n.t.Cleanup(s.Close)
	return p
}

// ServeHTTP gives a policy; a domain without one gets 503.
func (p *policyHost) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	domain := strings.TrimPrefix(r.Host, "mta-sts.")
	p.asked[domain]++
	policy := p.policies[domain]
	if policy == "" || r.URL.Path != "/.well-known/mta-sts.txt" {
		http.Error(w, "not now", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	io.WriteString(w, policy)
}

func (p *policyHost) set(domain, policy string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.policies[domain] = policy
}

func (p *policyHost) count(domain string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[domain]
}

// Domains with MTA-STS policies (RFC 8461), their servers at the ports where the
// world has them: what a policy asks is done, it is fetched once and kept over
// restarts, and a policy server that fails takes nothing back.
func TestMTASTS(t *testing.T) {
	const (
		sender     = 1
		right      = 2 // its certificate is for every domain of the test
		wrong      = 3 // its certificate is for them too, and nobody vouches for it
		elsewhere  = 4 // its certificate is for another name
		policyTest = "version: STSv1\r\nmode: testing\r\nmx: mx.trial.test\r\nmax_age: 86400\r\n"
	)
	n := newNetwork(t, sender, right, wrong, elsewhere)
	domains := []string{"safe.test", "forged.test", "misnamed.test", "trial.test", "down.test"}
	var names []string
	for _, d := range domains {
		names = append(names, "mx."+d, "mta-sts."+d)
	}
	trusted, ca := peer.Certificate(t, names...)
	strange, _ := peer.Certificate(t, names...)
	other, otherCA := peer.Certificate(t, "mx.other.test")
	both := trust(t, ca, otherCA)

	servers := map[int]*peer.Peer{}
	for host, cert := range map[int]*tls.Config{right: trusted, wrong: strange, elsewhere: other} {
		n.on(host, func() { servers[host] = peer.Start(t, peer.Options{Addr: address(host) + ":25", TLS: cert}) })
	}
	policies := n.policyHost(right, trusted)
	zone := func(domain, id string, mx int) {
		n.names.Zone(domain, "@ MX 10 mx\nmx A "+address(mx)+"\nmta-sts A "+address(right)+
			"\n_mta-sts TXT \"v=STSv1; id="+id+";\"")
	}
	for domain, mx := range map[string]int{
		"safe.test": right, "forged.test": wrong, "misnamed.test": elsewhere, "trial.test": wrong, "down.test": wrong,
	} {
		zone(domain, "1", mx)
		policies.set(domain, "version: STSv1\r\nmode: enforce\r\nmx: mx."+domain+"\r\nmax_age: 86400\r\n")
	}
	policies.set("trial.test", policyTest)
	policies.set("down.test", "")
	s := n.site(sender, "mx.here.test", []string{"ann@here.test"}, append(impatient,
		"smtp_tls_CAfile = "+both, "smtp_tls_loglevel = 1", "resolver_cache_size = 0", "smtp_connection_cache_on_demand = no",
		"minimal_backoff_time = 1h", "maximal_backoff_time = 1h")...)
	s.start()
	send := func(to string, outcome ...string) {
		t.Helper()
		s.Sendmail("Subject: x\n\ny\n", "-f", "ann@here.test", to)
		s.WaitLog(append([]string{"to=<" + to + ">"}, outcome...)...)
	}

	send("a@safe.test", "status=sent")
	s.WaitLog("Verified TLS connection established to mx.safe.test[" + address(right) + "]:25")
	send("a@forged.test", "dsn=4.7.5, status=deferred (Server certificate not trusted")
	send("a@misnamed.test", "dsn=4.7.5, status=deferred (Server certificate not verified")
	send("a@trial.test", "relay=mx.trial.test["+address(wrong)+"]:25", "status=sent")
	send("a@down.test", "status=sent") // there never was a policy
	s.WaitLog("MTA-STS policy of down.test: ", "503", "there is none")
	send("b@safe.test", "status=sent")
	if got := policies.count("safe.test"); got != 1 {
		t.Errorf("the policy of safe.test was fetched %d times, want once", got)
	}
	kept, err := os.ReadFile(s.Path("data", "mta-sts", "safe.test.json"))
	if err != nil || !strings.Contains(string(kept), "mx.safe.test") {
		t.Errorf("the policy on disk: %q, %v", kept, err)
	}

	// A new process; somebody has taken over the name and the way to the policy
	// server, and has not the certificate.
	s.Stop()
	zone("safe.test", "2", wrong)
	policies.set("safe.test", "")
	s.start()
	send("c@safe.test", "dsn=4.7.5, status=deferred (Server certificate not trusted")
	s.WaitLog("MTA-STS policy of safe.test: ", "503", "stays")
	for host, want := range map[int][]string{right: {"a@safe.test", "b@safe.test"}, wrong: {"a@trial.test", "a@down.test"}, elsewhere: nil} {
		var got []string
		for _, m := range servers[host].Messages() {
			got = append(got, strings.Trim(m.Rcpt[0], "<>"))
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("the server at %s has mail for %v, want %v", address(host), got, want)
		}
	}
}

// trust is a file with all the certificates of others.
func trust(t *testing.T, files ...string) string {
	t.Helper()
	f, err := os.CreateTemp("", "yubin-ca")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	t.Cleanup(func() { os.Remove(f.Name()) })
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err == nil {
			_, err = f.Write(b)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Chmod(0o644); err != nil { // the client is not root
		t.Fatal(err)
	}
	return f.Name()
}
