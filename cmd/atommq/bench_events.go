package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sync/errgroup"

	"atommq/bus"
)

const (
	benchFollowers = 100 // readers of the feed that is fanned out
	benchBurst     = 100 // entries in one publish
	benchLead      = 500 // entries that the publisher is ahead of the slowest reader, at most: the readers stay live
)

// benchEvents measures how many Server-Sent Events reach 100 readers of a feed, beside bare sockets
// into which the same bytes are written.
func benchEvents(ctx context.Context, b *bench) (err error) {
	site, err := b.openSite(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, site.close()) }()
	events, err := site.events(ctx)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("a feed with %d readers", benchFollowers)
	rates, err := b.compare(ctx, what, site.fanning, bareEvents(events))
	if err != nil {
		return err
	}
	b.report(finding{Section: "events", What: fmt.Sprintf("%s (%s B an event)", what, thousands(float64(len(events))/benchBurst)),
		Unit: "deliveries/s", Value: rates[0], Ceiling: rates[1], CeilingWhat: "over bare sockets", Budget: budget{AtLeast: 500_000}})
	return nil
}

// events publishes some entries, and returns the events that they become.
func (s *benchSite) events(ctx context.Context) (events []byte, err error) {
	last, err := s.fill(ctx, benchFeed, benchBurst, benchEntryBytes)
	if err != nil {
		return nil, err
	}
	conn, err := dialTCP(ctx, s.address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if _, err := conn.Write(getRequest(benchPath+"?after=0", "Accept: text/event-stream\r\n")); err != nil {
		return nil, fmt.Errorf("send request: %w", err)
	}
	buf := make([]byte, eventBuffer)
	for int64(bytes.Count(events, eventMark)) < last {
		n, err := conn.Read(buf)
		if err != nil {
			return nil, fmt.Errorf("read events: %w", err)
		}
		events = append(events, buf[:n]...)
	}
	return events, nil
}

// fanning publishes as fast as the slowest reader reads, and returns the deliveries to all of them.
func (s *benchSite) fanning(ctx context.Context, d time.Duration) (perSecond float64, err error) {
	readers, err := dialAllEvents(ctx, s.address, benchFollowers)
	if err != nil {
		return 0, err
	}
	got := newTally(len(readers))
	reading, ctx := errgroup.WithContext(ctx)
	for i, r := range readers {
		reading.Go(func() error { return r.count(func(n int64) { got.set(i, n) }) })
	}
	var published int64
	posts := make([]bus.Post, benchBurst)
	for i := range posts {
		posts[i] = bus.Post{Feed: benchFeed, Entry: benchEntry(benchEntryBytes)}
	}
	start := time.Now()
	_, err = rate(ctx, d, 1, func(int) (int, error) {
		if _, err := s.bus.Publish(ctx, posts...); err != nil {
			return 0, err
		}
		published += benchBurst
		return benchBurst, got.wait(ctx, got.least, published-benchLead)
	})
	if err == nil {
		err = got.wait(ctx, got.least, published)
	}
	perSecond = float64(got.sum()) / time.Since(start).Seconds()
	for _, r := range readers {
		_ = r.conn.Close() // that is how they end
	}
	return perSecond, errors.Join(err, reading.Wait())
}

// bareEvents has the same readers read from sockets into which the same bytes are written over and over.
func bareEvents(events []byte) measure {
	return func(ctx context.Context, d time.Duration) (perSecond float64, err error) {
		listener, err := listenBench(ctx)
		if err != nil {
			return 0, err
		}
		var pouring errgroup.Group
		pouring.Go(func() error { return pourInto(listener, &pouring, events) })
		defer func() { err = errors.Join(err, pouring.Wait()) }()
		defer listener.Close()
		readers := make([]*eventReader, benchFollowers)
		for i := range readers {
			conn, err := dialTCP(ctx, listener.Addr().String())
			if err != nil {
				return 0, err
			}
			defer conn.Close()
			readers[i] = &eventReader{conn: conn, buf: make([]byte, eventBuffer)}
		}
		return rate(ctx, d, benchFollowers, func(i int) (int, error) {
			before := readers[i].events
			err := readers[i].next()
			return int(readers[i].events - before), err
		})
	}
}

// eventBuffer is what a reader reads at once.
const eventBuffer = 64 << 10

// eventReader counts the events of a stream, and looks at no more of them.
type eventReader struct {
	conn   net.Conn
	buf    []byte
	kept   int // bytes at the beginning of buf that may begin a mark
	events int64
}

// eventMark stands once in every event of an entry.
var eventMark = []byte("\nevent: entry\n")

// dialEvents opens a stream of a feed, and returns when it has begun.
func dialEvents(ctx context.Context, addr, path string) (*eventReader, error) {
	conn, err := dialTCP(ctx, addr)
	if err != nil {
		return nil, err
	}
	r := &eventReader{conn: conn, buf: make([]byte, eventBuffer)}
	if err := r.begin(path); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return r, nil
}

// begin asks for the events of a feed.
func (r *eventReader) begin(path string) error {
	if _, err := r.conn.Write(getRequest(path, "Accept: text/event-stream\r\n")); err != nil {
		return fmt.Errorf("send request: %w", err)
	}
	n, err := r.conn.Read(r.buf)
	if err != nil {
		return fmt.Errorf("ask for events: %w", err)
	}
	if !bytes.HasPrefix(r.buf[:n], []byte("HTTP/1.1 200")) {
		return fmt.Errorf("ask for events: the server answers %.100q", r.buf[:n])
	}
	r.events = int64(bytes.Count(r.buf[:n], eventMark))
	r.kept = copy(r.buf, r.buf[max(0, n-len(eventMark)+1):n])
	return nil
}

// dialAllEvents opens n streams of what is published from now on.
func dialAllEvents(ctx context.Context, addr string, n int) ([]*eventReader, error) {
	readers := make([]*eventReader, n)
	dialing, ctx := errgroup.WithContext(ctx)
	dialing.SetLimit(benchConnections)
	for i := range readers {
		dialing.Go(func() (err error) {
			readers[i], err = dialEvents(ctx, addr, benchPath)
			return err
		})
	}
	return readers, dialing.Wait()
}

// next reads what there is, and counts its events.
func (r *eventReader) next() error {
	n, err := r.conn.Read(r.buf[r.kept:])
	if err != nil {
		return fmt.Errorf("read events: %w", err)
	}
	end := r.kept + n
	r.events += int64(bytes.Count(r.buf[:end], eventMark))
	r.kept = copy(r.buf, r.buf[max(0, end-len(eventMark)+1):end])
	return nil
}

// count reads until the connection is closed, and tells how many events there were.
func (r *eventReader) count(told func(int64)) error {
	for {
		err := r.next()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		told(r.events)
	}
}
