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

// sending is memory for the entries, and the chunks of files, of answers on their way out. Those that stay in memory for
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
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.takeShare()
}

// takeShare does so. Callers hold s.mu.
func (s *sending) takeShare() int {
	const parts, least, most = 8, 64 << 10, 8 << 20
	size := min(max(s.left/parts, least), most)
	s.left -= size
	return int(size)
}

// reserve is share for entries that are handed out, which it is too late then to refuse: it reports
// false where there is no room at all.
func (s *sending) reserve() (size int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.breakOff(1); s.left <= 0 {
		return 0, false
	}
	return s.takeShare(), true
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
	if s.breakOff(size); s.left < size && len(s.answers) > 0 {
		return nil, false
	}
	return s.push(size, cut), true
}

// keep is hold for what was handed out, in place of the share that was reserved for it.
func (s *sending) keep(share int, size int64, cut func()) *sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left += int64(share)
	s.breakOff(size)
	return s.push(size, cut)
}

// breakOff breaks off answers whose clients had time enough until there is room for so many bytes, if
// that does it. Callers hold s.mu.
func (s *sending) breakOff(size int64) {
	for now := time.Now(); s.left < size && len(s.answers) > 0 && s.answers[0].due.Before(now); {
		a := s.answers[0]
		s.remove(a)
		a.broken.Store(true)
		a.cut()
	}
}

// push takes room for an answer. Callers hold s.mu.
func (s *sending) push(size int64, cut func()) *sent {
	a := &sent{size: size, due: dueOf(size), cut: cut}
	s.left -= size
	heap.Push(&s.answers, a)
	return a
}

// dueOf returns when the client of an answer of so many bytes that begins now will have had time enough.
func dueOf(size int64) time.Time {
	return time.Now().Add(sendingLeast + time.Duration(size)*time.Second/sendingRate)
}

// restart gives the client of an answer his time anew, for the next part in the place of the last one.
func (s *sending) restart(a *sent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.place >= 0 {
		a.due = dueOf(a.size)
		heap.Fix(&s.answers, a.place)
	}
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

// hold takes room for entries that were read for an answer, until that is sent.
func (s *site) hold(w http.ResponseWriter, entries ...*bus.Entry) error {
	var size int64
	for _, e := range entries {
		size += alone(e)
	}
	return s.holdBytes(w, size)
}

// holdBytes does so for so many bytes of an answer.
func (s *site) holdBytes(w http.ResponseWriter, size int64) error {
	rec, ok := w.(*recorder)
	if !ok || size == 0 {
		return nil
	}
	a, ok := s.sending.hold(size, rec.cut)
	if !ok {
		return noRoom()
	}
	rec.sent = append(rec.sent, a)
	return nil
}

// restart gives the client his time anew, for the next chunk of a file.
func (s *site) restart(w http.ResponseWriter) {
	if rec, ok := w.(*recorder); ok {
		for _, a := range rec.sent {
			s.sending.restart(a)
		}
	}
}

// alone returns the bytes of an entry that was read for one answer.
func alone(e *bus.Entry) int64 {
	if e.Shared() {
		return 0
	}
	return int64(len(e.XML))
}

func noRoom() error {
	return &problemError{
		Status: http.StatusServiceUnavailable,
		Detail: "As many answers are on their way to their clients as this server has memory for (--send-bytes). Send the request again after the seconds that Retry-After names.",
		Header: retryAfter,
	}
}

// cut ends a write under way. Where there are no deadlines, the next chunk ends the answer.
func (w *recorder) cut() { _ = http.NewResponseController(w).SetWriteDeadline(time.Unix(1, 0)) }

// leaseRoom is memory for what one request is handed out.
type leaseRoom struct {
	site  *site
	share int
}

// take is bus.LeaseConfig.Room: whoever finds no room is handed out nothing.
func (m *leaseRoom) take() (int, error) {
	size, ok := m.site.sending.reserve()
	if !ok {
		return 0, noRoom()
	}
	m.share = size
	return size, nil
}

// spare gives back what is not needed.
func (m *leaseRoom) spare() {
	m.site.sending.unshare(m.share)
	m.share = 0
}

// hold has room for list, which was handed out, until the request is answered.
func (m *leaseRoom) hold(w http.ResponseWriter, list []bus.LeasedEntry) {
	var size int64
	for i := range list {
		size += alone(list[i].Entry)
	}
	rec, ok := w.(*recorder)
	if size == 0 || !ok {
		m.spare()
		return
	}
	rec.sent = append(rec.sent, m.site.sending.keep(m.share, size, rec.cut))
	m.share = 0
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
