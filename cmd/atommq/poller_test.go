package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// browser is a plain HTTP client of one feed, as somebody's script would be: it
// knows curl's way of posting and the Xlastid header, and nothing else.
type browser struct {
	feed string // URL
	http *http.Client
}

func newBrowser(t *testing.T, feed string) *browser {
	transport := &http.Transport{MaxIdleConnsPerHost: 1}
	t.Cleanup(transport.CloseIdleConnections)
	return &browser{feed: feed, http: &http.Client{Transport: transport, Timeout: time.Minute}}
}

// post publishes an entry and returns its id. An error says that it may or may not be stored.
func (b *browser) post(title, key string) (int64, error) {
	body := strings.NewReader("<entry><title>" + title + "</title><content>" + strings.Repeat("x", 150) + "</content></entry>")
	req, err := http.NewRequest(http.MethodPost, b.feed, body)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	resp, err := b.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	if resp.StatusCode != http.StatusCreated {
		return 0, &statusError{resp.StatusCode, resp.Header.Get("Retry-After"), fmt.Sprintf("POST: %s: %s", resp.Status, text)}
	}
	return strconv.ParseInt(resp.Header.Get("Xlastid"), 10, 64)
}

// statusError is an answer other than the one asked for.
type statusError struct {
	status     int
	retryAfter string
	text       string
}

func (e *statusError) Error() string { return e.text }

// after returns when to come again, "" where the answer does not say, or there is none.
func (e *statusError) after() string {
	if e == nil {
		return ""
	}
	return e.retryAfter
}

// seen is an entry as a poller sees it.
type seen struct {
	id    int64
	title string
}

var entryPattern = regexp.MustCompile(`<mq:id xmlns:mq="urn:atommq">(\d+)</mq:id>.*?<title>([^<]*)</title>`)

// poll returns what came after the cursor, and the new cursor.
func (b *browser) poll(after int64, limit int) ([]seen, int64, error) {
	req, err := http.NewRequest(http.MethodGet, fmt.Sprint(b.feed, "?limit=", limit), nil)
	if err != nil {
		return nil, after, err
	}
	req.Header.Set("Xlastid", strconv.FormatInt(after, 10))
	resp, err := b.http.Do(req)
	if err != nil {
		return nil, after, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, after, err
	}
	if resp.StatusCode == http.StatusNotFound {
		return nil, after, nil // nobody has published yet
	}
	if resp.StatusCode != http.StatusOK {
		return nil, after, fmt.Errorf("GET: %s: %s", resp.Status, body)
	}
	cursor, err := strconv.ParseInt(resp.Header.Get("Xlastid"), 10, 64)
	if err != nil {
		return nil, after, err
	}
	var page []seen
	for _, m := range entryPattern.FindAllSubmatch(body, -1) {
		id, err := strconv.ParseInt(string(m[1]), 10, 64)
		if err != nil {
			return nil, after, err
		}
		page = append(page, seen{id, string(m[2])})
	}
	if n := bytes.Count(body, []byte("<entry")); n != len(page) {
		return nil, after, fmt.Errorf("%d entries on a page of %d:\n%s", len(page), n, body)
	}
	return page, cursor, nil
}

// walker polls with Xlastid until it has seen the entry titled end, and checks that ids
// rise and that no title comes twice. Polls that fail, as while a server
// is down, are repeated with the same cursor.
type walker struct {
	*browser
	limit int
	lossy bool // polls may fail
	seen  map[string]int64
}

const endTitle = "end"

func (w *walker) walk(ctx context.Context) error {
	w.seen = make(map[string]int64)
	var cursor int64
	for ctx.Err() == nil {
		page, next, err := w.poll(cursor, w.limit)
		if err != nil && w.lossy {
			continue
		}
		if err != nil {
			return err
		}
		last := cursor
		for _, e := range page {
			if e.id <= last {
				return fmt.Errorf("id %d came after %d", e.id, last)
			}
			last = e.id
			if id, twice := w.seen[e.title]; twice {
				return fmt.Errorf("%q came twice, as %d and %d", e.title, id, e.id)
			}
			w.seen[e.title] = e.id
		}
		if next != last {
			return fmt.Errorf("Xlastid is %d after a page that ends with %d", next, last)
		}
		if cursor = next; w.seen[endTitle] != 0 {
			return nil
		}
	}
	return errors.New("the last entry never came")
}
