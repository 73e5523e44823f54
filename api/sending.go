package api

import (
	"container/heap"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"atommq/bus"
)

// DefaultSendBytes is what Handler.SendBytes is where it says nothing.
const DefaultSendBytes = 256 << 20

// The time that the client of an answer has for it in any case, while memory is short.
const (
	sendingLeast = 5 * time.Second
	sendingRate  = 256 << 10 // bytes a second, for those beyond
)

// sending is memory for the entries of answers on their way out. Those that stay in memory for
// everybody take none of it; others were read from the database for one answer, and its client may
// take as long as he likes for it. When it runs short, those answers are broken off whose clients
// had time enough.
type sending struct {
	mu      sync.Mutex
	left    int64 // in bytes; less than none while one answer alone is larger than all
	answers dueHeap
}

// sent is an answer on its way out.
type sent struct {
	size   int64
	due    time.Time // when its client will have had time enough
	place  int       // in the heap, -1 once it is not there any more
	cut    func()    // ends a write under way
	broken atomic.Bool
}

// share takes room for a page that is to be read, and returns how many bytes of entries it may
// have: the less, the less is left. unshare gives it back once the page is there.
func (s *sending) share() int {
	const parts, least, most = 8, 64 << 10, 8 << 20
	s.mu.Lock()
	defer s.mu.Unlock()
	size := min(max(s.left/parts, least), most)
	s.left -= size
	return int(size)
}

func (s *sending) unshare(size int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left += int64(size)
}

// hold takes room for an answer until it is released. It reports false where there is none.
func (s *sending) hold(size int64, cut func()) (*sent, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for s.left < size && len(s.answers) > 0 && s.answers[0].due.Before(now) {
		a := s.answers[0]
		s.remove(a)
		a.broken.Store(true)
		a.cut()
	}
	if s.left < size && len(s.answers) > 0 {
		return nil, false
	}
	a := &sent{size: size, due: now.Add(sendingLeast + time.Duration(size)*time.Second/sendingRate), cut: cut}
	s.left -= size
	heap.Push(&s.answers, a)
	return a, true
}

// release gives back what a holds.
func (s *sending) release(a *sent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.place >= 0 {
		s.remove(a)
	}
}

// remove forgets a. Callers hold s.mu.
func (s *sending) remove(a *sent) {
	heap.Remove(&s.answers, a.place)
	s.left += a.size
}

// dueHeap has the answer in front that is due first.
type dueHeap []*sent

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].due.Before(h[j].due) }

func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

// Push implements heap.Interface.
func (h *dueHeap) Push(x any) {
	a := x.(*sent)
	a.place = len(*h)
	*h = append(*h, a)
}

// Pop implements heap.Interface.
func (h *dueHeap) Pop() any {
	last := len(*h) - 1
	a := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	a.place = -1
	return a
}

// hold takes room for entries that were read to answer r, until it is answered.
func (s *site) hold(w http.ResponseWriter, entries ...*bus.Entry) error {
	var size int64
	for _, e := range entries {
		if !e.Shared() {
			size += int64(len(e.XML))
		}
	}
	if size == 0 {
		return nil
	}
	return s.holdBytes(w, size)
}

// holdBytes does so for what an answer takes beside entries.
func (s *site) holdBytes(w http.ResponseWriter, size int64) error {
	rec, ok := w.(*recorder)
	if !ok {
		return nil
	}
	a, ok := s.sending.hold(size, func() {
		_ = http.NewResponseController(rec).SetWriteDeadline(time.Unix(1, 0)) // where there are none, the next chunk ends it
	})
	if !ok {
		return &problemError{
			Status: http.StatusServiceUnavailable,
			Detail: "As many answers are on their way to their clients as this server has memory for (--send-bytes). Send the request again after the seconds that Retry-After names.",
			Header: retryAfter,
		}
	}
	rec.sent = append(rec.sent, a)
	return nil
}

// sentAll gives back what a request held.
func (s *site) sentAll(rec *recorder) {
	for _, a := range rec.sent {
		s.sending.release(a)
	}
	clear(rec.sent)
	rec.sent = rec.sent[:0]
}

// brokenOff reports whether the client has had time enough for what is held for it.
func brokenOff(w http.ResponseWriter) bool {
	rec, ok := w.(*recorder)
	return ok && slices.ContainsFunc(rec.sent, func(a *sent) bool { return a.broken.Load() })
}
