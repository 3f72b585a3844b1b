package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"yubin/internal/account"
	"yubin/internal/agent"
	"yubin/internal/aliases"
	"yubin/internal/command"
	"yubin/internal/ipc"
)

// owned is alias_maps, in a table of root's.
type owned struct{ pairs }

func (o owned) FindOwned(key string) (string, string, int, bool, error) {
	v, ok, err := o.Lookup(key)
	return v, "hash:aliases", 0, ok, err
}

// files are lists, by path; what is not there does not exist.
type listed map[string]aliases.Content

func (f listed) open(path string, _ *account.Person, _ bool) (*aliases.Content, error) {
	c, ok := f[path]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	return &c, nil
}

func testUsers() *users {
	passwd := pairs{
		"ann":  "ann:x:1001:1002:Ann,,,:/home/ann:/bin/sh",
		"bob":  "bob:x:1003:1003::/home/bob:/bin/sh",
		"fred": "fred:x:1006:1006::/home/fred:/bin/sh",
		"a+b":  "a+b:x:1004:1004::/home/ab:/bin/sh",
		"root": "root:x:0:0:root:/root:/bin/sh",
		"lost": "lost:x:1005:1005:::/bin/false",
		"odd":  "odd:x:4294967295:1:::/bin/false",
		"torn": "torn:x:1",
	}
	lists := listed{
		"/home/fred/.forward":      {Data: []byte("# mine\nfred, fred@example.org\n\"|/bin/vacation fred\"\n~/mail/all\n"), UID: 1006, Mode: 0o644},
		"/home/fred/.forward+self": {Data: []byte("\\fred\n"), UID: 1006, Mode: 0o644},
		"/home/fred/.forward+one":  {Data: []byte("|/usr/bin/procmail\n"), UID: 0, Mode: 0o644},
	}
	mine := []aliases.Kind{aliases.InAlias, aliases.InForward}
	return &users{
		x: &aliases.Expander{
			Maps: owned{pairs{
				"friends":     "ann, bob@MX.example, Carl <carl@example.org>",
				"bob":         "bob, robert@example.org",
				"x":           "y",
				"y":           "x",
				"pipe":        "ann, |/bin/vacation -a, bob",
				"quotedpipe":  `"|/bin/sh -c 'a, b'"`,
				"tofile":      "/var/mail/all",
				"todir":       "/var/mail/all/",
				"list":        "ann, carl@example.org",
				"owner-list":  "bob",
				"outer":       "dora@example.org, list",
				"tomaster":    "postmaster",
				"empty":       " , ,",
				"just-a-user": "ann",
			}},
			Users: &aliases.System{Passwd: passwd, Delimiters: "+"}, Open: lists.open,
			Local:  func(d string) (bool, error) { return names{"mx.example", "localhost"}.Domain(d) },
			Origin: "mx.example", Delimiters: "+", Commands: mine, Files: mine, Owners: true, Remember: 1000,
			ForwardPath:   []string{"$home/.forward${recipient_delimiter}${extension}", "$home/.forward"},
			ForwardFilter: "abcdefghijklmnopqrstuvwxyz/+.", Warn: func(string) {},
		},
		places: &account.Places{HomeMailbox: "Maildir/"}, limits: &limits{}, commands: &commands{guard: &command.Guard{}, filter: "abc/@.nmxeplwd"},
		final: &account.Final{
			MailboxTransport: account.Choice{Maps: pairs{}}, FallbackTransport: account.Choice{Maps: pairs{}}, MailboxCommand: account.Choice{Maps: pairs{}},
		},
		privs: identity{65534, 65534}, strict: true, forwardHeader: true,
	}
}

// found shows what find did.
func found(act *action, err error) string {
	if err != nil {
		return brief(result(relayLocal, &ipc.Recipient{}, err))
	}
	s := ""
	if act.sender != nil {
		s = "<" + *act.sender + "> "
	}
	switch to := act.to.(type) {
	case *mailbox:
		return s + fmt.Sprintf("%s %s %d:%d", to.place.Base, to.place.Path, to.as.uid, to.as.gid)
	case *textbox:
		return s + fmt.Sprintf("mbox %s %d:%d", to.place.Path, to.as.uid, to.as.gid)
	case *program:
		return s + fmt.Sprintf("|%s %d:%d", to.line, to.as.uid, to.as.gid)
	}
	var list []string
	for i, r := range act.results {
		if r.Status == ipc.Redirected {
			return "to " + r.Transport + " " + r.Nexthop
		}
		if r.Sender != nil && i == 0 {
			list = append(list, "<"+*r.Sender+">")
		}
		for _, t := range r.To {
			s := t.Address
			if t.Exact {
				s = "=" + s
			}
			if t.Member != "" {
				s += "{" + t.Member + "}"
			}
			list = append(list, s)
		}
	}
	return strings.Join(list, " ")
}

func testLetter(t *testing.T) *letter {
	t.Helper()
	req, f := request(t, "Delivered-To: Loop@mx.example\nDelivered-To: \"a b\"@mx.example\n\nDelivered-To: ann@mx.example\n")
	l, err := newLetter(&agent.Request{Request: *req, File: f})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestUsers(t *testing.T) {
	t.Parallel()
	l := testLetter(t)
	const home = "/home/ann Maildir/ 1001:1002"
	for name, c := range map[string]struct {
		addr  string
		exact bool
		want  string
	}{
		"user":                   {"ann@mx.example", false, home},
		"letter case":            {"ANN@mx.example", false, home},
		"without a domain":       {"ann", false, home},
		"extension":              {"ann+lists+go@mx.example", false, home},
		"delimiter in the name":  {"a+b@mx.example", false, "/home/ab Maildir/ 1004:1004"},
		"unknown":                {"Zoe@mx.example", false, `bounced 5.1.1 unknown user: "zoe"`},
		"no extension's user":    {"+ann@mx.example", false, `bounced 5.1.1 unknown user: "+ann"`},
		"no home":                {"lost@mx.example", false, `deferred 4.2.0 user "lost" has no home directory`},
		"user ID means keep":     {"odd@mx.example", false, "deferred 4.3.5 the user's account entry has no user ID"},
		"torn account":           {"torn@mx.example", false, "deferred 4.3.5 the user's account entry has 3 fields, want 7"},
		"postmaster is root":     {"Postmaster@mx.example", false, "/root Maildir/ 0:0"},
		"abuse is root":          {"abuse@mx.example", false, "/root Maildir/ 0:0"},
		"bounces go to root":     {"MAILER-DAEMON@mx.example", false, "/root Maildir/ 0:0"},
		"alias":                  {"friends@mx.example", false, "=ann@mx.example carl@example.org =bob@mx.example robert@example.org"},
		"a copy for herself":     {"bob@mx.example", false, "=bob@mx.example robert@example.org"},
		"exact":                  {"bob@mx.example", true, "/home/bob Maildir/ 1003:1003"},
		"loop of aliases":        {"x@mx.example", false, `bounced 5.4.6 alias loop: "x" leads back to itself`},
		"loop of messages":       {"loop@mx.example", false, "bounced 5.4.6 mail forwarding loop for loop@mx.example"},
		"loop, quoted":           {"a b@mx.example", false, "bounced 5.4.6 mail forwarding loop for a b@mx.example"},
		"exact has its own name": {"loop@mx.example", true, `bounced 5.1.1 unknown user: "loop"`},
		"member without account": {"tomaster@mx.example", false, "postmaster@mx.example"},
		"command among others":   {"pipe@mx.example", false, `=ann@mx.example pipe@mx.example{|/bin/vacation -a} =bob@mx.example robert@example.org`},
		"command alone":          {"quotedpipe@mx.example", false, `|/bin/sh -c 'a, b' 65534:65534`},
		"file":                   {"tofile@mx.example", false, "mbox /var/mail/all 65534:65534"},
		"Maildir":                {"todir@mx.example", false, "/var/mail all/ 65534:65534"},
		"empty alias":            {"empty@mx.example", false, `deferred 4.3.5 alias "empty" is empty`},
		"owner":                  {"list@mx.example", false, "<owner-list@mx.example> =ann@mx.example carl@example.org"},
		"owner of one within":    {"outer@mx.example", false, "dora@example.org outer@mx.example{@owner-list@mx.example}"},
		".forward":               {"fred@mx.example", false, `=fred@mx.example{\} fred@example.org =fred@mx.example{|/bin/vacation fred} =fred@mx.example{/home/fred/mail/all}`},
		".forward of an exact":   {"fred@mx.example", true, `=fred@mx.example{\} fred@example.org =fred@mx.example{|/bin/vacation fred} =fred@mx.example{/home/fred/mail/all}`},
		"extension's .forward":   {"fred+self@mx.example", false, "/home/fred Maildir/ 1006:1006"},
		"command by .forward":    {"fred+one@mx.example", false, "|/usr/bin/procmail 1006:1006"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := found(testUsers().find(l, &ipc.Recipient{Address: c.addr, Exact: c.exact}))
			if got != c.want {
				t.Errorf("%s (exact %t):\n got %s\nwant %s", c.addr, c.exact, got, c.want)
			}
		})
	}
}

// A member that was made a recipient is found again, and nothing else is.
func TestMembers(t *testing.T) {
	t.Parallel()
	l := testLetter(t)
	for name, c := range map[string]struct {
		r    ipc.Recipient
		want string
	}{
		"command of an alias":   {ipc.Recipient{Address: "pipe@mx.example", Member: "|/bin/vacation -a"}, "|/bin/vacation -a 65534:65534"},
		"command of a .forward": {ipc.Recipient{Address: "fred@mx.example", Exact: true, Member: "|/bin/vacation fred"}, "|/bin/vacation fred 1006:1006"},
		"file of a .forward":    {ipc.Recipient{Address: "fred@mx.example", Exact: true, Member: "/home/fred/mail/all"}, "mbox /home/fred/mail/all 1006:1006"},
		"own mailbox":           {ipc.Recipient{Address: "fred@mx.example", Exact: true, Member: `\`}, "/home/fred Maildir/ 1006:1006"},
		"those of an owner":     {ipc.Recipient{Address: "outer@mx.example", Member: "@owner-list@mx.example"}, "<owner-list@mx.example> =ann@mx.example carl@example.org"},
		"invented command":      {ipc.Recipient{Address: "list@mx.example", Member: "|/bin/evil"}, "<owner-list@mx.example> =ann@mx.example carl@example.org"},
		"invented for a user":   {ipc.Recipient{Address: "ann@mx.example", Exact: true, Member: "|/bin/evil"}, "/home/ann Maildir/ 1001:1002"},
		"loops were looked for": {ipc.Recipient{Address: "loop@mx.example", Member: "|/bin/x"}, `bounced 5.1.1 unknown user: "loop"`},
	} {
		if got := found(testUsers().find(l, &c.r)); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
	}
}

// Transports, commands and the last resort.
func TestElsewhere(t *testing.T) {
	t.Parallel()
	l := testLetter(t)
	for name, c := range map[string]struct {
		change func(*users)
		addr   string
		want   string
	}{
		"mailbox_transport": {func(u *users) { u.final.MailboxTransport.Value = "lmtp:unix:private/lmtp" }, "ann@mx.example", "to lmtp unix:private/lmtp"},
		"for nobody, too":   {func(u *users) { u.final.MailboxTransport.Value = "lmtp:unix:private/lmtp" }, "zoe@mx.example", "to lmtp unix:private/lmtp"},
		"after .forward":    {func(u *users) { u.final.MailboxTransport.Value = "cyrus" }, "fred+self@mx.example", "to cyrus "},
		"not for aliases":   {func(u *users) { u.final.MailboxTransport.Value = "cyrus" }, "list@mx.example", "<owner-list@mx.example> =ann@mx.example carl@example.org"},
		"maps":              {func(u *users) { u.final.MailboxTransport.Maps = pairs{"ann": "virtual:"} }, "ann+x@mx.example", "to virtual "},
		"maps, another":     {func(u *users) { u.final.MailboxTransport.Maps = pairs{"ann": "virtual:"} }, "bob@mx.example", "=bob@mx.example robert@example.org"},
		"maps unreadable": {func(u *users) {
			u.final.MailboxTransport = account.Choice{Maps: pairs(nil), Tables: "mailbox_transport_maps", Value: "x"}
		}, "ann@mx.example", "deferred 4.3.0 mailbox_transport_maps: lookup failed"},
		"mailbox_command":            {func(u *users) { u.final.MailboxCommand.Value = "/usr/bin/procmail" }, "ann@mx.example", "|/usr/bin/procmail 1001:1002"},
		"mailbox_command_maps":       {func(u *users) { u.final.MailboxCommand.Maps = pairs{"ann": "/bin/x"} }, "ann@mx.example", "|/bin/x 1001:1002"},
		"mailbox_command of root":    {func(u *users) { u.final.MailboxCommand.Value = "/usr/bin/procmail" }, "root@mx.example", "|/usr/bin/procmail 65534:65534"},
		"default_privs are missing":  {func(u *users) { u.privsErr = misconfigured(errors.New("x"), "no default_privs") }, "tofile@mx.example", "deferred 4.3.5 no default_privs"},
		"fallback_transport":         {func(u *users) { u.final.FallbackTransport.Value = "smtp:[old]" }, "zoe@mx.example", "to smtp [old]"},
		"fallback, not for users":    {func(u *users) { u.final.FallbackTransport.Value = "smtp:[old]" }, "ann@mx.example", "/home/ann Maildir/ 1001:1002"},
		"fallback maps":              {func(u *users) { u.final.FallbackTransport.Maps = pairs{"zoe": "error:5.2.1 gone"} }, "zoe+x@mx.example", "to error 5.2.1 gone"},
		"luser_relay":                {func(u *users) { u.final.LuserRelay = "$user+$extension@else.example" }, "zoe+x@mx.example", "zoe+x@else.example"},
		"luser_relay, bare":          {func(u *users) { u.final.LuserRelay = "ann" }, "zoe@mx.example", "ann@mx.example"},
		"luser_relay is not a pipe":  {func(u *users) { u.final.LuserRelay = "|/bin/x" }, "zoe@mx.example", "deferred 4.3.5 luser_relay is not an address"},
		"luser_relay is hostile":     {func(u *users) { u.final.LuserRelay = "$local" }, "|/bin/x@mx.example", "deferred 4.3.5 luser_relay is not an address"},
		"mbox at home":               {func(u *users) { u.places.HomeMailbox = "mail/in" }, "ann@mx.example", "mbox /home/ann/mail/in 1001:1002"},
		"mbox in the spool":          {func(u *users) { *u.places = account.Places{Spool: "/no/such/spool"} }, "ann@mx.example", "mbox /no/such/spool/ann 1001:1002"},
		"Maildir in the spool":       {func(u *users) { *u.places = account.Places{Spool: "/var/mail/"} }, "ann@mx.example", "/var/mail/ ann 1001:1002"},
		"commands are not for lists": {func(u *users) { u.x.Commands = nil }, "quotedpipe@mx.example", "bounced 5.7.1 mail to command is restricted"},
		"nor files":                  {func(u *users) { u.x.Files = nil }, "tofile@mx.example", "bounced 5.7.1 mail to file is restricted"},
		"alias_maps unreadable":      {func(u *users) { u.x.Maps = owned{} }, "zoe@mx.example", "deferred 4.3.0 alias_maps: lookup failed"},
		"users unreadable":           {func(u *users) { u.x.Users = &aliases.System{Passwd: pairs(nil)} }, "zoe@mx.example", "deferred 4.3.0 user lookup failed"},
	} {
		u := testUsers()
		c.change(u)
		if got := found(u.find(l, &ipc.Recipient{Address: c.addr})); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
	}
}

func TestRootAlias(t *testing.T) {
	t.Parallel()
	u := testUsers()
	u.x.Maps = owned{pairs{"root": "admin@example.org"}}
	l := testLetter(t)
	for _, addr := range []string{"root@mx.example", "postmaster@mx.example", "abuse+x@mx.example"} {
		if got := found(u.find(l, &ipc.Recipient{Address: addr})); got != "admin@example.org" {
			t.Errorf("%s: %s, want root's alias", addr, got)
		}
	}
	if got := found(u.find(l, &ipc.Recipient{Address: "root@mx.example", Exact: true})); got != "/root Maildir/ 0:0" {
		t.Errorf("root, exact: %s", got)
	}
}

// A spool is confined to itself and to the mailboxes' owners.
func TestSpool(t *testing.T) {
	t.Parallel()
	u := testUsers()
	*u.places = account.Places{Spool: "/var/mail/"}
	act, err := u.find(testLetter(t), &ipc.Recipient{Address: "ann@mx.example"})
	if err != nil {
		t.Fatal(err)
	}
	if box := act.to.(*mailbox); !box.place.Beneath || !box.place.Owned || box.place.Owner != 1001 {
		t.Errorf("Maildir: %+v", box.place)
	}
	u.places.Spool = t.TempDir()
	if act, err = u.find(testLetter(t), &ipc.Recipient{Address: "ann@mx.example"}); err != nil {
		t.Fatal(err)
	}
	if box := act.to.(*textbox); !box.place.Plain || !box.place.Owned || box.place.Owner != 1001 {
		t.Errorf("mbox: %+v", box.place)
	}
}

// The environment of a command has what it must, and no character that a shell
// would see something in.
func TestEnvironment(t *testing.T) {
	t.Parallel()
	u := testUsers()
	u.final.MailboxCommand.Value = "/bin/x"
	act, err := u.find(testLetter(t), &ipc.Recipient{Address: "Ann+$(id)@mx.example", Original: "`x`"})
	if err != nil {
		t.Fatal(err)
	}
	vars := act.to.(*program).vars
	for _, want := range []string{"LOGNAME=ann", "USER=ann", "HOME=/__me/ann", "SHELL=/b_n/__", "EXTENSION=___d_", "ORIGINAL_RECIPIENT=_x_", "DOMAIN=mx.example"} {
		if !slices.Contains(vars, want) {
			t.Errorf("no %s in %q", want, vars)
		}
	}
}

// A large alias comes in results that fit packets, all but the last with More,
// and one header.
func TestLargeAlias(t *testing.T) {
	t.Parallel()
	var members []string
	for i := range 5000 {
		members = append(members, fmt.Sprintf("member%d@example.org", i))
	}
	u := testUsers()
	u.x.Maps = owned{pairs{"all": strings.Join(members, ", ")}}
	act, err := u.find(testLetter(t), &ipc.Recipient{Index: 3, Address: "all@mx.example"})
	if err != nil {
		t.Fatal(err)
	}
	n, header := 0, ""
	for i, r := range act.results {
		if b, err := json.Marshal(&r); err != nil || len(b) > agent.MaxResult {
			t.Errorf("result %d has %d octets (%v)", i, len(b), err)
		}
		for _, to := range r.To {
			if to.Address != members[n] {
				t.Fatalf("address %d is %s", n, to.Address)
			}
			n++
		}
		if header += r.Header; r.More != (n < len(members)) || r.Index != 3 {
			t.Errorf("after %d addresses: more is %t, index %d", n, r.More, r.Index)
		}
	}
	if n != len(members) || header != "Delivered-To: all@mx.example\n" {
		t.Errorf("%d addresses, want %d; header %q", n, len(members), header)
	}
}

// The original recipient is told of, unless enable_original_recipient is no.
func TestOriginalRecipient(t *testing.T) {
	t.Parallel()
	for _, no := range []bool{false, true} {
		u := testUsers()
		u.commands.noOriginal = no
		u.final.MailboxCommand.Value = "/bin/x"
		r := &ipc.Recipient{Address: "ann@mx.example"}
		act, err := u.find(testLetter(t), r)
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.Contains(act.to.(*program).vars, "ORIGINAL_RECIPIENT=ann@mx.example"); got == no {
			t.Errorf("enable_original_recipient = no is %t, the command is told: %t", no, got)
		}
		if got := strings.Contains(string(trace("", r, no, false)), "X-Original-To: ann@mx.example\n"); got == no {
			t.Errorf("enable_original_recipient = no is %t, there is a field: %t", no, got)
		}
	}
}

// Only a member that is not in its list any more has the list expanded anew.
func TestAnew(t *testing.T) {
	t.Parallel()
	for member, want := range map[string]bool{"": false, "|/bin/vacation -a": false, "|/bin/gone": true} {
		act, err := testUsers().find(testLetter(t), &ipc.Recipient{Address: "pipe@mx.example", Member: member})
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.ContainsFunc(act.results, func(r ipc.Result) bool { return r.Anew }); got != want {
			t.Errorf("member %q: anew is %t", member, got)
		}
	}
}
