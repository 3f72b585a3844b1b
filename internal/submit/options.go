package submit

import (
	"strings"

	"github.com/spf13/pflag"

	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/historic"
	"yubin/internal/maillog"
	"yubin/internal/queue"
	"yubin/internal/smtp"
)

// options are the flags that mean something.
type options struct {
	fs         *pflag.FlagSet
	body       string
	modeLetter string
	fullName   string
	sender     string
	ignoreDots bool
	notify     string
	set        []string
	send       []string
	queue      string
	ret        string
	extract    bool
	envID      string
	verbose    int
	verp       string
	probe      bool // -bv
}

func flags(fs *pflag.FlagSet) *options {
	o := &options{fs: fs}
	fs.StringVarP(&o.body, "body", "B", "", "the `type` of the body: 7BIT or 8BITMIME")
	fs.StringVarP(&o.modeLetter, "mode", "b", "m", "what to do: m submit, v find out what would become of a letter, p list the queue, i check aliases, s speak SMTP, h nothing (one `letter`)")
	fs.StringVarP(&o.fullName, "full-name", "F", "", "the sender's `name`, for a From field that is added")
	fs.StringVarP(&o.sender, "sender", "f", "", "the envelope sender; -r is the same (`address`; empty or <>: none)")
	fs.BoolVarP(&o.ignoreDots, "ignore-dots", "i", false, "a line of a single dot does not end the letter")
	fs.StringVarP(&o.notify, "notify", "N", "", "when to notify the sender: never, or success,failure,delay (`list`)")
	fs.StringArrayVarP(&o.set, "set", "o", nil, "historic `option`: i is -i, A FILE names an alias file; others are ignored")
	fs.StringArrayVarP(&o.send, "send-option", "O", nil, "requiretls=yes: over TLS with servers that somebody vouches for, or not at all (RFC 8689); other `name=value` are ignored")
	fs.StringVarP(&o.queue, "queue", "q", "", "try to deliver what waits: alone, all of it; `what`: I and a queue ID, one message; R and a domain, the mail for that")
	fs.StringVarP(&o.ret, "ret", "R", "", "how much a notice returns: full or hdrs (`what`)")
	fs.BoolVarP(&o.extract, "recipients-from-header", "t", false, "add recipients from To, Cc and Bcc, or from Resent-To, -Cc and -Bcc")
	fs.StringVarP(&o.envID, "envelope-id", "V", "", "an `identifier` that notices repeat")
	fs.CountVarP(&o.verbose, "verbose", "v", "ask for a delivery report")
	fs.StringVarP(&o.verp, "verp", "X", "", "V: a sender address for each recipient (`what`; not supported yet)")
	return o
}

// commandLine turns the historic command line into flags.
func commandLine(args []string) ([]string, error) {
	args, err := historic.Sendmail(args)
	if err != nil {
		return nil, usage("%w", err)
	}
	return args, nil
}

// check looks at the options of a submission. It warns of those that are
// wrong and can be done without.
func (o *options) check(env *cli.Env) error {
	for _, s := range o.set {
		if s == "i" {
			o.ignoreDots = true
		}
	}
	if o.probe {
		for _, f := range []string{"recipients-from-header", "notify", "ret", "verp"} {
			if o.fs.Changed(f) {
				return usage("-bv goes without -t, -N, -R and -X")
			}
		}
		if o.verbose > 0 {
			return usage("-bv goes without -v: it makes a report in any case")
		}
	}
	if o.body != "" && o.body != "7BIT" && o.body != "8BITMIME" {
		return usage("-B wants 7BIT or 8BITMIME, has %.40q", o.body)
	}
	if o.fs.Changed("verp") || oldVERP(o.envID) {
		if !strings.HasPrefix(o.verp, "V") && o.verp != "" {
			return usage("unsupported: -X%s", maillog.Clean(o.verp))
		}
		return fail(cli.ExUnavailable, "-XV: a sender address for each recipient is not supported yet")
	}
	o.notify = strings.Join(strings.FieldsFunc(o.notify, func(r rune) bool { return strings.ContainsRune(", \t", r) }), ",")
	if _, err := smtp.ParseNotify(o.notify); o.notify != "" && err != nil {
		warn(env, "-N wants never, or a list of success, failure and delay, has %.100q; ignored", o.notify)
	}
	if _, err := smtp.ParseRet(o.ret); o.ret != "" && err != nil {
		warn(env, "-R wants full or hdrs, has %.100q; ignored", o.ret)
	}
	if o.envID != "" && !smtp.ValidEnvID(o.envID) {
		warn(env, "-V wants at most 100 printable ASCII characters, has %.100q; ignored", o.envID)
	}
	return nil
}

// oldVERP tells -V in the forms that meant -XV before RFC 3461 took it: two
// delimiters.
func oldVERP(v string) bool {
	return len(v) == 2 && !isAlnum(v[0]) && !isAlnum(v[1])
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// attrs are the message's attributes that options ask for.
func (o *options) attrs() map[string]string {
	a := map[string]string{queue.AttrOrigin: "sendmail"}
	if o.body != "" {
		a[queue.AttrBody] = o.body
	}
	if o.verbose == 1 {
		a[queue.AttrVerbose] = "yes"
	}
	if o.probe {
		a[queue.AttrProbe] = "yes"
	}
	if o.requireTLS() {
		a[queue.AttrRequireTLS] = "yes"
	}
	if r, err := smtp.ParseRet(o.ret); err == nil {
		a[queue.AttrRet] = r
	}
	if smtp.ValidEnvID(o.envID) {
		a[queue.AttrEnvID] = o.envID
	}
	return a
}

// requireTLS tells whether the last -O requiretls says yes.
func (o *options) requireTLS() bool {
	yes := false
	for _, s := range o.send {
		if name, value, _ := strings.Cut(s, "="); strings.EqualFold(name, "requiretls") {
			yes = strings.EqualFold(value, "yes")
		}
	}
	return yes
}

// A mode is what sendmail is asked to do.
type mode struct {
	letter     string
	noOperands bool
	run        func(*cli.Env, *options) error // nil: submit a letter
}

var modes = [...]mode{
	{"m", false, nil},
	{"p", true, listQueue},
	{"i", false, newaliases},
	{"h", false, nothing},
	{"H", false, nothing},
	{"q", true, flushQueue},
	{"d", true, notHere("-bd: the mail system is started by \"mailctl start\"")},
	{"l", true, notHere("-bl: the mail system is started by \"mailctl start\"")},
	{"s", true, speakSMTP},
	{"v", false, nil}, // a letter that goes nowhere
}

// mode returns what to do: the options say, or the name of the program.
func (o *options) mode(argv0 string) (*mode, error) {
	letter := o.modeLetter
	if !o.fs.Changed("mode") {
		switch argv0 {
		case "mailq":
			letter = "p"
		case "newaliases":
			letter = "i"
		case "smtpd":
			letter = "d"
		}
	}
	if o.fs.Changed("queue") && letter != "d" {
		letter = "q"
	}
	for i := range modes {
		if modes[i].letter == letter {
			return &modes[i], nil
		}
	}
	return nil, usage("unsupported: -b%s", maillog.Clean(letter))
}

func nothing(*cli.Env, *options) error { return nil }

func notHere(text string) func(*cli.Env, *options) error {
	return func(*cli.Env, *options) error { return fail(cli.ExUnavailable, "%s", text) }
}

// configDir is the directory that programs started by this one are given.
func configDir(env *cli.Env) []string {
	if env.Config.Dir == config.DefaultDir {
		return nil
	}
	return []string{"-c", env.Config.Dir}
}
