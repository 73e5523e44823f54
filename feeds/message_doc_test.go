package feeds

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// example is a block of code in a document.
type example struct{ lang, text string }

// examples returns those of a section of doc/stomp.md, in order.
func examples(t *testing.T, section string) []example {
	t.Helper()
	doc, err := os.ReadFile("../doc/stomp.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(doc), "\n## "+section+"\n")
	text, _, _ = strings.Cut(text, "\n## ")
	var out []example
	for _, m := range regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)\n```$").FindAllStringSubmatch(text, -1) {
		out = append(out, example{m[1], m[2]})
	}
	return out
}

// transport are the headers of an example that are not the sender's.
var transport = regexp.MustCompile(`^(destination|content-type)$`)

// frame reads a frame in which "^A" stands for U+0001.
func frame(text string) (command string, m *Message) {
	head, body, _ := strings.Cut(strings.TrimSuffix(text, "^@"), "\n\n")
	command, head, _ = strings.Cut(head, "\n")
	m = &Message{Body: []byte(body)}
	for line := range strings.Lines(head) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		value = strings.NewReplacer("^A", "\x01", `\n`, "\n").Replace(value)
		if name == "content-type" {
			m.Type = value
		}
		if !transport.MatchString(name) {
			m.Header = append(m.Header, Field{name, value})
		}
	}
	return command, m
}

var indentation = regexp.MustCompile(`>\n\s*<`)

// Each frame in the documentation stands beside the entry that it becomes or comes from.
func TestDocumentedMessagesAreWhatTheyAreSaidToBe(t *testing.T) {
	blocks := examples(t, "Messages and entries")
	if len(blocks) == 0 || len(blocks)%2 != 0 {
		t.Fatalf("%d examples are no pairs", len(blocks))
	}
	for ; len(blocks) > 0; blocks = blocks[2:] {
		sent, xml := blocks[0], blocks[1]
		if sent.lang == "xml" {
			sent, xml = xml, sent
		}
		command, m := frame(sent.text)
		entry := indentation.ReplaceAllString(xml.text, "><")
		if command == "SEND" {
			if d := cmp.Diff(entry, string(entryOf(t, m).XML)); d != "" {
				t.Errorf("-documented +composed:\n%s", d)
			}
		}
		d, err := Parse([]byte(entry), "", Limits{})
		if err != nil {
			t.Fatal(err)
		}
		checkMessage(t, d.Entries[0], m)
	}
}
