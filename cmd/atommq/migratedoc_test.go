package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"atommq/stompgw/stomp"
)

const migrateDoc = "../../doc/migrate.md"

// oldDatabases are those that doc/migrate.md imports, by file.
var oldDatabases = map[string]string{
	"atombus.db": `CREATE TABLE atombus_entry (order_id INTEGER PRIMARY KEY NOT NULL, id varchar(100) NOT NULL UNIQUE, feed_title varchar(255) NOT NULL, title text NOT NULL,
			author_name varchar(255), author_email varchar(255), updated varchar(100) NOT NULL, content text NOT NULL);
		INSERT INTO atombus_entry VALUES (1, 'urn:uuid:3F2504E0-4F89-11D3-9A0C-0305E82C3301', 'widgets', 'first', NULL, NULL, '2010-06-01T10:00:00Z', 'one'),
			(2, 'urn:uuid:3F2504E0-4F89-11D3-9A0C-0305E82C3302', 'widgets', 'second', NULL, NULL, '2010-06-02T10:00:00Z', 'two'),
			(3, 'urn:uuid:3F2504E0-4F89-11D3-9A0C-0305E82C3303', 'gadgets', 'third', NULL, NULL, '2010-06-02 10:00:00', 'three')`,
	"ocamlmq.db": `CREATE TABLE ocamlmq_msgs (msg_id VARCHAR(255) NOT NULL PRIMARY KEY, priority INT NOT NULL, destination VARCHAR(255) NOT NULL, timestamp DOUBLE NOT NULL,
			ack_timeout DOUBLE NOT NULL, body BLOB NOT NULL);
		INSERT INTO ocamlmq_msgs VALUES ('a', 0, 'jobs', 1290000000.5, 0, x'6f6e65'), ('b', 0, 'jobs', 1290000001.5, 0, x'74776f')`,
}

func TestTheWaysOfMigratingWorkAsWritten(t *testing.T) {
	shell := newShell(t, startServer(t))
	for name, statements := range oldDatabases {
		if out, err := exec.CommandContext(t.Context(), "sqlite3", filepath.Join(shell.dir, name), statements).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	transcripts := readTranscripts(t, migrateDoc)
	if len(transcripts) < 5 {
		t.Errorf("%d commands", len(transcripts))
	}
	for _, tr := range transcripts {
		out, err := shell.run(t, tr.command)
		if err != nil || !tr.matches(out) {
			t.Errorf("line %d: %s: %v\nprints:\n%s\nthe page has:\n%s", tr.line, tr.command, err, out, strings.Join(tr.output, "\n"))
		}
	}
	out, err := shell.run(t, "curl -s http://127.0.0.1:8080/feeds/gadgets")
	if err != nil || !strings.Contains(strings.Join(strings.Fields(out), ""), "<updated>2010-06-02T10:00:00Z</updated>") {
		t.Errorf("a date without a zone: %v\n%s", err, out)
	}
}

// bridge writes the script of the page to a file, where it waits a second for more.
func bridge(t *testing.T) (script string) {
	t.Helper()
	needLibrary(t, "stomp.py", "python3-stomp", systemPython, "-c", "import stomp")
	text, err := os.ReadFile(migrateDoc)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```python\n")
	block, _, _ := strings.Cut(rest, "```")
	patient := strings.Count(block, "receive(Side.messages, 5)")
	if patient != 1 {
		t.Fatalf("the bridge waits for messages in %d places", patient)
	}
	script = filepath.Join(t.TempDir(), "bridge.py")
	writeFile(t, script, strings.ReplaceAll(block, "receive(Side.messages, 5)", "receive(Side.messages, 1)"))
	return script
}

// cross runs the bridge, and wants it to say each of these and to fail or not.
func cross(t *testing.T, script string, fails bool, says []string, args ...string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), systemPython, append([]string{script}, args...)...).CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) != fails || fails && exit.ExitCode() != 1 {
		t.Errorf("the bridge %q: %v\n%s", args, err, out)
	}
	for _, want := range says {
		if !strings.Contains(string(out), want) {
			t.Errorf("the bridge %q does not say %q:\n%s", args, want, out)
		}
	}
	if strings.Contains(string(out), "Traceback") {
		t.Errorf("the bridge %q breaks off:\n%s", args, out)
	}
}

func TestTheBridgeFromOtherBrokersMovesMessagesOnce(t *testing.T) {
	script := bridge(t)
	old, server := startServer(t), startServer(t)
	sender := connect(t, old.Stomp)
	for i := range 3 {
		sender.must(t, stomp.SEND, fmt.Sprint("job ", i), "destination", "/queue/jobs", "content-type", "text/plain")
	}
	sender.must(t, stomp.SEND, "\x00\xff", "destination", "/queue/jobs")
	cross(t, script, false, []string{"moved 1\nmoved 2\nmoved 3\nmoved 4\n4 messages moved\n"}, old.Stomp, server.Stomp, "/queue/jobs")
	for name, waiting := range map[string]string{old.DB: "0", server.DB: "4"} {
		out, err := exec.CommandContext(t.Context(), "atommq", "queues", "--json", "--db", name).Output()
		if err != nil || !strings.Contains(string(out), `"waiting":`+waiting+",") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	out, err := exec.CommandContext(t.Context(), "sqlite3", server.DB, "SELECT count(*) FROM atommq_entry WHERE xml LIKE '%>AP8=<%'").Output()
	if err != nil || string(out) != "1\n" {
		t.Errorf("of the body of bytes there are %s, %v", out, err)
	}
}

// otherBroker speaks STOMP as an old broker does to one client: it has a message for who subscribes,
// and goes when that is acknowledged, before the receipt of that or, if it is to, behind it.
func otherBroker(t *testing.T, confirms bool, headers ...string) (address string) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		nc, err := l.Accept()
		if err != nil {
			return
		}
		defer nc.Close()
		frames := stomp.NewReader(nc, stomp.Limits{})
		for {
			f, err := frames.Next()
			if err != nil {
				return
			}
			receipt, _ := f.Get("receipt")
			answer := "RECEIPT\nreceipt-id:" + string(receipt) + "\n\n\x00"
			switch f.Command {
			case stomp.CONNECT, stomp.STOMP:
				frames.SetVersion(stomp.V12)
				answer = "CONNECTED\nversion:1.2\n\n\x00"
			case stomp.SUBSCRIBE:
				answer += "MESSAGE\nsubscription:1\ndestination:/queue/jobs\nack:a\n" + strings.Join(headers, "\n") + "\n\njob\x00"
			case stomp.ACK:
				if confirms {
					_, _ = io.WriteString(nc, answer)
				}
				return
			}
			if _, err := io.WriteString(nc, answer); err != nil {
				return
			}
		}
	}()
	return l.Addr().String()
}

func TestTheBridgeSendsOnAllHeadersButThoseOfTheDelivery(t *testing.T) {
	script := bridge(t)
	server := startServer(t)
	old := otherBroker(t, true, "message-id:T_1@@session-x@@1", "content-type:application/json", "tenant:a\\cb\\nc", "type:order", "JMSType:order", "correlation-id:7",
		"reply-to:/remote-temp-queue/ID\\chost-1", "expires:99999999999999", "priority:20", "group:g", "persistent:1", "redelivered:true", "AMQ_SCHEDULED_DELAY:5", "receipt:r", "transaction:t")
	cross(t, script, true, []string{"moved T_1@@session-x@@1\n1 messages moved\n", old + ": the connection ended"}, old, server.Stomp, "/queue/jobs")
	c := connect(t, server.Stomp)
	c.must(t, stomp.SUBSCRIBE, "", "id", "1", "destination", "/queue/jobs")
	got := c.message(t)
	for name, want := range map[string]string{
		"content-type": "application/json", "tenant": "a:b\nc", "type": "order", "JMSType": "order", "correlation-id": "7", "expires": "99999999999999",
		"priority": "9", "old-reply-to": "/remote-temp-queue/ID:host-1", "old-group": "g",
		"reply-to": "", "group": "", "persistent": "", "AMQ_SCHEDULED_DELAY": "", "redelivered": "", "receipt": "", "transaction": "",
	} {
		if got.headers[name] != want {
			t.Errorf("%s is %q, want %q", name, got.headers[name], want)
		}
	}
	if got.body != "job" {
		t.Errorf("the body is %q", got.body)
	}
}

func TestTheBridgeTakesNoFailureForSuccess(t *testing.T) {
	script := bridge(t)
	empty, server := startServer(t), startServer(t)
	closed := startServer(t, "--login", "me", "--passcode", "secret")
	const gone = "127.0.0.1:1"
	for _, test := range []struct {
		name, old, new string
		args           []string
		says           []string
	}{
		{"a name that is not right", empty.Stomp, server.Stomp, nil, []string{"0 messages moved\n", "there is nothing in /queue/jobs: is it the name?"}},
		{"a broker that goes", otherBroker(t, false, "message-id:1"), server.Stomp, nil, []string{"0 messages moved\n", "the connection ended"}},
		{"an ERROR", otherBroker(t, true, "message-id:1", "expires:1700000000"), server.Stomp, nil, []string{"0 messages moved\n", `expires "1700000000" looks like seconds`, "send milliseconds"}},
		{"an ERROR to SUBSCRIBE", empty.Stomp, server.Stomp, []string{"jobs"}, []string{"0 messages moved\n", `destination "jobs" is none that this server knows`}},
		{"nobody there", gone, server.Stomp, nil, []string{"0 messages moved\n", gone + ": there is no connection"}},
		{"no login there", closed.Stomp, server.Stomp, nil, []string{"this server asks for a login"}},
		{"no login here", empty.Stomp, closed.Stomp, nil, []string{"this server asks for a login"}},
		{"a wrong login", empty.Stomp, closed.Stomp, []string{"/queue/jobs", "--new-login", "me", "--new-passcode", "x"}, []string{"wrong login or passcode"}},
		{"right logins", closed.Stomp, closed.Stomp, []string{"/queue/jobs", "--new-login", "me", "--new-passcode", "secret", "--old-login", "me", "--old-passcode", "secret", "--old-vhost", "/"}, []string{"there is nothing in /queue/jobs"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			args := test.args
			if args == nil {
				args = []string{"/queue/jobs"}
			}
			cross(t, script, true, test.says, append([]string{test.old, test.new}, args...)...)
		})
	}
}
