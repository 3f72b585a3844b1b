package table

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"yubin/internal/config"
	"yubin/internal/ipc"
	"yubin/internal/nss"
	"yubin/internal/smtp"
)

// A Table gives the value of a key. Its methods are safe for concurrent use.
type Table interface {
	// Lookup returns the value of key. An error is temporary: it says nothing
	// about whether the key exists.
	Lookup(key string) (value string, found bool, err error)
}

// An Option changes how Open and OpenMaps open tables.
type Option func(*options)

type options struct {
	system  *nss.Client // of unix: tables; nil: the files in /etc are read
	aliases []string
	report  func(config.Problem)
	users   func(user string) (ipc.UserReply, error) // of userdb: tables
	base    string                                   // virtual_mailbox_base
	queue   string                                   // queue_directory
	plain   bool                                     // no parts of keys in values
	trusted bool                                     // no values from the network
	warm    bool                                     // large files are read at once
	values  func(name, value string) error           // of aliases
}

// Aliases says which tables hold "name: value" lines: the elements of
// alias_maps and alias_database. One that is named in another list, such as
// local_recipient_maps, is then read rightly there too.
func Aliases(specs ...string) Option {
	return func(o *options) {
		for _, s := range specs {
			o.aliases = append(o.aliases, leaves(s)...)
		}
	}
}

// Report has f called, each time a file is read, with every line that had to
// be left out. f may be called from several goroutines.
func Report(f func(config.Problem)) Option {
	return func(o *options) { o.report = f }
}

// Sockets has paths of sockets that are not absolute start at dir, queue_directory.
func Sockets(dir string) Option { return func(o *options) { o.queue = dir } }

// Plain refuses values that have parts of the key ($1 in regexp: and pcre:): it is
// for tables that choose transports and next hops, since strangers choose the keys.
func Plain() Option { return func(o *options) { o.plain = true } }

// Trusted is Plain that also refuses tables whose answers anybody on the way could
// have made (tcp:). It is for tables that name files, commands and user IDs.
func Trusted() Option { return func(o *options) { o.plain, o.trusted = true, true } }

// Warm has large text files read as soon as they are opened, in the background, and
// once for all who open them so: it is for daemons, which are about to ask.
func Warm() Option { return func(o *options) { o.warm = true } }

// opener opens the table of one type.
type opener func(name string, o *options, alias bool) (Table, error)

// kinds has every type that Open knows. The names are those of main.cf. It is a
// function, since some tables are made of others.
func kinds() map[string]opener {
	return map[string]opener{
		"btree":     openText,
		"cdb":       openText,
		"dbm":       openText,
		"hash":      openText,
		"lmdb":      openText,
		"texthash":  openText,
		"cidr":      openCIDR,
		"debug":     openDebug,
		"environ":   openEnviron,
		"fail":      openFail,
		"inline":    openInline,
		"pcre":      openPCRE,
		"pipemap":   openPipe,
		"randmap":   openRandom,
		"regexp":    openRegexp,
		"socketmap": openSocketmap,
		"static":    openStatic,
		"tcp":       openTCP,
		"unionmap":  openUnion,
		"unix":      openUnix,
		"userdb":    openUserdb,
	}
}

// Open opens the table type:name. A file need not be there yet: lookups fail
// until it is. The error, like every error of Open, is one of configuration.
func Open(spec string, opts ...Option) (Table, error) {
	o := &options{report: func(config.Problem) {}, users: nobodyToAsk}
	for _, f := range opts {
		f(o)
	}
	return open(spec, o)
}

func open(spec string, o *options) (Table, error) {
	kind, name, ok := strings.Cut(bare(spec), ":")
	if !ok {
		return nil, fmt.Errorf("expecting \"type:name\" form instead of %q", spec)
	}
	openKind := kinds()[kind]
	if openKind == nil {
		return nil, fmt.Errorf("table %s: type %q is not supported, want one of %s", spec, kind, strings.Join(Types(), " "))
	}
	t, err := openKind(name, o, slices.Contains(o.aliases, bare(spec)))
	if err != nil {
		return nil, fmt.Errorf("table %s: %w", spec, err)
	}
	return t, nil
}

// Types returns the names of the types that Open knows, sorted.
func Types() []string {
	names := []string{"proxy"}
	for name := range kinds() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// bare drops the proxy: in front of a table's name. Postfix needs a server to
// reach files that its daemons cannot read; here each daemon reads its own.
func bare(spec string) string {
	for {
		rest, ok := strings.CutPrefix(spec, "proxy:")
		if !ok {
			return spec
		}
		spec = rest
	}
}

// leaves are the tables that spec's is made of, or spec alone.
func leaves(spec string) []string {
	spec = bare(spec)
	switch kind, name, _ := strings.Cut(spec, ":"); kind {
	case "debug":
		return leaves(name)
	case "pipemap", "unionmap":
		var all []string
		list, _ := elements(name, "") // wrong ones are open's to report
		for _, s := range list {
			all = append(all, leaves(s)...)
		}
		return all
	}
	return []string{spec}
}

// Check reads the table type:name once and returns what is wrong with it. It
// is for the commands that people run.
func Check(spec string, opts ...Option) []config.Problem {
	var problems []config.Problem
	t, err := Open(spec, append(opts, Report(func(p config.Problem) { problems = append(problems, p) }))...)
	if err != nil {
		return []config.Problem{{What: err.Error()}}
	}
	if f, ok := t.(reader); ok {
		err = f.read()
	}
	if err != nil {
		problems = append(problems, config.Problem{What: err.Error()})
	}
	return problems
}

// reader is a Table that reads something before it can be asked.
type reader interface{ read() error }

// wantPath checks the name of a table that is a file.
func wantPath(name string) error {
	if !filepath.IsAbs(name) {
		return fmt.Errorf("want an absolute path, have %q", name)
	}
	return nil
}

// A snapshot is the content of a file as it was read once.
type snapshot interface {
	lookup(key string) (value string, found bool)
}

// fileTable is a Table whose content is in a file.
type fileTable struct {
	file *File[snapshot]
	fold bool // keys are compared in lower case
}

func (t fileTable) Lookup(key string) (string, bool, error) {
	value, _, found, err := t.lookupOwned(key)
	return value, found, err
}

func (t fileTable) lookupOwned(key string) (value string, owner int, found bool, err error) {
	r := t.file.get()
	if r.err != nil {
		return "", 0, false, r.err
	}
	if t.fold {
		key = smtp.FoldKey(key)
	}
	value, found = r.value.lookup(key)
	return value, r.owner, found, nil
}

func (t fileTable) read() error {
	_, err := t.file.Get()
	return err
}

func openText(name string, o *options, alias bool) (Table, error) {
	if err := wantPath(name); err != nil {
		return nil, err
	}
	parse := parseText
	if alias {
		parse = checked(o.values)
	}
	if o.warm && !alias {
		return fileTable{sharedFile(name, func() *File[snapshot] { return newFile(name, parse, o) }), true}, nil
	}
	return fileTable{newFile(name, parse, o), true}, nil
}

func newFile[T snapshot](path string, parse func(data []byte, report Reporter) T, o *options) *File[snapshot] {
	return NewFile(path, func(data []byte, report Reporter) (snapshot, error) {
		return parse(data, report), nil
	}, o.report)
}

// A Maps is a list of tables that are asked in order.
type Maps struct {
	tables []Table
	specs  []string // type:name of each
}

// OpenMaps opens every table of a list parameter.
func OpenMaps(specs []string, opts ...Option) (*Maps, error) {
	m := &Maps{}
	for _, spec := range specs {
		t, err := Open(spec, opts...)
		if err != nil {
			return nil, err
		}
		m.tables, m.specs = append(m.tables, t), append(m.specs, spec)
	}
	return m, nil
}

// OpenAliases opens the tables of alias_maps, whose values deliver mail.
func OpenAliases(specs []string, opts ...Option) (*Maps, error) {
	return OpenMaps(specs, append(slices.Clone(opts), Aliases(specs...), Trusted())...)
}

// Lookup returns the value in the first table that has key. An error of a
// table ends the search: a later table must not answer in its place.
func (m *Maps) Lookup(key string) (value string, found bool, err error) {
	value, _, found, err = m.Find(key)
	return value, found, err
}

// Find is Lookup that also returns the type:name of the table that has key.
func (m *Maps) Find(key string) (value, spec string, found bool, err error) {
	return m.find(key, Table.Lookup)
}

// FindOwned is Find that also returns who owned the file that the value was read
// from: 0 where the table is no file.
func (m *Maps) FindOwned(key string) (value, spec string, owner int, found bool, err error) {
	value, spec, found, err = m.find(key, func(t Table, key string) (value string, found bool, err error) {
		owner = 0
		if f, ok := t.(fileTable); ok {
			value, owner, found, err = f.lookupOwned(key)
			return value, found, err
		}
		return t.Lookup(key)
	})
	return value, spec, owner, found, err
}

// FindPart is Find as Part asks.
func (m *Maps) FindPart(key string) (value, spec string, found bool, err error) {
	return m.find(key, Part)
}

func (m *Maps) find(key string, ask func(Table, string) (string, bool, error)) (value, spec string, found bool, err error) {
	for i, t := range m.tables {
		value, found, err = ask(t, key)
		if found && value == "" && err == nil {
			return "", m.specs[i], false, fmt.Errorf("table %s: %q has an empty value; leave the entry out where it means nothing", m.specs[i], key)
		}
		if err != nil || found {
			return value, m.specs[i], found, err
		}
	}
	return "", "", false, nil
}

// Part asks t, which may be a *Maps, for a key that is only part of what is looked
// for, such as the domain of an address, or stands for it. Tables that match keys by
// rules are not asked: their rules are for the whole, which they have been asked for.
func Part(t Table, key string) (value string, found bool, err error) {
	switch t := t.(type) {
	case *Maps:
		value, _, found, err = t.FindPart(key)
		return value, found, err
	case ruled:
		if t.patterns() {
			return "", false, nil
		}
	}
	return t.Lookup(key)
}

// ruled is a Table that may have rules for whole keys.
type ruled interface{ patterns() bool }

// First asks t for keys in turn. The first is the whole; see Part.
func First(t Table, keys []string) (value string, found bool, err error) {
	ask := Table.Lookup
	for _, key := range keys {
		if value, found, err = ask(t, key); found || err != nil {
			break
		}
		ask = Part
	}
	return value, found, err
}

// Empty tells whether there is no table in m.
func (m *Maps) Empty() bool { return len(m.tables) == 0 }

var errNoText = errors.New("not a text file: it has NUL bytes")
