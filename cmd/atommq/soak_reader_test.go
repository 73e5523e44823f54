package main

import (
	"bufio"
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// sighting is an entry that somebody saw.
type sighting struct {
	id   int64
	text string
}

// soakReader follows a feed until it sees the end.
type soakReader struct {
	kind, at string
	judge    *soakJudge
	seen     []sighting
	resumed  int // connections beyond the first
}

func (r *soakReader) String() string { return r.kind + " at " + r.at }

// last is the reader's cursor.
func (r *soakReader) last() int64 {
	if len(r.seen) == 0 {
		return 0
	}
	return r.seen[len(r.seen)-1].id
}

// take notes what came.
func (r *soakReader) take(id int64, text string) {
	if last := r.last(); id <= last {
		r.judge.broke(promiseOrder, "%v: %d, %q came after %d", r, id, text, last)
		return
	}
	r.seen = append(r.seen, sighting{id, text})
}

// isThrough reports whether all has come.
func (r *soakReader) isThrough() bool {
	return len(r.seen) > 0 && r.seen[len(r.seen)-1].text == soakEnd
}

// stragglers tells how far those have come that are not through.
func stragglers(readers []*soakReader) string {
	var list []string
	for _, r := range readers {
		if !r.isThrough() {
			list = append(list, fmt.Sprintf("%v has %d, up to %d", r, len(r.seen), r.last()))
		}
	}
	return strings.Join(list, "; ")
}

// poll reads the log as a poller that waits for what comes.
func (s *soak) poll(ctx context.Context, r *soakReader) { s.pollFeed(ctx, r, "/feeds/log") }

// pollEditions reads the notes, where an edited one comes again with a new id.
func (s *soak) pollEditions(ctx context.Context, r *soakReader) { s.pollFeed(ctx, r, "/feeds/notes") }

func (s *soak) pollFeed(ctx context.Context, r *soakReader, path string) {
	c := newSoakClient(r.at, s.soakJudge)
	var cursor int64
	for ctx.Err() == nil && !r.isThrough() {
		page, next, ok := c.page(ctx, path, cursor, "wait=2")
		if !ok {
			r.resumed++
			soakPause(ctx)
			continue
		}
		for _, e := range page.Entries {
			r.take(e.ID, e.Content)
		}
		if len(page.Entries) > 0 && next < r.last() || next < cursor {
			s.broke(promiseOrder, "%v: Xlastid is %d after a page that ends with %d", r, next, r.last())
		}
		cursor = next
	}
}

// stream reads the log as an EventSource does.
func (s *soak) stream(ctx context.Context, r *soakReader) {
	for ; ctx.Err() == nil && !r.isThrough(); r.resumed++ {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.at+"/feeds/log", nil)
		if err != nil {
			s.t.Error(err)
			return
		}
		req.Header.Set("Accept", "text/event-stream")
		req.Header.Set("Last-Event-ID", strconv.FormatInt(r.last(), 10))
		if resp, err := http.DefaultClient.Do(req); err == nil {
			if resp.StatusCode == http.StatusOK {
				s.readEvents(resp, r)
			}
			resp.Body.Close()
		}
		soakPause(ctx)
	}
}

// readEvents reads a stream until it breaks off, or the last entry has come.
func (s *soak) readEvents(resp *http.Response, r *soakReader) {
	lines := bufio.NewReader(resp.Body)
	var event, data string
	for !r.isThrough() {
		line, err := lines.ReadString('\n')
		if err != nil {
			return // what has come of an event is none
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch field {
		case "event":
			event = value
		case "data":
			data += value + "\n"
		case "":
			if event == "entry" {
				s.takeEvent(r, data)
			}
			event, data = "", ""
		}
	}
}

func (s *soak) takeEvent(r *soakReader, data string) {
	var e soakEntry
	if err := xml.Unmarshal([]byte(data), &e); err != nil {
		s.broke(promiseRead, "%v: %v in %s", r, err, data)
		return
	}
	r.take(e.ID, e.Content)
}

// follow reads the log as the subscriber of a topic that replays.
func (s *soak) follow(ctx context.Context, r *soakReader) {
	for ; ctx.Err() == nil && !r.isThrough(); r.resumed++ {
		c := dialSoak(ctx, r.at)
		if c == nil {
			return
		}
		err := c.send("SUBSCRIBE", "", "id:1", "destination:/topic/log", "Xlastid:"+strconv.FormatInt(r.last(), 10))
		for err == nil && !r.isThrough() {
			var f soakFrame
			if f, err = c.expect("MESSAGE"); err == nil {
				id, _ := strconv.ParseInt(f.headers["Xlastid"], 10, 64)
				r.take(id, f.body)
			}
		}
		c.Close()
	}
}
