package smtpd

import (
	"context"
	"slices"
	"strings"
	"time"

	"yubin/internal/config"
	"yubin/internal/dsn"
	"yubin/internal/maillog"
	"yubin/internal/queue"
	"yubin/internal/rewrite"
	"yubin/internal/smtp"
)

// A trouble is a class of notify_classes that a session may have brought.
type trouble uint8

const (
	troubleBounce trouble = 1 << iota
	troubleData
	troublePolicy
	troubleProtocol
	troubleResource
	troubleSoftware
)

// troubles are their names, in the order of the bits.
var troubles = [...]string{"bounce", "data", "policy", "protocol", "resource", "software"}

func (t trouble) names() (words []string) {
	for i, w := range troubles {
		if t&(1<<i) != 0 {
			words = append(words, w)
		}
	}
	return words
}

// lookupFailure is how the text of a refusal ends when a table could not be read.
const lookupFailure = "Temporary lookup failure"

// troubleOf is what a reply is a sign of; 0: of nothing. Failed logins are of no
// class, as in Postfix: guessing passwords is what every server sees all day.
func troubleOf(r smtp.Reply) trouble {
	d := r.Detail
	switch {
	case r.Code < 400 || r.Plain || d == smtp.BadConnection || d == smtp.SystemShutdown || d == smtp.BadCredentials:
		return 0
	case d == smtp.SystemFull:
		return troubleResource
	case strings.HasSuffix(r.Text, lookupFailure):
		return troubleData
	case d == smtp.TooBig || d == smtp.TooManyRecipients:
		return troublePolicy
	case d.Subject == 3:
		return troubleSoftware
	case d.Subject == 5 || d == smtp.BadRecipientSyntax || d == smtp.BadSenderSyntax:
		return troubleProtocol
	}
	return troublePolicy
}

// troubleOfRule is what the refusal of a restriction is a sign of. Its code may be
// the administrator's, and says little.
func troubleOfRule(r smtp.Reply) trouble {
	switch {
	case strings.HasSuffix(r.Text, lookupFailure):
		return troubleData
	case r == misconfigured:
		return troubleSoftware
	case r.Detail == smtp.BadMailbox || r.Detail == smtp.SenderOK:
		return troubleBounce
	}
	return troublePolicy
}

// noteTrouble remembers what a reply is a sign of.
func (s *session) noteTrouble(r smtp.Reply) {
	if s.ruled != 0 {
		s.trouble |= s.ruled
	} else {
		s.trouble |= troubleOf(r)
	}
	s.ruled = 0
}

// A teller tells the postmaster of sessions that went wrong.
type teller struct {
	wants          trouble
	bounces, other string // who hears of them
	limit          dsn.Limiter
}

func newTeller(c *config.Config) *teller {
	t := &teller{
		bounces: config.BounceNoticeRecipient.Of(c), other: config.ErrorNoticeRecipient.Of(c),
		limit: dsn.Limiter{Max: config.NotifySessionLimit.Of(c)},
	}
	for i, w := range troubles {
		if slices.Contains(config.NotifyClasses.Of(c), w) {
			t.wants |= 1 << i
		}
	}
	return t
}

// tellPatience is how long a letter to the postmaster waits for the queue.
const tellPatience = 10 * time.Second

// tell sends the postmaster what was said in the session that has ended, if he
// wants to hear of its kind. It goes the way of every letter from here; nothing
// hangs on it, and when there is no room it is missing.
func (s *session) tell(ctx context.Context) {
	t := s.srv.teller
	why := s.trouble & t.wants
	if why == 0 || s.srv.depot.Full(ctx) {
		return
	}
	ok, omitted := t.limit.Take(time.Now())
	if !ok {
		return
	}
	s.w.c.Close() // the client does not wait for it
	to := t.other
	if why&troubleBounce != 0 {
		to = t.bounces
	}
	id, err := s.srv.write(ctx, &dsn.Transcript{
		Hostname: s.srv.p().hostname, MailName: s.srv.p().mailName, Time: time.Now(), To: s.srv.rewrite.Complete(to), Peer: s.client().String(),
		Classes: why.names(), Reason: s.reason, Said: s.w.said.String(), Omitted: omitted,
	})
	if err != nil {
		s.srv.log.Warn("postmaster notification of the session with %v failed: %s", s.client(), maillog.Clean(err.Error()))
		return
	}
	s.srv.log.On(maillog.Notice).Info("%s: smtpd_chat_notify: postmaster notification of the session with %v", id, s.client())
}

// write puts a letter to the postmaster into the queue.
func (s *server) write(ctx context.Context, t *dsn.Transcript) (id string, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellPatience)
	defer cancel()
	env := &queue.Envelope{
		Attrs:      map[string]string{queue.AttrOrigin: "smtpd", queue.AttrPostmaster: "yes"},
		Recipients: []queue.Recipient{{Address: t.To}},
	}
	if err := s.rewrite.Envelope(env, rewrite.Options{}); err != nil {
		return "", err
	}
	b, err := s.depot.Blank(ctx)
	if err != nil {
		return "", err
	}
	t.ID = b.ID
	text, err := t.Write()
	if err != nil {
		s.depot.Return(b)
		return "", err
	}
	w, err := queue.NewWriter(b.File, b.ID, b.Size, env)
	if err == nil {
		w.Write(text) // an error stays with w
		err = w.Close()
	}
	if err != nil {
		s.depot.Return(b)
		return "", err
	}
	return s.depot.Commit(ctx, b, "")
}

// heard keeps a command for the postmaster. What may be a password is left out.
func (s *session) heard(line []byte, verb string, known bool) {
	if s.w.said == nil {
		return
	}
	switch {
	case verb == "AUTH":
		_, args := split(line)
		if mechanism, _ := cutWord(args); mechanism != "" && validMechanism(mechanism) {
			verb += " " + mechanism
		}
		line = []byte(verb + " ***")
	case !known && s.secretive:
		line = []byte("***")
	}
	s.w.said.In(line)
}
