package authd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"yubin/internal/config"
	"yubin/internal/maillog"
	"yubin/internal/table"
)

// oauthParams are the parameters of access tokens of clients.
var oauthParams = []*config.Def{
	config.OAuth2ValidationKeys.Def, config.OAuth2IntrospectionURL.Def, config.OAuth2ClientID.Def,
	config.OAuth2ClientSecretFile.Def, config.OAuth2UsernameAttribute.Def, config.OAuth2Issuers.Def,
	config.OAuth2Audience.Def, config.OAuth2Scope.Def,
}

const (
	// askTime is how long an introspection endpoint has.
	askTime = 10 * time.Second
	// leeway is how far clocks may be apart.
	leeway = time.Minute
)

// errTokenInvalid is that of a token that lets nobody in, or somebody else.
var errTokenInvalid = errors.New("the token is not valid")

// bearers says whose an access token is: by the keys that it is signed with
// (RFC 7519), or by asking (RFC 7662). Its fields do not change.
type bearers struct {
	keys     *table.File[keys] // nil: endpoint is asked
	parser   *jwt.Parser
	endpoint string
	client   func() (*http.Client, error)
	id       string
	secret   string // the file

	attribute string
	issuers   []string
	audience  []string
	scope     []string
}

// newBearers reads what the configuration says; nil: there are no tokens.
func newBearers(c *config.Config, log *maillog.Logger) (*bearers, error) {
	o := &bearers{
		endpoint: config.OAuth2IntrospectionURL.Of(c), id: config.OAuth2ClientID.Of(c), secret: config.OAuth2ClientSecretFile.Of(c),
		attribute: config.OAuth2UsernameAttribute.Of(c), issuers: config.OAuth2Issuers.Of(c),
		audience: config.OAuth2Audience.Of(c), scope: config.OAuth2Scope.Of(c),
	}
	if file := config.OAuth2ValidationKeys.Of(c); file != "" {
		o.keys = table.NewFile(file, func(b []byte, _ table.Reporter) (keys, error) { return parseKeys(file, b) },
			func(p config.Problem) { log.Warn("%v", p) })
		o.parser = jwt.NewParser(jwt.WithValidMethods(algorithms), jwt.WithExpirationRequired(), jwt.WithLeeway(leeway))
		return o, nil
	}
	if o.endpoint == "" {
		return nil, nil
	}
	if u, err := url.Parse(o.endpoint); err != nil || u.User != nil || u.Host == "" || u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(u.Hostname())) {
		return nil, c.Fault(config.OAuth2IntrospectionURL.Def, "want https://HOST/PATH, or http:// with a loopback address")
	}
	o.client = keptClient(roots(config.SmtpTLSCAfile.SMTP.Of(c)))
	return o, nil
}

// isLoopback tells whether host is an address of this host alone.
func isLoopback(host string) bool {
	a := net.ParseIP(host)
	return a != nil && a.IsLoopback()
}

// check returns the user of a token. errTokenInvalid: nobody's; other errors
// are temporary.
func (o *bearers) check(ctx context.Context, token string) (string, error) {
	claims, err := o.claims(ctx, token)
	if err != nil {
		return "", err
	}
	if !o.meant(claims) {
		return "", errTokenInvalid
	}
	user, _ := claims[o.attribute].(string)
	if user == "" {
		return "", errTokenInvalid
	}
	return user, nil
}

// claims are what a token says, once it is known that that is true.
func (o *bearers) claims(ctx context.Context, token string) (jwt.MapClaims, error) {
	if o.keys == nil {
		return o.introspect(ctx, token)
	}
	k, err := o.keys.Get()
	if err != nil {
		return nil, fmt.Errorf("oauth2_local_validation_keys: %w", err)
	}
	claims := jwt.MapClaims{}
	// The error has parts of the token.
	if _, err := o.parser.ParseWithClaims(token, claims, k.find); err != nil {
		return nil, errTokenInvalid
	}
	return claims, nil
}

// meant tells whether a token is from whom and for what the configuration says.
func (o *bearers) meant(claims jwt.MapClaims) bool {
	issuer, err := claims.GetIssuer()
	if err != nil || len(o.issuers) > 0 && !slices.Contains(o.issuers, issuer) {
		return false
	}
	audience, err := claims.GetAudience()
	if err != nil || len(o.audience) > 0 && !slices.ContainsFunc(audience, func(a string) bool { return slices.Contains(o.audience, a) }) {
		return false
	}
	// RFC 8693, 4.2: words in a string; some issuers have a list.
	var words []string
	switch s := claims["scope"].(type) {
	case string:
		words = strings.Fields(s)
	case []any:
		for _, w := range s {
			word, _ := w.(string)
			words = append(words, word)
		}
	}
	return !slices.ContainsFunc(o.scope, func(s string) bool { return !slices.Contains(words, s) })
}

// introspect asks the endpoint (RFC 7662, 2).
func (o *bearers) introspect(ctx context.Context, token string) (jwt.MapClaims, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	client, err := o.client()
	if err != nil {
		return nil, err
	}
	form := url.Values{"token": {token}, "token_type_hint": {"access_token"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, o.endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	if o.id != "" {
		secret, err := o.password()
		if err != nil {
			return nil, err
		}
		req.SetBasicAuth(url.QueryEscape(o.id), url.QueryEscape(secret)) // RFC 6749, 2.3.1
	}
	status, body, err := ask(client, req)
	if err != nil {
		return nil, fmt.Errorf("oauth2_introspection_url: %w", err)
	}
	claims := jwt.MapClaims{}
	if status != http.StatusOK || json.Unmarshal(body, &claims) != nil {
		return nil, fmt.Errorf("oauth2_introspection_url: %s answers with status %d, want 200 and JSON", req.URL.Host, status)
	}
	if active, _ := claims["active"].(bool); !active {
		return nil, errTokenInvalid
	}
	if end, err := claims.GetExpirationTime(); err != nil || end != nil && time.Now().After(end.Add(leeway)) {
		return nil, errTokenInvalid
	}
	return claims, nil
}

// password reads oauth2_client_secret_file.
func (o *bearers) password() (string, error) {
	if o.secret == "" {
		return "", nil
	}
	if err := private(o.secret); err != nil {
		return "", err
	}
	b, err := os.ReadFile(o.secret)
	return strings.TrimSpace(string(b)), err
}

// private is an error for a file that others than its owner can read.
func private(file string) error {
	info, err := os.Stat(file)
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		err = fmt.Errorf("%s can be read by others than its owner: chmod 600 %s", file, file)
	}
	return err
}
