package bus_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"atommq/bus"
	"atommq/bus/bustest"
)

func TestStatsCountWhatWasPublishedAndWhatWasNot(t *testing.T) {
	store := &bustest.Memory{}
	b := open(t, store, nil, bus.Config{PendingBytes: 4096})
	first := post("x", "a")
	first.Key = "k"
	publish(t, b, first)
	publish(t, b, first)
	other := post("x", "other")
	other.Key = "k"
	large := post("x", strings.Repeat("x", 5000))
	for _, p := range []bus.Post{other, large} {
		if _, err := b.Publish(t.Context(), p); err == nil {
			t.Errorf("%.10s was published", p.Entry.Title)
		}
	}
	publish(t, b, post("y", "b"), post("y", "c"))
	store.BeforeCommit = func([]*bus.Op) error { return fmt.Errorf("the disk: %w", bus.ErrFull) }
	if _, err := b.Publish(t.Context(), post("y", "d"), post("y", "e")); !errors.Is(err, bus.ErrFull) {
		t.Fatal(err)
	}
	s := b.Stats()
	bytes := int64(len(first.Entry.XML)) + 2*int64(len(post("y", "b").Entry.XML))
	if s.Entries != 3 || s.Bytes != bytes || s.Replayed != 1 || s.Head != 3 || s.CommitsFailed != 1 {
		t.Errorf("stats = %+v", s)
	}
	for cause, want := range map[string]int64{"key_reused": 1, "too_large": 1, "full": 2, "other": 0, "read_only": 0} {
		if s.Refused[cause] != want {
			t.Errorf("%d entries refused for %s, want %d", s.Refused[cause], cause, want)
		}
	}
	var commits uint64
	for _, n := range s.CommitSizes.Counts {
		commits += n
	}
	if commits != 4 || s.CommitSizes.Counts[0] != 3 || s.CommitSizes.Counts[1] != 1 || s.CommitSizes.Sum != 5 {
		t.Errorf("sizes of commits = %+v", s.CommitSizes)
	}
	if len(s.CommitSeconds.Counts) != len(s.CommitSeconds.Bounds)+1 || !slices.IsSorted(s.CommitSeconds.Bounds) {
		t.Errorf("times of commits = %+v", s.CommitSeconds)
	}
}

func TestEveryCauseHasOneName(t *testing.T) {
	names := bus.Causes()
	slices.Sort(names)
	if n := len(slices.Compact(slices.Clone(names))); n != len(names) {
		t.Errorf("%d names for %d causes: %q", n, len(names), names)
	}
}

// TestADeadLetterIsLoggedAndCounted checks it for both ways to consume.
func TestADeadLetterIsLoggedAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		b, err := bus.Open(context.Background(), &bustest.Memory{}, nil, bus.Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		one := 1
		if _, err := b.ConfigureQueue(t.Context(), "x", bus.DefaultQueue, bus.QueueSettings{Attempts: &one}); err != nil {
			t.Fatal(err)
		}
		publish(t, b, queued("refused"), queued("late"), queued("good"))
		w := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 1, Name: "worker 7"})
		w.want("refused")
		w.nack()
		w.consumer.Close()
		lease(t, b, bus.LeaseConfig{AckTimeout: time.Second}, "late")
		<-time.After(1100 * time.Millisecond)
		synctest.Wait()
		w = work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 1})
		w.want("good")
		w.ack(1)
		s := b.Stats()
		w.consumer.Close()
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		if s.DeadLetters != 2 || s.Acked != 1 || s.Consumers != 1 {
			t.Errorf("stats = %+v", s)
		}
		for _, want := range []string{
			`feed=x queue=default entry=1 attempts=1 cause="the consumer refused it" consumer="worker 7" to=x.dead as=4`,
			`feed=x queue=default entry=2 attempts=1 cause="its ack timeout passed" consumer=HTTP to=x.dead as=5`,
		} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log lacks %s:\n%s", want, log.String())
			}
		}
		if n := strings.Count(log.String(), "dead letter"); n != 2 {
			t.Errorf("%d lines of dead letters:\n%s", n, log.String())
		}
	})
}

func TestAFloodOfDeadLettersDoesNotFloodTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const letters = 100
		var log bytes.Buffer
		b, err := bus.Open(context.Background(), &bustest.Memory{}, nil, bus.Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		one := 1
		if _, err := b.ConfigureQueue(t.Context(), "x", bus.DefaultQueue, bus.QueueSettings{Attempts: &one}); err != nil {
			t.Fatal(err)
		}
		for range letters {
			publish(t, b, queued("bad"))
		}
		w := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: letters})
		w.take(letters)
		if err := w.do(&bus.Transaction{Nacks: w.held}); err != nil {
			t.Fatal(err)
		}
		w.consumer.Close()
		s := b.Stats()
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		if lines := strings.Count(log.String(), "\n"); s.DeadLetters != letters || lines > 25 || !strings.Contains(log.String(), "count=80") {
			t.Errorf("%d dead letters, %d lines:\n%s", s.DeadLetters, lines, log.String())
		}
	})
}

func TestStatsTellOfRetention(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
		two := bus.Keep{Entries: 2}
		if _, err := b.Configure(t.Context(), "x", bus.Settings{Keep: &two}); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			publish(t, b, post("x", "a"))
		}
		<-time.After(2 * time.Minute)
		synctest.Wait()
		if n := b.Stats().Pruned; n != 3 {
			t.Errorf("%d removed, want 3", n)
		}
	})
}

func TestACensusDescribesTheLongestQueues(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
		for i, feed := range []string{"a", "b", "c"} {
			p := post(feed, "x")
			p.Queue = bus.DefaultQueue
			for range i + 1 {
				publish(t, b, p)
			}
		}
		w := work(t, b, bus.ConsumerConfig{Feed: "c", Prefetch: 1})
		w.want("x")
		totals, queues, err := b.Census(t.Context(), 2)
		if err != nil || totals.Queues != 3 || totals.Waiting != 6 || totals.Entries != 6 {
			t.Fatalf("%+v, %v", totals, err)
		}
		if len(queues) != 2 || queues[0].Feed != "c" || queues[0].Claimed != 1 || queues[0].Waiting != 3 || queues[1].Feed != "b" || queues[1].Oldest.IsZero() {
			t.Errorf("queues = %+v", queues)
		}
		if _, queues, err = b.Census(t.Context(), 0); err != nil || queues != nil {
			t.Errorf("%v, %v", queues, err)
		}
	})
}
