package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// answerPatience is how long a request may stand still beyond what its server was asked to wait. A
// server whose database does not answer says so sooner.
const answerPatience = 30 * time.Second

// silence is the error about a server from which nothing came for so long: a time-out, which is
// os.ErrDeadlineExceeded.
type silence time.Duration

func (s silence) Error() string {
	return fmt.Sprintf("the server does not answer: nothing came for %v", time.Duration(s).Round(time.Second/10))
}

// Timeout reports true, as net.Error has it.
func (silence) Timeout() bool { return true }

func (silence) Is(target error) bool { return target == os.ErrDeadlineExceeded }

// watchdog ends a request of which nothing was sent and nothing came for a time.
type watchdog struct {
	patience atomic.Int64
	timer    *time.Timer
	cancel   context.CancelCauseFunc
}

// watch returns a context for one request, and the watchdog that ends it. Stop that when the
// request is over.
func watch(ctx context.Context, patience time.Duration) (context.Context, *watchdog) {
	ctx, cancel := context.WithCancelCause(ctx)
	d := &watchdog{cancel: cancel}
	d.patience.Store(int64(patience))
	d.timer = time.AfterFunc(patience, func() { cancel(silence(d.patience.Load())) })
	return ctx, d
}

func (d *watchdog) stop() {
	d.timer.Stop()
	d.cancel(nil)
}

// expect sets how long nothing may come from now on.
func (d *watchdog) expect(patience time.Duration) {
	d.patience.Store(int64(patience))
	d.timer.Reset(patience)
}

// heard notes that the request has got on.
func (d *watchdog) heard() { d.timer.Reset(time.Duration(d.patience.Load())) }

// sentAtOnce is the size up to which a body goes out with the head: net/http does so only with one
// that it knows to be in memory.
const sentAtOnce = 64 << 10

// request has the watchdog see how the body of req is sent, if that takes a while.
func (d *watchdog) request(req *http.Request) *http.Request {
	if req.Body == nil || req.ContentLength <= sentAtOnce {
		return req
	}
	req.Body = watched{req.Body, d}
	if again := req.GetBody; again != nil { // for a redirection, or a connection that was closed meanwhile
		req.GetBody = func() (io.ReadCloser, error) {
			body, err := again()
			return watched{body, d}, err
		}
	}
	return req
}

// watched is a body that goes out or comes in before a watchdog's eyes.
type watched struct {
	io.ReadCloser
	dog *watchdog
}

func (w watched) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	if n > 0 {
		w.dog.heard()
	}
	return n, err
}

// slowestAnswer is how many bytes of an answer have to come in a second, on the whole: a reader
// that a server takes for slow gets more.
const slowestAnswer = 1 << 10

// trickle is the error about an answer that comes too slowly to end. It has no Timeout, as silence
// has one: the server is there.
type trickle struct {
	size int64
	took time.Duration
}

func (t trickle) Error() string {
	return fmt.Sprintf("the server answers too slowly: %d bytes came in %v", t.size, t.took.Round(time.Second/10))
}

func (trickle) Is(target error) bool { return target == os.ErrDeadlineExceeded }

// timely is an answer that is read to its end, which is not to be put off for ever.
type timely struct {
	from     io.Reader
	patience time.Duration
	begun    time.Time
	size     int64
}

// inTime bounds how long an answer may take from now on: as long as patience, and the time that
// what came of it takes at the slowest.
func inTime(from io.Reader, patience time.Duration) io.Reader {
	return &timely{from: from, patience: patience, begun: time.Now()}
}

func (t *timely) Read(p []byte) (int, error) {
	n, err := t.from.Read(p)
	t.size += int64(n)
	if took := time.Since(t.begun); err == nil && took > t.patience+time.Duration(t.size)*time.Second/slowestAnswer {
		err = trickle{t.size, took}
	}
	return n, err
}

// underway returns how long what was handed to the system, which holds some of it back, may take
// to get to the server: at 256 KiB a second.
func underway(size int) time.Duration {
	const rate, held = 256 << 10, 4 << 20
	return time.Duration(min(size, held)) * time.Second / rate
}

// causeOf returns why ctx was ended, if it was, where err does not tell.
func causeOf(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		return cause
	}
	return err
}
