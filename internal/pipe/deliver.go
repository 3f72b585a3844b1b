package pipe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"yubin/internal/agent"
	"yubin/internal/command"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
	"yubin/internal/smtp"
	"yubin/internal/table"
)

// A deliverer carries out delivery requests. Its fields do not change.
type deliverer struct {
	log           *maillog.Logger
	service       string // its name in master.cf
	a             *attributes
	delimiters    string
	env           []string
	dir           string // where programs start
	limit         time.Duration
	guard         *command.Guard
	users, groups table.Table
	trusted       map[uint32]bool
	work          chan struct{} // full when as many programs run as may
}

// lastMoment is how long programs may go on when the system is told to stop.
const lastMoment = 3 * time.Second

// serve answers the requests of one client until it closes.
func (d *deliverer) serve(ctx context.Context, c net.Conn) {
	programs, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(lastMoment, stop) })()
	s := &agent.Server{Log: d.log, Trusted: d.trusted, Handle: func(r *agent.Request) { go d.handle(programs, r) }}
	s.Serve(ctx, c) // and waits for every answer
}

// handle answers one request.
func (d *deliverer) handle(ctx context.Context, req *agent.Request) {
	d.work <- struct{}{}
	defer func() { <-d.work }()
	for _, to := range d.runs(&req.Request) {
		start := time.Now()
		out := d.guarded(ctx, req, to)
		if out.Err != nil {
			d.log.Warn("%s: %s: %v", req.ID, d.service, out.Err)
		}
		results := make([]ipc.Result, len(to))
		for i, r := range to {
			results[i] = d.result(r, out)
			results[i].Transfer = time.Since(start).Microseconds()
		}
		req.Answer(results...)
	}
}

// runs parts the recipients of a request into those who share one run of the
// program. Who cannot be named in its arguments shares none: the others get the
// message.
func (d *deliverer) runs(req *ipc.Request) [][]*ipc.Recipient {
	x := &expansion{a: d.a, req: req, delimiters: d.delimiters}
	var together []*ipc.Recipient
	var groups [][]*ipc.Recipient
	alone := d.a.alone() || len(req.Recipients) == 1 // then deliver alone makes arguments
	for _, r := range pointers(req.Recipients) {
		one := []*ipc.Recipient{r}
		if !alone {
			if _, err := x.args(one); err == nil {
				together = append(together, r)
				continue
			}
		}
		groups = append(groups, one)
	}
	if len(together) > 0 {
		groups = append([][]*ipc.Recipient{together}, groups...)
	}
	return groups
}

func pointers(list []ipc.Recipient) []*ipc.Recipient {
	p := make([]*ipc.Recipient, len(list))
	for i := range list {
		p[i] = &list[i]
	}
	return p
}

// guarded is deliver. A panic ends this delivery, not those beside it.
func (d *deliverer) guarded(ctx context.Context, req *agent.Request, to []*ipc.Recipient) (out *command.Outcome) {
	defer func() {
		if p := recover(); p != nil {
			d.log.Error("%s: panic: %v\n%s", req.ID, p, debug.Stack())
			out = deferred(smtp.LocalProcessing, nil, "local error in processing")
		}
	}()
	return d.deliver(ctx, req, to)
}

// deliver runs the program once, for these recipients.
func (d *deliverer) deliver(ctx context.Context, req *agent.Request, to []*ipc.Recipient) *command.Outcome {
	if req.File == nil || req.Offset < 0 || req.Length < 0 {
		return deferred(smtp.LocalProcessing, nil, "delivery request without a message")
	}
	l, err := newLetter(d.a, req)
	if err != nil {
		return deferred(smtp.LocalProcessing, err, "the message could not be read from the queue")
	}
	if out := d.refuse(l, to); out != nil {
		return out
	}
	as, err := d.identity()
	if err != nil {
		return deferred(misconfigured, err, "mail system configuration error")
	}
	x := &expansion{a: d.a, req: l.req, delimiters: d.delimiters}
	args, err := x.args(to)
	if err != nil {
		return bounced(smtp.BadRecipientSyntax, "%v", err)
	}
	if req.Attrs[ipc.Probe] != "" {
		return &command.Outcome{Status: ipc.Sent, Code: smtp.Undefined.Code(2), Text: "would be run: " + d.a.argv[0].parts[0].text}
	}
	head := l.head(to, time.Now())
	p := &command.Program{
		Args: args, Name: d.a.argv[0].parts[0].text, As: as, Env: d.env, Dir: d.dir, Chroot: d.a.chroot, Time: d.limit,
		Stdin: func(w io.Writer) error { return l.writeTo(w, head) },
	}
	return p.Run(ctx)
}

// refuse says why the message is not for the program; nil: it is.
func (d *deliverer) refuse(l *letter, to []*ipc.Recipient) *command.Outcome {
	if d.a.size > 0 && l.req.Length > d.a.size {
		return bounced(smtp.Detail{Subject: 2, Detail: 3}, "message size %d exceeds size limit %d for service %s", l.req.Length, d.a.size, d.service)
	}
	if !d.a.has('D') {
		return nil
	}
	loop, err := l.passed(to[0].Address)
	if err != nil {
		return deferred(smtp.LocalProcessing, err, "the message could not be read from the queue")
	}
	if loop {
		return bounced(smtp.RoutingLoop, "mail forwarding loop for %s", maillog.Clean(to[0].Address))
	}
	return nil
}

// identity is whom the program runs as. The account is looked up each time: it
// may be made, or get another number, while the service runs.
func (d *deliverer) identity() (command.Identity, error) {
	id, err := d.find()
	if err == nil {
		err = d.guard.Check(id)
	}
	if err != nil {
		err = fmt.Errorf("user=%s: %w", strings.TrimSuffix(d.a.user+":"+d.a.group, ":"), err)
	}
	return id, err
}

// find looks up user and group.
func (d *deliverer) find() (id command.Identity, err error) {
	user, err := d.account(d.users, "user", d.a.user)
	if err != nil {
		return id, err
	}
	if id.UID, err = number(user, 2); err != nil {
		return id, err
	}
	if d.a.group == "" {
		id.GID, err = number(user, 3)
		return id, err
	}
	group, err := d.account(d.groups, "group", d.a.group)
	if err != nil {
		return id, err
	}
	id.GID, err = number(group, 2)
	return id, err
}

// account returns the fields of a line of passwd(5) or group(5).
func (d *deliverer) account(t table.Table, kind, name string) ([]string, error) {
	line, ok, err := t.Lookup(name)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("there is no %s %s", kind, name)
	}
	return strings.Split(line, ":"), nil
}

func number(fields []string, i int) (int, error) {
	if i >= len(fields) {
		return 0, errors.New("a line of the account database is too short")
	}
	return strconv.Atoi(fields[i])
}

var misconfigured = smtp.Detail{Subject: 3, Detail: 5}

func deferred(d smtp.Detail, err error, format string, args ...any) *command.Outcome {
	return &command.Outcome{Status: ipc.Deferred, Code: d.Code(4), Text: fmt.Sprintf(format, args...), Err: err}
}

func bounced(d smtp.Detail, format string, args ...any) *command.Outcome {
	return &command.Outcome{Status: ipc.Bounced, Code: d.Code(5), Text: fmt.Sprintf(format, args...)}
}

// result is the outcome for one recipient. Our own faults (Err) would have met
// any recipient: the queue manager leaves the service alone for a while.
func (d *deliverer) result(r *ipc.Recipient, out *command.Outcome) ipc.Result {
	res := ipc.Result{
		Index: r.Index, Status: out.Status, Code: out.Code, Text: out.Text, Relay: d.service, Program: "pipe",
		Site: out.Status == ipc.Deferred && out.Err != nil,
	}
	if out.Status == ipc.Sent {
		res.Text = "delivered via " + d.service + " service"
		if out.Text != "" {
			res.Text += " (" + out.Text + ")"
		}
		res.Report = ipc.Relayed
		if d.a.has('X') {
			res.Report = ipc.Delivered
		}
	}
	return res
}
