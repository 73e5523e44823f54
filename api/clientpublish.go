package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"atommq/bus"
	"atommq/feeds"
)

// Receipt says where a published entry is.
type Receipt struct {
	ID       int64    // the value of Xlastid, of the last entry when a batch was posted; 0 where there are drafts alone
	Location string   // URL of the entry, or of a page of those of a batch that are no drafts
	Drafts   []string // URLs of the drafts that were posted, which nobody else is told
}

// Publish posts body to a feed. With a key ("" for none) it may be repeated safely: the same body
// is published once. So Publish itself repeats it while c.Retry lasts, under a key that it makes if
// there is none. Refusals are a *StatusError. An answer that is not AtomMQ's (ErrForeign) ends it.
// When ctx ends between two tries, the error is both its cause and that of the last try.
func (c *Client) Publish(ctx context.Context, feed, contentType string, body []byte, key string) (*Receipt, error) {
	if key == "" && c.Retry > 0 {
		key = rand.Text()
	}
	if err := checkFields(contentType, key); err != nil {
		return nil, fmt.Errorf("publish to %q: %w", feed, err)
	}
	end := time.Now().Add(c.Retry)
	for wait := pause(0); ; {
		receipt, err := c.publish(ctx, feed, contentType, body, key, max(c.patience(end), underway(len(body))))
		if err == nil || !passes(err) || errors.Is(err, context.Cause(ctx)) || time.Until(end) <= max(time.Duration(wait), askedFor(err)) {
			return receipt, err
		}
		if ended := wait.wait(ctx, err); ended != nil {
			return nil, fmt.Errorf("%w, after this: %w", ended, err)
		}
	}
}

// checkFields refuses what no header field can say: to try again would not help.
func checkFields(contentType, key string) error {
	if strings.ContainsFunc(contentType, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
		return fmt.Errorf("%w: the media type %q has control characters", errMisuse, contentType)
	}
	if key != "" {
		if err := bus.CheckKey(key); err != nil {
			return fmt.Errorf("%w: the idempotency key %w", errMisuse, err)
		}
	}
	return nil
}

// shortestTry is how much time a try has in any case.
const shortestTry = time.Second

// patience returns how long a try may stand still that is to end by about the given time.
func (c *Client) patience(end time.Time) time.Duration {
	if c.Retry <= 0 {
		return answerPatience
	}
	return min(max(time.Until(end), shortestTry), answerPatience)
}

// publish posts body once.
func (c *Client) publish(ctx context.Context, feed, contentType string, body []byte, key string, patience time.Duration) (*Receipt, error) {
	if err := checkFeed(feed); err != nil {
		return nil, err
	}
	req, err := c.to(ctx, http.MethodPost, feeds.Path(feed), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	resp, answer, err := c.do(req, http.StatusCreated, patience)
	if err != nil {
		return nil, fmt.Errorf("publish to %q: %w", feed, err)
	}
	receipt, err := receiptOf(resp, answer)
	if err != nil {
		return nil, fmt.Errorf("publish to %q: %w", feed, err)
	}
	return receipt, nil
}

// receiptOf reads a receipt from the answer to a POST: about an entry, a draft, or a batch of both.
func receiptOf(resp *http.Response, answer []byte) (*Receipt, error) {
	r := &Receipt{Location: resp.Header.Get("Location")}
	if bytes.Contains(answer, []byte("draft")) { // few batches have some, and reading it all takes a while
		r.Drafts = draftsIn(answer)
	}
	if resp.Header.Get("Xlastid") == "" && feedOf(r.Location) != "" {
		r.Drafts = []string{r.Location}
	}
	if resp.Header.Get("Xlastid") == "" && len(r.Drafts) > 0 {
		return r, nil
	}
	var err error
	r.ID, err = lastID(resp)
	return r, err
}

// draftsIn returns the URLs of the entries of a feed document that have no id.
func draftsIn(document []byte) (urls []string) {
	batch, err := parseBatch(document)
	if err != nil {
		return nil // it is an entry
	}
	for _, e := range batch.Entries {
		if e.ID == 0 && e.URL != "" {
			urls = append(urls, e.URL)
		}
	}
	return urls
}
