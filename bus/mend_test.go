package bus_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"atommq/bus"
	"atommq/bus/bustest"
	"atommq/feeds"
)

// mend does what an editing client does: it gets an entry as it is served, writes "mended" where
// that says "broken", and puts it back.
func mend(t testing.TB, b *bus.Bus, feed string) {
	t.Helper()
	e := read(t, b, bus.Query{Feed: feed}).Entries[0]
	served := feeds.AppendDocument(nil, &e.Member, &feeds.Feed{Name: feed}, "https://example.org"+feeds.Path(feed))
	doc, err := feeds.ParseFor(&e.Member, bytes.ReplaceAll(served, []byte("broken"), []byte("mended")), "", feeds.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Replace(context.Background(), feed, e.UUID, doc.Entries[0], e.ID); err != nil {
		t.Fatal(err)
	}
}

func requeueOne(t testing.TB, b *bus.Bus) {
	t.Helper()
	done, err := b.Requeue(context.Background(), deadQueue, 1, 1, nil)
	if err != nil || done != (bus.Requeued{Sent: 1}) {
		t.Fatalf("Requeue = %+v, %v", done, err)
	}
	attempts(t, b, 10)
}

func TestAnEntryThatWasMendedGoesBackAsItIsNow(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
		keep := false
		if _, err := b.Configure(context.Background(), "x", bus.Settings{UntilAcked: &keep}); err != nil {
			t.Fatal(err)
		}
		sent := publish(t, b, queued("broken"))
		bury(t, b)
		mend(t, b, "x")
		requeueOne(t, b)
		if l := lease(t, b, bus.LeaseConfig{Count: 9}, "mended"); l[0].Entry.UUID != sent[0].UUID {
			t.Error("it came back as another entry")
		}
		wantTitles(t, b, bus.Query{Feed: "x"}, "mended")
	})
}

func TestADeadLetterThatWasMendedGoesBackAsItIsNow(t *testing.T) {
	message := &feeds.Message{Type: "text/plain", Header: []feeds.Field{{Name: "a", Value: "b"}}, Body: []byte("broken")}
	composed, err := feeds.ComposeMessage("broken", message)
	if err != nil {
		t.Fatal(err)
	}
	for name, entry := range map[string]*feeds.Entry{"of Atom": queued("broken").Entry, "of STOMP": composed} {
		for _, untilAcked := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
					if _, err := b.Configure(context.Background(), "x", bus.Settings{UntilAcked: &untilAcked}); err != nil {
						t.Fatal(err)
					}
					publish(t, b, bus.Post{Feed: "x", Entry: entry, Queue: bus.DefaultQueue})
					bury(t, b)
					mend(t, b, "x.dead")
					requeueOne(t, b)
					e := lease(t, b, bus.LeaseConfig{Count: 9}, "mended")[0].Entry
					for _, trace := range []string{"dead", "broken", "<id>", "<author>", `rel="alternate"`} {
						if strings.Contains(string(e.XML), trace) {
							t.Errorf("there is %s in\n%s", trace, e.XML)
						}
					}
					if e.Absent&(feeds.PartID|feeds.PartAuthor) != feeds.PartID|feeds.PartAuthor {
						t.Errorf("what is absent: %b", e.Absent)
					}
					if entry == composed {
						m, err := feeds.MessageOf(&e.Member)
						if err != nil || len(m.Header) != 1 || m.Header[0] != message.Header[0] || string(m.Body) != "mended" {
							t.Errorf("the message is %+v, %v", m, err)
						}
					}
				})
			})
		}
	}
}
