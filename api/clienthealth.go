package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Healthy asks whether the server's process answers. It takes no account.
func (c *Client) Healthy(ctx context.Context) error {
	anonymous := &Client{BaseURL: c.BaseURL, HTTP: c.HTTP} // where the server does not ask, no password travels
	return anonymous.well(ctx, healthPath)
}

// Ready asks whether the server's database takes writes, which takes an account where there are
// any. A server that is not ready answers with a *StatusError of status 503.
func (c *Client) Ready(ctx context.Context) error { return c.well(ctx, readyPath) }

func (c *Client) well(ctx context.Context, path string) error {
	req, err := c.to(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	patience := answerPatience
	if end, bounded := ctx.Deadline(); bounded { // the caller says how long
		patience = max(patience, time.Until(end))
	}
	_, body, err := c.do(req, http.StatusOK, patience)
	if err == nil && strings.TrimSpace(string(body)) != "ok" {
		err = fmt.Errorf("%s: %w", path, ErrForeign)
	}
	return err
}
