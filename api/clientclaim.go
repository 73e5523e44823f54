package api

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"atommq/bus"
)

// ClaimConfig says what work a Client asks for.
type ClaimConfig struct {
	Feed       string
	Queue      string        // "" for "default"
	Count      int           // entries at most, 1 to 1000; 0 for 1
	AckTimeout time.Duration // until the claims end, for entries whose publisher named none; 0 for the queue's
	Wait       time.Duration // for the first entry where nothing waits; one that is too long counts as the server's longest
}

// Claim is an entry that was handed out to the caller until Deadline.
type Claim struct {
	ID       int64
	Title    string
	Type     string // media type of Content, "" when it has none
	Content  []byte
	Headers  map[string]string // as STOMP has them
	URL      string            // of the entry
	Attempt  int               // 1 the first time
	Deadline time.Time

	ack, nack, renew string // paths on the server
}

// clientClaims is an answer to a claim.
type clientClaims struct {
	Claims []claimJSON `json:"claims"`
}

// Claim claims work of a queue, which begins with it if there is none. No claims and no error:
// nothing waited, or came in time.
func (c *Client) Claim(ctx context.Context, cfg ClaimConfig) ([]*Claim, error) {
	q := make(url.Values)
	if cfg.Count > 0 {
		q.Set("count", strconv.Itoa(cfg.Count))
	}
	if cfg.AckTimeout > 0 {
		q.Set("ack-timeout", inSeconds(cfg.AckTimeout))
	}
	if cfg.Wait > 0 {
		q.Set("wait", inSeconds(cfg.Wait))
	}
	if err := checkFeed(cfg.Feed); err != nil {
		return nil, err
	}
	claims := queuePath(bus.QueueName{Feed: cfg.Feed, Name: cmp.Or(cfg.Queue, bus.DefaultQueue)}) + "/claims"
	target := claims
	if len(q) > 0 {
		target += "?" + q.Encode()
	}
	req, err := c.to(ctx, http.MethodPost, target, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	_, body, err := c.do(req, http.StatusOK, max(cfg.Wait, 0)+answerPatience)
	if err != nil {
		return nil, fmt.Errorf("claim from %q: %w", cfg.Feed, err)
	}
	var doc clientClaims
	if err := json.Unmarshal(body, &doc); err != nil {
		return nil, fmt.Errorf("claim from %q: %w: %w", cfg.Feed, ErrForeign, err)
	}
	if doc.Claims == nil {
		return nil, fmt.Errorf("claim from %q: %w: it names no claims", cfg.Feed, ErrForeign)
	}
	list := make([]*Claim, len(doc.Claims))
	for i := range doc.Claims {
		if list[i], err = doc.Claims[i].claim(claims); err != nil {
			return nil, fmt.Errorf("claim from %q: %w", cfg.Feed, err)
		}
	}
	return list, nil
}

func inSeconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }

// claim reads what was handed out at a path of the server.
func (j *claimJSON) claim(path string) (*Claim, error) {
	content := []byte(j.Content)
	if j.Base64 {
		var err error
		if content, err = base64.StdEncoding.DecodeString(j.Content); err != nil {
			return nil, fmt.Errorf("the content of entry %d: %w", j.ID, err)
		}
	}
	claim := &Claim{
		ID: j.ID, Title: j.Title, Type: j.Type, Content: content, Headers: j.Headers, URL: j.Href,
		Attempt: j.Attempt, Deadline: j.Deadline, ack: j.Ack, nack: j.Nack, renew: j.Renew,
	}
	for _, link := range []*string{&claim.ack, &claim.nack, &claim.renew} {
		i := strings.LastIndex(*link, path+"/")
		if i < 0 {
			return nil, fmt.Errorf("%w: the claim's link %s is none of %s", ErrForeign, *link, path)
		}
		*link = (*link)[i:]
	}
	return claim, nil
}

// Ack says that the work is done: it is on the server's disk when Ack returns. A claim that was
// lost is a *StatusError: status 409 while the entry is back in the queue or with somebody else,
// 410 when it is not in the queue any more.
func (c *Client) Ack(ctx context.Context, claim *Claim) error {
	if _, err := c.settle(ctx, http.MethodDelete, claim.ack, http.StatusNoContent); err != nil {
		return fmt.Errorf("ack entry %d: %w", claim.ID, err)
	}
	return nil
}

// Nack gives the entry back to its queue, the attempt counted. It fails as Ack does.
func (c *Client) Nack(ctx context.Context, claim *Claim) error {
	if _, err := c.settle(ctx, http.MethodPost, claim.nack, http.StatusNoContent); err != nil {
		return fmt.Errorf("nack entry %d: %w", claim.ID, err)
	}
	return nil
}

// Renew has the claim last for another ackTimeout from now on, 0 for as long as it was claimed for,
// and sets its Deadline. It fails as Ack does.
func (c *Client) Renew(ctx context.Context, claim *Claim, ackTimeout time.Duration) error {
	link := claim.renew
	if ackTimeout > 0 {
		link += "?ack-timeout=" + inSeconds(ackTimeout)
	}
	body, err := c.settle(ctx, http.MethodPost, link, http.StatusOK)
	if err != nil {
		return fmt.Errorf("renew the claim on entry %d: %w", claim.ID, err)
	}
	var doc renewedJSON
	if err := json.Unmarshal(body, &doc); err != nil {
		return fmt.Errorf("renew the claim on entry %d: %w: %w", claim.ID, ErrForeign, err)
	}
	claim.Deadline = doc.Deadline
	return nil
}

// settle follows a link of a claim, on the server that the client has: the address in the link may
// be another name of it, and the passcode goes nowhere else.
func (c *Client) settle(ctx context.Context, method, link string, status int) ([]byte, error) {
	req, err := c.to(ctx, method, link, http.NoBody)
	if err != nil {
		return nil, err
	}
	_, body, err := c.do(req, status, answerPatience)
	return body, err
}
