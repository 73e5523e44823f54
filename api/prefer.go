package api

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"atommq/bus"
)

// waitOf returns how long the request would wait for an answer with something in it: RFC 7240 §4.3.
// A preference that cannot be read counts as none, §2; of repeated ones the first counts.
func waitOf(r *http.Request) time.Duration {
	for element := range elements(r.Header["Prefer"]) {
		preference, _ := cutOutsideQuotes(element, ';')
		name, value, _ := strings.Cut(preference, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "wait") {
			continue
		}
		seconds, err := strconv.ParseUint(strings.Trim(strings.TrimSpace(value), `"`), 10, 31)
		if err != nil {
			return 0
		}
		return time.Duration(seconds) * time.Second
	}
	return 0
}

// applyWait returns for how long a request that prefers to wait does, at most the server's own
// bound, and says so in Preference-Applied.
func (s *site) applyWait(w http.ResponseWriter, wait time.Duration) time.Duration {
	wait = min(wait, s.live.maxWait)
	w.Header()["Preference-Applied"] = []string{"wait=" + strconv.Itoa(int(wait/time.Second))}
	return wait
}

// enterWaiting counts the request among those that wait, until leave is called, and gives its answer
// time for a wait of at most that long.
func (s *site) enterWaiting(w http.ResponseWriter, r *http.Request, wait time.Duration) (leave func(), err error) {
	caller := s.caller(r)
	if err := s.live.enter(caller, nil); err != nil {
		return nil, err
	}
	waits(w)
	rc := http.NewResponseController(w)
	// Where the connection takes no deadlines there are none to move. The request is read: a passed
	// deadline would look as if the client had left.
	_ = rc.SetReadDeadline(time.Time{})
	_ = rc.SetWriteDeadline(time.Now().Add(wait + writeTime(r)))
	return func() { s.live.leave(caller, nil, nil) }, nil
}

// await waits until c has something after the cursor, for at most wait and at most the server's own
// bound, and not after the caller's rights to what c chooses have changed. The feed that the path
// names may be read still, then, or there is an error; of others, each entry has to be asked about.
func (s *site) await(w http.ResponseWriter, r *http.Request, c *choice, after bus.Cursor, wait time.Duration) error {
	wait = s.applyWait(w, wait)
	leave, err := s.enterWaiting(w, r, wait)
	if err != nil {
		return err
	}
	defer leave()
	known := s.access.Changed() // asked before what may be read
	sel := c.selection()
	sub := s.bus.Follow(sel, after.After)
	sub.Bytes, sub.Loss, sub.Reader = streamBytes, after.Loss, c.filter.reader
	defer sub.Close()
	patience := time.NewTimer(wait)
	defer patience.Stop()
	for {
		revised := s.access.Changed()
		if revised != known && !sel.Equal(c.selection()) {
			break
		}
		known = revised
		if done, err := s.untilSome(r.Context(), sub, c.filter, patience.C, revised); err != nil {
			return err
		} else if done {
			break
		}
	}
	if c.own == "" {
		return nil
	}
	return s.permit(r, bus.RightRead, c.own)
}

// untilSome waits until something comes that passes, until patience ends or rights are revised; done
// is whether to wait no longer. Nobody waits for a server that is about to end.
func (s *site) untilSome(ctx context.Context, sub *bus.Subscription, f filter, patience <-chan time.Time, revised <-chan struct{}) (done bool, err error) {
	for {
		entries, changed, err := sub.Poll(ctx, streamEntries)
		if err != nil {
			return false, err
		}
		if f.any(entries) {
			return true, nil
		}
		if len(entries) > 0 {
			continue
		}
		select {
		case <-changed:
		case <-revised:
			return false, nil
		case <-patience:
			return true, nil
		case <-s.live.ending:
			return true, nil
		case <-sub.Done():
			return true, nil
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
}
