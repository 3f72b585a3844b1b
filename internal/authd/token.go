package authd

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"yubin/internal/config"
	"yubin/internal/maillog"
)

const (
	refreshTime = 30 * time.Second // that a token endpoint has
	maxAnswer   = 64 << 10         // octets of its answer
	// early is how long before its end a token is replaced.
	early = time.Minute
	// shortest is how long a token is used whose endpoint does not say.
	shortest = 5 * time.Minute
	// again is how soon a token may be replaced that a server has refused, and
	// an endpoint asked that has failed: mail in plenty must not become
	// requests in plenty.
	again = time.Minute
)

// tokens gets access tokens by refresh tokens (RFC 6749, 6), and keeps them in
// memory until they are over.
type tokens struct {
	log   *maillog.Logger
	roots func() (*x509.CertPool, error)
	now   func() time.Time

	mu     sync.Mutex // guards byFile
	byFile map[string]*token
}

// A token is one file's.
type token struct {
	mu    sync.Mutex // held while it is refreshed
	value string
	made  time.Time
	until time.Time
	file  fileID // that it was got by
	next  string // the refresh token in place of the file's, where that could not be written
	err   error  // of the last attempt, at made
}

// fileID changes when a file is written anew.
type fileID struct {
	size  int64
	mtime time.Time
}

func newTokens(log *maillog.Logger, roots func() (*x509.CertPool, error)) *tokens {
	return &tokens{log: log, roots: roots, now: time.Now, byFile: map[string]*token{}}
}

// get returns the access token of a file. refused asks for another one.
func (t *tokens) get(ctx context.Context, file string, refused bool) (string, error) {
	t.mu.Lock()
	k := t.byFile[file]
	if k == nil {
		k = &token{}
		t.byFile[file] = k
	}
	t.mu.Unlock()
	k.mu.Lock()
	defer k.mu.Unlock()
	g, id, err := readGrant(file)
	if err != nil {
		return "", err
	}
	now := t.now()
	recent := k.file == id && now.Sub(k.made).Abs() < again
	switch {
	case k.file == id && k.err == nil && now.Before(k.until) && (!refused || recent):
		return k.value, nil
	case k.err != nil && recent:
		return "", k.err
	}
	if k.file != id {
		k.next = ""
	}
	if k.next != "" {
		g["refresh_token"] = k.next
	}
	k.value, k.until, k.err = "", time.Time{}, nil
	k.file, k.made = id, now
	var answer *granted
	if answer, k.err = t.refresh(ctx, g); k.err != nil {
		k.err = fmt.Errorf("access token of %s: %w", file, k.err)
		return "", k.err
	}
	k.value, k.until = answer.AccessToken, now.Add(answer.life())
	if answer.RefreshToken != "" && answer.RefreshToken != g["refresh_token"] {
		// The old one is void, or will be.
		switch err := keep(file, id, answer.RefreshToken); {
		case errors.Is(err, errEdited): // and is read at the next request
		case err != nil:
			t.log.Warn("%s: the new refresh token cannot be written, and is lost when authd ends: %v", file, err)
			k.next = answer.RefreshToken
		default:
			if _, k.file, err = readGrant(file); err != nil {
				return "", err
			}
		}
	}
	return k.value, nil
}

// A grant is the content of a token file.
type grant map[string]string

// maxGrant is the size of a token file, octets.
const maxGrant = 64 << 10

// readGrant reads a token file. No error has anything of its content but names.
func readGrant(file string) (grant, fileID, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fileID{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, fileID{}, err
	case info.Mode()&fs.ModeType != 0 || info.Size() > maxGrant:
		return nil, fileID{}, fmt.Errorf("%s is no token file", file)
	case info.Mode().Perm()&0o077 != 0:
		return nil, fileID{}, fmt.Errorf("%s can be read by others than its owner: chmod 600 %s", file, file)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxGrant))
	if err != nil {
		return nil, fileID{}, err
	}
	g := grant{}
	for number, line := range strings.Split(string(b), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			return nil, fileID{}, fmt.Errorf("%s:%d: want name = value", file, number+1)
		}
		g[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	for _, name := range []string{"token_endpoint", "client_id", "refresh_token"} {
		if g[name] == "" {
			return nil, fileID{}, fmt.Errorf("%s: %s is missing", file, name)
		}
	}
	return g, fileID{info.Size(), info.ModTime()}, nil
}

// errEdited is a token file that somebody has edited since it was read: what is in it now
// is another grant, which ours must not be written into.
var errEdited = errors.New("it was edited meanwhile")

// keep writes another refresh token into a token file, which is still what id says.
func keep(file string, id fileID, refresh string) error {
	if strings.ContainsAny(refresh, "\r\n\x00") {
		return errors.New("it has line ends in it")
	}
	if _, now, err := readGrant(file); err != nil || now != id {
		return errors.Join(errEdited, err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	lines := strings.SplitAfter(string(b), "\n")
	for i, l := range lines {
		name, _, _ := strings.Cut(l, "=")
		if strings.TrimSpace(name) == "refresh_token" {
			lines[i] = "refresh_token = " + refresh + "\n"
		}
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	return config.Replace(file, []byte(strings.Join(lines, "")), info)
}

// granted is what an endpoint answers (RFC 6749, 5.1 and 5.2).
type granted struct {
	AccessToken  string      `json:"access_token"`
	ExpiresIn    json.Number `json:"expires_in"` // seconds
	RefreshToken string      `json:"refresh_token"`
	Error        string      `json:"error"`
}

// life is how long the token is used.
func (g *granted) life() time.Duration {
	seconds, err := g.ExpiresIn.Float64()
	if err != nil || !(seconds > 0) {
		return shortest
	}
	return max(time.Duration(min(seconds, 86400))*time.Second-early, 0)
}

// refresh asks the endpoint for an access token.
func (t *tokens) refresh(ctx context.Context, g grant) (*granted, error) {
	endpoint, err := url.Parse(g["token_endpoint"])
	if err != nil || endpoint.Scheme != "https" || endpoint.Host == "" || endpoint.User != nil {
		return nil, errors.New("token_endpoint: want https://HOST/PATH")
	}
	roots, err := t.roots()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, refreshTime)
	defer cancel()
	form := url.Values{"grant_type": {"refresh_token"}}
	for _, name := range []string{"refresh_token", "client_id", "client_secret", "scope"} {
		if g[name] != "" {
			form.Set(name, g[name])
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	status, b, err := ask(endpointClient(roots, false), req)
	if err != nil {
		return nil, err
	}
	answer := &granted{}
	if err := json.Unmarshal(b, answer); err != nil {
		answer = &granted{} // half of it may be there
	}
	switch {
	case status != http.StatusOK:
		return nil, fmt.Errorf("%s says %d %s %s", endpoint.Host, status, http.StatusText(status), maillog.Clean(answer.Error))
	case answer.AccessToken == "" || strings.ContainsAny(answer.AccessToken, "\x00\x01\r\n"):
		return nil, fmt.Errorf("%s gives no access token", endpoint.Host)
	}
	return answer, nil
}
