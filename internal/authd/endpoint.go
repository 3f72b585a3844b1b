package authd

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"sync"
)

// endpointClient is a client for endpoints whose authorities are in roots. It
// follows no redirection: what is sent is a secret. keep keeps connections.
func endpointClient(roots *x509.CertPool, keep bool) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DisableKeepAlives: !keep, MaxIdleConnsPerHost: 4, IdleConnTimeout: askTime,
			TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// keptClient is an endpointClient that is made at the first use, when the
// authorities can be read.
func keptClient(roots func() (*x509.CertPool, error)) func() (*http.Client, error) {
	var mu sync.Mutex
	var client *http.Client
	return func() (*http.Client, error) {
		mu.Lock()
		defer mu.Unlock()
		if client == nil {
			pool, err := roots()
			if err != nil {
				return nil, err
			}
			client = endpointClient(pool, true)
		}
		return client, nil
	}
}

// ask sends a request and returns the status and at most maxAnswer octets of
// the answer.
func ask(client *http.Client, req *http.Request) (status int, body []byte, err error) {
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return resp.StatusCode, body, err
}
