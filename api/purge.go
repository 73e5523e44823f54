package api

import (
	"errors"
	"fmt"
	"math"
	"net/http"

	"atommq/bus"
)

// countedCall is a request that removes or moves what it must have counted before.
type countedCall struct {
	name   bus.QueueName
	count  int64
	upTo   int64
	dryRun bool
}

type purgedJSON struct {
	Removed int64 `json:"removed"`
}

type requeuedJSON struct {
	Sent    int64 `json:"sent"`
	Skipped int64 `json:"skipped"`
}

type countJSON struct {
	DryRun bool  `json:"dry_run"`
	Count  int64 `json:"count"`
	UpTo   int64 `json:"upto"`
}

// parseCounted reads such a request into c, and the parameter extra, which it may have beside count
// and dry-run, into to.
func (s *site) parseCounted(w http.ResponseWriter, r *http.Request, c *countedCall, extra string, to *int64) (err error) {
	if c.name, err = queueName(r); err != nil {
		return err
	}
	var counting, ignored bool
	err = parameters(r, map[string]func(string) error{
		"count":   counted("count", &c.count, &counting),
		extra:     counted(extra, to, &ignored),
		"dry-run": flag("dry-run", &c.dryRun),
	})
	if err != nil {
		return err
	}
	if counting == c.dryRun {
		return badRequest("Name the number of entries that you saw, ?count=N, or ask for it with ?dry-run=1: nothing is removed uncounted.")
	}
	return s.noBody(w, r)
}

// run answers a dry run, or does what the request asks.
func (s *site) run(w http.ResponseWriter, r *http.Request, c countedCall, do func() error) error {
	if c.dryRun {
		there, err := s.bus.CountReady(r.Context(), c.name, c.upTo)
		if err != nil {
			return err
		}
		s.writeJSON(w, r, countJSON{true, there.Count, there.UpTo})
		return nil
	}
	err := do()
	if !errors.Is(err, bus.ErrCount) {
		return err
	}
	there, err := s.bus.CountReady(r.Context(), c.name, c.upTo)
	if err != nil {
		return err
	}
	return &problemError{
		Status: http.StatusConflict,
		Detail: fmt.Sprintf("You named %d, and the number of entries that wait and that nobody has is %d. Nothing was done. Ask with ?dry-run=1 first, and name the number that it tells, with its upto: both change while consumers are at work.", c.count, there.Count),
		Extra:  map[string]any{"count": there.Count, "upto": there.UpTo},
	}
}

// postPurge removes what nobody has.
func (s *site) postPurge(w http.ResponseWriter, r *http.Request) error {
	var c countedCall
	if err := s.parseCounted(w, r, &c, "upto", &c.upTo); err != nil {
		return err
	}
	return s.run(w, r, c, func() error {
		removed, err := s.bus.Purge(r.Context(), c.name, bus.Counted{Count: c.count, UpTo: c.upTo})
		if err == nil {
			s.writeJSON(w, r, purgedJSON{removed})
		}
		return err
	})
}

// postRequeue sends dead letters back to where they came from, which is publishing there.
func (s *site) postRequeue(w http.ResponseWriter, r *http.Request) error {
	var c countedCall
	limit := int64(math.MaxInt64)
	err := s.parseCounted(w, r, &c, "limit", &limit)
	if err == nil && !bus.IsDeadFeed(c.name.Feed) {
		err = notDead(c.name.Feed)
	}
	if err == nil {
		err = s.permit(r, bus.RightPublish, bus.LivingFeed(c.name.Feed))
	}
	if err != nil {
		return err
	}
	return s.run(w, r, c, func() error {
		done, err := s.bus.Requeue(r.Context(), c.name, c.count, limit, s.caller(r))
		if err == nil {
			s.writeJSON(w, r, requeuedJSON{done.Sent, done.Skipped})
		}
		return err
	})
}

// notDead says where the dead letters of a feed wait.
func notDead(feed string) error {
	letters := bus.QueueName{Feed: bus.DeadFeed(feed), Name: bus.DefaultQueue}
	return &problemError{
		Status: http.StatusConflict,
		Detail: fmt.Sprintf("What waits in queues of the feed %q is work, and no dead letters: those wait in the feed %q. Nothing was done. POST to %s/requeue?dry-run=1 to count them.", feed, letters.Feed, queuePath(letters)),
		Extra:  map[string]any{"feed": letters.Feed},
		cause:  bus.ErrNotDead,
	}
}
