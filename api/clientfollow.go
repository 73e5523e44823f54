package api

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"atommq/bus"
	"atommq/feeds"
)

const (
	// followPatience is how long a stream may take to begin. One that a proxy holds back does not.
	followPatience = 10 * time.Second
	// followWait is how long a poll waits, where there are no streams.
	followWait = 45 * time.Second
	// followPolls is for how long it is polled before a stream is tried again.
	followPolls = 5 * time.Minute
	followPage  = 100
	// How soon a server is asked again that has ended a stream, whatever it says of that.
	shortestRetry, longestRetry = 200 * time.Millisecond, 5 * time.Minute
	// followEarly is how soon a stream or a poll ends that has not waited for anything.
	followEarly = time.Second
)

// Following says what Client.Follow follows. The zero cursor is the beginning of what is kept.
type Following struct {
	Feeds      []string // names; with a star at its end, how names begin
	Categories []string // term or {scheme}term; without any, all entries
	After      int64    // the cursor; Follow moves it behind each entry that handle took

	// Lost, unless nil, is told when the server goes away, once each time, before it is tried again.
	Lost func(error)

	// known is the latest cursor that has what several feeds had lost before they were read from
	// their beginning: what was there, and not what has gone since, is behind it.
	known bus.Cursor
}

// cursor is where to go on from. It may lie before After: a stream gives only some of its places
// so.
func (f *Following) cursor() bus.Cursor {
	if f.known.Loss != 0 && f.known.After <= f.After {
		return f.known
	}
	return bus.Cursor{After: f.After}
}

// Follow calls handle for each entry and tombstone after f.After, in order of id, each once, and
// waits for those to come. It reads a stream of events or, where none comes through, polls; and
// tries again, ever less often, while there is no server. It returns what handle returns; ctx's
// cause; refusals, a *StatusError: 410 when entries after the cursor are no longer kept; and
// ErrForeign when what answers at first is no AtomMQ. Later, that is tried again as well: it is a
// page of a proxy, which passes. An event that cannot be read would come again as it is: the error
// names its id, and whoever decides to do without it goes on from there.
func (c *Client) Follow(ctx context.Context, f *Following, handle func(*BatchEntry) error) error {
	target, err := f.target()
	if err != nil {
		return err
	}
	follower := follower{Client: c, following: f, target: target, handle: handle}
	return follower.run(ctx)
}

// target returns the path and query of what is followed.
func (f *Following) target() (string, error) {
	if len(f.Feeds) == 0 {
		return "", fmt.Errorf("follow: %w: no feed is named", errMisuse)
	}
	path, query := "/feeds", make(url.Values)
	if one := f.Feeds[0]; len(f.Feeds) == 1 && !strings.HasSuffix(one, "*") {
		if err := feeds.CheckName(one); err != nil {
			return "", fmt.Errorf("follow %q: %w: %w", one, errMisuse, err)
		}
		path = feeds.Path(one)
	} else {
		query["feed"] = f.Feeds
	}
	if len(f.Categories) > 0 {
		query["category"] = f.Categories
	}
	return path + "?" + query.Encode(), nil
}

// limited returns a target with the number of entries to be given at most.
func limited(target string, limit int) string {
	return strings.Replace(target+"&limit="+strconv.Itoa(limit), "?&", "?", 1)
}

// follower follows for one call.
type follower struct {
	*Client
	following *Following
	target    string
	handle    func(*BatchEntry) error

	pause  pause
	retry  time.Duration // that the server asked for when it ended a stream
	away   bool          // Lost was told
	known  bool          // AtomMQ has answered
	there  bool          // it has since anything went wrong
	polled time.Time
}

// final is an error that ends the following: handle's, or one that would come again.
type final struct{ error }

func (f *follower) run(ctx context.Context) error {
	for {
		begun, was := time.Now(), f.following.After
		err := f.read(ctx)
		got := f.following.After > was || f.there && time.Since(begun) >= followEarly
		if got {
			f.pause.reset()
		}
		if end, ok := errors.AsType[final](err); ok {
			return end.error
		}
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err == nil:
			if err := f.rest(ctx, got); err != nil {
				return err
			}
			continue
		case !f.passes(err):
			return err
		case !f.away && f.following.Lost != nil:
			f.following.Lost(err)
		}
		f.away, f.there = true, false
		if err := f.pause.wait(ctx, err); err != nil {
			return err
		}
	}
}

// rest waits before more is asked for: as long as the server wants, within bounds, and ever longer
// where it ends early what has got nothing. One that does not wait would be asked without end.
func (f *follower) rest(ctx context.Context, got bool) error {
	retry := f.retry
	f.retry = 0
	if err := sleep(ctx, retry); err != nil || got {
		return err
	}
	return f.pause.wait(ctx, nil)
}

// passes reports whether to try again: what is not AtomMQ's is a proxy's if it comes after AtomMQ's
// own, and a feed may not be there yet.
func (f *follower) passes(err error) bool {
	if errors.Is(err, ErrForeign) {
		return f.known
	}
	refused, ok := errors.AsType[*StatusError](err)
	return passes(err) || ok && refused.Status == http.StatusNotFound
}

// read reads a stream to its end or, for a while after none came through, one page.
func (f *follower) read(ctx context.Context) error {
	if time.Since(f.polled) < followPolls {
		return f.poll(ctx)
	}
	err := f.stream(ctx)
	if errors.Is(err, errNoStream) {
		f.polled, f.there = time.Now(), false
		return f.poll(ctx)
	}
	return err
}

// errNoStream says that streams do not come through to here.
var errNoStream = errors.New("no stream")

// stream reads a stream of events until it breaks. Where the server ends it, so that its reader
// comes back, there is no error.
func (f *follower) stream(ctx context.Context) error {
	ctx, dog := watch(ctx, followPatience)
	defer dog.stop()
	req, err := f.to(ctx, http.MethodGet, f.target, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", typeEvents)
	req.Header.Set("Last-Event-ID", f.following.cursor().String())
	resp, err := f.client().Do(req)
	if err != nil {
		return heldBack(causeOf(ctx, err))
	}
	defer resp.Body.Close()
	if err := checkStream(resp); err != nil {
		return err
	}
	return f.takeAll(ctx, dog, resp)
}

// takeAll handles the events of a stream.
func (f *follower) takeAll(ctx context.Context, dog *watchdog, resp *http.Response) error {
	events := newEventStream(watched{resp.Body, dog})
	for begun := false; ; begun = true {
		e, err := events.next()
		switch {
		case errors.Is(err, io.EOF) && begun:
			f.retry = min(max(events.retry, shortestRetry), longestRetry)
			return nil
		case errors.Is(err, io.EOF):
			return io.ErrUnexpectedEOF
		case err != nil && begun:
			return causeOf(ctx, err)
		case err != nil:
			return heldBack(causeOf(ctx, err))
		case !begun:
			dog.expect(longestSilence(resp.Header))
		}
		if err := f.take(e, events.id); err != nil {
			return err
		}
	}
}

// heldBack returns errNoStream where a stream has not begun in time, and else err.
func heldBack(err error) error {
	if _, ok := errors.AsType[silence](err); ok {
		return errNoStream
	}
	return err
}

// longestBeat bounds what is believed of a server's heart-beat.
const longestBeat = 24 * time.Hour

// longestSilence returns how long a stream may be silent whose connection is not dead: three times
// the heart-beat that the server tells of, or has where it tells nothing, as before there was the
// field.
func longestSilence(head http.Header) time.Duration {
	beat := DefaultHeartBeat
	if told, err := strconv.ParseFloat(head.Get(beatField), 64); err == nil && told > 0 {
		beat = time.Duration(min(told, longestBeat.Seconds()) * float64(time.Second))
	}
	return max(3*beat, followPatience)
}

// checkStream reports why an answer is no stream.
func checkStream(resp *http.Response) error {
	switch {
	case resp.StatusCode == http.StatusNotAcceptable:
		return errNoStream
	case resp.StatusCode != http.StatusOK:
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10)) // it only explains the status
		return statusError(resp, text)
	case !strings.HasPrefix(resp.Header.Get("Content-Type"), typeEvents):
		return errNoStream
	}
	return nil
}

// take handles an event, and moves the cursor behind it.
func (f *follower) take(e event, id string) error {
	position, err := bus.ParseCursor(id)
	if err != nil {
		return fmt.Errorf("follow: %w: the id of an event: %w", ErrForeign, err)
	}
	entry, err := parseEvent(e)
	if err != nil {
		return final{fmt.Errorf("follow: the %s %d cannot be read (%w); what comes after it can", e.kind, position.After, err)}
	}
	f.back()
	switch {
	case entry != nil:
		return f.give(entry)
	case e.kind == "problem":
		return nil // the stream ends, and coming back tells which status it is
	}
	f.following.After = max(f.following.After, position.After)
	f.following.known = position
	return nil
}

// back notes that the server is there.
func (f *follower) back() { f.away, f.known, f.there = false, true, true }

// give hands out an entry that is behind the cursor.
func (f *follower) give(e *BatchEntry) error {
	if e.ID <= f.following.After {
		return nil
	}
	if err := f.handle(e); err != nil {
		return final{err}
	}
	f.following.After = e.ID
	return nil
}

// parseEvent reads the entry that an event carries, nil for one that carries none.
func parseEvent(e event) (*BatchEntry, error) {
	var entry BatchEntry
	switch e.kind {
	case "entry":
		var item batchItem
		if err := xml.Unmarshal(e.data, &item); err != nil {
			return nil, err
		}
		entry = item.entry()
	case "tombstone":
		var t tombstone
		if err := xml.Unmarshal(e.data, &t); err != nil {
			return nil, err
		}
		entry = t.entry()
	default:
		return nil, nil
	}
	return &entry, nil
}

// poll reads a page, and has the server wait for one with something on it; not at first, so that
// one that answers nothing is found out soon.
func (f *follower) poll(ctx context.Context) error {
	wait := followWait
	if !f.there {
		wait = 0
	}
	batch, err := f.page(ctx, limited(f.target, followPage), f.following.cursor(), wait)
	if err != nil {
		return err
	}
	f.back()
	for i := range batch.Entries {
		if err := f.give(&batch.Entries[i]); err != nil {
			return err
		}
	}
	f.following.After = max(f.following.After, batch.Last)
	f.following.known = batch.cursor
	return nil
}
