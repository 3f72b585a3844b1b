package aliases

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"yubin/internal/account"
)

// tableOf is alias_maps: the values, and who owns the table.
type tableOf struct {
	values map[string]string
	owner  int
}

func (m tableOf) FindOwned(key string) (string, string, int, bool, error) {
	if m.values == nil {
		return "", "", 0, false, errors.New("unreadable")
	}
	v, ok := m.values[key]
	return v, "hash:aliases", m.owner, ok, nil
}

// people are the users; their user IDs are in their names' order from 1001.
type people []string

func (p people) person(i int) *account.Person {
	return &account.Person{Name: p[i], UID: fmt.Sprint(1001 + i), GID: "100", Home: "/home/" + p[i]}
}

func (p people) User(name string) (*account.Person, error) {
	for i := range p {
		if p[i] == name {
			return p.person(i), nil
		}
	}
	return nil, nil
}

func (p people) UserByID(uid int) (*account.Person, error) {
	if uid < 1001 || uid >= 1001+len(p) {
		return nil, nil
	}
	return p.person(uid - 1001), nil
}

// A disk is files by path; as whom each was opened is noted.
type disk struct {
	files map[string]Content
	errs  map[string]error
	as    map[string]string
}

func (d *disk) open(path string, as *account.Person, _ bool) (*Content, error) {
	d.as[path] = "itself"
	if as != nil {
		d.as[path] = as.Name
	}
	if err := d.errs[path]; err != nil {
		return nil, err
	}
	c, ok := d.files[path]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	return &c, nil
}

func text(uid int, mode fs.FileMode, lines ...string) Content {
	return Content{Data: []byte(strings.Join(lines, "\n")), UID: uid, Mode: mode}
}

func newTest() (*Expander, *disk) {
	d := &disk{as: map[string]string{}, errs: map[string]error{
		"/lists/locked":      &fs.PathError{Op: "open", Path: "/lists/locked", Err: fs.ErrPermission},
		"/home/eve/.forward": &fs.PathError{Op: "open", Path: "/home/eve/.forward", Err: syscall.ELOOP},
		"/home/ida/.forward": &fs.PathError{Op: "open", Path: "/home/ida/.forward", Err: syscall.ESTALE},
	}, files: map[string]Content{
		"/lists/root":   text(0, 0o644, "# readers", "ann, bob@example.org", "", "\"|/bin/x y\"", "/tmp/file"),
		"/lists/ann":    text(1001, 0o644, "\"|/bin/x y\""),
		"/lists/open":   text(0, 0o666, "ann"),
		"/lists/nobody": text(77, 0o644, "ann"),
		"/lists/dir":    {Mode: fs.ModeDir | 0o755},
		"/lists/bad":    text(0, 0o644, "ann", "@"),
		"/lists/loop":   text(0, 0o644, ":include:/lists/loop, looped, ann"),
		"/lists/nested": text(0, 0o644, ":include:/lists/locked", "ann"),

		"/home/ann/.forward":      text(1001, 0o664, "# c", "\\ann", "ann@example.org", "\"|/bin/vacation\"", ":include:/lists/root"),
		"/home/ann/.forward+list": text(0, 0o644, "~/mail/list, bob+list"),
		"/home/bob/.forward":      text(1002, 0o646, "x@example.org"),
		"/home/cat/.forward":      text(1001, 0o644, "x@example.org"),
		"/home/dan/.forward":      text(1004, 0o644, "# nothing", " , "),
		"/home/fay/.forward":      text(1006, 0o644, "everybody, f@example.org"),
		"/home/gus/.forward":      text(1007, 0o644, "@"),
		"/home/hal/.forward":      text(1008, 0o644, "others, Hal+copy@mx.example, bob"),
	}}
	x := &Expander{
		Maps: tableOf{values: map[string]string{
			"ann":         "ann, bob",
			"everybody":   "ann, fay, x@example.org",
			"others":      "bob, y@example.org",
			"chain":       "chain2, z@example.org",
			"chain2":      "chain3",
			"chain3":      `\bob, chain`,
			"looped":      "looped2",
			"looped2":     "looped",
			"deep":        ":include:/lists/root",
			"listann":     ":include:/lists/ann",
			"listed":      ":include:/lists/loop",
			"broken":      "bob, :include:/lists/bad",
			"shut":        ":include:/lists/open, :include:/lists/nobody, :include:/lists/dir, :include:relative, :include:/lists/gone",
			"nest":        ":include:/lists/nested",
			"cmd":         `"|/bin/x", ~/file, /x`,
			"mixed":       "bob, list",
			"list":        "list2, l@example.org",
			"list2":       "m@example.org",
			"owner-list":  "bob",
			"list3":       "m@example.org",
			"owner-list3": "boss@example.org",
			"odd name":    "bob",
		}},
		Users: people{"ann", "bob", "cat", "dan", "eve", "fay", "gus", "hal", "ida"}, Open: d.open,
		Local:  func(dom string) (bool, error) { return dom == "mx.example", nil },
		Origin: "mx.example", Delimiters: "+", Commands: []Kind{InAlias, InForward}, Files: []Kind{InAlias, InForward}, Owners: true,
		ForwardPath: []string{"$home/.forward${recipient_delimiter}${extension}", "$home/.forward"}, ForwardFilter: "/.+abcdefghijklmnopqrstuvwxyz",
		Warn: func(string) {},
	}
	return x, d
}

// show is an expansion in short: \ for own mailboxes, = for exact addresses, who has
// the rights in brackets, ! for what cannot be delivered to.
func show(e *Expansion, err error) string {
	if err != nil {
		return "error: " + strings.SplitN(err.Error(), ":", 2)[0]
	}
	if e == nil {
		return "none"
	}
	var list []string
	for _, m := range e.Members {
		s := m.Text
		switch {
		case m.Form == Mailbox:
			s = `\` + s
		case m.Form == Command:
			s = "|" + s
		case m.Form == List:
			s = "include " + s
		case m.Exact:
			s = "=" + s
		}
		if m.As != nil && (m.Form == File || m.Form == Command) {
			s += "[" + m.As.Name + "]"
		}
		if m.Sender != nil {
			s = "<" + *m.Sender + ">" + s
		}
		if m.Err != nil {
			s += "!"
		}
		list = append(list, s)
	}
	return strings.Join(list, " ")
}

func TestAlias(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		local  string
		change func(*Expander)
		want   string
	}{
		"none":                      {"zoe", nil, "none"},
		"copy for herself":          {"ann", nil, "=ann@mx.example =bob@mx.example"},
		"letter case and extension": {"Ann+x", nil, "=ann@mx.example =bob@mx.example"},
		"extension goes on":         {"ann+x", func(x *Expander) { x.Propagate = []Kind{InAlias} }, "=ann+x@mx.example =bob+x@mx.example"},
		"quoted name":               {"odd name", nil, "=bob@mx.example"},
		"chain, with a circle":      {"chain", nil, `z@example.org \bob@mx.example`},
		"circle alone":              {"looped", nil, "error: alias loop"},
		"include of root's":         {"deep", nil, `bob@example.org |/bin/x y! /tmp/file! =ann@mx.example =bob@mx.example`},
		"include, allowed":          {"deep", func(x *Expander) { x.Commands, x.Files = []Kind{InInclude}, []Kind{InInclude} }, `bob@example.org |/bin/x y /tmp/file =ann@mx.example =bob@mx.example`},
		"include has its owner":     {"listann", func(x *Expander) { x.Commands = []Kind{InInclude} }, `|/bin/x y[ann]`},
		"unless the table has one": {"listann", func(x *Expander) {
			x.Commands, x.Maps = []Kind{InInclude}, tableOf{x.Maps.(tableOf).values, 1002}
		}, `|/bin/x y[bob]`},
		"include within itself": {"listed", nil, "=ann@mx.example =bob@mx.example"},
		"a line that is none":   {"broken", nil, "=bob@mx.example @! =ann@mx.example"},
		"includes that do not count": {"shut", nil,
			"include /lists/open! include /lists/nobody! include /lists/dir! include relative! include /lists/gone!"},
		"one within another":    {"nest", nil, "include /lists/locked! =ann@mx.example =bob@mx.example"},
		"rights of default":     {"cmd", nil, "|/bin/x ~/file! /x"},
		"rights of the owner":   {"cmd", func(x *Expander) { x.Maps = tableOf{x.Maps.(tableOf).values, 1002} }, "|/bin/x[bob] /home/bob/file[bob] /x[bob]"},
		"a table of nobody's":   {"cmd", func(x *Expander) { x.Maps = tableOf{x.Maps.(tableOf).values, 77} }, "error: cannot find alias database owner"},
		"owner":                 {"list", nil, "<owner-list@mx.example>l@example.org <owner-list@mx.example>m@example.org"},
		"owner within":          {"mixed", nil, "=bob@mx.example <owner-list@mx.example>l@example.org <owner-list@mx.example>m@example.org"},
		"owner is reset":        {"list", func(x *Expander) { x.ResetOwner = true }, "<owner-list@mx.example>l@example.org m@example.org"},
		"owner is expanded":     {"list3", func(x *Expander) { x.ExpandOwner = true }, "<boss@example.org>m@example.org"},
		"owner is nothing":      {"list", func(x *Expander) { x.Owners = false }, "l@example.org m@example.org"},
		"unreadable":            {"ann", func(x *Expander) { x.Maps = tableOf{} }, "error: alias_maps"},
		"domains are not known": {"ann", func(x *Expander) { x.Local = func(string) (bool, error) { return false, errors.New("x") } }, "=ann@mx.example =bob@mx.example"},
	} {
		x, _ := newTest()
		if c.change != nil {
			c.change(x)
		}
		if got := show(x.Alias(c.local, "mx.example")); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
	}
}

func TestForward(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		user, addr string
		change     func(*Expander)
		want       string
	}{
		"all forms":            {"ann", "ann@mx.example", nil, `\ann@mx.example ann@example.org |/bin/vacation[ann] bob@example.org |/bin/x y[ann]! /tmp/file[ann]!`},
		"its own for a list":   {"ann", "ann+list@mx.example", nil, "/home/ann/mail/list[ann] bob+list@mx.example"},
		"no file of that name": {"ann", "ann+other@mx.example", nil, `\ann@mx.example ann@example.org |/bin/vacation[ann] bob@example.org |/bin/x y[ann]! /tmp/file[ann]!`},
		"a path in the name":   {"ann", "ann+/../../x@mx.example", nil, `\ann@mx.example ann@example.org |/bin/vacation[ann] bob@example.org |/bin/x y[ann]! /tmp/file[ann]!`},
		"extension goes on": {"ann", "ann+other@mx.example", func(x *Expander) { x.Propagate = []Kind{InForward} },
			`\ann@mx.example ann+other@example.org |/bin/vacation[ann] bob@example.org |/bin/x y[ann]! /tmp/file[ann]!`},
		"anybody may write to it": {"bob", "bob@mx.example", nil, "none"},
		"somebody else's":         {"cat", "cat@mx.example", nil, "none"},
		"empty":                   {"dan", "dan@mx.example", nil, "none"},
		"a link":                  {"eve", "eve@mx.example", nil, "none"},
		"an alias of herself":     {"fay", "fay@mx.example", nil, `ann@mx.example \fay@mx.example x@example.org f@example.org`},
		"no address":              {"gus", "gus@mx.example", nil, "@!"},
		"herself, by extension":   {"hal", "hal@mx.example", nil, `others@mx.example \hal@mx.example bob@mx.example`},
		"not now":                 {"ida", "ida@mx.example", nil, "error: the user's .forward file cannot be read"},
		"switched off":            {"ann", "ann@mx.example", func(x *Expander) { x.ForwardPath = nil }, "none"},
	} {
		x, _ := newTest()
		if c.change != nil {
			c.change(x)
		}
		u, _ := x.Users.User(c.user)
		if got := show(x.Forward(u, c.addr)); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
	}
}

// Files are opened with the rights of who named them.
func TestOpenedAs(t *testing.T) {
	t.Parallel()
	x, d := newTest()
	ann, _ := x.Users.User("ann")
	if _, err := x.Forward(ann, "ann@mx.example"); err != nil {
		t.Fatal(err)
	}
	if d.as["/home/ann/.forward"] != "ann" || d.as["/lists/root"] != "ann" {
		t.Errorf("a user's: %v", d.as)
	}
	if _, err := x.Alias("deep", "mx.example"); err != nil || d.as["/lists/root"] != "itself" {
		t.Errorf("root's: %v, %v", d.as, err)
	}
	x.Maps = tableOf{x.Maps.(tableOf).values, 1002}
	if _, err := x.Alias("deep", "mx.example"); err != nil || d.as["/lists/root"] != "bob" {
		t.Errorf("bob's: %v, %v", d.as, err)
	}
	// root's own .forward has nobody's rights.
	root := &account.Person{Name: "ann", UID: "0", GID: "0", Home: "/home/ann"}
	d.files["/home/ann/.forward"] = text(0, 0o644, `"|/bin/x"`)
	if got := show(x.Forward(root, "ann@mx.example")); got != "|/bin/x" {
		t.Errorf("root's .forward: %s", got)
	}
}

// Every member that is no address is found by its key; a list by its file.
func TestChoose(t *testing.T) {
	t.Parallel()
	x, d := newTest()
	x.Commands = append(x.Commands, InInclude)
	long := strings.Repeat("x", 2000)
	d.files["/lists/ann"] = text(1001, 0o644, `"|/bin/x y"`, `"|/bin/`+long+`", /tmp/`+"\x01")
	e, err := x.Alias("listann", "mx.example")
	if err != nil || len(e.Members) != 3 {
		t.Fatalf("%+v, %v", e, err)
	}
	for _, m := range e.Members {
		key := m.Key()
		if len(key) > maxKey || strings.ContainsRune(key, 1) {
			t.Errorf("key %q", key)
		}
		if got := e.Choose(key); len(got) != 1 || got[0].Text != m.Text {
			t.Errorf("%q: %+v", key, got)
		}
	}
	if got := e.Choose(":include:/lists/ann"); len(got) != 3 {
		t.Errorf("the list: %+v", got)
	}
	if got := e.Choose("|/bin/evil"); got != nil {
		t.Errorf("a member that is not there: %+v", got)
	}
}

// Members that are no addresses wait alone, one for all of a list; what they are
// mended to gets the letter, and nobody twice.
func TestBroken(t *testing.T) {
	t.Parallel()
	values := map[string]string{"list": "ann, man@, bob@example.org, @, /tmp/x"}
	x, _ := newTest()
	x.Maps = tableOf{values: values}
	e, err := x.Alias("list", "mx.example")
	if err != nil || len(e.Members) != 4 || e.Members[1].Form != Broken {
		t.Fatalf("got %+v, %v", e, err)
	}
	var why *Error
	if !errors.As(e.Members[1].Err, &why) || why.Class != 4 || strings.Count(why.Error(), "hash:aliases: list: ") != 2 || !strings.Contains(why.Error(), `"man@"`) {
		t.Errorf("the reason is %v", e.Members[1].Err)
	}
	key := e.Members[1].Key()
	if !WasBroken(key) || len(key) > maxKey {
		t.Fatalf("key %q", key)
	}
	for _, c := range []struct{ list, want string }{
		{"ann, man@, bob@example.org, @, /tmp/x", "man@!"},
		{"ann, man@example.org, bob@example.org, @, /tmp/x", "man@example.org @!"},
		{"/tmp/x, bob@example.org, man@example.org, ann, |/bin/y", "man@example.org |/bin/y"},
		{"ann, bob@example.org", ""},
	} {
		values["list"] = c.list
		e, err := x.Alias("list", "mx.example")
		if err != nil {
			t.Fatal(err)
		}
		if got := show(&Expansion{Members: e.Choose(key)}, nil); got != c.want {
			t.Errorf("%s: got %q, want %q", c.list, got, c.want)
		}
	}
	values["list"] = "@"
	for i := range maxMarks {
		values["list"] += fmt.Sprintf(", u%d@example.org", i)
	}
	if e, err := x.Alias("list", "mx.example"); err == nil {
		t.Errorf("a list that is too long for a key: %d members", len(e.Members))
	}
	for _, key := range []string{"?", "?x", "?AAAA", "?!"} {
		if list := e.Choose(key); list != nil {
			t.Errorf("%q: %+v", key, list)
		}
	}
}

// Steps say what decided.
func TestSteps(t *testing.T) {
	t.Parallel()
	x, _ := newTest()
	e, err := x.Alias("deep", "mx.example")
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(e.Steps)
	for _, want := range []string{"{hash:aliases deep is :include:/lists/root}", "{/lists/root has 3 lines}", "{hash:aliases ann is ann, bob}"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in %s", want, got)
		}
	}
	if from := e.Members[0].From; from != "/lists/root:2" {
		t.Errorf("from %s", from)
	}
}

// An expansion ends, however the lists are knotted.
func TestBounds(t *testing.T) {
	t.Parallel()
	x, _ := newTest()
	chain := map[string]string{}
	for i := range maxLists + 10 {
		chain[fmt.Sprintf("a%d", i)] = fmt.Sprintf("a%d", i+1)
	}
	x.Maps = tableOf{values: chain}
	if _, err := x.Alias("a0", "mx.example"); err == nil || !strings.Contains(err.Error(), "more than 1000 aliases and files") {
		t.Errorf("a chain of aliases: %v", err)
	}
	var wide strings.Builder
	for i := range maxMembers + 1 {
		fmt.Fprintf(&wide, "u%d@example.org,", i)
	}
	x.Maps = tableOf{values: map[string]string{"wide": wide.String()}}
	if _, err := x.Alias("wide", "mx.example"); err == nil || !strings.Contains(err.Error(), "more than 100000 addresses") {
		t.Errorf("a wide alias: %v", err)
	}
}

// FuzzForward: whatever a .forward file holds, expanding it ends, every member is an
// address, a path or a command, and no command or file has rights but the user's.
func FuzzForward(f *testing.F) {
	f.Add("\\ann, ann@example.org\n\"|/bin/x\"\n:include:/lists/root\n~/x\n#c\neverybody")
	f.Fuzz(func(t *testing.T, content string) {
		x, d := newTest()
		x.Commands, x.Files = append(x.Commands, InInclude), append(x.Files, InInclude)
		ann, _ := x.Users.User("ann")
		d.files["/home/ann/.forward"] = Content{Data: []byte(content), UID: 1001, Mode: 0o644}
		e, err := x.Forward(ann, "ann@mx.example")
		if err != nil || e == nil {
			return
		}
		for _, m := range e.Members {
			switch m.Form {
			case Command, File:
				// A member of an alias that leads back to her has that alias's rights.
				if m.As != nil && m.As.Name != "ann" || m.As == nil && !strings.HasPrefix(m.From, "hash:") {
					t.Errorf("%q has the rights of %+v", m.Text, m.As)
				}
			}
			if k := m.Key(); m.Form != Address && (k == "" || len(k) > maxKey || strings.ContainsAny(k, "\x00\n")) {
				t.Errorf("key %q", k)
			}
		}
	})
}
