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
		Version: HandOverVersion, Program: "1.0", Queue: "/q", Claim: 5, Control: 6, Answer: 7, Announced: true,
		Sockets:   []HandedSocket{{FD: 8, Service: "inet smtp", Name: "smtp", Kept: true}},
		Services:  []HandedService{{Key: "inet smtp", Used: true, Delay: 1, NotBefore: 2, WakeAt: 3}},
		Processes: []HandedProcess{{PID: 9, Service: "inet smtp", Path: "/smtpd", Status: 10, Stderr: 11, Started: 4, Accepting: true, Ready: true, Stopped: true}},
	})
	const want = `{"v":1,"program":"1.0","queue":"/q","claim":5,"control":6,"answer":7,"announced":true,` +
		`"sockets":[{"fd":8,"service":"inet smtp","name":"smtp","kept":true}],` +
		`"services":[{"key":"inet smtp","used":true,"delay":1,"not_before":2,"wake_at":3}],` +
		`"processes":[{"pid":9,"service":"inet smtp","path":"/smtpd","status":10,"stderr":11,"started":4,"accepting":true,"ready":true,"stopped":true}]}`
	if err != nil || string(b) != want {
		t.Errorf("got %s, %v\nwant %s", b, err, want)
	}
	b, err = json.Marshal([]any{MasterRequest{MasterVersion, OpUpgrade}, MasterReply{Version: "1.0"}, MasterReply{Error: "no"}})
	if want := `[{"v":1,"op":"upgrade"},{"version":"1.0"},{"error":"no"}]`; err != nil || string(b) != want {
		t.Errorf("got %s, %v\nwant %s", b, err, want)
	}
}
