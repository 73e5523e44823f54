package api

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"atommq/bus"
)

// How much of the log a stream takes at once, and so holds while its reader is slow.
const (
	streamEntries = 256
	streamBytes   = 64 << 10
)

const (
	// retryHint is when an EventSource is to come back after its connection broke.
	retryHint = 2 * time.Second
	// retrySpread is the time over which those come back who are sent away at once.
	retrySpread = 4 * time.Second
)

// beatField tells, in seconds, the longest time between two writes to a stream.
const beatField = "Stream-Heart-Beat"

const (
	typeEvents = "text/event-stream"
	typeLines  = "application/x-ndjson"
)

var (
	contentEvents = []string{"text/event-stream; charset=utf-8"}
	contentLines  = []string{"application/x-ndjson"}
	unbuffered    = []string{"no"}
	varyStream    = []string{"Accept, Accept-Encoding, Xlastid, Last-Event-ID"}
)

// stream sends one reader what is published, in one goroutine.
type stream struct {
	*rendering
	choice   choice
	selected bus.Selection // what the reader may read of the choice
	sub      *bus.Subscription
	access   *bus.Access
	live     *live
	stats    *stats
	to       pipe
	told     bus.Cursor // that the reader has
	wrote    time.Time  // last, to its reader
	end      time.Time
	behind   atomic.Int64 // the oldest id of what it is being sent, 0 while it waits for more
}

// pipe is the way to a reader. Both have a deadline for each write.
type pipe interface {
	// send writes parts, one behind the other, and does not keep them.
	send(parts [][]byte) error
	// finish writes what ends the answer.
	finish() error
}

var (
	_ pipe = (*takenPipe)(nil)
	_ pipe = (*responsePipe)(nil)
)

// getStream answers with what comes after the cursor, or from now on, and does not end by itself.
func (s *site) getStream(w http.ResponseWriter, r *http.Request, c choice, form offer) error {
	if !s.streams {
		return &problemError{
			Status: http.StatusNotAcceptable,
			Detail: "There are no streams here, where each request takes a process. Poll, with Prefer: wait=10.",
		}
	}
	start, err := s.streamStart(r, &c)
	if err != nil {
		return err
	}
	kind, err := streamKind(r, form)
	if err != nil {
		return err
	}
	describeStream(w.Header(), form)
	w.Header()[beatField] = s.live.beatValue
	st := &stream{
		rendering: newRendering(s.bus, s.baseOf(r), kind),
		choice:    c,
		selected:  c.selection(),
		access:    s.access,
		live:      s.live,
		stats:     s.stats,
		told:      bus.Cursor{After: start.id, Loss: start.loss},
	}
	if err := s.live.enter(c.caller, st); err != nil {
		return err
	}
	st.sub = s.bus.Follow(st.selected, start.id)
	st.sub.Bytes, st.sub.First = streamBytes, start.fromFirst()
	st.sub.Loss, st.sub.Reader = start.loss, c.filter.reader
	// A cursor whose next entries are gone is told so by a status. Nothing is lost: the stream
	// begins with these entries.
	page, changed, err := st.sub.Poll(r.Context(), streamEntries)
	if err != nil {
		st.close(nil)
		return err
	}
	if r.Method == http.MethodHead {
		st.close(nil)
		w.WriteHeader(http.StatusOK)
		return nil
	}
	waits(w)
	if taken := takeOver(w, r); taken != nil {
		st.to = taken
		s.live.adopt(taken.conn)
		go s.runTaken(st, taken.conn, page, changed, requestID(w))
		return nil
	}
	defer st.close(nil)
	st.to = newResponsePipe(w, r)
	s.logStream(st.run(r.Context(), page, changed), requestID(w))
	return nil
}

// runTaken runs a stream on a connection of its own. For net/http the request is over, and its
// context with it.
func (s *site) runTaken(st *stream, conn net.Conn, page []*bus.Entry, changed <-chan struct{}, request string) {
	defer st.close(conn)
	ctx, left := context.WithCancelCause(context.Background())
	go func() { left(awaitLeaving(conn)) }()
	defer func() {
		_ = conn.Close()
		<-ctx.Done()
	}()
	defer func() {
		if v := recover(); v != nil {
			s.log.Error("panic while streaming", "request", request, "panic", v, "stack", string(debug.Stack()))
		}
	}()
	err := st.run(ctx, page, changed)
	if errors.Is(err, os.ErrDeadlineExceeded) { // the recorder saw nothing of it
		s.stats.unread.Add(1)
	}
	s.logStream(err, request)
}

func (s *site) logStream(err error, request string) {
	if err != nil {
		s.log.Debug("a stream broke off", "request", request, "error", err)
	}
}

// close counts the stream's reader out. conn is its connection where that was taken over.
func (st *stream) close(conn net.Conn) {
	st.sub.Close()
	st.live.leave(st.choice.caller, st, conn)
}

// streamKind returns the form of the entries of a stream.
func streamKind(r *http.Request, form offer) (formKind, error) {
	if form.typ == typeLines {
		return asLine, nil
	}
	data, given, err := parameter(r.URL.RawQuery, "data")
	switch {
	case err != nil:
		return 0, err
	case !given || data == "atom":
		return asAtomEvent, nil
	case data == "json":
		return asJSONEvent, nil
	}
	return 0, badRequest("data: %.40q is not a form of events. Give atom, json, or none, which is atom.", data)
}

// describeStream sets the header fields of a stream.
func describeStream(h http.Header, form offer) {
	h["Content-Type"] = contentEvents
	if form.typ == typeLines {
		h["Content-Type"] = contentLines
	}
	h["Cache-Control"] = noStore
	h["Vary"] = varyStream
	h["X-Accel-Buffering"] = unbuffered // nginx would hold events back
	h["X-Content-Type-Options"] = nosniff
}

// streamStart returns where a stream begins, by the id of its cursor. What an EventSource sends
// when it comes back outweighs the URL, which stays the same.
func (s *site) streamStart(r *http.Request, c *choice) (v view, err error) {
	if v, err = parseView(r); err != nil {
		return v, err
	}
	if last := r.Header["Last-Event-Id"]; len(last) > 0 && last[0] != "" {
		if len(last) > 1 {
			return v, repeated("Last-Event-ID")
		}
		if err := v.place("Last-Event-ID", last[0]); err != nil {
			return v, err
		}
	}
	switch {
	case v.limited:
		return v, badRequest("limit is for pages: a stream has no end. Leave it out.")
	case v.order == newestFirst:
		v.id = s.bus.Head() // what is published from now on
	case v.order != after:
		return v, badRequest("A stream goes forward. Give after=, last-event-id= or none to begin with what is published from now on.")
	}
	if c.own != "" {
		if err := v.checkLoss(); err != nil {
			return v, err
		}
	}
	if v.uuid != "" {
		sel := c.selection()
		name, one := sel.One()
		if !one {
			return v, badRequest("The cursor of several feeds is an id. Give the value of Xlastid, or of id in an earlier event.")
		}
		if err := s.locate(r.Context(), name, &v); err != nil {
			return v, err
		}
	}
	v.id = min(v.id, math.MaxInt64-1)
	return v, nil
}

// run sends entries until the reader has left, which ends ctx or fails a write, or is to come back.
// The first ones are in page.
func (st *stream) run(ctx context.Context, page []*bus.Entry, changed <-chan struct{}) error {
	st.end = time.Now().Add(jittered(st.live.lifetime))
	timer := time.NewTimer(st.live.beat)
	defer timer.Stop()
	if err := st.open(); err != nil {
		return err
	}
	var known <-chan struct{}
	for {
		// Asked behind each reading, before its cursor is told: what was read by rights that count
		// no longer lies behind the cursor that the reader comes back with.
		revised := st.access.Changed()
		if revised != known && !st.stands() {
			return st.farewell()
		}
		known = revised
		if err := st.deliver(ctx, page); err != nil {
			return err
		}
		if len(page) == 0 {
			select {
			case <-changed:
			case <-revised:
			case <-timer.C:
				if err := st.beat(); err != nil {
					return err
				}
				timer.Reset(st.live.beat - time.Since(st.wrote))
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-st.live.ending:
			case <-st.sub.Done():
			}
		}
		if st.over() {
			return st.farewell()
		}
		var err error
		if page, changed, err = st.sub.Poll(ctx, streamEntries); err != nil {
			return errors.Join(err, st.fail(err))
		}
	}
}

// stands reports whether the reader may read what it could when the stream began.
func (st *stream) stands() bool {
	now := st.choice.selection()
	return !now.None() && now.Equal(st.selected)
}

// over reports whether the reader is to come back later.
func (st *stream) over() bool {
	select {
	case <-st.live.ending:
		return true
	case <-st.sub.Done():
		return true
	default:
		return time.Now().After(st.end)
	}
}

func (st *stream) isLines() bool { return st.kind == asLine }

// write sends one piece of text.
func (st *stream) write(text []byte) error {
	st.wrote = time.Now()
	return st.to.send([][]byte{text})
}

// open begins the answer. An EventSource that loses its connection before the first event so
// knows where to go on. One that begins at the beginning of several feeds gets a cursor that says
// so if what comes behind it needs one, too: 0 stays 0 with any loss.
func (st *stream) open() error {
	if st.isLines() {
		return st.write([]byte("\n"))
	}
	if st.told.After == 0 {
		st.told.Loss = st.sub.Cursor().Loss
	}
	return st.write(fmt.Appendf(nil, "retry: %d\nid: %s\n\n", retryHint.Milliseconds(), st.told))
}

// parts are what goes out in one write.
var parts = sync.Pool{New: func() any {
	p := make([][]byte, 0, streamEntries+4)
	return &p
}}

// deliver sends those of a page that pass the filter.
func (st *stream) deliver(ctx context.Context, page []*bus.Entry) error {
	if len(page) == 0 {
		st.behind.Store(0)
		return nil
	}
	st.behind.Store(page[0].ID)
	out := parts.Get().(*[][]byte)
	defer func() {
		clear(*out)
		*out = (*out)[:0]
		parts.Put(out)
	}()
	st.renew()
	for _, e := range page {
		if st.choice.filter.passes(e) {
			*out = append(*out, st.render(ctx, e))
			st.told.After = e.ID
		}
	}
	if len(*out) == 0 {
		return st.beat() // the next ones may not pass either
	}
	sent := len(*out)
	if loss := st.sub.Cursor().Loss; !st.isLines() && (loss != 0 || st.told.Loss != 0) {
		// The ids of entries are the same for all readers. Behind them comes what this one needs.
		st.told = st.sub.Cursor()
		*out = append(*out, fmt.Appendf(nil, ":\nid: %s\n\n", st.told))
	}
	st.wrote = time.Now()
	st.stats.streamed.Add(int64(sent))
	return st.to.send(*out)
}

// beat writes what keeps the connection open and shows whether it is. The cursor of a quiet
// stream moves with it.
func (st *stream) beat() error {
	switch now := st.sub.Cursor(); {
	case time.Since(st.wrote) < st.live.beat:
		return nil
	case st.isLines():
		return st.write([]byte("\n"))
	case now.After > st.told.After:
		st.told = now
		return st.write(fmt.Appendf(nil, ":\nid: %s\n\n", now))
	}
	return st.write([]byte(":\n\n"))
}

// farewell sends the reader away, to come back at a time of its own.
func (st *stream) farewell() error {
	if !st.isLines() {
		retry := retryHint/2 + rand.N(retrySpread)
		if err := st.write(fmt.Appendf(nil, "retry: %d\n\n", retry.Milliseconds())); err != nil {
			return err
		}
	}
	return st.to.finish()
}

// fail tells the reader why there is nothing more. Who comes back with the same cursor is told
// again, by a status.
func (st *stream) fail(err error) error {
	if errors.Is(err, bus.ErrClosed) {
		return st.farewell()
	}
	if !st.isLines() {
		p := problemOf(err)
		event := appendData([]byte("event: problem\n"), p.json(""))
		if err := st.write(append(event, '\n')); err != nil {
			return err
		}
	}
	return st.to.finish()
}
