package ipc

import (
	"encoding/json"
	"testing"
)

// What one version of master leaves to the next is read by another program:
// who changes these bytes raises HandOverVersion, reads the version before it
// too, and says so in CHANGELOG.md under "Internal protocol".
func TestHandOverEncoding(t *testing.T) {
	t.Parallel()
	b, err := json.Marshal(HandOver{
		Version: HandOverVersion, Program: "1.0", Queue: "/q", Claim: 5, Control: 6, Answer: 7, Announced: true, Sessions: 12, Visit: 13,
		Sockets:  []HandedSocket{{FD: 8, Service: "inet smtp", Name: "smtp", Kept: true}},
		Services: []HandedService{{Key: "inet smtp", Used: true, Delay: 1, NotBefore: 2, WakeAt: 3}},
		Processes: []HandedProcess{
			{PID: 9, Service: "inet smtp", Path: "/smtpd", Status: 10, Stderr: 11, Started: 4, Accepting: true, Ready: true, Stopped: true},
			{PID: 14, Service: "inet pop3", Path: "/pop3d", Status: 15, Stderr: 16, Started: 5, Ready: true, Host: true, Visits: []Visit{
				{Number: 13, Service: "pop3", User: "ann", Client: "192.0.2.1", TLS: true, Session: "abc", Since: 6, PID: 14}}},
		},
	})
	const want = `{"v":2,"program":"1.0","queue":"/q","claim":5,"control":6,"answer":7,"sessions_socket":12,"visit":13,"announced":true,` +
		`"sockets":[{"fd":8,"service":"inet smtp","name":"smtp","kept":true}],` +
		`"services":[{"key":"inet smtp","used":true,"delay":1,"not_before":2,"wake_at":3}],` +
		`"processes":[{"pid":9,"service":"inet smtp","path":"/smtpd","status":10,"stderr":11,"started":4,"accepting":true,"ready":true,"stopped":true},` +
		`{"pid":14,"service":"inet pop3","path":"/pop3d","status":15,"stderr":16,"started":5,"ready":true,"host":true,` +
		`"visits":[{"n":13,"service":"pop3","user":"ann","rip":"192.0.2.1","tls":true,"sid":"abc","since":6,"pid":14}]}]}`
	if err != nil || string(b) != want {
		t.Errorf("got %s, %v\nwant %s", b, err, want)
	}
	b, err = json.Marshal([]any{MasterRequest{Version: MasterVersion, Op: OpUpgrade}, MasterReply{Version: "1.0"}, MasterReply{Error: "no"}})
	if want := `[{"v":1,"op":"upgrade"},{"version":"1.0"},{"error":"no"}]`; err != nil || string(b) != want {
		t.Errorf("got %s, %v\nwant %s", b, err, want)
	}
}

// Sessions go from authd by way of master to programs of another version.
func TestSessionEncoding(t *testing.T) {
	t.Parallel()
	b, err := json.Marshal([]any{
		SessionOrder{Start: &SessionStart{
			Version: SessionVersion, Number: 1, Service: "pop3", Account: Account{User: "ann", UID: 2, GID: 3, Groups: []int{4}, Home: "/h", Base: "/h", Mailbox: "Maildir"},
			Facts: AuthFacts{Service: "pop3", Client: "192.0.2.1", Session: "abc"}, Method: "PLAIN",
			Start: AuthSessionStart{Entry: "pop3", Tag: "a", Unread: []byte("x"), Secure: true, Enabled: []string{"UTF8"}},
		}},
		SessionOrder{Kick: 1}, SessionOrder{Retire: true}, SessionOrder{Last: true}, SessionAck{PID: 5}, SessionAck{Error: "no"},
	})
	const want = `[{"start":{"v":1,"n":1,"service":"pop3","account":{"user":"ann","uid":2,"gid":3,"groups":[4],"home":"/h","base":"/h","mailbox":"Maildir"},` +
		`"facts":{"service":"pop3","rip":"192.0.2.1","sid":"abc"},"mech":"PLAIN",` +
		`"start":{"entry":"pop3","tag":"a","unread":"eA==","secure":true,"enabled":["UTF8"]}}},` +
		`{"kick":1},{"retire":true},{"last":true},{"pid":5},{"error":"no"}]`
	if err != nil || string(b) != want {
		t.Errorf("got %s, %v\nwant %s: bump SessionVersion, and say so in CHANGELOG.md", b, err, want)
	}
}
