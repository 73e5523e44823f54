package stompgw

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"atommq/bus"
	"atommq/bus/bustest"
	"atommq/db"
	"atommq/feeds"
	"atommq/stompgw/stomp"
)

// testTopics is the topics of a node, and its bus.
type testTopics struct {
	*topics
	bus *bus.Bus
	t   testing.TB
}

// node is a bus on a store, and its topics.
func node(t testing.TB, store bus.Store, notifier bus.Notifier, configure ...func(*bus.Config)) *testTopics {
	t.Helper()
	config := bus.Config{Log: slog.New(slog.DiscardHandler)}
	for _, change := range configure {
		change(&config)
	}
	b, err := bus.Open(context.Background(), store, notifier, config)
	if err != nil {
		t.Fatal(err)
	}
	topics := newTopics(b, "http://localhost:8080")
	t.Cleanup(func() {
		topics.close()
		b.Close()
	})
	return &testTopics{topics: topics, bus: b, t: t}
}

func memory(t testing.TB) *testTopics { return node(t, &bustest.Memory{}, nil) }

// onEachStore runs a test on a store in memory and on a database.
func onEachStore(t *testing.T, test func(t *testing.T, n *testTopics)) {
	t.Run("memory", func(t *testing.T) { test(t, memory(t)) })
	t.Run("sqlite", func(t *testing.T) { test(t, node(t, sqlite(t, filepath.Join(t.TempDir(), "test.db")), nil)) })
}

func sqlite(t testing.TB, name string) *db.Store {
	t.Helper()
	store, err := db.Open(context.Background(), name, db.Config{Synchronous: "OFF"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

// send publishes a text with headers, and returns its id.
func (n *testTopics) send(feed, body string, header ...string) int64 {
	n.t.Helper()
	m := &feeds.Message{Type: "text/plain", Body: []byte(body)}
	for _, h := range header {
		name, value, _ := strings.Cut(h, ":")
		m.Header = append(m.Header, feeds.Field{Name: name, Value: value})
	}
	e, err := feeds.ComposeMessage("", m)
	if err != nil {
		n.t.Fatal(err)
	}
	out, err := n.bus.Publish(context.Background(), bus.Post{Feed: feed, Entry: e})
	if err != nil {
		n.t.Fatal(err)
	}
	return out[0].ID
}

// client is a connection that follows topics.
type client struct {
	*follower
	t     testing.TB
	woken chan struct{}
	room  int // of its writer
}

func (n *testTopics) client(v stomp.Version) *client {
	c := &client{follower: &follower{}, t: n.t, woken: make(chan struct{}, 1), room: 64 << 10}
	c.attach(n.topics, v, func() {
		select {
		case c.woken <- struct{}{}:
		default: // there is a token that nobody waited for
		}
	})
	n.t.Cleanup(c.close)
	return c
}

// follow subscribes to a destination, from now on where change does not say otherwise.
func (c *client) follow(id, destination string, change ...func(*topicSubscription)) {
	c.t.Helper()
	name, prefix := strings.CutSuffix(strings.TrimPrefix(destination, topicPrefix), "*")
	q := topicSubscription{id: []byte(id), feed: []byte(name), prefix: prefix, after: fromNow}
	for _, c := range change {
		c(&q)
	}
	c.subscribe(q)
}

func from(id int64) func(*topicSubscription) { return func(q *topicSubscription) { q.after = id } }

// message is a MESSAGE that came.
type message struct {
	header map[string]string
	body   string
}

func (m message) id() int64 {
	id, _ := strconv.ParseInt(m.header["Xlastid"], 10, 64)
	return id
}

// take returns what there is now, parsed, and next's error.
func (c *client) take() ([]message, error) {
	c.t.Helper()
	var out parcel
	more, err := true, error(nil)
	for more && err == nil {
		more, err = c.next(context.Background(), &out, c.room)
	}
	return parseMessages(c.t, c.version, out.joined()), err
}

// joined returns what is to be written.
func (p *parcel) joined() (all []byte) {
	for part := range p.parts() {
		all = append(all, part...)
	}
	return all
}

func parseMessages(t testing.TB, v stomp.Version, out []byte) (list []message) {
	t.Helper()
	r := stomp.NewReader(bytes.NewReader(out), stomp.Limits{})
	r.SetVersion(v)
	for {
		f, err := r.Next()
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		if f.Command != stomp.MESSAGE {
			t.Fatalf("a frame %s came", f.Command)
		}
		m := message{header: map[string]string{}, body: string(f.Body)}
		for _, field := range slices.Backward(f.Fields) {
			m.header[string(field.Name)] = string(field.Value)
		}
		list = append(list, m)
	}
}

const patience = 20 * time.Second

// receive waits for n messages, no more and no fewer.
func (c *client) receive(n int) []message {
	c.t.Helper()
	list, err := c.receiveUntil(func(list []message) bool { return len(list) >= n })
	if err != nil {
		c.t.Fatal(err)
	}
	if len(list) > n {
		c.t.Fatalf("%d messages came, not %d, at last %s", len(list), n, bodies(list))
	}
	return list
}

// receiveUntil waits until enough have come, or next fails.
func (c *client) receiveUntil(enough func([]message) bool) (list []message, err error) {
	c.t.Helper()
	late := time.After(patience)
	for {
		some, err := c.take()
		list = append(list, some...)
		if err != nil || enough(list) {
			return list, err
		}
		select {
		case <-c.woken:
		case <-late:
			c.t.Fatalf("waited in vain; %d messages came, at last %s", len(list), bodies(list))
		}
	}
}

func bodies(list []message) string {
	var s []string
	for _, m := range list[max(0, len(list)-10):] {
		s = append(s, m.body[:min(len(m.body), 20)])
	}
	return strings.Join(s, " ")
}

// wantBodies fails unless these bodies come, in this order, and no others before them.
func (c *client) wantBodies(want ...string) []message {
	c.t.Helper()
	list := c.receive(len(want))
	var got []string
	for _, m := range list {
		got = append(got, m.body)
	}
	if d := cmp.Diff(want, got); d != "" {
		c.t.Fatalf("-want +got:\n%s", d)
	}
	return list
}

func TestTopicBringsWhatIsPublishedAfterSubscribing(t *testing.T) {
	onEachStore(t, func(t *testing.T, n *testTopics) {
		n.send("a", "before")
		c := n.client(stomp.V12)
		c.follow("1", "/topic/a")
		c.follow("2", "/topic/b")
		id := n.send("a", "one", "colour:red")
		n.send("c", "other")
		n.send("b", "two")
		n.send("a", "three")
		list := c.wantBodies("one", "two", "three")
		for name, want := range map[string]string{
			"subscription": "1", "destination": "/topic/a", "colour": "red", "content-type": "text/plain", "content-length": "3",
			"message-id": strconv.FormatInt(id, 10), "Xlastid": strconv.FormatInt(id, 10),
		} {
			if got := list[0].header[name]; got != want {
				t.Errorf("%s is %q, not %q", name, got, want)
			}
		}
		if list[1].header["subscription"] != "2" || list[1].header["destination"] != "/topic/b" {
			t.Errorf("headers %v", list[1].header)
		}
	})
}

func TestTopicGoesToEverybodyUntilUnsubscribed(t *testing.T) {
	n := memory(t)
	a, b := n.client(stomp.V12), n.client(stomp.V10)
	a.follow("x", "/topic/feed")
	a.follow("y", "/topic/feed")
	b.follow("x", "/topic/feed")
	n.send("feed", "one")
	a.wantBodies("one", "one")
	b.wantBodies("one")
	if got := n.count("feed"); got != 3 {
		t.Errorf("%d subscribers", got)
	}
	n.send("feed", "two")
	<-a.woken
	if !a.unsubscribe([]byte("x")) || a.unsubscribe([]byte("x")) {
		t.Error("unsubscribe does not tell what it found")
	}
	if list, _ := a.take(); len(list) != 1 || list[0].header["subscription"] != "y" {
		t.Errorf("after unsubscribing came %v", list)
	}
	a.close()
	a.close()
	b.wantBodies("two")
	if got := n.count("feed"); got != 1 {
		t.Errorf("%d subscribers", got)
	}
}

func TestTopicSubscriptionIDsAreAConnectionsOwn(t *testing.T) {
	n := memory(t)
	a, b := n.client(stomp.V12), n.client(stomp.V12)
	a.follow("1", "/topic/a")
	b.follow("1", "/topic/a")
	n.send("a", "one")
	a.wantBodies("one")
	b.wantBodies("one")
}

func TestPrefixMatchesEveryFeedThatBeginsSoOnceForEachSubscription(t *testing.T) {
	onEachStore(t, func(t *testing.T, n *testTopics) {
		n.send("ab", "before")
		c := n.client(stomp.V12)
		c.follow("ab", "/topic/ab*")
		c.follow("all", "/topic/*")
		n.send("a", "a")
		n.send("ab", "ab")
		n.send("abc", "abc")
		list := c.wantBodies("a", "ab", "ab", "abc", "abc")
		got := map[string]int{}
		for _, m := range list {
			got[m.header["subscription"]+" "+m.header["destination"]]++
		}
		want := map[string]int{"all /topic/a": 1, "all /topic/ab": 1, "ab /topic/ab": 1, "all /topic/abc": 1, "ab /topic/abc": 1}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("-want +got:\n%s", d)
		}
		for feed, want := range map[string]int{"a": 1, "ab": 2, "abcd": 2, "x": 1} {
			if got := n.count(feed); got != want {
				t.Errorf("%s has %d subscribers, not %d", feed, got, want)
			}
		}
	})
}

func TestTombstoneComesAsAnEmptyMessage(t *testing.T) {
	onEachStore(t, func(t *testing.T, n *testTopics) {
		c := n.client(stomp.V12)
		c.follow("1", "/topic/a")
		n.send("a", "one", "colour:red")
		first := c.receive(1)[0]
		gone, err := n.bus.Remove(context.Background(), "a", first.header["uuid"], 0)
		if err != nil {
			t.Fatal(err)
		}
		m := c.receive(1)[0]
		if m.body != "" || m.header["deleted"] != "true" || m.id() != gone.ID || m.header["uuid"] != first.header["uuid"] || m.header["colour"] != "" {
			t.Errorf("the tombstone came as %v", m)
		}
	})
}

// What a dead letter tells of the expiry of its message does not hide it from who looks for it.
func TestDeadLettersDoNotExpire(t *testing.T) {
	n := memory(t)
	c := n.client(stomp.V12)
	n.send("a.dead", "letter", "dead-cause:the consumer refused it", "expires:1700000000000")
	n.send("a.dead", "message", "expires:1700000000000")
	n.send("a.dead", "last")
	c.follow("1", "/topic/a.dead", from(0))
	c.wantBodies("letter", "last")
}

func TestExpiredMessageIsNotDelivered(t *testing.T) {
	n := memory(t)
	live, late := n.client(stomp.V12), n.client(stomp.V11)
	live.follow("1", "/topic/a")
	soon := strconv.FormatInt(time.Now().Add(time.Hour).UnixMilli(), 10)
	n.send("a", "long ago", "expires:1700000000000")
	n.send("a", "soon", "expires:"+soon)
	n.send("a", "never", "expires:0")
	late.follow("1", "/topic/a", from(0))
	for _, c := range []*client{live, late} {
		if list := c.wantBodies("soon", "never"); list[0].header["expires"] != soon {
			t.Errorf("expires is %q", list[0].header["expires"])
		}
	}
}

func TestWholeEntryIsDelivered(t *testing.T) {
	n := memory(t)
	c := n.client(stomp.V12)
	c.follow("1", "/topic/a b", func(q *topicSubscription) { q.whole = true })
	n.send("a b", "one")
	m := c.receive(1)[0]
	if m.header["content-type"] != "application/atom+xml;type=entry" {
		t.Errorf("content-type %q", m.header["content-type"])
	}
	for _, part := range []string{"<content type=\"text\">one</content>", "http://localhost:8080/feeds/a%20b/entries/" + m.header["uuid"], "<mq:id"} {
		if !strings.Contains(m.body, part) {
			t.Errorf("%q is not in %s", part, m.body)
		}
	}
}

// What another node publishes is brought here too, in the order of the log.
func TestTopicBringsWhatOtherNodesPublish(t *testing.T) {
	name := filepath.Join(t.TempDir(), "test.db")
	one, two := sqlite(t, name), sqlite(t, name)
	stores := map[string][2]*testTopics{"sqlite": {node(t, one, one), node(t, two, two)}}
	mem := &bustest.Memory{}
	stores["memory"] = [2]*testTopics{node(t, mem, mem), node(t, mem, mem)}
	for name, nodes := range stores {
		t.Run(name, func(t *testing.T) {
			c := nodes[0].client(stomp.V12)
			c.t = t
			c.follow("1", "/topic/a")
			var want []string
			for i := range 200 {
				body := fmt.Sprint(i)
				nodes[i%3%2].send("a", body)
				want = append(want, body)
			}
			c.wantBodies(want...)
		})
	}
}
