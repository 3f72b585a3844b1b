package local

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"yubin/internal/account"
	"yubin/internal/agent"
	"yubin/internal/ipc"
)

func testUsers() *users {
	return &users{
		passwd: pairs{
			"ann":  "ann:x:1001:1002:Ann,,,:/home/ann:/bin/sh",
			"bob":  "bob:x:1003:1003::/home/bob:/bin/sh",
			"a+b":  "a+b:x:1004:1004::/home/ab:/bin/sh",
			"root": "root:x:0:0:root:/root:/bin/sh",
			"lost": "lost:x:1005:1005:::/bin/false",
			"odd":  "odd:x:4294967295:1:::/bin/false",
			"torn": "torn:x:1",
		},
		aliases: pairs{
			"friends":    "ann, bob@MX.example, Carl <carl@example.org>, friends2",
			"friends2":   `ann, d@example.net, \bob, friends`,
			"bob":        "bob, robert@example.org",
			"x":          "y",
			"y":          "x",
			"self+tag":   "ann",
			"pipe":       "ann, |/bin/vacation -a, bob",
			"quotedpipe": `"|/bin/sh -c 'a, b'"`,
			"tofile":     "/var/mail/all",
			"list":       ":include:/etc/list",
			"empty":      " , ,",
			"garbage":    "ann, @",
			"twice":      "ann, ann@mx.example, ANN",
			"deadend":    "nobody-here",
			"tomaster":   "postmaster",
			"nested":     "tofile",
		},
		destinations: names{"mx.example", "localhost"},
		origin:       "mx.example", delimiter: "+", places: &account.Places{HomeMailbox: "Maildir/"},
	}
}

// found shows what find did.
func found(box *mailbox, results []ipc.Result, err error) string {
	switch {
	case err != nil:
		return brief(result(relayLocal, &ipc.Recipient{}, err))
	case box != nil:
		return fmt.Sprintf("%s %s %d:%d", box.place.Base, box.place.Path, box.as.uid, box.as.gid)
	}
	var list []string
	for _, r := range results {
		for _, t := range r.To {
			s := t.Address
			if t.Exact {
				s = "=" + s
			}
			list = append(list, s)
		}
	}
	return strings.Join(list, " ")
}

func TestUsers(t *testing.T) {
	t.Parallel()
	req, f := request(t, "Delivered-To: Loop@mx.example\nDelivered-To: \"a b\"@mx.example\n\nDelivered-To: ann@mx.example\n")
	l, err := newLetter(&agent.Request{Request: *req, File: f})
	if err != nil {
		t.Fatal(err)
	}
	const home = "/home/ann Maildir/ 1001:1002"
	const no = "which this version does not do"
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
		"alias":                  {"friends@mx.example", false, "=ann@mx.example carl@example.org =bob@mx.example robert@example.org d@example.net"},
		"alias with extension":   {"friends2+x@mx.example", false, "=ann@mx.example d@example.net =bob@mx.example carl@example.org robert@example.org"},
		"a copy for herself":     {"bob@mx.example", false, "=bob@mx.example robert@example.org"},
		"exact":                  {"bob@mx.example", true, "/home/bob Maildir/ 1003:1003"},
		"alias of an extension":  {"self+tag@mx.example", false, "=ann@mx.example"},
		"loop of aliases":        {"x@mx.example", false, `bounced 5.4.6 alias loop: "x" leads back to itself`},
		"loop of messages":       {"loop@mx.example", false, "bounced 5.4.6 mail forwarding loop for loop@mx.example"},
		"loop, quoted":           {"a b@mx.example", false, "bounced 5.4.6 mail forwarding loop for a b@mx.example"},
		"exact has its own name": {"loop@mx.example", true, `bounced 5.1.1 unknown user: "loop"`},
		"duplicates":             {"twice@mx.example", false, "=ann@mx.example =ANN@mx.example"},
		"unknown member":         {"deadend@mx.example", false, "=nobody-here@mx.example"},
		"member without account": {"tomaster@mx.example", false, "postmaster@mx.example"},
		"command":                {"pipe@mx.example", false, `deferred 4.3.5 alias "pipe" delivers to a command, ` + no},
		"quoted command":         {"quotedpipe@mx.example", false, `deferred 4.3.5 alias "quotedpipe" delivers to a command, ` + no},
		"file":                   {"tofile@mx.example", false, `deferred 4.3.5 alias "tofile" delivers to a file, ` + no},
		"file of a member":       {"nested@mx.example", false, `deferred 4.3.5 alias "tofile" delivers to a file, ` + no},
		"include":                {"list@mx.example", false, `deferred 4.3.5 alias "list" delivers to an :include: file, ` + no},
		"empty alias":            {"empty@mx.example", false, `deferred 4.3.5 alias "empty" is empty`},
		"not an address":         {"garbage@mx.example", false, `deferred 4.3.5 alias "garbage" has a member that is not an address`},
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

// A table that cannot be read puts mail off, and the text names no file.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	req, f := request(t, content)
	l, err := newLetter(&agent.Request{Request: *req, File: f})
	if err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*users){
		"deferred 4.3.0 alias_maps: lookup failed": func(u *users) { u.aliases = pairs(nil) },
		"deferred 4.3.0 user lookup failed":        func(u *users) { u.passwd = pairs(nil) },
	} {
		u := testUsers()
		change(u)
		if got := found(u.find(l, &ipc.Recipient{Address: "zoe@mx.example"})); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestRootAlias(t *testing.T) {
	t.Parallel()
	u := testUsers()
	u.aliases.(pairs)["root"] = "admin@example.org"
	req, f := request(t, content)
	l, err := newLetter(&agent.Request{Request: *req, File: f})
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range []string{"root@mx.example", "postmaster@mx.example", "abuse+x@mx.example"} {
		if got := found(u.find(l, &ipc.Recipient{Address: addr})); got != "admin@example.org" {
			t.Errorf("%s: %s, want root's alias", addr, got)
		}
	}
	if got := found(u.find(l, &ipc.Recipient{Address: "root@mx.example", Exact: true})); got != "/root Maildir/ 0:0" {
		t.Errorf("root, exact: %s", got)
	}
}

func TestMailboxParameters(t *testing.T) {
	t.Parallel()
	ann := account.Person{Name: "ann", UID: "1001", GID: "1001", Home: "/home/ann"}
	for _, c := range []struct{ home, spool, user, want string }{
		{"Maildir/", "/var/mail", "ann", "/home/ann Maildir/ 1001:1001"},
		{"mail/in/", "/var/mail", "ann", "/home/ann mail/in/ 1001:1001"},
		{"", "/var/mail/", "ann", "/var/mail/ ann 1001:1001"},
		{"mbox", "/var/mail/", "ann", "deferred 4.3.5 home_mailbox names an mbox file, which this version does not deliver to; set home_mailbox = Maildir/"},
		{"", "/var/mail", "ann", "deferred 4.3.5 mail_spool_directory names an mbox file, which this version does not deliver to; set home_mailbox = Maildir/"},
		{"", "/var/mail/", "..", `deferred 4.3.5 the name of user ".." cannot be that of a mailbox`},
	} {
		u, a := testUsers(), ann
		u.places, a.Name = &account.Places{HomeMailbox: c.home, Spool: c.spool}, c.user
		box, err := u.mailbox(&a)
		if got := found(box, nil, err); got != c.want {
			t.Errorf("home_mailbox %q, mail_spool_directory %q:\n got %s\nwant %s", c.home, c.spool, got, c.want)
		}
		if err == nil && c.home == "" && (!box.place.Beneath || !box.place.Owned || box.place.Owner != 1001) {
			t.Errorf("a mailbox in the spool is not confined to it and to its owner: %+v", box.place)
		}
	}
}

// A large alias comes in results that fit packets, all but the last with More.
func TestLargeAlias(t *testing.T) {
	t.Parallel()
	var members []string
	for i := range 5000 {
		members = append(members, fmt.Sprintf("member%d@example.org", i))
	}
	u := testUsers()
	u.aliases = pairs{"all": strings.Join(members, ", ")}
	r := &ipc.Recipient{Index: 3, Address: "all@mx.example"}
	e, _, err := u.alias("all")
	if err != nil {
		t.Fatal(err)
	}
	_, results, err := u.forward(r, e, "mx.example", nil)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for i, r := range results {
		if b, err := json.Marshal(&r); err != nil || len(b) > agent.MaxResult {
			t.Errorf("result %d has %d octets (%v)", i, len(b), err)
		}
		for _, to := range r.To {
			if to.Address != members[n] {
				t.Fatalf("address %d is %s", n, to.Address)
			}
			n++
		}
		if r.More != (n < len(members)) || r.Index != 3 || r.Header != "Delivered-To: all@mx.example\n" {
			t.Errorf("after %d addresses: more is %t, index %d, header %q", n, r.More, r.Index, r.Header)
		}
	}
	if n != len(members) {
		t.Errorf("%d addresses, want %d", n, len(members))
	}
}

// An expansion ends, however the aliases are knotted.
func TestBounds(t *testing.T) {
	t.Parallel()
	u := testUsers()
	chain := pairs{}
	for i := range maxAliases + 10 {
		chain[fmt.Sprintf("a%d", i)] = fmt.Sprintf("a%d", i+1)
	}
	u.aliases = chain
	_, err := u.expand(entry{"a0", "a1"}, "mx.example")
	if err == nil || !strings.Contains(err.Error(), "more than 1000 aliases") {
		t.Errorf("a chain of aliases: %v", err)
	}
	var wide strings.Builder
	for i := range maxTargets + 1 {
		fmt.Fprintf(&wide, "u%d@example.org,", i)
	}
	_, err = u.expand(entry{"wide", wide.String()}, "mx.example")
	if err == nil || !strings.Contains(err.Error(), "more than 100000 addresses") {
		t.Errorf("a wide alias: %v", err)
	}
}
