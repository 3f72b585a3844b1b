package authd

import (
	"context"
	"errors"
	"hash/maphash"
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	// freely is how many attempts of one client are made at once while it has no
	// failures; with failures it is one.
	freely = 4
	// mostWaiting is how many attempts of one client wait for their turn.
	mostWaiting = 256
	// longestWait is how long one waits.
	longestWait = 30 * time.Second
	// forget is the time in which a failure is forgotten; mostScore bounds how
	// long it takes for all.
	forget    = 3 * time.Minute
	mostScore = 10
	// longestPenalty is the longest time between two attempts.
	longestPenalty = 15 * time.Second
	// mostRecords bounds each of a guard's tables.
	mostRecords = 1 << 14
)

// penalty is the time between two attempts after n failures. The first three
// cost nothing but the delay that every failure has: people mistype.
func penalty(n int) time.Duration {
	if n < 3 {
		return 0
	}
	return min(time.Second<<min(n-3, 8), longestPenalty)
}

// A guard slows guessing down, and keeps one client's attempts out of the way of
// another's.
//
// Each client, an IPv4 address or the /64 of an IPv6 address, has a lane. Its
// attempts go one after the other as soon as one has failed, with a penalty
// between them that grows with its failures. A client that has failed also
// waits for what others have failed with the user's name: of many addresses that
// guess one user's password each has one guess before the longest penalty.
//
// The owner is not locked out: a client without failures of its own does not
// wait, whatever strangers do; and a client that has logged in as the user
// before has a lane for that user alone, in which nothing counts but its own
// failures with that name. To try the same wrong password again is one failure:
// telephones do.
type guard struct {
	now  func() time.Time
	seed maphash.Seed

	mu    sync.Mutex // guards what follows
	lanes map[string]*lane
	users map[string]score        // failures with a user's name
	known map[[2]string]time.Time // user and client: who has logged in, and when
	said  time.Time               // when errCrowded was mentioned last
}

// A lane is where the attempts of one client queue.
type lane struct {
	score
	tried   []uint64 // hashes of what failed last
	at      time.Time
	inside  int
	waiting []chan struct{}
}

// A score counts failures; they are forgotten one by one.
type score struct {
	n     int
	since time.Time // when n was right
}

func (s score) at(now time.Time) int { return max(s.n-int(now.Sub(s.since)/forget), 0) }

func (s score) more(now time.Time) score { return score{min(s.at(now)+1, mostScore), now} }

func newGuard() *guard {
	return &guard{
		now: time.Now, seed: maphash.MakeSeed(),
		lanes: map[string]*lane{}, users: map[string]score{}, known: map[[2]string]time.Time{},
	}
}

// errCrowded is that of an attempt for which there is no time.
var errCrowded = errors.New("too many attempts of this client wait")

// mention tells whether the log should have errCrowded: ten thousand lines of it
// say no more than one.
func (g *guard) mention() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	if now.Sub(g.said) < longestWait {
		return false
	}
	g.said = now
	return true
}

// A visit is an attempt that is being made.
type visit struct {
	g            *guard
	lane         *lane
	user, client string
	own          bool // the lane is that of user and client
	began        time.Time
}

// enter waits until an attempt of a client (clientKey) with a user's name may be
// made. leave ends it.
func (g *guard) enter(ctx context.Context, user, client string) (*visit, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, longestWait, errCrowded)
	defer cancel()
	g.mu.Lock()
	v := &visit{g: g, user: user, client: client}
	_, v.own = g.known[[2]string{user, client}]
	v.lane = g.laneOf(v)
	if len(v.lane.waiting) > 0 || v.lane.inside >= v.lane.width(g.now()) {
		if len(v.lane.waiting) >= mostWaiting {
			g.mu.Unlock()
			return nil, errCrowded
		}
		turn := make(chan struct{})
		v.lane.waiting = append(v.lane.waiting, turn)
		g.mu.Unlock()
		if err := g.wait(ctx, v.lane, turn); err != nil {
			return nil, err
		}
		g.mu.Lock()
	} else {
		v.lane.inside++
	}
	rest := g.rest(v)
	g.mu.Unlock()
	if rest > 0 {
		t := time.NewTimer(rest)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			v.abandon()
			return nil, context.Cause(ctx)
		}
	}
	v.began = g.now()
	return v, nil
}

// wait waits for a turn, which the lane has counted when it comes.
func (g *guard) wait(ctx context.Context, l *lane, turn chan struct{}) error {
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(l.waiting, turn); i >= 0 {
		l.waiting = slices.Delete(l.waiting, i, i+1)
	} else { // just now
		l.inside--
		l.admit(g.now())
	}
	return context.Cause(ctx)
}

// rest is the penalty that is still to be waited for.
func (g *guard) rest(v *visit) time.Duration {
	now := g.now()
	n := v.lane.score.at(now)
	if n == 0 {
		return 0
	}
	if !v.own {
		n = max(n, g.users[v.user].at(now))
	}
	return v.lane.at.Add(penalty(n)).Sub(now)
}

// width is how many attempts are made at once.
func (l *lane) width(now time.Time) int {
	if l.score.at(now) > 0 {
		return 1
	}
	return freely
}

// admit lets in who may be let in.
func (l *lane) admit(now time.Time) {
	for len(l.waiting) > 0 && l.inside < l.width(now) {
		l.inside++
		close(l.waiting[0])
		l.waiting = l.waiting[1:]
	}
}

// end gives the place to the next; g.mu is held.
func (v *visit) end() {
	v.lane.inside--
	v.lane.admit(v.g.now())
}

// abandon ends an attempt that came to nothing: nobody knows, or it is not over.
func (v *visit) abandon() {
	v.g.mu.Lock()
	defer v.g.mu.Unlock()
	v.end()
}

// succeed ends an attempt that was right.
func (v *visit) succeed() {
	g := v.g
	g.mu.Lock()
	defer g.mu.Unlock()
	if v.own {
		v.lane.score, v.lane.tried = score{}, nil
	}
	limit(g.known, func(time.Time) bool { return false })
	g.known[[2]string{v.user, v.client}] = g.now()
	v.end()
}

// fail ends an attempt that was wrong. secret is what was tried, "" where that is
// not known.
func (v *visit) fail(secret string) {
	g := v.g
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	v.lane.at = now
	if secret == "" || !v.lane.again(maphash.String(g.seed, v.user+"\x00"+secret)) {
		v.lane.score = v.lane.score.more(now)
		if !v.own {
			limit(g.users, func(s score) bool { return s.at(now) == 0 })
			g.users[v.user] = g.users[v.user].more(now)
		}
	}
	v.end()
}

// again tells whether the same was tried lately, and remembers it.
func (l *lane) again(tried uint64) bool {
	if slices.Contains(l.tried, tried) {
		return true
	}
	if l.tried = append(l.tried, tried); len(l.tried) > 4 {
		l.tried = l.tried[1:]
	}
	return false
}

// laneOf returns a visit's lane.
func (g *guard) laneOf(v *visit) *lane {
	key := v.client
	if v.own {
		key = v.client + " " + v.user
	}
	l := g.lanes[key]
	if l == nil {
		now := g.now()
		limit(g.lanes, func(l *lane) bool { return l.idle() && l.score.at(now) == 0 })
		l = &lane{}
		g.lanes[key] = l
	}
	return l
}

// idle tells whether nobody is in a lane.
func (l *lane) idle() bool { return l.inside == 0 && len(l.waiting) == 0 }

// quiet tells whether nothing is remembered that somebody could want forgotten.
func (g *guard) quiet() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	for _, l := range g.lanes {
		if l.score.at(now) > 0 || !l.idle() {
			return false
		}
	}
	return true
}

// limit makes room in a table: of what is void, else of anything that is not in
// use.
func limit[K comparable, V any](table map[K]V, void func(V) bool) {
	if len(table) < mostRecords {
		return
	}
	for k, v := range table {
		if void(v) {
			delete(table, k)
		}
	}
	for k, v := range table {
		if len(table) < mostRecords*3/4 {
			return
		}
		if l, ok := any(v).(*lane); !ok || l.idle() {
			delete(table, k)
		}
	}
}

// clientKey is what a client is known by: whoever has one address of a /64 has
// all of them.
func clientKey(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return ""
	}
	a = a.Unmap().WithZone("")
	bits := 32
	if a.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(a, bits).Masked().String()
}
