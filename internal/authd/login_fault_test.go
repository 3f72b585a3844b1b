package authd

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"yubin/internal/ipc"
	"yubin/internal/passdb"
	"yubin/internal/sasl"
)

// What a program may not ask, or asks out of turn, harms nobody.
func TestOutOfTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, accounts)
		begin := func(n uint64) *ipc.AuthRequest {
			return &ipc.AuthRequest{Op: ipc.AuthBegin, Exchange: n, Mechanism: "LOGIN", Facts: &d.facts}
		}
		for _, q := range []*ipc.AuthRequest{
			{Op: "else"}, {Op: ipc.AuthBegin, Mechanism: "PLAIN"}, {Op: ipc.AuthMechanisms}, {Op: ipc.AuthContinue, Exchange: 7},
			{Op: ipc.AuthSession, Exchange: 7}, {Op: ipc.AuthBegin, Mechanism: "PLAIN", Facts: &d.facts, Response: make([]byte, sasl.MaxMessage+1)},
			{Op: ipc.AuthBegin, Mechanism: "PLAIN", Facts: &ipc.AuthFacts{TLS: &ipc.TLSFacts{SNI: strings.Repeat("x", maxFact+1)}}},
		} {
			if r := d.ask(q); r.State != ipc.AuthFailed || r.Code != ipc.AuthCodeMalformed || r.Exchange != q.Exchange {
				t.Errorf("%+v: got %+v", q, r)
			}
		}
		if r := d.ask(begin(1)); string(r.Challenge) != "Username:" {
			t.Fatalf("got %+v", r)
		}
		if r := d.ask(begin(1)); r.State != ipc.AuthTempFail {
			t.Errorf("a number twice: got %+v", r)
		}
		d.v.take(&ipc.AuthRequest{Op: ipc.AuthCancel, Exchange: 1}, nil)
		if r := d.ask(&ipc.AuthRequest{Op: ipc.AuthContinue, Exchange: 1}); r.Code != ipc.AuthCodeMalformed {
			t.Errorf("after cancel: got %+v", r)
		}
		d.ask(begin(2))
		time.Sleep(exchangeTime + time.Second)
		if r := d.ask(&ipc.AuthRequest{Op: ipc.AuthContinue, Exchange: 2}); r.Code != ipc.AuthCodeMalformed {
			t.Errorf("after a long pause: got %+v", r)
		}
		// A response before the answer to the last.
		d.ask(begin(3))
		d.ask(&ipc.AuthRequest{Op: ipc.AuthContinue, Exchange: 3, Response: []byte("bob")})
		d.v.take(&ipc.AuthRequest{Op: ipc.AuthContinue, Exchange: 3, Response: []byte("wrong")}, nil)
		if r := d.ask(&ipc.AuthRequest{Op: ipc.AuthContinue, Exchange: 3, Response: []byte("ginger")}); r.Code != ipc.AuthCodeMalformed {
			t.Errorf("out of turn: got %+v", r)
		}
		time.Sleep(time.Minute)
		select {
		case r := <-d.replies:
			t.Errorf("one more answer: %+v", r)
		default:
		}
		if len(d.v.xs) != 0 || len(d.l.open.clients) != 0 {
			t.Errorf("%d exchanges are left, of %v", len(d.v.xs), d.l.open.clients)
		}
	})
}

// slow is a backend that takes its time.
type slow struct {
	passdb.DB
	took time.Duration
	n    *int
	mu   *sync.Mutex
}

func (s slow) Verify(ctx context.Context, user, password string, f *ipc.AuthFacts) (*passdb.Credential, error) {
	s.mu.Lock()
	*s.n++
	s.mu.Unlock()
	time.Sleep(s.took)
	return s.DB.Verify(ctx, user, password, f)
}

// Ten thousand wrong logins of one address at once: all are answered, few are
// checked, no goroutine waits for a delay, and a right login from another
// address takes as long as ever.
func TestTenThousandWrong(t *testing.T) {
	// Not beside other tests, whose goroutines would count.
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, accounts)
		checks := 0
		var mu sync.Mutex
		const took = 50 * time.Millisecond
		d.l.backends = passdb.List{slow{d.l.backends[0], took, &checks, &mu}}
		before := runtime.NumGoroutine()
		for i := range 10000 {
			d.v.take(&ipc.AuthRequest{
				Op: ipc.AuthBegin, Exchange: uint64(i + 10), Mechanism: "PLAIN", Facts: &d.facts,
				Initial: true, Response: fmt.Appendf(nil, "\x00bob\x00wrong%d", i),
			}, nil)
		}
		synctest.Wait()
		if n := runtime.NumGoroutine() - before; n > mostWaiting+100 {
			t.Errorf("%d goroutines", n)
		}
		other := d.facts
		other.Client = "192.0.2.99"
		start := time.Now()
		d.v.take(&ipc.AuthRequest{Op: ipc.AuthBegin, Exchange: 1, Mechanism: "PLAIN", Facts: &other, Initial: true, Response: []byte("\x00bob\x00ginger")}, nil)
		ok, answers := time.Duration(0), 0
		states := map[string]int{}
		for answers < 10001 {
			r := <-d.replies
			if answers++; r.Exchange == 1 {
				ok = time.Since(start)
				if r.State != ipc.AuthOK {
					t.Errorf("the right one: got %+v", r)
				}
				continue
			}
			states[r.State]++
		}
		if ok != took {
			t.Errorf("the right login took %v, want %v", ok, took)
		}
		if checks > 10 || states[ipc.AuthOK] != 0 || states[ipc.AuthFailed] != checks-1 {
			t.Errorf("%d were checked, answers %v", checks, states)
		}
		synctest.Wait()
		if len(d.v.xs) != 0 || len(d.l.open.clients) != 0 {
			t.Errorf("%d exchanges are left, of %v", len(d.v.xs), d.l.open.clients)
		}
		if n := strings.Count(d.log(), "\n"); n > 20 {
			t.Errorf("%d lines in the log", n)
		}
	})
}

// down is a backend that cannot say.
type down struct{ passdb.DB }

func (down) Verify(context.Context, string, string, *ipc.AuthFacts) (*passdb.Credential, error) {
	return nil, errors.New("out of order")
}

func (down) Lookup(context.Context, string) (*passdb.Credential, error) {
	return nil, errors.New("out of order")
}

func TestBackendDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, accounts, "auth_mechanisms = plain cram-md5 scram-sha-256")
		d.l.backends = passdb.List{down{d.l.backends[0]}}
		for range 10 {
			for _, m := range []string{"PLAIN", "CRAM-MD5", "SCRAM-SHA-256"} {
				r, _, took := d.login(m, "bob", "ginger", sasl.Channel{})
				if r.State != ipc.AuthTempFail || r.Code != ipc.AuthCodeUnavailable || took[len(took)-1] > beat {
					t.Errorf("%s: got %+v after %v", m, r, took)
				}
			}
		}
		if !strings.Contains(d.log(), "login of bob from 192.0.2.10: out of order") {
			t.Errorf("got\n%s", d.log())
		}
	})
}
