package mtasts

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"
)

// fetchTime is how long fetching a policy may take in all (RFC 8461, 3.3
// suggests a minute; mail waits meanwhile).
const fetchTime = 30 * time.Second

// fetch gets the policy of a domain. The server's certificate must be for
// mta-sts.DOMAIN; a redirection is a failure (RFC 8461, 3.3).
func (c *Cache) fetch(ctx context.Context, domain string) (*Policy, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	roots, err := c.o.Roots()
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		Proxy: nil, DialContext: c.o.Dial, DisableKeepAlives: true, DisableCompression: true,
		TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		MaxResponseHeaderBytes: maxPolicy,
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://mta-sts."+domain+"/.well-known/mta-sts.txt", nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "yubin")
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", req.URL, resp.Status)
	}
	if kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err != nil || kind != "text/plain" {
		return nil, fmt.Errorf("%s: want text/plain, have %.100q", req.URL, resp.Header.Get("Content-Type"))
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxPolicy+1))
	switch {
	case err != nil:
		return nil, err
	case len(body) > maxPolicy:
		return nil, fmt.Errorf("%s: %w", req.URL, errLarge)
	}
	p, err := parsePolicy(string(body))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", req.URL, err)
	}
	return p, nil
}

var errLarge = errors.New("larger than 64 kilobytes")
