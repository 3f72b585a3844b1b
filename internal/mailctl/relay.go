package mailctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/route"
)

const (
	relaySetSynopsis = "[--user USER] [--tls LEVEL] HOST[:PORT]"
	// relayPasswords is the file of the relay's password, in the configuration
	// directory, and relayTable how main.cf names it.
	relayPasswords = "relay_passwd"
	relayTable     = "texthash:$config_directory/" + relayPasswords
)

// relayParams are the parameters that the subcommands read; those that set
// writes are looked at as main.cf has them.
var relayParams = []*config.Def{config.DaemonDirectory.Def, config.SmtpUser.Def, config.Relayhost.Def, config.Myorigin.Def}

// relayCommands is every command of `mailctl relay`.
func relayCommands() []subcommand {
	return []subcommand{
		{"set", relaySetSynopsis, "send all mail for other hosts to a relay; the password is asked for, or read from standard input", relaySet},
		{"test", relayTestSynopsis, "show a session with the relay, without a message", relayTest},
		{"unset", "", "take back what set has set", relayUnset},
	}
}

// A relay is what `relay set` is to write.
type relay struct {
	nexthop string // [host]:port
	wrapper bool   // TLS from the first byte, as on port 465
	level   string // smtp_tls_security_level
	login   bool
}

// relaySet writes relayhost and what belongs to it.
func relaySet(_ context.Context, env *cli.Env, args []string) error {
	flags := pflag.NewFlagSet("mailctl relay set", pflag.ContinueOnError)
	flags.SetOutput(io.Discard)
	user := flags.StringP("user", "u", "", "")
	level := flags.String("tls", "secure", "")
	err := flags.Parse(args)
	if err == nil && flags.NArg() != 1 {
		err = errors.New("want one host")
	}
	var r *relay
	if err == nil {
		r, err = parseRelay(flags.Arg(0), *level)
	}
	if err == nil && *user != "" {
		r.login = true
		err = checkUser(*user)
	}
	if err != nil {
		return cli.Fail(cli.ExUsage, "relay set: %v; usage: mailctl relay set %s", err, relaySetSynopsis)
	}
	if r.login {
		password, err := readPassword(env, fmt.Sprintf("Password of %s at %s: ", *user, r.nexthop))
		if err != nil {
			return cli.Fail(cli.ExUsage, "relay set: %v", err)
		}
		content := "# Written by mailctl relay set. authd(8) alone reads it.\n" + r.nexthop + " " + *user + ":" + password + "\n"
		// Before main.cf names it, so that no mail meets a table without a file.
		if err := config.Replace(filepath.Join(env.Config.Dir, relayPasswords), []byte(content), nil); err != nil {
			return &cli.Status{Code: cli.ExIOErr, Err: err}
		}
	}
	return relayWrite(env, r.changes(env.Config), "mail for other hosts goes to "+r.nexthop)
}

// parseRelay reads HOST[:PORT]; the port is 587 where none is named.
func parseRelay(text, level string) (*relay, error) {
	if !strings.HasPrefix(text, "[") {
		host, port, found := strings.Cut(text, ":")
		text = "[" + host + "]"
		if found {
			text += ":" + port
		}
	}
	hops, err := route.ParseHops(text)
	switch {
	case err != nil:
		return nil, err
	case len(hops) != 1:
		return nil, errors.New("want one host")
	case level != "secure" && level != "verify" && level != "encrypt":
		return nil, fmt.Errorf("--tls: want secure, verify or encrypt, have %q", level)
	}
	h := hops[0]
	if h.Port == 0 {
		h.Port = 587
	}
	return &relay{nexthop: h.String(), wrapper: h.Port == 465, level: level}, nil
}

// checkUser tells whether a name can stand in a table, before a colon.
func checkUser(user string) error {
	if strings.ContainsAny(user, ": \t\r\n\x00") {
		return errors.New("a user's name has no colon and no blank; the password is asked for")
	}
	return nil
}

// changes are those of main.cf.
func (r *relay) changes(c *config.Config) []config.Change {
	changes := []config.Change{{Name: "relayhost", Value: r.nexthop}, {Name: "smtp_tls_security_level", Value: r.level}}
	if r.wrapper {
		changes = append(changes, config.Change{Name: "smtp_tls_wrappermode", Value: "yes"})
	} else {
		changes = append(changes, config.Change{Name: "smtp_tls_wrappermode", Unset: true})
	}
	_, file := c.Raw("smtp_tls_CAfile")
	_, dir := c.Raw("smtp_tls_CApath")
	if !file && !dir && r.level != "encrypt" {
		changes = append(changes, config.Change{Name: "tls_append_default_CA", Value: "yes"})
	}
	if r.login {
		changes = append(changes, config.Change{Name: "smtp_sasl_auth_enable", Value: "yes"},
			config.Change{Name: "smtp_sasl_password_maps", Value: strings.Join(append([]string{relayTable}, otherTables(c)...), ", ")},
			// Within TLS the password may be sent as it is; in the clear the
			// default of smtp_sasl_security_options forbids that.
			config.Change{Name: "smtp_sasl_tls_security_options", Value: "noanonymous"})
	}
	return changes
}

// otherTables are those of smtp_sasl_password_maps beside ours, as main.cf has
// them.
func otherTables(c *config.Config) []string {
	raw, _ := c.Raw("smtp_sasl_password_maps")
	return slices.DeleteFunc(strings.FieldsFunc(raw, func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) }),
		func(t string) bool { return t == relayTable })
}

// relayUnset takes back what set has written, as far as it is still so.
func relayUnset(_ context.Context, env *cli.Env, args []string) error {
	if err := noOperands(args); err != nil {
		return err
	}
	c := env.Config
	unset := func(name string, values ...string) (change []config.Change) {
		if v, ok := c.Raw(name); ok && (len(values) == 0 || slices.Contains(values, v)) {
			change = append(change, config.Change{Name: name, Unset: true})
		}
		return change
	}
	changes := slices.Concat(unset("relayhost"), unset("smtp_tls_security_level", "secure", "verify", "encrypt"),
		unset("smtp_tls_wrappermode", "yes"), unset("tls_append_default_CA", "yes"))
	if raw, _ := c.Raw("smtp_sasl_password_maps"); strings.Contains(raw, relayTable) {
		if rest := otherTables(c); len(rest) > 0 {
			changes = append(changes, config.Change{Name: "smtp_sasl_password_maps", Value: strings.Join(rest, ", ")})
		} else {
			changes = slices.Concat(changes, unset("smtp_sasl_password_maps"), unset("smtp_sasl_auth_enable", "yes"),
				unset("smtp_sasl_tls_security_options", "noanonymous"))
		}
	}
	if err := relayWrite(env, changes, "mail for other hosts goes to their own servers"); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(c.Dir, relayPasswords)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &cli.Status{Code: cli.ExIOErr, Err: err}
	}
	return nil
}

// relayWrite changes main.cf and says so.
func relayWrite(env *cli.Env, changes []config.Change, so string) error {
	if err := config.Edit(env.Config.Dir, changes); err != nil {
		return &cli.Status{Code: cli.ExIOErr, Err: err}
	}
	for _, ch := range changes {
		if ch.Unset {
			fmt.Fprintf(env.Stdout, "%s: unset\n", ch.Name)
			continue
		}
		fmt.Fprintf(env.Stdout, "%s = %s\n", ch.Name, ch.Value)
	}
	_, err := fmt.Fprintf(env.Stdout, "%s once the system has read it: mailctl reload\n", so)
	return err
}
