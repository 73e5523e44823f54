package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"atommq/bus"
	"atommq/feeds"
)

var (
	queueForms = []offer{{typ: "application/json", format: "json"}}
	// browseForms are those of what waits.
	browseForms = claimForms
)

// queuePath returns the path of a queue.
func queuePath(name bus.QueueName) string {
	return feeds.Path(name.Feed) + "/queues/" + strings.TrimPrefix(feeds.Path(name.Name), "/feeds/")
}

// queueName returns the queue that the request's path names.
func queueName(r *http.Request) (name bus.QueueName, err error) {
	if name.Feed, err = feedName(r); err != nil {
		return name, err
	}
	escaped := chi.URLParam(r, "queue")
	name.Name, err = url.PathUnescape(escaped)
	if err == nil {
		err = feeds.CheckName(name.Name)
	}
	if err != nil {
		return name, &problemError{
			Status: http.StatusNotFound,
			Detail: fmt.Sprintf("%q cannot name a queue: %v. A name takes 1 to 255 bytes of UTF-8 without control characters, percent-encoded in the URL.", escaped, err),
		}
	}
	return name, nil
}

// queueJSON is how a queue stands.
type queueJSON struct {
	Feed       string     `json:"feed"`
	Name       string     `json:"name"`
	Href       string     `json:"href"`
	Waiting    int64      `json:"waiting"`           // not acked, claimed ones included
	Claimed    *int64     `json:"claimed,omitempty"` // not in a list
	Oldest     *time.Time `json:"oldest,omitempty"`  // of those that nobody has
	Consumers  int        `json:"consumers"`         // on this node
	AckTimeout float64    `json:"ack_timeout"`       // seconds, 0 for none
	Attempts   int        `json:"attempts"`
	Paused     bool       `json:"paused"`
	Created    time.Time  `json:"created"`
}

func (s *site) queueJSON(q *bus.Queue, base string) queueJSON {
	return queueJSON{
		Feed: q.Feed, Name: q.Name, Href: base + queuePath(q.QueueName),
		Waiting: q.Waiting, Consumers: s.bus.Subscribers(q.Feed, q.Name),
		AckTimeout: q.AckTimeout.Seconds(), Attempts: q.Attempts, Paused: q.Paused, Created: q.Created,
	}
}

// getQueue tells how a queue stands.
func (s *site) getQueue(w http.ResponseWriter, r *http.Request) error {
	name, err := queueName(r)
	if err != nil {
		return err
	}
	w.Header()["Vary"] = varyAccept
	if _, _, err := choose(r, "", queueForms); err != nil {
		return err
	}
	q, err := s.bus.Queue(r.Context(), name.Feed, name.Name)
	if err != nil {
		return err
	}
	return s.writeQueue(w, r, http.StatusOK, q)
}

func (s *site) writeQueue(w http.ResponseWriter, r *http.Request, status int, q *bus.Queue) error {
	backlog, err := s.bus.Backlog(r.Context(), q)
	if err != nil {
		return err
	}
	doc := s.queueJSON(q, s.baseOf(r))
	if doc.Claimed = &backlog.Claimed; !backlog.Oldest.IsZero() {
		doc.Oldest = &backlog.Oldest
	}
	body := encodeJSON(doc)
	tag := queueTag(q) + "-" + digest(body)
	w.Header()["Cache-Control"] = noCache
	if r.Method != http.MethodPut { // whose conditions were about the state before it
		if done, err := sameState(w, r, tag); done || err != nil {
			return err
		}
	}
	s.writeEncoded(w, r, status, tag, body)
	return nil
}

// queueTag returns what the ETags of a queue have in common while it is the same with the same
// settings, however many entries wait in it.
func queueTag(q *bus.Queue) string {
	return digest(fmt.Appendf(nil, "%d %d %d %t", q.ID, q.AckTimeout, q.Attempts, q.Paused))
}

// ofQueue is what conditions are about, of a queue.
var ofQueue = conditional{"queue", "queue's settings have"}

// queuePrecondition evaluates the conditions of a change, and returns the queue as it must still be
// when the change is made, nil for any. q is nil where there is none.
func queuePrecondition(r *http.Request, q *bus.Queue) (*bus.Queue, error) {
	current := ""
	if q != nil {
		current = queueTag(q)
	}
	bound, err := ofQueue.check(r, q != nil, func(tag string) bool { return state(tag) == current })
	switch {
	case !bound:
		return nil, err
	case q == nil: // it must not come into being meanwhile
		return new(bus.Queue), nil
	}
	return q, nil
}

// queueSettings are the members that a PUT takes. Those left out stay as they are.
type queueSettings struct {
	AckTimeout *float64 `json:"ack_timeout"`
	Attempts   *int     `json:"attempts"`
	Paused     *bool    `json:"paused"`
}

// putQueue changes a queue's settings, and makes the queue if there is none.
func (s *site) putQueue(w http.ResponseWriter, r *http.Request) error {
	name, err := queueName(r)
	if err != nil {
		return err
	}
	if err := parameters(r, nil); err != nil {
		return err
	}
	former, err := s.bus.Queue(r.Context(), name.Feed, name.Name)
	if err != nil && !errors.Is(err, bus.ErrNoQueue) {
		return err
	}
	seen, err := queuePrecondition(r, former)
	if err != nil {
		return err
	}
	set, err := s.receiveQueueSettings(w, r)
	if err != nil {
		return err
	}
	set.If = seen
	status := http.StatusOK
	if former == nil {
		status = http.StatusCreated
	}
	if err := s.makeFeed(r, name.Feed); err != nil {
		return err
	}
	q, err := s.bus.ConfigureQueue(r.Context(), name.Feed, name.Name, set)
	if errors.Is(err, bus.ErrChanged) {
		return ofQueue.changedMeanwhile(former != nil)
	}
	if err != nil {
		return err
	}
	return s.writeQueue(w, r, status, q)
}

func (s *site) receiveQueueSettings(w http.ResponseWriter, r *http.Request) (set bus.QueueSettings, err error) {
	var given queueSettings
	if err := s.receiveObject(w, r, queueObject, &given); err != nil {
		return set, err
	}
	return given.check()
}

func (q *queueSettings) check() (set bus.QueueSettings, err error) {
	if t := q.AckTimeout; t != nil {
		shortest, longest := bus.ShortestAckTimeout.Seconds(), bus.LongestAckTimeout.Seconds()
		if *t != 0 && (*t < shortest || *t > longest) {
			return set, badRequest("ack_timeout: %g is out of range: give %g to %.0f seconds, or 0 for none.", *t, shortest, longest)
		}
		d := time.Duration(*t * float64(time.Second))
		set.AckTimeout = &d
	}
	if q.Attempts != nil && (*q.Attempts < 1 || *q.Attempts > bus.MostAttempts) {
		return set, badRequest("attempts: %d is out of range: give 1 to %d.", *q.Attempts, bus.MostAttempts)
	}
	set.Attempts, set.Paused = q.Attempts, q.Paused
	return set, nil
}

// deleteQueue removes a queue with what waits in it, which the request must count.
func (s *site) deleteQueue(w http.ResponseWriter, r *http.Request) error {
	name, err := queueName(r)
	if err != nil {
		return err
	}
	var count int64
	var given bool
	if err := parameters(r, map[string]func(string) error{"count": counted("count", &count, &given)}); err != nil {
		return err
	}
	q, err := s.bus.Queue(r.Context(), name.Feed, name.Name)
	if err != nil {
		return err
	}
	seen, err := queuePrecondition(r, q)
	if err != nil {
		return err
	}
	err = s.bus.DropQueue(r.Context(), name, count, seen)
	switch {
	case errors.Is(err, bus.ErrChanged):
		return ofQueue.changed()
	case errors.Is(err, bus.ErrCount):
		return s.uncounted(r, name)
	case err != nil:
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// uncounted says how much would be gone with a queue.
func (s *site) uncounted(r *http.Request, name bus.QueueName) error {
	q, err := s.bus.Queue(r.Context(), name.Feed, name.Name)
	if err != nil {
		return err
	}
	return &problemError{
		Status: http.StatusConflict,
		Detail: fmt.Sprintf("%s not acked in this queue, and would be gone with it. Look there (%s/entries), and name the number: ?count=%d.", entriesAre(q.Waiting), queuePath(name), q.Waiting),
		Extra:  map[string]any{"count": q.Waiting},
	}
}

// entriesAre counts entries, with the verb.
func entriesAre(n int64) string {
	if n == 1 {
		return "1 entry is"
	}
	return fmt.Sprintf("%d entries are", n)
}

// getQueues lists the queues of a feed.
func (s *site) getQueues(w http.ResponseWriter, r *http.Request) error {
	feed, err := feedName(r)
	if err != nil {
		return err
	}
	w.Header()["Vary"] = varyAccept
	if _, _, err := choose(r, "", queueForms); err != nil {
		return err
	}
	p, err := parseListView(r, feeds.Path(feed)+"/queues", defaultLimit)
	if err != nil {
		return err
	}
	if p.before != "" {
		return badRequest("before: the queues are listed in one direction. Follow next from the beginning.")
	}
	if _, err := s.bus.Feed(r.Context(), feed); err != nil {
		return err
	}
	list, err := s.bus.Queues(r.Context(), bus.QueueName{Feed: feed, Name: p.after}, p.limit+1)
	if err != nil {
		return err
	}
	base := s.baseOf(r)
	doc := queuesJSON{Queues: []queueJSON{}}
	for _, q := range list {
		if q.Feed != feed {
			break
		}
		if len(doc.Queues) == p.limit {
			doc.Next = base + p.from("after", doc.Queues[p.limit-1].Name)
			break
		}
		doc.Queues = append(doc.Queues, s.queueJSON(q, base))
	}
	s.writeJSON(w, r, doc)
	return nil
}

type queuesJSON struct {
	Queues []queueJSON `json:"queues"`
	Next   string      `json:"next,omitempty"`
}

// browseView says which page of a queue is asked for.
type browseView struct {
	after bus.Place
	limit int
}

// getBrowsed shows what was not acked, in the order of claims, without handing it out.
func (s *site) getBrowsed(w http.ResponseWriter, r *http.Request) error {
	name, err := queueName(r)
	if err != nil {
		return err
	}
	w.Header()["Vary"] = varyAccept
	form, format, err := choose(r, "", browseForms)
	if err != nil {
		return err
	}
	v := browseView{limit: defaultLimit}
	err = parameters(r, map[string]func(string) error{
		"after":  v.parsePlace,
		"limit":  func(value string) (err error) { v.limit, err = parseLimit(value); return err },
		"format": func(string) error { return nil },
	})
	if err != nil {
		return err
	}
	share := s.sending.share()
	entries, last, err := s.bus.Browse(r.Context(), name.Feed, name.Name, v.after, v.limit, share)
	s.sending.unshare(share)
	if err != nil {
		return err
	}
	if err := s.hold(w, entries...); err != nil {
		return err
	}
	more, err := s.bus.Waits(r.Context(), name.Feed, name.Name, last)
	if err != nil {
		return err
	}
	f, err := s.bus.Feed(r.Context(), name.Feed)
	if err != nil {
		return err
	}
	base := s.baseOf(r)
	self, next := base+queuePath(name)+"/entries", ""
	if more {
		next = self + v.next(last, format)
	}
	s.writeBrowsed(w, r, form, &feeds.Page{Feed: f.Feed, Collection: base + feeds.Path(name.Feed), Base: base, Self: self, Next: next, Cursor: true}, entries)
	return nil
}

func (s *site) writeBrowsed(w http.ResponseWriter, r *http.Request, form offer, p *feeds.Page, entries []*bus.Entry) {
	w.Header()["Cache-Control"] = noStore
	if form.typ == "application/json" {
		writeItems(w, r, "entries", p.Next, len(entries), func(i int) any { return messageOf(entries[i], p.Collection) })
		return
	}
	out := newOutput(w, r, "")
	defer out.release()
	out.members = membersOf(out.members[:0], entries)
	p.Members = out.members
	form.describe(w.Header(), typeAtomFeed)
	out.finish(feeds.AppendFeed(out.buf, p, func(dst []byte, m *feeds.Member) []byte {
		return out.append(dst, feeds.AppendMember(nil, m, &p.Feed, p.Collection))
	}))
}

// next returns the query of the page behind place.
func (v *browseView) next(last bus.Place, format string) string {
	q := fmt.Sprintf("?after=%d-%d", last.Rank, last.ID)
	if v.limit != defaultLimit {
		q += "&limit=" + strconv.Itoa(v.limit)
	}
	if format != "" {
		q += "&format=" + format
	}
	return q
}

// parsePlace reads where a page begins, as a next link has it.
func (v *browseView) parsePlace(value string) error {
	rank, id, _ := strings.Cut(value, "-")
	n, err := strconv.ParseUint(rank, 10, 8)
	if err == nil {
		v.after.Rank = uint8(n)
		v.after.ID, err = parseID(id)
	}
	if err != nil {
		return badRequest("after: %.40q is not a place in a queue. Follow the next link, or leave it away for the beginning.", value)
	}
	return nil
}
