package smtpd

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// policyServer answers what answer says of a request; "" hangs up. It returns its
// address and the number of connections.
func policyServer(t *testing.T, answer func(told map[string]string) string) (address string, connections *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	connections = new(atomic.Int64)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			go func() {
				defer c.Close()
				told := map[string]string{}
				for lines := bufio.NewScanner(c); lines.Scan(); {
					if name, value, ok := strings.Cut(lines.Text(), "="); ok {
						told[name] = value
						continue
					}
					said := answer(told)
					if said == "" {
						return
					}
					io.WriteString(c, said)
				}
			}()
		}
	}()
	return l.Addr().String(), connections
}

// What a policy server says is done; where it says nothing that can be read, the default
// action is.
func TestPolicy(t *testing.T) {
	t.Parallel()
	const accepted = "250 2.1.5 Ok"
	const problem = "451 4.3.5 <ann@example.org>: Recipient address rejected: Server configuration problem"
	for _, c := range []struct {
		name, answer string
		options      string
		want         string
		connections  int64
	}{
		{"reject", "action=REJECT 5.7.9 no\n\n", "", "554 5.7.9 <ann@example.org>: Recipient address rejected: no", 1},
		{"more attributes", "x=y\naction=dunno\nz\n\n", "", accepted, 1},
		{"carriage returns", "action=450 4.7.1 later\r\n\r\n", "", "450 4.7.1 <ann@example.org>: Recipient address rejected: later", 1},
		{"greylisting", "action=DEFER_IF_PERMIT Greylisted\n\n", "", "450 4.7.1 <ann@example.org>: Recipient address rejected: Greylisted", 1},
		{"no action", "x=y\n\n", "", problem, 2},
		{"an empty action", "action=\n\n", "", "451 4.3.5 Server configuration error", 1},
		{"unknown action", "action=FROBNICATE\n\n", "", "451 4.3.5 Server configuration error", 1},
		{"hangs up", "", "", problem, 2},
		{"one try", "", ", try_limit=1", problem, 1},
		{"another default", "", ", try_limit = 1, { default_action = DUNNO }", accepted, 1},
		{"an endless line", strings.Repeat("x", 10_000) + "\n\n", ", try_limit=1", problem, 1},
		{"endless lines", strings.Repeat("x=y\n", 1000) + "\n", ", try_limit=1", problem, 1},
		{"more than asked for", "action=dunno\n\naction=reject\n\n", ", try_limit=1", accepted, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			at, connections := policyServer(t, func(map[string]string) string { return c.answer })
			options := strings.ReplaceAll(c.options, " = ", "=")
			r := newRig(t, "smtpd_recipient_restrictions = check_policy_service { inet:"+at+options+" }")
			cl := r.connect(stranger)
			cl.reply()
			cl.say("EHLO client.example")
			cl.say("MAIL FROM:<eve@y.example>")
			if got := cl.say("RCPT TO:<ann@example.org>"); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if got := connections.Load(); got != c.connections {
				t.Errorf("%d connections, want %d", got, c.connections)
			}
			if noAnswer := c.want == problem || strings.Contains(c.options, "default_action"); noAnswer != strings.Contains(strings.Join(r.logged(), "\n"), "warning: policy server "+at+": ") {
				t.Errorf("the log is\n%s", strings.Join(r.logged(), "\n"))
			}
		})
	}
}

// Questions of all sessions go over one connection when they come one after another; what
// is told belongs to the message.
func TestPolicyIsTold(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var seen []map[string]string
	at, connections := policyServer(t, func(told map[string]string) string {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, maps.Clone(told))
		return "action=DUNNO\n\n"
	})
	r := newRig(t, "smtpd_policy_service_policy_context = main", "smtpd_recipient_restrictions = check_policy_service inet:"+at,
		"smtpd_data_restrictions = check_policy_service inet:"+at, "smtpd_policy_service_request_limit = 2")
	for range 2 {
		cl := r.connect(stranger)
		cl.reply()
		for _, line := range []string{"EHLO client.example", "MAIL FROM:<eve@y.example> SIZE=77", "RCPT TO:<ann@example.org>", "DATA"} {
			cl.say(line)
		}
		cl.send("Subject: x\r\n\r\ny\r\n.\r\n")
		cl.reply()
		cl.say("QUIT")
		cl.close()
	}
	mu.Lock()
	defer mu.Unlock()
	if len(seen) != 4 || connections.Load() != 2 { // of which each serves twice
		t.Fatalf("%d questions on %d connections", len(seen), connections.Load())
	}
	for n, want := range []map[string]string{
		{"request": "smtpd_access_policy", "protocol_state": "RCPT", "client_address": "192.0.2.1", "sender": "eve@y.example", "recipient": "ann@example.org",
			"helo_name": "client.example", "recipient_count": "0", "size": "77", "policy_context": "main", "encryption_keysize": "0"},
		{"protocol_state": "DATA", "recipient_count": "1"},
	} {
		for name, value := range want {
			if seen[n][name] != value {
				t.Errorf("question %d: %s is %q, want %q", n, name, seen[n][name], value)
			}
		}
	}
	if a, b, c := seen[0]["instance"], seen[1]["instance"], seen[2]["instance"]; a == "" || a != b || a == c {
		t.Errorf("instances %q, %q, %q", a, b, c)
	}
}

func TestPolicyFaults(t *testing.T) {
	t.Parallel()
	for spec, want := range map[string]string{
		"inet:x":                     "want host:port",
		"tcp:x:1":                    "want inet:host:port or unix:path",
		"{ inet:x:1, timeout=soon }": `timeout: want a time of a second or more, such as 10s, have "soon"`,
		"{ inet:x:1, try_limit=0 }":  `try_limit: want a number, have "0"`,
		"{ inet:x:1, max_idle=0s }":  "max_idle: want a time",
		"{ inet:x:1, frobnicate=1 }": `"frobnicate=1": want timeout, `,
		"":                           "want a policy server inet:host:port or unix:path behind it",
	} {
		_, err := tryRig(t, "smtpd_recipient_restrictions = check_policy_service "+spec)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", spec, err, want)
		}
	}
}

// Whatever an answer is, an action is one line of it.
func FuzzReadAction(f *testing.F) {
	for _, seed := range []string{"action=DUNNO\n\n", "action=\n\n", "\n", "x\n\n", "action=a\naction=b\n\n", "action=x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, answer string) {
		action, err := readAction(bufio.NewReader(strings.NewReader(answer)))
		if err == nil && (strings.ContainsAny(action, "\n") || !strings.Contains(answer, fmt.Sprintf("action=%s", action))) {
			t.Fatalf("%q of %q", action, answer)
		}
	})
}
