package smtpd

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"yubin/internal/config"
	"yubin/internal/maillog"
	"yubin/internal/remote"
)

// policyParams are the parameters of check_policy_service.
var policyParams = []*config.Def{
	config.PolicyTimeout.Def, config.PolicyMaxIdle.Def, config.PolicyMaxTTL.Def, config.PolicyRequestLimit.Def,
	config.PolicyTryLimit.Def, config.PolicyRetryDelay.Def, config.PolicyDefaultAction.Def, config.PolicyContext.Def,
}

const (
	// policyTurns is how many sessions ask a policy server at once.
	policyTurns = 100
	// maxPolicyLines bounds an answer, whose lines the connection's reader bounds.
	maxPolicyLines = 100
)

// A policyService is a server that is asked what to do, as Postfix's
// SMTPD_POLICY_README has it: attributes NAME=VALUE, one to a line, up to an empty
// line; of the answer's "action" counts, which says what access tables say.
type policyService struct {
	actions  accessTable // reads the answer
	server   *remote.Server
	limits   remote.Limits
	tries    int
	delay    time.Duration // between tries
	fallback string        // the action without an answer
	context  string
	level    string // compatibility_level
	version  string // mail_version
}

// checkPolicy is check_policy_service with inet:host:port or unix:path, or with { that,
// name=value ... }: what holds for this server alone.
func checkPolicy(k *compiler, arg string) (func(*query) verdict, error) {
	if p := k.policies[arg]; p != nil {
		return p.ask, nil
	}
	words, err := config.SplitBraces(arg, separators)
	if err != nil {
		return nil, err
	}
	c := k.c
	version, err := c.Expand("$mail_version")
	if err != nil {
		return nil, err
	}
	p := &policyService{
		tries: config.PolicyTryLimit.Of(c), delay: config.PolicyRetryDelay.Of(c),
		fallback: config.PolicyDefaultAction.Of(c), context: config.PolicyContext.Of(c),
		level: config.CompatibilityLevel.Of(c), version: version,
		limits: remote.Limits{
			Time: config.PolicyTimeout.Of(c), Turns: policyTurns, Idle: config.PolicyMaxIdle.Of(c),
			Age: config.PolicyMaxTTL.Of(c), Uses: config.PolicyRequestLimit.Of(c),
		},
		actions: readActions(k),
	}
	for _, w := range words[1:] {
		if err := p.set(w); err != nil {
			return nil, err
		}
	}
	p.actions.spec = words[0]
	if p.server, err = remote.At(words[0], config.QueueDirectory.Of(c), p.limits); err != nil {
		return nil, err
	}
	k.policies[arg] = p
	return p.ask, nil
}

// set reads name=value behind the server.
func (p *policyService) set(word string) error {
	name, value, _ := strings.Cut(word, "=")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	durations := map[string]*time.Duration{
		"timeout": &p.limits.Time, "max_idle": &p.limits.Idle, "max_ttl": &p.limits.Age, "retry_delay": &p.delay,
	}
	numbers := map[string]*int{"try_limit": &p.tries, "request_limit": &p.limits.Uses}
	texts := map[string]*string{"default_action": &p.fallback, "policy_context": &p.context}
	switch {
	case durations[name] != nil:
		d, ok := config.ParseDuration(value)
		if !ok || d < time.Second {
			return fmt.Errorf("%s: want a time of a second or more, such as 10s, have %q", name, value)
		}
		*durations[name] = d
	case numbers[name] != nil:
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 || n == 0 && name == "try_limit" {
			return fmt.Errorf("%s: want a number, have %q", name, value)
		}
		*numbers[name] = n
	case texts[name] != nil:
		*texts[name] = value
	default:
		return fmt.Errorf("%q: want timeout, max_idle, max_ttl, retry_delay, try_limit, request_limit, default_action or policy_context, and = and a value", word)
	}
	return nil
}

func (p *policyService) ask(q *query) verdict {
	request := p.request(q)
	action := ""
	var err error
	for try := 1; ; try++ {
		err = p.server.Ask(request, func(r *bufio.Reader) (err error) {
			action, err = readAction(r)
			return err
		})
		if err == nil || try >= p.tries {
			break
		}
		time.Sleep(p.delay)
	}
	if err != nil {
		q.s.srv.log.Warn("policy server %s: %v", p.server, err)
		action = p.fallback
	}
	a := p.actions
	a.what = q.about
	return a.verdict(q, action)
}

// readAction reads an answer.
func readAction(r *bufio.Reader) (string, error) {
	action, found := "", false
	for range maxPolicyLines {
		line, err := r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			return "", errors.New("a line of the answer is too long")
		}
		if err != nil {
			return "", err
		}
		text := string(bytes.TrimRight(line, "\r\n"))
		if text == "" {
			if !found {
				return "", errors.New("the answer has no action")
			}
			return action, nil
		}
		if value, ok := strings.CutPrefix(text, "action="); ok {
			action, found = value, true
		}
	}
	return "", errors.New("the answer has too many lines")
}

// request is what a policy server is told. Names and their order are Postfix's.
func (p *policyService) request(q *query) []byte {
	s := q.s
	c := s.client()
	var b bytes.Buffer
	say := func(name, value string) { fmt.Fprintf(&b, "%s=%s\n", name, maillog.Clean(value)) }
	say("request", "smtpd_access_policy")
	say("protocol_state", s.where)
	say("protocol_name", s.proto())
	say("client_address", c.address())
	say("client_name", c.name)
	say("client_port", strconv.Itoa(int(c.port)))
	say("reverse_client_name", c.reverse)
	local, port := "", ""
	if ap := s.local(); ap.IsValid() {
		local, port = ap.Addr().String(), strconv.Itoa(int(ap.Port()))
	}
	say("server_address", local)
	say("server_port", port)
	say("helo_name", s.helo)
	say("sender", s.msg.original)
	say("recipient", q.recipient)
	count := 0
	if q.stage == stageData || q.stage == stageEndOfData {
		count = len(s.msg.recipients)
	}
	say("recipient_count", strconv.Itoa(count))
	say("queue_id", s.msg.id)
	say("instance", s.instance())
	size := s.msg.size
	if q.stage == stageEndOfData {
		size = s.msg.received
	}
	say("size", strconv.FormatInt(size, 10))
	say("etrn_domain", q.site)
	say("stress", s.srv.p().stress)
	say("sasl_method", s.who.method)
	say("sasl_username", s.user())
	say("sasl_sender", "")
	p.sayTLS(say, s)
	say("policy_context", p.context)
	say("compatibility_level", p.level)
	say("mail_version", p.version)
	b.WriteByte('\n')
	return b.Bytes()
}

// sayTLS tells of the client's certificate and of the encryption.
func (p *policyService) sayTLS(say func(name, value string), s *session) {
	values := []string{"", "", "", "", "", "", "0"}
	if f := s.tls; f != nil {
		values = []string{"", "", f.CertFingerprint, f.KeyFingerprint, f.Version, f.Cipher, strconv.Itoa(f.Bits)}
		if f.Verified {
			values[0], values[1] = f.Subject, f.Issuer
		}
	}
	for i, name := range []string{
		"ccert_subject", "ccert_issuer", "ccert_fingerprint", "ccert_pubkey_fingerprint",
		"encryption_protocol", "encryption_cipher", "encryption_keysize",
	} {
		say(name, values[i])
	}
}

// instances numbers messages, for policy servers.
var instances atomic.Uint64

// instance is the same for all questions about a message.
func (s *session) instance() string {
	if s.msg.instance == "" {
		s.msg.instance = fmt.Sprintf("%x.%x.%x", os.Getpid(), time.Now().UnixMicro(), instances.Add(1))
	}
	return s.msg.instance
}
