package stompgw

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"atommq/bus"
	"atommq/bus/bustest"
	"atommq/feeds"
	"atommq/stompgw/stomp"
)

func TestXlastidReplaysAndGoesLive(t *testing.T) {
	onEachStore(t, func(t *testing.T, n *testTopics) {
		var ids []int64
		for i := range 700 { // more than two pages
			ids = append(ids, n.send("a", fmt.Sprint(i)))
			n.send("ab", "other")
		}
		c := n.client(stomp.V12)
		c.follow("1", "/topic/a", from(ids[99]))
		n.send("a", "700")
		var want []string
		for i := 100; i <= 700; i++ {
			want = append(want, fmt.Sprint(i))
		}
		c.wantBodies(want...)
		if s := c.ids.get("1"); s.lag != nil {
			t.Error("the subscription still reads from the log")
		}
		n.send("a", "live")
		c.wantBodies("live")
	})
}

func TestXlastidReplaysPrefixesInTheOrderOfTheLog(t *testing.T) {
	onEachStore(t, func(t *testing.T, n *testTopics) {
		var want []string
		for i := range 600 {
			n.send(fmt.Sprintf("p%d", i%3), fmt.Sprint(i))
			n.send("q", "other")
			want = append(want, fmt.Sprint(i))
		}
		c := n.client(stomp.V12)
		c.follow("1", "/topic/p*", from(0))
		c.wantBodies(want...)
		n.send("p", "live")
		n.send("p2", "live")
		c.wantBodies("live", "live")
	})
}

func TestXlastidBeforeThereIsAFeedWaitsForIt(t *testing.T) {
	n := memory(t)
	c := n.client(stomp.V12)
	c.follow("1", "/topic/a", from(0))
	if list, err := c.take(); len(list) > 0 || err != nil {
		t.Fatalf("there came %v, %v", list, err)
	}
	n.send("a", "one")
	c.wantBodies("one")
}

// A reader that does not read holds a bounded part of what is published, and gets all of it later.
func TestSlowReaderLagsOnTheLog(t *testing.T) {
	onEachStore(t, func(t *testing.T, n *testTopics) {
		slow, quick := n.client(stomp.V12), n.client(stomp.V12)
		slow.follow("1", "/topic/a")
		slow.follow("2", "/topic/b")
		slow.follow("3", "/topic/*")
		quick.follow("1", "/topic/a")
		body := strings.Repeat("x", 20_000)
		const sent = 200
		for i := range sent {
			n.send("a", fmt.Sprint(i, " ", body))
			n.send("b", fmt.Sprint(i, " ", body))
			quick.receive(1)
		}
		slow.mu.Lock()
		if slow.outbox.bytes > outboxBytes+len(body)*2 {
			t.Errorf("%d bytes are held", slow.outbox.bytes)
		}
		slow.mu.Unlock()
		wantInOrder(t, slow.receive(4*sent), map[string]int{"1": sent, "2": sent, "3": 2 * sent})
		n.send("a", "live")
		slow.wantBodies("live", "live")
	})
}

// wantInOrder fails unless each subscription got so many messages, with rising ids.
func wantInOrder(t *testing.T, list []message, want map[string]int) {
	t.Helper()
	last, got := map[string]int64{}, map[string]int{}
	for _, m := range list {
		id := m.header["subscription"]
		if m.id() <= last[id] {
			t.Fatalf("subscription %s got %d after %d", id, m.id(), last[id])
		}
		last[id] = m.id()
		got[id]++
	}
	for id, n := range want {
		if got[id] != n {
			t.Errorf("subscription %s got %d messages, not %d", id, got[id], n)
		}
	}
}

func TestGapEndsTheSession(t *testing.T) {
	onEachStore(t, func(t *testing.T, n *testTopics) {
		first := n.send("a", "one")
		second := n.send("a", "two")
		third := n.send("a", "three")
		if _, err := n.bus.Prune(context.Background(), "a", second); err != nil {
			t.Fatal(err)
		}
		c := n.client(stomp.V12)
		c.follow("1", "/topic/a", from(first))
		_, err := c.take()
		var gap *bus.GapError
		if !errors.As(err, &gap) || gap.Oldest != third {
			t.Fatalf("error %v", err)
		}
		fresh := n.client(stomp.V12)
		fresh.follow("1", "/topic/a", from(0))
		fresh.wantBodies("three")
	})
}

func TestWindowHoldsBackUntilAcked(t *testing.T) {
	onEachStore(t, func(t *testing.T, n *testTopics) {
		individual := func(q *topicSubscription) { q.ack, q.window, q.after = ackIndividual, 2, 0 }
		cumulative := func(q *topicSubscription) { q.ack, q.window = ackCumulative, 2 }
		c, old := n.client(stomp.V12), n.client(stomp.V10)
		n.send("a", "0")
		c.follow("x:1", "/topic/a", individual)
		old.follow("/topic/a", "/topic/a", cumulative, func(q *topicSubscription) { q.unnamed = true })
		for i := 1; i < 6; i++ {
			n.send("a", fmt.Sprint(i))
		}
		list := c.wantBodies("0", "1")
		for _, which := range []string{"first", "second"} {
			if !c.ack([]byte(list[1].header["ack"])) {
				t.Errorf("ack does not know what was delivered, the %s time", which)
			}
		}
		if c.ack([]byte("t99@x:1")) || c.ack([]byte("7")) {
			t.Error("ack knows what was not delivered")
		}
		list = append(list, c.wantBodies("2")...)
		c.ack([]byte(list[0].header["ack"]))
		c.ack([]byte(list[2].header["ack"]))
		c.wantBodies("3", "4")

		list = old.wantBodies("1", "2")
		if _, named := list[0].header["subscription"]; named {
			t.Error("a subscription without id is named")
		}
		if !old.ackMessage(nil, []byte(list[1].header["message-id"])) || old.ackMessage(nil, []byte(list[0].header["message-id"])) {
			t.Error("a cumulative ack does not take what was before it")
		}
		old.wantBodies("3", "4")
	})
}

// An ACK of 1.0 that names no subscription opens the window that waits for it, whichever follow was first.
func TestAnAckWithoutSubscriptionIsOfWhoWaitsForIt(t *testing.T) {
	n := memory(t)
	c := n.client(stomp.V10)
	c.follow("/topic/open", "/topic/open", func(q *topicSubscription) { q.unnamed, q.ack = true, ackCumulative })
	c.follow("/topic/x", "/topic/x", func(q *topicSubscription) { q.unnamed, q.ack, q.window = true, ackIndividual, 1 })
	n.send("x", "one")
	n.send("x", "two")
	n.send("open", "later")
	for _, m := range c.receive(2) { // in any order
		if m.body == "one" && !c.ackMessage(nil, []byte(m.header["message-id"])) {
			t.Error("nobody takes the ACK")
		}
	}
	c.wantBodies("two")
}

func TestAckWithoutWindowIsTaken(t *testing.T) {
	n := memory(t)
	c := n.client(stomp.V11)
	c.follow("1", "/topic/a", func(q *topicSubscription) { q.ack = ackCumulative })
	c.follow("2", "/topic/a")
	n.send("a", "one")
	m := c.receive(2)[0]
	if _, has := m.header["ack"]; has {
		t.Error("STOMP 1.1 has no ack header")
	}
	if !c.ackMessage([]byte("1"), []byte(m.header["message-id"])) || c.ackMessage([]byte("1"), []byte("99")) ||
		c.ackMessage([]byte("2"), []byte(m.header["message-id"])) || c.ackMessage([]byte("3"), []byte("1")) {
		t.Error("ackMessage does not tell what was waiting for it")
	}
}

// Whoever subscribes while others publish gets everything published after that, once and in order;
// readers lag, catch up and go live meanwhile.
func TestNothingIsSkippedOrDoubled(t *testing.T) {
	mem := &bustest.Memory{}
	name := filepath.Join(t.TempDir(), "test.db")
	for what, nodes := range map[string][]*testTopics{
		"memory":      {memory(t)},
		"sqlite":      {node(t, sqlite(t, filepath.Join(t.TempDir(), "one.db")), nil)},
		"two-nodes":   {node(t, mem, mem), node(t, mem, mem)},
		"two-sqlites": twoSQLites(t, name),
	} {
		t.Run(what, func(t *testing.T) { (&stress{t: t, nodes: nodes, sent: 120}).run() })
	}
}

func twoSQLites(t *testing.T, name string) []*testTopics {
	one, two := sqlite(t, name), sqlite(t, name)
	return []*testTopics{node(t, one, one), node(t, two, two)}
}

// stress is publishers, and readers that come while they publish.
type stress struct {
	t     *testing.T
	nodes []*testTopics
	sent  int // calls of each publisher

	mu    sync.Mutex
	clock int                      // counts what began
	began map[string]map[int64]int // when the publishing of an entry began, by feed and id
	turns []chan struct{}          // of the readers to begin, closed one after the other
	half  chan struct{}            // closed when half is published
	whole chan struct{}            // closed when all is
}

const (
	stressFeeds      = 3
	stressPublishers = 4
	stressReaders    = 12
)

func (s *stress) run() {
	s.began, s.half, s.whole = map[string]map[int64]int{}, make(chan struct{}), make(chan struct{})
	for range stressReaders {
		s.turns = append(s.turns, make(chan struct{}))
	}
	var publishers, readers sync.WaitGroup
	for p := range stressPublishers {
		publishers.Go(func() { s.publish(p) })
	}
	for r := range stressReaders {
		readers.Go(func() { s.read(r) })
	}
	publishers.Wait()
	close(s.whole)
	readers.Wait()
}

// tick returns the time by s's clock.
func (s *stress) tick() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock++
	half := s.sent * stressPublishers / 2
	if r := s.clock * stressReaders / half; s.clock < half && s.clock*stressReaders%half < stressReaders {
		close(s.turns[r])
	}
	if s.clock == half {
		close(s.half)
	}
	return s.clock
}

func (s *stress) publish(p int) {
	random := rand.New(rand.NewPCG(uint64(p), 1))
	for range s.sent {
		feed := fmt.Sprint("feed", random.IntN(stressFeeds))
		posts := make([]bus.Post, 1+random.IntN(20))
		for i := range posts {
			e, err := feeds.ComposeMessage("", &feeds.Message{Body: []byte(strings.Repeat("x", random.IntN(4000)))})
			if err != nil {
				s.t.Error(err)
			}
			posts[i] = bus.Post{Feed: feed, Entry: e}
		}
		began := s.tick()
		out, err := s.nodes[p%len(s.nodes)].bus.Publish(context.Background(), posts...)
		if err != nil {
			s.t.Error(err)
		}
		s.mu.Lock()
		if s.began[feed] == nil {
			s.began[feed] = map[int64]int{}
		}
		for _, p := range out {
			s.began[feed][p.ID] = began
		}
		s.mu.Unlock()
	}
}

// read is one reader: of a feed or a prefix, from the beginning or from now on, at once or when it has to lag.
func (s *stress) read(r int) {
	random := rand.New(rand.NewPCG(uint64(r), 2))
	if r > 0 {
		<-s.turns[r]
	}
	c := s.nodes[r%len(s.nodes)].client(stomp.V12)
	c.t, c.room = s.t, 1+random.IntN(100_000)
	defer c.close()
	destination, change := fmt.Sprint("/topic/feed", r%stressFeeds), from(fromNow)
	if r%4 == 0 {
		destination = "/topic/fe*"
	}
	if r%3 == 0 {
		change = from(0)
	}
	c.follow("1", destination, change)
	subscribed := s.now()
	if r%3 == 0 {
		subscribed = 0
	}
	if r%2 == 0 {
		<-s.half
	}
	some, err := c.take()
	if err != nil {
		s.t.Error(err)
	}
	<-s.whole
	log := s.log(c)
	if !s.owes(log, subscribed) {
		return // the publishers were done before this reader was there
	}
	got := some
	for len(got) == 0 || got[len(got)-1].id() < log[len(log)-1] {
		some, err = c.receiveUntil(func(some []message) bool { return len(some) > 0 })
		if err != nil {
			s.t.Error(err)
			return
		}
		got = append(got, some...)
	}
	s.check(log, got, subscribed)
}

func (s *stress) now() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clock
}

// log returns the ids of what c follows, in order.
func (s *stress) log(c *client) (ids []int64) {
	follow := c.ids.get("1")
	for feed, began := range s.began {
		if feed == follow.feed() || follow.is(isPrefix) {
			ids = slices.AppendSeq(ids, maps.Keys(began))
		}
	}
	slices.Sort(ids)
	return ids
}

// owes reports whether something was published after subscribing, so that the end of the log has to come.
func (s *stress) owes(log []int64, subscribed int) bool {
	return slices.ContainsFunc(log, func(id int64) bool {
		for _, began := range s.began {
			if began[id] > subscribed {
				return true
			}
		}
		return false
	})
}

// check compares what came with the log: all of its end, and everything published after subscribing.
func (s *stress) check(log []int64, list []message, subscribed int) {
	if len(list) > len(log) {
		s.t.Errorf("%d messages came, %d were published", len(list), len(log))
		return
	}
	missed := log[:len(log)-len(list)]
	for i, id := range log[len(missed):] {
		if list[i].id() != id {
			s.t.Errorf("as number %d of %d came %d instead of %d", i, len(list), list[i].id(), id)
			return
		}
	}
	for _, id := range missed {
		for _, began := range s.began {
			if began[id] > subscribed {
				s.t.Errorf("%d, published after subscribing, did not come", id)
				return
			}
		}
	}
}
