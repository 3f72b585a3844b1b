package wording

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"yubin/internal/config"
	"yubin/internal/dsn"
	"yubin/internal/smtp"
)

// Params are the parameters that Load reads itself; texts may name any.
func Params() []*config.Def {
	return []*config.Def{
		config.BounceTemplateFile.Def, config.Myhostname.Def, config.SMTPUTF8Enable.Def,
		config.DelayWarningTime.Def, config.MaximalQueueLifetime.Def,
	}
}

// Words are what notices of each kind say, in the order of Kinds; nil: ours.
type Words [len(Kinds)]*dsn.Words

// Of are the words for a notice.
func (w *Words) Of(n *dsn.Notice) *dsn.Words {
	switch {
	case n.Trace:
		return w[3]
	case n.Arrived:
		return w[2]
	case n.Delayed:
		return w[1]
	}
	return w[0]
}

// Read reads a template file as it is; "" has none.
func Read(file string) (Templates, []config.Problem) {
	if file == "" {
		return Templates{}, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return Templates{}, []config.Problem{{File: file, What: unwrapped(err)}}
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return Templates{}, []config.Problem{{File: file, What: unwrapped(err)}}
	}
	return Parse(file, data)
}

func unwrapped(err error) string {
	if p, ok := err.(*os.PathError); ok {
		err = p.Err
	}
	return err.Error() + ": notices have the words of this system"
}

// Load reads bounce_template_file. What is left out of it is in problems.
func Load(c *config.Config) (Words, []config.Problem) {
	file := config.BounceTemplateFile.Of(c)
	all, problems := Read(file)
	var w Words
	for i, t := range all {
		if t.Text == "" {
			continue
		}
		text, err := Expand(c, t.Text)
		if err != nil {
			problems = append(problems, config.Problem{File: file, What: fmt.Sprintf("%s_template: %v; it is left out", Kinds[i], err)})
			continue
		}
		w[i] = &dsn.Words{From: t.From, Subject: t.Subject, PostmasterSubject: t.PostmasterSubject, Text: text}
	}
	return w, problems
}

// units are what the names of times may end in.
var units = map[string]time.Duration{
	"_seconds": time.Second, "_minutes": time.Minute, "_hours": time.Hour, "_days": 24 * time.Hour, "_weeks": 7 * 24 * time.Hour,
}

// Expand is a text with its $names replaced.
func Expand(c *config.Config, text string) (string, error) {
	text, err := c.ExpandWith(text, func(name string) (string, bool) {
		for base, d := range map[string]config.Duration{
			config.DelayWarningTime.Name: config.DelayWarningTime, config.MaximalQueueLifetime.Name: config.MaximalQueueLifetime,
		} {
			rest, ok := strings.CutPrefix(name, base)
			if unit := units[rest]; ok && unit > 0 {
				return fmt.Sprint(int64(d.Of(c) / unit)), true
			}
		}
		if (name == config.Myhostname.Name || name == config.Mydomain.Name) && config.SMTPUTF8Enable.Of(c) {
			value, err := c.Expand("$" + name)
			return smtp.UnicodeDomain(value), err == nil
		}
		return "", false
	})
	if err == nil {
		err = checkText(text)
	}
	return text, err
}

// Complete is t with our words where it has none.
func Complete(kind int, t Template) Template {
	own := dsn.OwnWords(Kinds[kind])
	if t.Charset == "" {
		t.Charset = "us-ascii"
	}
	for _, f := range []struct {
		to  *string
		own string
	}{{&t.From, own.From}, {&t.Subject, own.Subject}, {&t.PostmasterSubject, own.PostmasterSubject}, {&t.Text, own.Text}} {
		if *f.to == "" {
			*f.to = f.own
		}
	}
	return t
}
