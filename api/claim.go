package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"

	"atommq/bus"
	"atommq/feeds"
)

// maxAckTimeout is how long a claim may last that a client names a time for.
const maxAckTimeout = 24 * time.Hour

var claimForms = []offer{
	{typ: "application/atom+xml", param: "feed", format: "atom"}, {typ: "application/json", format: "json"},
	{typ: "application/xml"}, {typ: "text/xml"},
}

// errEnding is why nobody waits any more: the server is about to end, or the right was taken away.
var errEnding = errors.New("the server is shutting down")

// postClaims hands out entries of a queue, each until its deadline.
func (s *site) postClaims(w http.ResponseWriter, r *http.Request) error {
	name, err := queueName(r)
	if err != nil {
		return err
	}
	w.Header()["Vary"] = varyAccept
	form, _, err := choose(r, "", claimForms)
	if err != nil {
		return err
	}
	c := bus.LeaseConfig{Feed: name.Feed, Queue: name.Name, Count: 1}
	err = parameters(r, map[string]func(string) error{
		"count":       wholeNumber("count", &c.Count, bus.MaxLeases),
		"ack-timeout": seconds("ack-timeout", &c.AckTimeout, time.Millisecond, maxAckTimeout),
		"wait":        seconds("wait", &c.Wait, 0, 0),
		"format":      func(string) error { return nil },
	})
	if err != nil {
		return err
	}
	if err := s.noBody(w, r); err != nil {
		return err
	}
	if wait := waitOf(r); wait > 0 && !r.URL.Query().Has("wait") {
		c.Wait = s.applyWait(w, wait)
	}
	list, err := s.lease(w, r, c)
	if err != nil {
		return err
	}
	f, err := s.bus.Feed(r.Context(), name.Feed)
	if err != nil {
		return err
	}
	w.Header()["Cache-Control"] = noStore
	s.stats.claimed.Add(int64(len(list)))
	s.writeClaims(w, r, form, &f.Feed, name, list)
	return nil
}

// lease hands out work, for which there is memory until the request is answered.
func (s *site) lease(w http.ResponseWriter, r *http.Request, c bus.LeaseConfig) ([]bus.LeasedEntry, error) {
	room := &leaseRoom{site: s}
	c.Room, c.Spare = room.take, room.spare
	list, err := s.leaseWithin(w, r, c)
	room.hold(w, list)
	return list, err
}

// leaseWithin waits for work as long as the request says, and as the server lets readers wait,
// unless that is about to end.
func (s *site) leaseWithin(w http.ResponseWriter, r *http.Request, c bus.LeaseConfig) ([]bus.LeasedEntry, error) {
	if c.Wait = min(c.Wait, s.live.maxWait); c.Wait == 0 {
		return s.leaseOwned(r.Context(), r, c)
	}
	leave, err := s.enterWaiting(w, r, c.Wait)
	if err != nil {
		return nil, err
	}
	defer leave()
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	var watching sync.WaitGroup
	defer watching.Wait()
	done := make(chan struct{})
	defer close(done)
	watching.Go(func() {
		s.whileConsumer(r, c.Feed, done)
		cancel(errEnding)
	})
	list, err := s.leaseOwned(ctx, r, c)
	if errors.Is(err, errEnding) {
		return nil, nil
	}
	return list, err
}

// leaseOwned leases, from a feed that is the caller's where it begins so.
func (s *site) leaseOwned(ctx context.Context, r *http.Request, c bus.LeaseConfig) ([]bus.LeasedEntry, error) {
	if err := s.makeFeed(r, c.Feed); err != nil {
		return nil, err
	}
	return s.bus.Lease(ctx, c)
}

// whileConsumer returns once a request may no longer wait for work of a feed, or done is closed.
func (s *site) whileConsumer(r *http.Request, feed string, done <-chan struct{}) {
	for {
		revised := s.access.Changed()
		if !s.caller(r).May(bus.RightConsume, feed) {
			return
		}
		select {
		case <-revised:
		case <-s.live.ending:
			return
		case <-done:
			return
		}
	}
}

// claimURL returns where a lease is settled.
func claimURL(queue, token string) string { return queue + "/claims/" + token }

func claimedOf(queue string, e *bus.LeasedEntry) *feeds.Claimed {
	ack := claimURL(queue, e.Token)
	return &feeds.Claimed{Attempt: e.Attempt, Deadline: e.Deadline, Ack: ack, Nack: ack + "/nack", Renew: ack + "/renew"}
}

func (s *site) writeClaims(w http.ResponseWriter, r *http.Request, form offer, f *feeds.Feed, name bus.QueueName, list []bus.LeasedEntry) {
	base := s.baseOf(r)
	collection, queue := base+feeds.Path(name.Feed), base+queuePath(name)
	if form.typ == "application/json" {
		writeItems(w, r, "claims", "", len(list), func(i int) any {
			c := claimedOf(queue, &list[i])
			return claimJSON{
				messageJSON: messageOf(list[i].Entry, collection),
				Attempt:     c.Attempt, Deadline: c.Deadline, Ack: c.Ack, Nack: c.Nack, Renew: c.Renew,
			}
		})
		return
	}
	p := &feeds.Page{Feed: *f, Collection: collection, Base: base, Self: queue + "/claims", Cursor: true}
	for i := range list {
		p.Members = append(p.Members, &list[i].Entry.Member)
	}
	out := newOutput(w, r, "")
	defer out.release()
	form.describe(w.Header(), typeAtomFeed)
	i := 0
	out.finish(feeds.AppendFeed(out.buf, p, func(dst []byte, m *feeds.Member) []byte {
		i++
		return out.append(dst, feeds.AppendClaimed(nil, m, f, collection, claimedOf(queue, &list[i-1])))
	}))
}

// deleteClaim acks: the entry is done with.
func (s *site) deleteClaim(w http.ResponseWriter, r *http.Request) error {
	return s.settleClaim(w, r, s.bus.Ack)
}

// postNack lets the entry wait again.
func (s *site) postNack(w http.ResponseWriter, r *http.Request) error {
	return s.settleClaim(w, r, s.bus.Nack)
}

// settleClaim settles the claim that the path names, for good.
func (s *site) settleClaim(w http.ResponseWriter, r *http.Request, settle func(context.Context, bus.QueueName, ...string) ([]bus.LeaseLoss, error)) error {
	name, token, err := s.claimName(w, r, nil)
	if err != nil {
		return err
	}
	lost, err := settle(r.Context(), name, token)
	if err == nil {
		err = lostProblem(lost[0])
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// postRenew gives a claim another deadline, and tells it.
func (s *site) postRenew(w http.ResponseWriter, r *http.Request) error {
	var timeout time.Duration
	name, token, err := s.claimName(w, r, map[string]func(string) error{"ack-timeout": seconds("ack-timeout", &timeout, time.Millisecond, maxAckTimeout)})
	if err != nil {
		return err
	}
	lost, deadline, err := s.bus.Renew(r.Context(), name, timeout, token)
	if err == nil {
		err = lostProblem(lost[0])
	}
	if err != nil {
		return err
	}
	s.writeJSON(w, r, renewedJSON{deadline})
	return nil
}

// claimName returns the claim that the path of a request without a body names, which has no
// parameters but the known ones.
func (s *site) claimName(w http.ResponseWriter, r *http.Request, known map[string]func(string) error) (name bus.QueueName, token string, err error) {
	if name, err = queueName(r); err == nil {
		err = parameters(r, known)
	}
	if err == nil {
		err = s.noBody(w, r)
	}
	return name, chi.URLParam(r, "token"), err
}

// lostProblem says what became of a claim that is not held any more, nil for one that is.
func lostProblem(l bus.LeaseLoss) error {
	switch l {
	case bus.NotLost:
		return nil
	case bus.LostBack:
		return &problemError{
			Status: http.StatusConflict,
			Detail: "The claim is no longer yours: its deadline passed, or it was nacked, and the entry went back to its queue or to somebody else. Undo what you did with it if you can, drop it, and claim again. If the work takes long, POST to the renew link in time.",
		}
	}
	return &problemError{
		Status: http.StatusGone,
		Detail: "The entry is not in the queue any more: it was acked, by you perhaps, when an earlier answer got lost, or somebody else; or it was edited, deleted, purged, or became a dead letter; or the queue itself is gone. There is nothing left to settle.",
	}
}

// postAcks settles many claims for good at once: their URLs or tokens, a line each.
func (s *site) postAcks(w http.ResponseWriter, r *http.Request) error {
	name, err := queueName(r)
	if err != nil {
		return err
	}
	if err := parameters(r, nil); err != nil {
		return err
	}
	tokens, err := s.receiveTokens(w, r)
	if err != nil {
		return err
	}
	lost, err := s.bus.Ack(r.Context(), name, tokens...)
	if wrong, is := errors.AsType[*bus.LeaseTokenError](err); is {
		return badRequest("Nothing was acked: %.80q in the body names no claim. Send the ack links as they came with the entries, a line each.", wrong.Token)
	}
	if err != nil {
		return err
	}
	var missed []string
	for i, l := range lost {
		if l != bus.NotLost {
			missed = append(missed, tokens[i])
		}
	}
	acked := len(tokens) - len(missed)
	if len(missed) > 0 {
		return &problemError{
			Status: http.StatusConflict,
			Detail: fmt.Sprintf("%d of %d claims are acked, and on disk; the others (who asks for application/json gets them listed as lost) were not held any more: acked before, or their deadline passed and somebody else has or had the entry.", acked, len(tokens)),
			Extra:  map[string]any{"acked": acked, "lost": missed},
		}
	}
	s.writeJSON(w, r, ackedJSON{acked})
	return nil
}

// receiveTokens reads the claims that a body lists.
func (s *site) receiveTokens(w http.ResponseWriter, r *http.Request) ([]string, error) {
	body, err := s.receive(w, r)
	if err != nil {
		return nil, err
	}
	var tokens []string
	for line := range strings.FieldsSeq(string(body)) {
		if len(tokens) == bus.MaxLeases {
			return nil, &problemError{
				Status: http.StatusRequestEntityTooLarge,
				Detail: fmt.Sprintf("More than %d claims. Send fewer at a time.", bus.MaxLeases),
				Extra:  map[string]any{"limit": bus.MaxLeases},
			}
		}
		tokens = append(tokens, line[strings.LastIndexByte(line, '/')+1:])
	}
	if len(tokens) == 0 {
		return nil, badRequest("The body names no claim. Send the ack links of claims, or the last segments of them, a line each.")
	}
	return tokens, nil
}

// noBody refuses a body where everything is said in the URL.
func (s *site) noBody(w http.ResponseWriter, r *http.Request) error {
	body, err := s.receive(w, r)
	if err == nil && len(body) > 0 {
		return badRequest("The body is not empty. Put the parameters into the URL, behind a question mark, and send no body: curl -X %s.", r.Method)
	}
	return err
}
