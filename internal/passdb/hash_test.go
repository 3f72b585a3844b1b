package passdb

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const sample = "päss word"

// hashed are what libxcrypt and doveadm pw make of sample.
var hashed = []string{
	"{PLAIN}" + sample,
	"{plain.hex}70c3a4737320776f7264",
	"$6$saltstring$IX1jmwGitFxy6bsCgEuhlUB/az68b9D/gop/zgmvrYfr4HGmZfoOZIpv79.KHGcaNZqpdKs1m05LAVYt8NzDj.",
	"{CRYPT}$6$rounds=1400$anotherlongsalts$HCKlWMRA3hX3J173AKPWQPi715oMkCtXo8MEK0/ne4MfP.pwUETWbIXGWTTRjAQJOJdEzegFMKnCkrGyigr8N0",
	"{SHA256-CRYPT}$5$saltstring$v0OSACRVEHxTZQtKiIL3V9oRG42F8oXiRwOf1d7iAA3",
	"{MD5-CRYPT}$1$saltsalt$g.cxZahQptm8idA5mc8iP.",
	"{BLF-CRYPT}$2b$04$abcdefghijklmnopqrstuuKRze7BjvIHM2j/Mlifwl1ZipE2V9mZ.",
	"$2y$05$abcdefghijklmnopqrstuuinjqRJ5QhmAJmp5IDzf0MHyeM3Etg9.",
	"$y$j75$saltsaltsalt$A6CYXTPlxs1tCqDHGP9n.sjT5o5.X.h4Lv2PE0bPri0",
	"{CRYPT}$y$j9T$F5Jx5fExrKuPp53xLKQ..1$kYSCgdrYsjfbV6NA92FXVV.hUus2LWqFx5F0UX1VKbB",
	"{SCRAM-SHA-256}4096,5pmKo4QJktRwzC27cOih9A==,KUadRiF+GgUsv4IbEC0LUe05RkiEhGprCrkq43zF5FI=,iIIsUOUOKPjhmaPjekP1/+tBK6kQCA9le5PVEK90ytY=",
	"{SCRAM-SHA-1}4096,ZBc2Mq3wXdysZrNMzORKnA==,SvdE1WQdLHbV5sQZdxFSWg5yRCM=,MTFKMKg/dxPh63dAW7o6fOYgxyA=",
	"{PBKDF2}$1$lBVwKGAzFom71Oev$5000$b3e4552622d4a46d25225c45ddf15ec387f9d2be",
	"{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$NHcFWJPs7yCJPxGiEdXq4A$EilGK0uZj8j3E2R2DFMPS+GJVETCiTgTYNACgok69Jw",
	"{ARGON2I}$argon2i$v=19$m=32768,t=4,p=1$4fBKq3nuJEKa4xr4TSzkCQ$2Zp5hXYQZVW9KOUNblhWStmnRarAsuy27TNRa+f5Ars",
	"{CRAM-MD5}8b4ef9d9588dc32be8c3b8958ee84fabe314e51494c4f6a5f139d3cb9b2a947f",
	"{SSHA}Pmx5elAcodU213Ocyv0Mot7jq13RfDon",
	"{SSHA.B64}DfuFPEvaYVvJ/tB9Z+o7+Jre6bK2wsiO",
	"{SSHA256}/F7UPjIyKGltzzx5rYaTkBFmW/iKYXDo7WySHLqWGYgRALOZ",
	"{SSHA512}zX441+pDMx6xpZak0K6KApIADvegSSQtvquakbmhummuxaDeP8ezq+aAy/8otcH4906ZOx2byJ1k3smul1StLqmVcH0=",
	"{SMD5}A4sZmSla4x+xU98DO9bAno1B+xI=",
	"{LDAP-MD5}rV7neNFEF8leOW1wh1OMqg==",
	"{PLAIN-MD5}ad5ee778d14417c95e396d7087538caa",
	"{SHA}zH9xIdvvCk1Psi4ui9OBlBDDcdA=",
	"{SHA256.HEX}80053c0c7c8ed6aeb9c948cee725149e7ea35e908940f0d8069076d273221ff9",
	"{SHA512}GrhlAFeRLpophYwSAbnvPuedZl33nkCa4IwEu3dYl3vjmuWcs4twIVKPdswchsGqVCmsfBLQ5YfwisgfgaloAQ==",
}

func TestCheck(t *testing.T) {
	t.Parallel()
	h := NewHasher(nil, nil)
	for _, stored := range hashed {
		if err := h.Check(t.Context(), stored, sample, ""); err != nil {
			t.Errorf("%s: the right password: %v", stored, err)
		}
		v, _ := parse(stored)
		wrongs := []string{"pass word", "", sample + "x", strings.Repeat("x", maxSecret+1), sample + "\x00"}
		switch {
		case v.dear && strings.Contains(stored, "$2b$04$"):
			wrongs = wrongs[:1]
		case v.dear: // the comparison is the same
			wrongs = nil
		}
		for _, wrong := range wrongs {
			if err := h.Check(t.Context(), stored, wrong, ""); !errors.Is(err, ErrMismatch) {
				t.Errorf("%s: the password %.20q: got %v, want %v", stored, wrong, err, ErrMismatch)
			}
		}
	}
}

// What is not a hash, or costs too much, is refused before any work, with a
// word that has nothing of it.
func TestRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		stored string
		want   error
	}{
		{"", errDES},
		{"hunter2", errDES},
		{"abJnggxhB/yWI", errDES},
		{"$9$hunter2", errNotCrypt},
		{"{NONE}hunter2", errScheme},
		{"{PLAIN.ROT13}hunter2", errScheme},
		{"{PLAIN", errForm},
		{"{PLAIN.HEX}hunter2", errForm},
		{"{SHA512-CRYPT}hunter2", errForm},
		{"{SHA512-CRYPT}$5$saltstring$v0OSACRVEHxTZQtKiIL3V9oRG42F8oXiRwOf1d7iAA3", errForm},
		{"$6$saltstring$hunter2", errForm},
		{"$6$rounds=999999999$saltstring$" + strings.Repeat("a", 86), errTooDear},
		{"$2b$31$abcdefghijklmnopqrstuuKRze7BjvIHM2j/Mlifwl1ZipE2V9mZ.", errTooDear},
		{"$2b$99$abcdefghijklmnopqrstuuKRze7BjvIHM2j/Mlifwl1ZipE2V9mZ.", errForm},
		{"$2b$10$hunter2", errForm},
		{"$argon2id$v=19$m=4194304,t=3,p=1$NHcFWJPs7yCJPxGiEdXq4A$EilGK0uZj8j3E2R2DFMPS+GJVETCiTgTYNACgok69Jw", errTooDear},
		{"$argon2id$v=19$m=65536,t=4000000000,p=1$NHcFWJPs7yCJPxGiEdXq4A$EilGK0uZj8j3E2R2DFMPS+GJVETCiTgTYNACgok69Jw", errTooDear},
		{"$argon2id$v=19$m=65536,t=0,p=1$NHcFWJPs7yCJPxGiEdXq4A$EilGK0uZj8j3E2R2DFMPS+GJVETCiTgTYNACgok69Jw", errForm},
		{"$argon2id$v=16$m=65536,t=3,p=1$NHcFWJPs7yCJPxGiEdXq4A$EilGK0uZj8j3E2R2DFMPS+GJVETCiTgTYNACgok69Jw", errForm},
		{"$y$jFz$F5Jx5fExrKuPp53xLKQ..1$kYSCgdrYsjfbV6NA92FXVV.hUus2LWqFx5F0UX1VKbB", errTooDear},
		{"$y$j9T$F5Jx5fExrKuPp53xLKQ..1$hunter2", errForm},
		{"{PBKDF2}$1$salt$4000000000$b3e4552622d4a46d25225c45ddf15ec387f9d2be", errTooDear},
		{"{PBKDF2}$1$salt$5000$hunter2", errForm},
		{"{SCRAM-SHA-256}2000000000,c2FsdA==,KUadRiF+GgUsv4IbEC0LUe05RkiEhGprCrkq43zF5FI=,iIIsUOUOKPjhmaPjekP1/+tBK6kQCA9le5PVEK90ytY=", errTooDear},
		{"{SCRAM-SHA-256}4096,c2FsdA==,a2V5,a2V5", errForm},
		{"{SSHA}hunter2", errForm},
		{"{CRAM-MD5}hunter2", errForm},
	} {
		start := time.Now()
		err := NewHasher(nil, nil).Check(t.Context(), c.stored, sample, "")
		if !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.stored, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error has the secret: %v", c.stored, err)
		}
		if d := time.Since(start); d > 30*time.Second {
			t.Errorf("%s: took %v", c.stored, d)
		}
	}
}

func TestMake(t *testing.T) {
	t.Parallel()
	h := NewHasher(nil, nil)
	for _, scheme := range []string{"scram-sha-256", "sha512-crypt", "blf-crypt", "argon2id"} {
		one, err := Make(scheme, sample)
		if err != nil {
			t.Fatalf("%s: %v", scheme, err)
		}
		if err := h.Check(t.Context(), one, sample, ""); err != nil {
			t.Errorf("%s: %s: %v", scheme, one, err)
		}
		two, err := Make(scheme, sample)
		if err != nil || one == two {
			t.Errorf("%s: twice the same hash, or %v", scheme, err)
		}
		if strings.ContainsAny(one, ":\n") {
			t.Errorf("%s: %q cannot stand in a passwd-file", scheme, one)
		}
	}
	for _, c := range [][2]string{{"scram-sha-256", ""}, {"sha512-crypt", "a\nb"}, {"blf-crypt", strings.Repeat("a", 73)}, {"des", "a"}} {
		if got, err := Make(c[0], c[1]); err == nil {
			t.Errorf("%s, %q: got %s, want an error", c[0], c[1], got)
		}
	}
}

func TestSCRAMVerifiers(t *testing.T) {
	t.Parallel()
	h := NewHasher(nil, nil)
	plain := &Credential{User: "ann", Scheme: "PLAIN", Hash: "{PLAIN}" + sample}
	for _, name := range []string{"SHA-1", "SHA-256"} {
		one, err := h.SCRAM(plain, name)
		if err != nil {
			t.Fatal(err)
		}
		two, err := h.SCRAM(plain, name)
		if err != nil || one.String() != two.String() {
			t.Errorf("%s: the salt changes: %s, %s, %v", name, one, two, err)
		}
		kept := &Credential{User: "ann", Scheme: "SCRAM-" + name, Hash: "{SCRAM-" + name + "}" + one.String()}
		if v, err := h.SCRAM(kept, name); err != nil || v.String() != one.String() {
			t.Errorf("%s: got %v, %v, want %v", name, v, err, one)
		}
		if err := h.Check(t.Context(), kept.Hash, sample, ""); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := h.SCRAM(&Credential{Scheme: "SHA512-CRYPT", Hash: hashed[2]}, "SHA-256"); !errors.Is(err, ErrNoVerifier) {
		t.Errorf("of sha512-crypt: got %v, want %v", err, ErrNoVerifier)
	}
}

// Many attempts of one client are one place in the queue: another client's turn
// comes after one of them.
func TestTurns(t *testing.T) {
	t.Parallel()
	p := newPool(1)
	if err := p.enter(t.Context(), "first"); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var order []string
	var wg sync.WaitGroup
	wait := func(who string) {
		wg.Go(func() {
			if err := p.enter(t.Context(), who); err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			order = append(order, who)
			mu.Unlock()
			p.leave()
		})
	}
	waiting := func() (n int) {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, q := range p.queues {
			n += len(q)
		}
		return n
	}
	until := func(n int) {
		t.Helper()
		for end := time.Now().Add(time.Minute); waiting() != n; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%d wait, want %d", waiting(), n)
			}
		}
	}
	for range 50 {
		wait("many")
	}
	until(50)
	wait("one")
	until(51)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.enter(ctx, "gone"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that the wait has ended", err)
	}
	p.leave()
	wg.Wait()
	if i := slices.Index(order, "one"); i < 0 || i > 1 {
		t.Errorf("place %d, want 0 or 1: %v", i, order)
	}
	if len(p.turn) != 0 || len(p.queues) != 0 || p.free != 1 {
		t.Errorf("left behind: %+v", p)
	}
}

// A stored password is checked, or refused, without a panic, within a bounded
// time, and an error has nothing of what is stored.
func FuzzStored(f *testing.F) {
	for _, s := range hashed {
		f.Add(s)
	}
	f.Add("$6$rounds=999999999$a$b")
	f.Fuzz(func(t *testing.T, stored string) {
		v, err := parse(stored)
		if err != nil {
			if !slices.Contains([]error{errScheme, errForm, errTooDear, errDES, errNotCrypt}, err) {
				t.Fatalf("%q: %v", stored, err)
			}
			return
		}
		if !v.dear {
			v.match("x")
		}
	})
}
