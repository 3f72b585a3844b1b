package postfix

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"yubin/internal/cli"
	"yubin/internal/config"
)

// tlsScript is in whose name Postfix says what `postfix tls` has done.
const tlsScript = "postfix-tls-script"

// tlsCommands are the subcommands of `postfix tls`.
func tlsCommands() map[string]func(*tlsRun) error {
	return map[string]func(*tlsRun) error{
		"enable-client":      (*tlsRun).enableClient,
		"enable-server":      (*tlsRun).enableServer,
		"new-server-key":     func(t *tlsRun) error { return t.create(false, false) },
		"new-server-cert":    func(t *tlsRun) error { return t.create(true, false) },
		"deploy-server-cert": (*tlsRun).deployCert,
		"output-server-csr":  (*tlsRun).request,
		"output-server-tlsa": (*tlsRun).tlsa,
		"all-default-client": func(t *tlsRun) error { return t.untouched(clientTLS) },
		"all-default-server": func(t *tlsRun) error { return t.untouched(serverTLS) },
	}
}

// What decides whether somebody has set up TLS already.
var (
	clientTLS = []string{"smtp_use_tls", "smtp_enforce_tls", "smtp_tls_enforce_peername", "smtp_tls_security_level", "smtp_tls_cert_file", "smtp_tls_dcert_file", "smtp_tls_eccert_file", "smtp_tls_chain_files"}
	serverTLS = []string{
		"smtpd_use_tls", "smtpd_enforce_tls", "smtpd_tls_security_level", "smtpd_tls_cert_file", "smtpd_tls_dcert_file", "smtpd_tls_eccert_file", "smtpd_tls_chain_files",
		config.TLSCertFile.Name, config.TLSChainFiles.Name,
	}
)

// A tlsRun is one call of `postfix tls`.
type tlsRun struct {
	env             *cli.Env
	algorithm, bits string // -a, -b
	key             string // -k
	host            string // -h
	names           []string
}

// runTLS is `postfix tls`.
func runTLS(env *cli.Env) error {
	all := tlsCommands()
	list := slices.Sorted(maps.Keys(all))
	if len(env.Args) < 2 {
		return cli.Fail(1, "fatal: usage: postfix tls %s", strings.Join(list, "|"))
	}
	f := all[env.Args[1]]
	if f == nil {
		return cli.Fail(1, "fatal: tls: unknown subcommand %q: want one of %s", env.Args[1], strings.Join(list, ", "))
	}
	t := &tlsRun{env: env}
	fs := pflag.NewFlagSet(env.Args[1], pflag.ContinueOnError)
	fs.SetInterspersed(false)
	fs.SetOutput(env.Stderr)
	fs.Usage = func() {}
	fs.StringVarP(&t.algorithm, "algorithm", "a", "rsa", "")
	fs.StringVarP(&t.bits, "bits", "b", "", "")
	fs.StringVarP(&t.key, "key", "k", "", "")
	fs.StringVarP(&t.host, "host", "h", "", "")
	fs.StringP("random", "r", "", "") // the kernel's is used, whatever it says
	if err := fs.Parse(env.Args[2:]); err != nil {
		return cli.Fail(1, "fatal: tls %s: %v", env.Args[1], err)
	}
	t.names = fs.Args()
	if err := env.Config.Check(tlsParams()); err != nil {
		return &cli.Status{Code: cli.ExConfig, Err: fmt.Errorf("fatal: %w", err)}
	}
	return f(t)
}

// tlsParams are the parameters that runTLS reads.
func tlsParams() []*config.Def {
	return append(config.SmtpdKeys.Rows(), config.Myhostname.Def, config.TLSSelfSigned.Def)
}

func (t *tlsRun) say(text string) { sayAs(t.env, tlsScript, text) }

func (t *tlsRun) fail(format string, args ...any) error {
	t.say("fatal: " + fmt.Sprintf(format, args...))
	return &cli.Status{Code: 1}
}

// untouched is all-default-client and all-default-server.
func (t *tlsRun) untouched(names []string) error {
	for _, name := range names {
		if value, ok := t.env.Config.Raw(name); ok && value != "" {
			return &cli.Status{Code: 1}
		}
	}
	return nil
}

// set changes main.cf, NAME=VALUE each.
func (t *tlsRun) set(settings ...string) error {
	var changes []config.Change
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		changes = append(changes, config.Change{Name: name, Value: value})
	}
	if err := config.Edit(t.env.Config.Dir, changes); err != nil {
		return t.fail("%v", err)
	}
	return nil
}

const nowReload = "The new settings count after:\n  # postfix reload"

// enableClient has smtp use TLS where a server offers it. That is the default here;
// it is written down all the same.
func (t *tlsRun) enableClient() error {
	if t.untouched(clientTLS) != nil {
		t.say("TLS of the SMTP client is set up already, and nothing was changed. Where it should be used when it is offered:\n" +
			"  # postconf -e smtp_tls_security_level=may smtp_tls_loglevel=1")
		return nil
	}
	if err := t.set("smtp_tls_security_level=may", "smtp_tls_loglevel=1"); err != nil {
		return err
	}
	t.say("The SMTP client uses TLS where it is offered.\n" + nowReload)
	return nil
}

// enableServer makes a key and a certificate, and has smtpd offer TLS with them.
func (t *tlsRun) enableServer() error {
	if t.untouched(serverTLS) != nil {
		t.say("TLS of the SMTP server is set up already, and nothing was changed. Where it should be offered with a certificate:\n" +
			"  # postfix tls new-server-key\n  # postconf -e smtpd_tls_security_level=may smtpd_tls_loglevel=1")
		return nil
	}
	return t.create(false, true)
}
