package api

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// dialing returns a client whose connections are served by serve.
func dialing(t *testing.T, serve func(net.Conn)) *Client {
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		client, served := net.Pipe()
		go serve(served)
		return client, nil
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &Client{BaseURL: "http://silent", HTTP: &http.Client{Transport: transport}}
}

// silent takes what comes, and answers nothing.
func silent(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

func TestNoRequestWaitsForASilentServerWithoutEnd(t *testing.T) {
	for name, test := range map[string]struct {
		do    func(context.Context, *Client) error
		after time.Duration
	}{
		"publish": {publishOne, answerPatience},
		"publish for 3 s": {func(ctx context.Context, c *Client) error {
			c.Retry = 3 * time.Second
			return publishOne(ctx, c)
		}, 3 * time.Second},
		"publish for a minute": {func(ctx context.Context, c *Client) error {
			c.Retry = time.Minute
			return publishOne(ctx, c)
		}, time.Minute},
		"read": {func(ctx context.Context, c *Client) error {
			_, err := c.After(ctx, "x", 0, 1)
			return err
		}, answerPatience},
		"claim": {func(ctx context.Context, c *Client) error {
			_, err := c.Claim(ctx, ClaimConfig{Feed: "x", Wait: 2 * time.Second})
			return err
		}, 2*time.Second + answerPatience},
		"ack": {func(ctx context.Context, c *Client) error {
			return c.Ack(ctx, &Claim{ack: "http://silent/feeds/x/queues/default/claims/1"})
		}, answerPatience},
		"healthy": {func(ctx context.Context, c *Client) error { return c.Healthy(ctx) }, answerPatience},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				err := test.do(t.Context(), dialing(t, silent))
				if took := time.Since(begun); !errors.Is(err, os.ErrDeadlineExceeded) || took < test.after || took > test.after+2*shortestTry {
					t.Errorf("it ends after %v with %v; want %v", took, err, test.after)
				}
			})
		})
	}
}

func publishOne(ctx context.Context, c *Client) error {
	_, err := c.Publish(ctx, "x", "text/plain", []byte("one"), "")
	return err
}

func TestWhatIsStillBeingSentIsNotGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size, rate = 2 << 20, 20 << 10 // bytes, and those of a second
		c := dialing(t, func(conn net.Conn) {
			for left := size; left > 0; left -= rate {
				_, _ = io.CopyN(io.Discard, conn, min(rate, int64(left)))
				if sleep(t.Context(), time.Second) != nil {
					return
				}
			}
			go silent(conn)
			_, _ = io.WriteString(conn, "HTTP/1.1 201 Created\r\nXlastid: 7\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		})
		c.Retry = 3 * time.Second
		if receipt, err := c.Publish(t.Context(), "x", "text/plain", bytes.Repeat([]byte("x"), size), ""); err != nil || receipt.ID != 7 {
			t.Errorf("%+v, %v", receipt, err)
		}
	})
}

func TestAFollowerIsToldOfASilentServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun, cause := time.Now(), errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		f := &Following{Feeds: []string{"x"}, Lost: func(err error) {
			if took := time.Since(begun); !errors.Is(err, os.ErrDeadlineExceeded) || took != followPatience+answerPatience {
				t.Errorf("lost after %v: %v", took, err)
			}
			cancel(cause)
		}}
		if err := dialing(t, silent).Follow(ctx, f, func(*BatchEntry) error { return nil }); !errors.Is(err, cause) {
			t.Error(err)
		}
	})
}

func TestAPublishThatIsCancelledBetweenTwoTriesTellsBothReasons(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := answers{refusal(http.StatusServiceUnavailable, "5")}
		c := &Client{BaseURL: "http://server", HTTP: &http.Client{Transport: &server}, Retry: time.Minute}
		cause := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Millisecond, func() { cancel(cause) })
		err := publishOne(ctx, c)
		if refused, ok := errors.AsType[*StatusError](err); !ok || refused.Status != http.StatusServiceUnavailable || !errors.Is(err, cause) {
			t.Errorf("Publish: %v", err)
		}
	})
}

// answering returns a client whose requests are answered with a head and then with a piece after
// each pause, as many as count says.
func answering(t *testing.T, head, piece string, pause time.Duration, count int) *Client {
	return dialing(t, func(conn net.Conn) {
		defer conn.Close()
		r := bufio.NewReader(conn)
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		_, err = io.WriteString(conn, head+"\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
		for ; count > 0 && err == nil && sleep(t.Context(), pause) == nil; count-- {
			_, err = fmt.Fprintf(conn, "%x\r\n%s\r\n", len(piece), piece)
		}
		_, _ = io.WriteString(conn, "0\r\n\r\n")
	})
}

func TestAnAnswerThatTricklesInWithoutEndIsGivenUp(t *testing.T) {
	for name, test := range map[string]struct {
		head     string
		do       func(context.Context, *Client) error
		patience time.Duration
	}{
		"publish": {"HTTP/1.1 201 Created\r\nXlastid: 7", publishOne, answerPatience},
		"publish for 3 s": {"HTTP/1.1 201 Created\r\nXlastid: 7", func(ctx context.Context, c *Client) error {
			c.Retry = 3 * time.Second
			return publishOne(ctx, c)
		}, 3 * time.Second},
		"a refusal": {"HTTP/1.1 403 Forbidden", publishOne, answerPatience},
		"read": {"HTTP/1.1 200 OK\r\nXlastid: 7", func(ctx context.Context, c *Client) error {
			_, err := c.After(ctx, "x", 0, 1)
			return err
		}, answerPatience},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				err := test.do(ctx, answering(t, test.head, "x", time.Second, 1<<20))
				if took := time.Since(begun); took < test.patience || took > test.patience+4*shortestTry {
					t.Errorf("it ends after %v, want %v", took, test.patience)
				}
				if !errors.Is(err, os.ErrDeadlineExceeded) || !strings.Contains(err.Error(), "too slowly") {
					t.Errorf("it ends with %v", err)
				}
			})
		})
	}
}

func TestASlowAnswerIsReadToItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const pieces = 600 // at one a second
		piece := "<!--" + strings.Repeat("x", 2<<10) + "-->"
		c := answering(t, "HTTP/1.1 200 OK\r\nXlastid: 7\r\nContent-Type: text/plain", piece, time.Second, pieces)
		req, err := c.to(t.Context(), http.MethodGet, "/x", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, body, err := c.do(req, http.StatusOK, answerPatience); err != nil || len(body) != pieces*len(piece) {
			t.Errorf("%d bytes, %v", len(body), err)
		}
	})
}

func TestAStreamMayTrickleForAsLongAsItLikes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun, enough := time.Now(), errors.New("enough")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 5*time.Hour, enough)
		defer cancel()
		f := &Following{Feeds: []string{"x"}, Lost: func(err error) { t.Errorf("lost after %v: %v", time.Since(begun), err) }}
		c := answering(t, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream", "id: 1\nevent: position\ndata:\n\n", 5*time.Second, 1<<20)
		if err := c.Follow(ctx, f, func(*BatchEntry) error { return nil }); !errors.Is(err, enough) {
			t.Error(err)
		}
	})
}
