package system

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"yubin/test/instance"
)

// tool runs one of Postfix's commands for an instance.
func tool(i *instance.Instance, stdin, name string, args ...string) instance.Result {
	return i.Run(stdin, name, append([]string{"-c", i.Etc()}, args...)...)
}

// wants compares what a command said and ended with.
func wants(t *testing.T, what string, got instance.Result, code int, stdout, stderr string) {
	t.Helper()
	if got.Code != code || got.Stdout != stdout || !regexp.MustCompile("^(?:"+stderr+")$").MatchString(got.Stderr) {
		t.Errorf("%s: got %+v, want status %d, %q and %q", what, got, code, stdout, stderr)
	}
}

// The queue through Postfix's commands.
func TestQueueCommands(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{Main: []string{"defer_transports = virtual"}})
	wants(t, "postqueue -p", tool(i, "", "postqueue", "-p"), 0, "Mail queue is empty\n", "")
	wants(t, "postqueue -j", tool(i, "", "postqueue", "-j"), 0, "", "")
	var ids []string
	for n := range 5 {
		ids = append(ids, i.Submit("alice@example.test", "bob@example.test", fmt.Sprintf("Subject: %d\n\nbody %d\n", n, n)))
		i.WaitLog(ids[n]+": to=<bob@example.test>", "status=deferred")
	}
	i.Until("they are in deferred/", func() bool { return queued(t, i, "deferred") == len(ids) }) // a moment after the lines
	r := tool(i, "", "postqueue", "-p")
	if !strings.HasPrefix(r.Stdout, "-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------\n") || !strings.HasSuffix(r.Stdout, "Kbytes in 5 Requests.\n") {
		t.Errorf("postqueue -p: %+v", r)
	}
	for line := range strings.Lines(tool(i, "", "postqueue", "-j").Stdout) {
		var m struct {
			ID         string `json:"queue_id"`
			Name       string `json:"queue_name"`
			Recipients []struct {
				Address string
				Reason  string `json:"delay_reason"`
			}
		}
		if err := json.Unmarshal([]byte(line), &m); err != nil || m.Name != "deferred" || m.Recipients[0].Address != "bob@example.test" || m.Recipients[0].Reason == "" {
			t.Errorf("postqueue -j: %s: %v", line, err)
		}
	}
	wants(t, "postqueue -i nonsense", tool(i, "", "postqueue", "-i", "x/y"), 64, "", "postqueue: fatal: Invalid request: \"x/y\"\n")
	wants(t, "postqueue without a mode", tool(i, "", "postqueue"), 64, "", "postqueue: fatal: usage: .*\n")
	wants(t, "postqueue -i", tool(i, "", "postqueue", "-i", ids[0]), 0, "", "")
	wants(t, "postqueue -s", tool(i, "", "postqueue", "-s", "example.test"), 0, "", "")
	wants(t, "postqueue -f", tool(i, "", "postqueue", "-f"), 0, "", "")

	r = tool(i, "", "postcat", "-q", ids[0])
	for _, want := range []string{
		"*** ENVELOPE RECORDS deferred/" + ids[0] + " ***\nmessage_size: ", "\nsender: alice@example.test\n", "\nrecipient: bob@example.test\n",
		"*** MESSAGE CONTENTS deferred/" + ids[0] + " ***\nReceived: ", "\n\nbody 0\n*** HEADER EXTRACTED deferred/" + ids[0] + " ***\n*** MESSAGE FILE END deferred/" + ids[0] + " ***\n",
	} {
		if r.Code != 0 || !strings.Contains(r.Stdout, want) {
			t.Errorf("postcat -q: status %d, no %q in\n%s%s", r.Code, want, r.Stdout, r.Stderr)
		}
	}
	wants(t, "postcat -bq", tool(i, "", "postcat", "-bq", ids[0]), 0, "body 0\n", "")
	if r := tool(i, "", "postcat", "-hq", ids[0]); !strings.HasSuffix(r.Stdout, "Subject: 0\n") || strings.Contains(r.Stdout, "body") {
		t.Errorf("postcat -hq: %+v", r)
	}
	wants(t, "postcat -q of nothing", tool(i, "", "postcat", "-q", "00000000000001"), 1, "", "postcat: 00000000000001: not in the queue\n")

	wants(t, "postsuper -h", tool(i, "", "postsuper", "-h", ids[0], "-h", ids[1]), 0, "",
		"postsuper: "+ids[0]+": placed on hold\npostsuper: "+ids[1]+": placed on hold\npostsuper: Placed on hold: 2 messages\n")
	wants(t, "postsuper -H", tool(i, ids[0]+"\n", "postsuper", "-H", "-"), 0, "", "postsuper: "+ids[0]+": released from hold\npostsuper: Released from hold: 1 message\n")
	i.WaitLog(ids[0]+": to=<bob@example.test>", "status=deferred")
	wants(t, "postsuper -d of nothing", tool(i, "", "postsuper", "-d", "00000000000001"), 0, "", "")
	wants(t, "postsuper -d nonsense", tool(i, "", "postsuper", "-d", "x/y"), 1, "", "postsuper: fatal: invalid mail queue id: x/y\n")
	wants(t, "postsuper -d ALL hold", tool(i, "", "postsuper", "-d", "ALL", "hold"), 0, "", "postsuper: "+ids[1]+": removed\npostsuper: Deleted: 1 message\n")
	wants(t, "postsuper with a wrong queue", tool(i, "", "postsuper", "-d", "ALL", "held"), 64, "", "postsuper: fatal: unknown queue name: held\n")
	wants(t, "postsuper -e", tool(i, "", "postsuper", "-e", ids[2]), 0, "", "postsuper: "+ids[2]+": expired\npostsuper: Force-expired: 1 message\n")
	i.WaitLog(ids[2]+": from=<alice@example.test>", "status=force-expired, returned to sender")
	if r := tool(i, "", "postsuper", "-r", ids[3]); r.Code != 0 || !strings.Contains(r.Stderr, ids[3]+": requeued\n") {
		t.Errorf("postsuper -r: %+v", r)
	}
	if r := tool(i, "", "postsuper", "-d", "ALL"); r.Code != 0 || !strings.Contains(r.Stderr, "postsuper: Deleted: ") {
		t.Errorf("postsuper -d ALL: %+v", r)
	}
	i.Until("the queue is empty", func() bool { return tool(i, "", "postqueue", "-p").Stdout == "Mail queue is empty\n" })
	wants(t, "postsuper", tool(i, "", "postsuper"), 0, "", "")

	i.Stop()
	wants(t, "postqueue -f without a system", tool(i, "", "postqueue", "-f"), 69, "", "postqueue: .*mail system is down.*\n")
}

// postfix start, stop, reload, status, check and flush.
func TestPostfixCommand(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{Stopped: true})
	i.AppendMain("maillog_json_file = " + i.Path("json"))
	script := `postfix/postfix-script: `
	wants(t, "status", tool(i, "", "postfix", "status"), 1, "", script+"the Postfix mail system is not running\n")
	wants(t, "stop", tool(i, "", "postfix", "stop"), 1, "", script+"fatal: the Postfix mail system is not running\n")
	wants(t, "reload", tool(i, "", "postfix", "reload"), 1, "", script+"fatal: the Postfix mail system is not running\n")
	wants(t, "start", tool(i, "", "postfix", "start"), 0, "", "")
	t.Cleanup(func() { tool(i, "", "postfix", "abort") })
	wants(t, "start again", tool(i, "", "postfix", "start"), 1, "", script+"fatal: the Postfix mail system is already running\n")
	wants(t, "status", tool(i, "", "postfix", "status"), 0, "", script+"the Postfix mail system is running: PID: \\d+\n")
	wants(t, "flush", tool(i, "", "postfix", "flush"), 0, "", "")
	wants(t, "reload", tool(i, "", "postfix", "reload"), 0, "", "")
	i.WaitLog("postfix/postfix-script[", "refreshing the Postfix mail system")
	i.WaitLog("postfix/master[", "reload -- version")
	wants(t, "nonsense", tool(i, "", "postfix", "restart"), 1, "", "postfix: fatal: unknown command: \"restart\".*\n")
	wants(t, "logrotate", tool(i, "", "postfix", "logrotate"), 0, "", "")
	i.Until("a new log is begun", func() bool {
		b, err := os.ReadFile(i.Path("log"))
		return err == nil && len(b) > 0 && !strings.Contains(string(b), "daemon started")
	})
	i.Until("new JSON lines are begun", func() bool {
		b, err := os.ReadFile(i.Path("json"))
		return err == nil && strings.Contains(string(b), `"event":"reload"`) && !strings.Contains(string(b), "daemon started")
	})
	if old, _ := filepath.Glob(i.Path("json.*")); len(old) != 1 || !slices.ContainsFunc(events(t, old[0]), func(e map[string]any) bool { return isEvent(e, "start process=postfix/master") }) {
		t.Errorf("the JSON lines from before are not in one file with the date: %v", old)
	}
	wants(t, "postlog", tool(i, "", "postlog", "-t", "backup", "-p", "warn", "disk", "full"), 0, "", "")
	i.WaitLog(" backup[", ": warning: disk full")
	if all := events(t, i.Path("json")); !slices.ContainsFunc(all, func(e map[string]any) bool { return isEvent(e, "warning process=backup message=warning: disk full") }) {
		t.Errorf("postlog's line is not among the JSON lines: %v", all)
	}
	i.AppendMain("smtpd_recipient_limit = none")
	if r := tool(i, "", "postfix", "check"); r.Code != 1 || !strings.Contains(r.Stderr, "smtpd_recipient_limit") {
		t.Errorf("check: %+v", r)
	}
	wants(t, "postconf -e", tool(i, "", "postconf", "smtpd_recipient_limit=1000"), 0, "", "")
	wants(t, "stop", tool(i, "", "postfix", "stop"), 0, "", "")
	wants(t, "status", tool(i, "", "postfix", "status"), 1, "", script+"the Postfix mail system is not running\n")
}

// Keys and certificates through postfix tls: made, used by smtpd, asked for, published.
func TestPostfixTLS(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{Stopped: true})
	do := func(args ...string) instance.Result {
		return tool(i, "", "postfix", append([]string{"tls"}, args...)...)
	}
	script := "postfix/postfix-tls-script: "
	for _, side := range []string{"client", "server"} {
		wants(t, "all-default-"+side, do("all-default-"+side), 0, "", "")
	}
	wants(t, "enable-client", do("enable-client"), 0, "", script+"The SMTP client uses TLS(.*\n)*")
	wants(t, "enable-server", do("enable-server", "-a", "ecdsa", "mx.example.test"), 0, "", script+"The SMTP server offers TLS(.*\n)*")
	wants(t, "postconf", tool(i, "", "postconf", "-h", "smtp_tls_security_level", "smtpd_tls_security_level"), 0, "may\nmay\n", "")
	for _, side := range []string{"client", "server"} {
		wants(t, "all-default-"+side, do("all-default-"+side), 1, "", "")
		wants(t, "enable-"+side+" again", do("enable-"+side), 0, "", "(?s).*set up already, and nothing was changed.*")
	}
	i.Start()
	s := i.Dial()
	s.Want("250", "EHLO x.test")
	s = s.StartTLS(&tls.Config{InsecureSkipVerify: true})
	leaf := s.TLS().PeerCertificates[0]
	s.Close()
	if leaf.PublicKeyAlgorithm != x509.ECDSA || leaf.VerifyHostname("mx.example.test") != nil {
		t.Errorf("smtpd has a certificate of kind %v for %q", leaf.PublicKeyAlgorithm, leaf.DNSNames)
	}
	record := fmt.Sprintf("_25._tcp.mx.example.test. IN TLSA 3 1 1 %x\n", sha256.Sum256(leaf.RawSubjectPublicKeyInfo))
	wants(t, "output-server-tlsa", do("output-server-tlsa"), 0, record, "")
	wants(t, "output-server-tlsa ecdsa", do("output-server-tlsa", "-h", "mx.example.test", "ecdsa", "rsa"), 0, record, "")
	r := do("output-server-csr", "-k", "ecdsa", "a.test", "b.test")
	block, _ := pem.Decode([]byte(r.Stdout))
	if r.Code != 0 || block == nil {
		t.Fatalf("output-server-csr: %+v", r)
	}
	if csr, err := x509.ParseCertificateRequest(block.Bytes); err != nil || csr.CheckSignature() != nil || csr.Subject.CommonName != "a.test" || len(csr.DNSNames) != 2 {
		t.Errorf("the request is %+v, %v", csr, err)
	}
	wants(t, "output-server-csr without a key", do("output-server-csr"), 1, "", script+"fatal: no key of kind rsa is set up.*\n")

	// Another certificate for the same key, and one for another.
	made := regexp.MustCompile(`deploy-server-cert (\S+) (\S+)`)
	for _, c := range []struct{ name, kind string }{{"new-server-cert", "ecdsa"}, {"new-server-key", "rsa"}} {
		var files []string
		i.Until(c.name+" has a second of its own", func() bool { // names have the time
			files = made.FindStringSubmatch(do(c.name, "-a", c.kind).Stderr)
			return files != nil
		})
		if info, err := os.Stat(files[2]); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: the key is %v, %v", c.name, info, err)
		}
		if got := do("output-server-tlsa", files[2]); (got.Stdout == record) != (c.kind == "ecdsa") || got.Code != 0 {
			t.Errorf("%s: %+v", c.name, got)
		}
		wants(t, "deploy-server-cert", do("deploy-server-cert", files[1], files[2]), 0, "", "(?s)"+script+"A new TLS private key.*")
		if c.kind == "rsa" {
			other := strings.TrimSpace(tool(i, "", "postconf", "-h", "smtpd_tls_eckey_file").Stdout)
			wants(t, "the wrong key", do("deploy-server-cert", files[1], other), 1, "", script+"fatal: .*private key.*\n")
		}
	}
	wants(t, "a wrong curve", do("new-server-key", "-a", "ecdsa", "-b", "x"), 1, "", script+"fatal: curve .*\n")
	wants(t, "nonsense", do("no"), 1, "", "postfix: fatal: tls: unknown subcommand .*\n")
	wants(t, "non-bdb", tool(i, "", "postfix", "non-bdb", "status"), 0, "", ".*nothing to do: .*\n")
}

// The configuration through postconf, the tables through postmap.
func TestConfigurationCommands(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{Stopped: true, Aliases: []string{"root: alice", "list: a, b"}})
	post := func(args ...string) instance.Result { return tool(i, "", "postconf", args...) }
	i.WriteFile("etc/main.cf", []string{"# top", "myhostname = mx.example.test", "mydestination = $myhostname,", "  localhost", "relayhost ="})
	i.WriteFile("etc/master.cf", []string{"# top", "smtp inet n - n - - smtpd", "  -o a=b"})
	wants(t, "one", post("myhostname"), 0, "myhostname = mx.example.test\n", "")
	wants(t, "two", post("relayhost", "message_size_limit"), 0, "relayhost =\nmessage_size_limit = 10240000\n", "")
	wants(t, "-h", post("-h", "mydestination"), 0, "$myhostname, localhost\n", "")
	wants(t, "-hx", post("-hx", "mydestination"), 0, "mx.example.test, localhost\n", "")
	wants(t, "-H", post("-H", "relayhost"), 0, "relayhost\n", "")
	wants(t, "-d", post("-d", "relayhost", "mydestination"), 0, "relayhost =\nmydestination = $myhostname, localhost.$mydomain, localhost\n", "")
	wants(t, "-n", post("-n"), 0, "config_directory = "+i.Etc()+"\nmydestination = $myhostname, localhost\nmyhostname = mx.example.test\nrelayhost =\n", "")
	wants(t, "-jn", post("-jn", "myhostname"), 0, "{\"myhostname\": \"mx.example.test\"}\n", "")
	wants(t, "-o", post("-o", "relayhost=[x]", "relayhost"), 0, "relayhost = [x]\n", "")
	wants(t, "unknown", post("no_such_parameter"), 0, "", "postconf: warning: no_such_parameter: unknown parameter\n")
	wants(t, "-n and -d", post("-nd"), 1, "", "postconf: fatal: specify one of -d and -n\n")
	if r := post("-m"); r.Code != 0 || !strings.Contains("\n"+r.Stdout, "\nhash\n") {
		t.Errorf("-m: %+v", r)
	}
	if r := post(); r.Code != 0 || strings.Count(r.Stdout, "\n") < 200 {
		t.Errorf("all: %+v", r)
	}
	wants(t, "-e", post("-e", "relayhost=[smtp.example.test]:587", "new_name = x"), 0, "", "")
	wants(t, "-#", post("-#", "new_name"), 0, "", "")
	wants(t, "-X", post("-X", "myhostname"), 0, "", "")
	if got, want := read(t, i.Path("etc", "main.cf")), "# top\nmydestination = $myhostname,\n  localhost\nrelayhost = [smtp.example.test]:587\n#new_name = x\n"; got != want {
		t.Errorf("main.cf has become\n%s\nwant\n%s", got, want)
	}

	smtp := "smtp       inet  n       -       n       -       -       smtpd"
	wants(t, "-M", post("-M"), 0, smtp+" -o a=b\n", "")
	wants(t, "-Mf", post("-Mf", "smtp/inet"), 0, smtp+"\n    -o a=b\n", "")
	wants(t, "-M of nothing", post("-M", "smtps/inet"), 0, "", "postconf: warning: unmatched request: \"smtps/inet\"\n")
	wants(t, "-F", post("-F", "smtp/inet/command"), 0, "smtp/inet/command = smtpd -o a=b\n", "")
	wants(t, "-F of nothing", post("-F", "smtps/inet/chroot", "smtp/inet/type"), 0, "smtp/inet/type = inet\n", "postconf: warning: unmatched request: \"smtps/inet/chroot\"\n")
	wants(t, "-F of no field", post("-F", "smtp/inet/nice"), 1, "", "postconf: fatal: no field is called \"nice\": .*\n")
	wants(t, "-P", post("-P", "smtp/inet/a"), 0, "smtp/inet/a = b\n", "")
	wants(t, "-P of nothing", post("-P", "smtp/inet/b", "smtps/inet"), 0, "", "postconf: warning: unmatched request: \"smtp/inet/b\"\npostconf: warning: unmatched request: \"smtps/inet\"\n")
	wants(t, "-Fe", post("-F", "smtp/inet/process_limit=7"), 0, "", "")
	wants(t, "-Pe", post("-P", "smtp/inet/b=c d"), 0, "", "")
	wants(t, "-PX", post("-PX", "smtp/inet/a"), 0, "", "")
	wants(t, "-Me", post("-M", "x/unix=x unix - n n - - pipe flags=q user=u argv=/p ${sender}"), 0, "", "")
	if got, want := read(t, i.Path("etc", "master.cf")), "# top\n"+strings.Replace(smtp, "-       smtpd", "7       smtpd", 1)+
		"\n    -o { b = c d }\nx          unix  -       n       n       -       -       pipe\n    flags=q user=u argv=/p ${sender}\n"; got != want {
		t.Errorf("master.cf has become\n%s\nwant\n%s", got, want)
	}
	wants(t, "-MX", post("-MX", "x/unix"), 0, "", "")
	i.WriteFile("etc/master.cf", []string{"smtp inet n - n - - smtpd", "  -o a=b", "x unix - n y - - pipe", "  user=u argv=/p", "# end", "y unix - - y - - smtp -o a=1 -o b=2", "z inet n - n - - smtpd"})
	wants(t, "-Fe of all", post("-F", "*/*/chroot = n"), 0, "", "")
	wants(t, "-Pe of some", post("-Pe", "*/unix/c = d"), 0, "", "")
	wants(t, "-PX of all", post("-PX", "*/*/a"), 0, "", "")
	wants(t, "-MX of some", post("-MX", "*/inet"), 0, "", "")
	wants(t, "-M# of some", post("-M#", "y/*"), 0, "", "")
	if got, want := read(t, i.Path("etc", "master.cf")), "x          unix  -       n       n       -       -       pipe\n    -o c=d\n    user=u argv=/p\n# end\n"+
		"#y          unix  -       -       n       -       -       smtp\n#    -o b=2\n#    -o c=d\n"; got != want {
		t.Errorf("master.cf has become\n%s\nwant\n%s", got, want)
	}
	for _, args := range [][]string{{"-MX", "q/inet"}, {"-M#", "*/inet"}, {"-PX", "q/inet/a"}, {"-Pe", "q/inet/a=b"}, {"-Fe", "q/inet/chroot=n"}} {
		name, _, _ := strings.Cut(args[1], "=")
		wants(t, "nothing for "+args[0], post(args...), 0, "", regexp.QuoteMeta("postconf: warning: unmatched request: \""+name+"\"\n"))
	}
	wants(t, "-MX without a type", post("-MX", "x"), 1, "", "postconf: fatal: want SERVICE/TYPE, have \"x\"\n")
	wants(t, "-Me nonsense", post("-M", "x/unix=x unix"), 1, "", "postconf: fatal: x/unix: want eight fields.*\n")

	i.WriteFile("etc/map", []string{"Key value one", "other  2", "broken"})
	file := "hash:" + i.Path("etc", "map")
	wants(t, "postmap -q", tool(i, "", "postmap", "-q", "KEY", file), 0, "value one\n", "postmap: warning: .*map:3: .*\n")
	wants(t, "postmap -q nothing", tool(i, "", "postmap", "-q", "nobody", file), 1, "", "postmap: warning: .*\n")
	wants(t, "postmap -q -", tool(i, "key\nnobody\nother\n", "postmap", "-q", "-", file), 0, "key\tvalue one\nother\t2\n", "postmap: warning: .*\n")
	wants(t, "postmap -s", tool(i, "", "postmap", "-s", file), 0, "key\tvalue one\nother\t2\n", "")
	wants(t, "postmap", tool(i, "", "postmap", i.Path("etc", "map")), 0, "", "postmap: warning: .*map:3: .*\n")
	wants(t, "postmap of nothing", tool(i, "", "postmap", "hash:/no/such/file"), 1, "", "postmap: fatal: .*/no/such/file.*\n")
	letter := "Subject: a\n b\nOTHER: x\n\nother\n"
	i.WriteFile("etc/re", []string{"/^(sub|other)/ hit"})
	wants(t, "postmap -h", tool(i, letter, "postmap", "-h", "-q", "-", "regexp:"+i.Path("etc", "re")), 0,
		"Subject: a\n b\thit\nOTHER: x\thit\n", "")
	wants(t, "postmap -b", tool(i, letter, "postmap", "-b", "-q", "-", "regexp:"+i.Path("etc", "re")), 0, "other\thit\n", "")
	wants(t, "postmap -bq KEY", tool(i, "", "postmap", "-b", "-q", "key", file), 1, "", "postmap: fatal: .*\n")
	i.WriteFile("etc/named", []string{"key " + i.Path("etc", "re")})
	named := "hash:" + i.Path("etc", "named")
	wants(t, "postmap -F", tool(i, "", "postmap", "-F", "-q", "key", named), 0, "/^(sub|other)/ hit\n\n", "")
	wants(t, "postmap -F of nothing", tool(i, "", "postmap", "-F", file), 1, "", "postmap: warning: .*\npostmap: fatal: .*value: no such file.*\n")
	wants(t, "postmap -d", tool(i, "", "postmap", "-d", "key", file), 1, "", "postmap: fatal: .*\n")
	wants(t, "postalias -q", tool(i, "", "postalias", "-q", "List", i.Path("etc", "aliases")), 0, "a, b\n", "")
	wants(t, "postalias -q -", tool(i, "list\nnobody\nroot\n", "postalias", "-q", "-", i.Path("etc", "aliases")), 0, "list:\ta, b\nroot:\talice\n", "")
	wants(t, "postalias -s", tool(i, "", "postalias", "-s", i.Path("etc", "aliases")), 0, "root:\talice\nlist:\ta, b\n", "")
	wants(t, "postalias -sj", tool(i, "", "postalias", "-sj", i.Path("etc", "aliases")), 0, "{\"root\": \"alice\"}\n{\"list\": \"a, b\"}\n", "")
	wants(t, "postalias", tool(i, "", "postalias", i.Path("etc", "aliases")), 0, "", "")
}
