package local

import (
	"testing"

	"yubin/internal/account"
	"yubin/internal/ipc"
)

func testVirtual() virtual {
	return virtual{Virtual: &account.Virtual{
		Mailboxes: pairs{
			"ann@v.example":   "v.example/ann/",
			"b+c@v.example":   "v.example/bc/",
			"abs@v.example":   "/v.example/abs/",
			"mbox@v.example":  "v.example/mbox",
			"slash@v.example": "/",
			"low@v.example":   "v.example/low/",
			"noid@v.example":  "v.example/noid/",
			"word@v.example":  "v.example/word/",
			"nogid@v.example": "v.example/nogid/",
			"minus@v.example": "v.example/minus/",
			"@catch.example":  "catch.example/all/",
			"b@catch.example": "catch.example/b/",
		},
		UIDs: pairs{
			"ann@v.example": "5000", "b+c@v.example": "5001", "abs@v.example": "5000", "low@v.example": "99",
			"word@v.example": "vmail", "mbox@v.example": "5002", "nogid@v.example": "5000", "minus@v.example": "-1", "@catch.example": "6000",
		},
		GIDs: pairs{"ann@v.example": "5000", "mbox@v.example": "5002", "b+c@v.example": "5001", "abs@v.example": "5000", "@catch.example": "6001"},
		Base: "/var/vmail", Delimiter: "+", MinimumUID: 100,
	}, limits: &limits{}, strict: true}
}

func TestVirtual(t *testing.T) {
	t.Parallel()
	const ann = "/var/vmail v.example/ann/ 5000:5000"
	for name, c := range map[string]struct {
		addr   string
		change func(virtual)
		want   string
	}{
		"address":          {"ann@v.example", nil, ann},
		"letter case":      {"Ann@V.Example", nil, ann},
		"extension":        {"ann+x@v.example", nil, ann},
		"whole first":      {"b+c@v.example", nil, "/var/vmail v.example/bc/ 5001:5001"},
		"leading slash":    {"abs@v.example", nil, "/var/vmail /v.example/abs/ 5000:5000"},
		"catch-all":        {"who@catch.example", nil, "/var/vmail catch.example/all/ 6000:6001"},
		"before catch-all": {"b+x@catch.example", nil, "/var/vmail catch.example/b/ 6000:6001"},
		"unknown":          {"Zoe@v.example", nil, `bounced 5.1.1 unknown user: "zoe@v.example"`},
		"mbox":             {"mbox@v.example", nil, "mbox /var/vmail/v.example/mbox 5002:5002"},
		"no path":          {"slash@v.example", nil, "deferred 4.3.5 virtual_mailbox_maps has no path for this mailbox"},
		"no base":          {"ann@v.example", func(v virtual) { v.Base = "" }, "deferred 4.3.5 virtual_mailbox_base is not set to an absolute path"},
		"low user ID":      {"low@v.example", nil, "deferred 4.3.5 the user ID 99 in virtual_uid_maps is below virtual_minimum_uid (100)"},
		"no user ID":       {"noid@v.example", nil, "deferred 4.3.5 virtual_uid_maps has no entry for this mailbox"},
		"a name":           {"word@v.example", nil, "deferred 4.3.5 the entry in virtual_uid_maps is not a number"},
		"negative":         {"minus@v.example", nil, "deferred 4.3.5 the entry in virtual_uid_maps is not a number"},
		"no group ID":      {"nogid@v.example", nil, "deferred 4.3.5 virtual_gid_maps has no entry for this mailbox"},
		"unreadable":       {"ann@v.example", func(v virtual) { v.Mailboxes = pairs(nil) }, "deferred 4.3.0 virtual_mailbox_maps: lookup failed"},
		"IDs unreadable":   {"ann@v.example", func(v virtual) { v.UIDs = pairs(nil) }, "deferred 4.3.0 virtual_uid_maps: lookup failed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := testVirtual()
			if c.change != nil {
				c.change(v)
			}
			act, err := v.find(nil, &ipc.Recipient{Address: c.addr})
			if got := found(act, err); got != c.want {
				t.Errorf("%s:\n got %s\nwant %s", c.addr, got, c.want)
			}
			if act == nil {
				return
			}
			if box, ok := act.to.(*mailbox); ok && !box.place.Beneath {
				t.Error("the mailbox is not confined to virtual_mailbox_base")
			}
		})
	}
}
