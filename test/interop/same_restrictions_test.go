//go:build interop

package interop

import (
	"bufio"
	"cmp"
	"fmt"
	"net"
	"strings"
	"testing"
)

// decisions are what the policy server of trials says, by the sender's domain; "":
// it hangs up.
var decisions = map[string]string{
	"one.test": "REJECT 5.7.9 not you", "two.test": "DEFER_IF_PERMIT greylisted", "three.test": "PREPEND X-Policy: seen",
	"four.test": "dunno", "five.test": "", "six.test": "451 4.7.9 later", "seven.test": "permit_mynetworks, reject",
}

// decide is a policy server. It writes down what it is told, but what differs with
// each run or is the system's own.
func (s *sink) decide(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	for {
		var told []string
		sender := ""
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			if line = strings.TrimSuffix(line, "\n"); line == "" {
				break
			}
			name, value, _ := strings.Cut(line, "=")
			switch name {
			case "sender":
				_, sender, _ = strings.Cut(value, "@")
			case "mail_version", "compatibility_level": // of Postfix 3.9
				continue
			case "protocol_name": // at EHLO Postfix says SMTP yet
				continue
			case "instance", "client_port", "server_address", "server_port":
				line = name
			case "queue_id", "size": // Postfix has a queue ID at RCPT; both measure what they store
				line = name
			}
			told = append(told, line)
		}
		s.mu.Lock()
		s.lines = append(s.lines, "policy: "+strings.Join(told, " "))
		s.mu.Unlock()
		action, known := decisions[sender]
		if known && action == "" {
			return
		}
		fmt.Fprintf(c, "unknown=x\naction=%s\n\n", cmp.Or(action, "dunno"))
	}
}

// Restriction classes, restrictions as actions of access tables, and what else such a
// table may say of a message.
func TestSameRestrictions(t *testing.T) {
	t.Parallel()
	from := func(who ...string) (letters []letterIn) {
		for _, w := range who {
			letters = append(letters, letterIn{from: w, to: []string{"ann@own.test", "bob@own.test"}})
		}
		return letters
	}
	sameAs(t, []trial{
		{name: "details of refusals", main: []string{
			"smtpd_client_restrictions = check_helo_access inline:{ {client.test=OK} }",
			"smtpd_sender_restrictions = check_sender_access inline:{ {0.test=550 5.1.0 x} {1.test=550 5.1.1 x} {2.test=550 5.1.2 x} {3.test=550 5.1.3 x} {4.test=550 5.1.4 x} {5.test=550 5.1.5 x} {6.test=550 5.1.6 x} {7.test=550 5.1.7 x} {8.test=550 5.1.8 x} {9.test=550 5.7.1 x} }",
			"smtpd_recipient_restrictions = check_recipient_access inline:{ {0@own.test=550 5.1.0 x} {1@own.test=550 5.1.1 x} {2@own.test=550 5.1.2 x} {3@own.test=550 5.1.3 x} {4@own.test=550 5.1.4 x} {5@own.test=550 5.1.5 x} {6@own.test=550 5.1.6 x} {7@own.test=550 5.1.7 x} {8@own.test=550 5.1.8 x} }, check_helo_access inline:{ {client.test=helo} }",
			"smtpd_restriction_classes = helo",
			"helo = check_client_access inline:{ {127.0.0.1=550 5.1.1 x} }",
		}, letters: append(from("x@0.test", "x@1.test", "x@2.test", "x@3.test", "x@4.test", "x@5.test", "x@6.test", "x@7.test", "x@8.test", "x@9.test"),
			letterIn{from: "x@far.test", to: []string{"0@own.test", "1@own.test", "2@own.test", "3@own.test", "4@own.test", "5@own.test", "6@own.test", "7@own.test", "8@own.test", "ann@own.test"}})},
		{name: "classes", main: []string{ // Postfix's RESTRICTION_CLASS_README
			"smtpd_restriction_classes = insiders_only, faq",
			"insiders_only = check_sender_access inline:{own.test=OK}, reject",
			"faq = check_sender_access inline:{ {box.test=insiders_only} }, permit_mynetworks, reject",
			"smtpd_recipient_restrictions = check_recipient_access inline:{ {ann@own.test=insiders_only} {bob@own.test=faq} }, reject",
		}, letters: from("x@own.test", "x@box.test", "x@far.test")},
		{name: "restrictions as actions", main: []string{
			"smtpd_sender_restrictions = check_sender_access inline:{ {one.test=reject_unlisted_recipient, defer} {two.test=permit_mynetworks, reject} {three.test=Reject_Non_FQDN_Sender} {four.test=warn_if_reject reject} {five.test=reject} {six.test=frobnicate} }",
		}, letters: from("x@one.test", "x@two.test", "x@three.test", "x@four.test", "x@five.test", "x@six.test"),
			once: []string{"notice to <postmaster@own.test> by local: "}}, // the tests' systems send none
		{name: "doubts", main: []string{
			"smtpd_sender_restrictions = check_sender_access inline:{ {one.test=DEFER_IF_PERMIT} {two.test=DEFER_IF_PERMIT 4.7.8 come back} {three.test=DEFER_IF_REJECT} {four.test=DEFER_IF_REJECT 4.7.8 come back} {five.test=defer_if_permit} {six.test=defer_if_reject} {seven.test=permit_mynetworks, defer_if_permit} }",
			"smtpd_recipient_restrictions = check_recipient_access inline:{ {bob@own.test=REJECT no} }",
		}, letters: from("x@one.test", "x@two.test", "x@three.test", "x@four.test", "x@five.test", "x@six.test", "x@seven.test")},
		{name: "doubts in lists", main: []string{
			"smtpd_client_restrictions = defer_if_reject",
			"smtpd_helo_restrictions = warn_if_reject defer_if_permit",
			"smtpd_recipient_restrictions = defer_if_reject, check_sender_access inline:{ {one.test=550 5.7.2 no} {two.test=450 4.7.2 no} {three.test=OK} }",
		}, letters: from("x@one.test", "x@two.test", "x@three.test", "x@four.test")},
		{name: "orders", main: []string{
			"smtpd_sender_restrictions = check_sender_access inline:{ {one.test=REDIRECT carol@box.test} {two.test=BCC carol@box.test} {three.test=PREPEND X-Seen: yes, I have} {four.test=INFO} {five.test=WARN} {six.test=INFO look here} {seven.test=WARN look here} {eight.test=DISCARD} {nine.test=DISCARD nobody wants it} {ten.test=OK} }, check_sender_access inline:{ {three.test=PREPEND X-Next: 2} {ten.test=REJECT} }",
		}, letters: from("x@one.test", "x@two.test", "x@three.test", "x@four.test", "x@five.test", "x@six.test", "x@seven.test", "x@eight.test", "x@nine.test", "x@ten.test"),
			// Two recipients, two copies; here one.
			once: []string{"virtual: <x@two.test> to <carol@box.test>", "header: from: <x@two.test> | to: <ann@own.test> | subject: x"}},
		{name: "policies", main: []string{
			"smtpd_sender_restrictions = check_policy_service inet:%SINK:%POLICY",
			"smtpd_policy_service_policy_context = here",
		}, letters: append([]letterIn{{from: "x@five.test", to: []string{"ann@own.test"}}},
			from("x@one.test", "x@two.test", "x@three.test", "x@four.test", "x@six.test", "x@seven.test")...)},
		{name: "policies at each step", main: []string{
			"smtpd_delay_reject = no",
			"smtpd_client_restrictions = check_policy_service inet:%SINK:%POLICY",
			"smtpd_helo_restrictions = check_policy_service { inet:%SINK:%POLICY, policy_context=helo }",
			"smtpd_sender_restrictions = check_policy_service inet:%SINK:%POLICY",
			"smtpd_recipient_restrictions = check_recipient_access inline:{ {ann@own.test=ask} }",
			"smtpd_restriction_classes = ask",
			"ask = check_policy_service { inet:%SINK:%POLICY, timeout=10s, default_action=DUNNO, try_limit=1 }",
			"smtpd_data_restrictions = check_policy_service inet:%SINK:%POLICY",
			"smtpd_end_of_data_restrictions = check_policy_service inet:%SINK:%POLICY",
			"smtpd_policy_service_default_action = 450 4.7.8 ask again", "smtpd_policy_service_try_limit = 1",
		}, letters: append(from("x@four.test", "x@nine.test"), letterIn{from: "x@four.test", to: []string{"ann@own.test"}})},
		{name: "orders of one recipient", main: []string{
			"smtpd_recipient_restrictions = check_recipient_access inline:{ {bob@own.test=inline} }, check_sender_access inline:{ {one.test=REJECT} {two.test=OK} }, check_recipient_access inline:{ {bob@own.test=BCC carol@box.test} }",
			"smtpd_restriction_classes = inline",
			"inline = check_sender_access inline:{ {two.test=REDIRECT carol@box.test} {three.test=DISCARD} {four.test=BCC dave@relay.test} }",
		}, letters: from("x@one.test", "x@two.test", "x@three.test", "x@four.test", "x@five.test"),
			// Postfix spares the sender notices about the second copy alone.
			ours: map[string]string{
				"relay: <x@four.test> to <dave@relay.test>":  "relay: <x@four.test> to <dave@relay.test> NOTIFY=NEVER",
				"virtual: <x@five.test> to <carol@box.test>": "virtual: <x@five.test> to <carol@box.test> NOTIFY=NEVER",
			}},
	})
}
