// Place puts an installation where packaging/manifest says. make install and
// the RPM's spec run it in the source tree, after make:
//
//	place install [DESTDIR]           install; without DESTDIR into the system, as root
//	place install-postfix [DESTDIR]   install Postfix's commands, which install leaves out
//	place files                       print the manifest as the %files list of an RPM
//	place files-postfix               that of Postfix's commands
//
// Below a DESTDIR owners stay as they are: a package sets them itself. What the
// administrator may have changed is never overwritten.
package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"yubin/internal/manifest"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "place:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	entries, err := manifest.Read("packaging/manifest")
	if err != nil {
		return err
	}
	verb, postfix := "", false
	if len(args) > 0 {
		verb, postfix = strings.CutSuffix(args[0], "-postfix")
	}
	entries = slices.DeleteFunc(entries, func(e manifest.Entry) bool { return (e.Type == manifest.Postfix) != postfix })
	switch {
	case len(args) == 1 && verb == "files":
		return files(out, entries)
	case len(args) == 1 && verb == "install":
		return newInstaller("", out).install(entries)
	case len(args) == 2 && verb == "install":
		return newInstaller(args[1], out).install(entries)
	}
	return fmt.Errorf("want install, install-postfix, files or files-postfix, have %q", args)
}

// directives are what rpm has to know of a type beside its attributes.
var directives = map[manifest.Type]string{
	manifest.Config:  "%config(noreplace) ",
	manifest.Dir:     "%dir ",
	manifest.Ghost:   "%ghost ",
	manifest.Doc:     "%doc ",
	manifest.License: "%license ",
}

func files(out io.Writer, entries []manifest.Entry) error {
	for _, e := range entries {
		mode := fmt.Sprintf("%04o", e.Mode)
		if e.Type == manifest.Link {
			mode = "-"
		}
		if _, err := fmt.Fprintf(out, "%s%%attr(%s,%s,%s) %s\n", directives[e.Type], mode, e.Owner, e.Group, e.Path); err != nil {
			return err
		}
	}
	return nil
}
