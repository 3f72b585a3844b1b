package postconf

import (
	"fmt"
	"runtime"

	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/wording"
)

// showNotices is -b and -t.
func (o *options) showNotices(env *cli.Env) error {
	if len(env.Args) > 1 {
		return fatal("want one template file, or none")
	}
	if err := env.Config.Check(wording.Params()); err != nil {
		return fatal("%v", err)
	}
	file := config.BounceTemplateFile.Of(env.Config)
	if len(env.Args) == 1 {
		file = env.Args[0]
	}
	all, problems := wording.Read(file)
	for _, p := range problems {
		if p.Line == 0 {
			return fatal("%v", p)
		}
		warn(env, "%v", p)
	}
	for i, kind := range wording.Kinds {
		if i > 0 {
			fmt.Fprintln(env.Stdout)
		}
		if err := o.showNotice(env, kind, wording.Complete(i, all[i])); err != nil {
			return err
		}
	}
	return nil
}

func (o *options) showNotice(env *cli.Env, kind string, t wording.Template) error {
	var err error
	if o.notices {
		var text string
		if text, err = wording.Expand(env.Config, t.Text); err != nil {
			return fatal("%s_template: %v", kind, err)
		}
		_, err = fmt.Fprintf(env.Stdout, "expanded_%s_text = <<EOF\n%sEOF\n", kind, text)
		return err
	}
	_, err = fmt.Fprintf(env.Stdout, "%s_template = <<EOF\nCharset: %s\nFrom: %s\nSubject: %s\n", kind, t.Charset, t.From, t.Subject)
	if err == nil && t.PostmasterSubject != "" {
		_, err = fmt.Fprintf(env.Stdout, "Postmaster-Subject: %s\n", t.PostmasterSubject)
	}
	if err == nil {
		_, err = fmt.Fprintf(env.Stdout, "\n%sEOF\n", t.Text)
	}
	return err
}

// showTLS is -T. TLS is Go's, which is one with the program.
func (o *options) showTLS(env *cli.Env) error {
	switch o.tls {
	case "compile-version", "run-version":
		return lines(env, []string{"Go " + runtime.Version() + " crypto/tls"})
	case "public-key-algorithms":
		return lines(env, []string{"rsa", "ecdsa"})
	}
	return fatal("-T: want compile-version, run-version or public-key-algorithms, have %q", o.tls)
}
