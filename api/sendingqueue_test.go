package api

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"atommq/bus"
	"atommq/feeds"
)

const largeQueue = "/feeds/large/queues/default"

// serveQueue is servePages with a queue that all of the entries wait in.
func serveQueue(t *testing.T, entries, size, answers int) *pipeServer {
	t.Helper()
	s := servePipeWith(t, Handler{SendBytes: answers * (size + 1<<10)})
	if _, err := s.bus.ConfigureQueue(t.Context(), "large", bus.DefaultQueue, bus.QueueSettings{}); err != nil {
		t.Fatal(err)
	}
	for range entries {
		if _, err := s.bus.Publish(t.Context(), bus.Post{Feed: "large", Entry: largeEntry(size)}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// postFor sends a POST without a body over a connection of its own, and reads the head of its answer.
func (s *pipeServer) postFor(path string) *http.Response {
	s.t.Helper()
	conn, in := s.dial()
	if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", path); err != nil {
		s.t.Fatal(err)
	}
	return s.head(in)
}

// claimedNow returns how many claims there are.
func (s *pipeServer) claimedNow() int64 {
	s.t.Helper()
	q, err := s.bus.Queue(s.t.Context(), "large", bus.DefaultQueue)
	if err != nil {
		s.t.Fatal(err)
	}
	b, err := s.bus.Backlog(s.t.Context(), q)
	if err != nil {
		s.t.Fatal(err)
	}
	return b.Claimed
}

func TestClaimsOnTheirWayOutTakeBoundedMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const entries, size, answers = 64, 256 << 10, 16
		s := serveQueue(t, entries, size, answers)
		var had int64
		for {
			answer := s.postFor(largeQueue + "/claims?count=1000&format=json")
			has := s.claimedNow()
			if answer.StatusCode == http.StatusServiceUnavailable && answer.Header.Get("Retry-After") != "" {
				if has != had {
					t.Errorf("%d entries were claimed for an answer that is refused", has-had)
				}
				break
			}
			if answer.StatusCode != http.StatusOK || has == had {
				t.Fatalf("answered %s with %d claims", answer.Status, has-had)
			}
			had = has
		}
		if had > answers+2 {
			t.Errorf("%d entries are held where there is room for %d", had, answers)
		}
		<-time.After(time.Minute)
		if answer := s.postFor(largeQueue + "/claims?count=1&format=json"); answer.StatusCode != http.StatusOK {
			t.Errorf("answered %s, where others had time enough", answer.Status)
		}
	})
}

func TestAWaitingClaimTakesNoRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveQueue(t, 0, 1<<20, 1)
		for range 20 {
			conn, _ := s.dial()
			if _, err := fmt.Fprintf(conn, "POST %s/claims?wait=60 HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", largeQueue); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if answer := s.postFor("/feeds/other/queues/default/claims"); answer.StatusCode != http.StatusOK {
			t.Errorf("answered %s", answer.Status)
		}
	})
}

func TestBrowsedPagesOnTheirWayOutTakeBoundedMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const entries, size, answers = 32, 256 << 10, 16
		s := serveQueue(t, entries, size, answers)
		lazy := 0
		for ; lazy < entries; lazy++ {
			_, answer := s.ask(largeQueue + "/entries?limit=1000&format=json")
			if answer.StatusCode == http.StatusServiceUnavailable {
				break
			}
		}
		if lazy == 0 || lazy > answers {
			t.Errorf("%d answers of %d bytes at least are held, where there is room for %d", lazy, size, answers)
		}
	})
}

// A page that ends early says where it goes on.
func TestALargeQueueIsBrowsedWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const entries, size = 12, 1 << 20
		s := serveQueue(t, entries, size, 2*entries)
		path, ids, pages := largeQueue+"/entries?limit=1000&format=json", make(map[int64]bool), 0
		for ; path != ""; pages++ {
			_, answer := s.ask(path)
			body, err := io.ReadAll(answer.Body)
			var doc struct {
				Entries []struct{ ID int64 }
				Next    string
			}
			if err != nil || json.Unmarshal(body, &doc) != nil || len(doc.Entries) == 0 || pages > entries {
				t.Fatalf("answered %s, %d bytes, %v", answer.Status, len(body), err)
			}
			for _, e := range doc.Entries {
				ids[e.ID] = true
			}
			if path = ""; doc.Next != "" {
				next, err := url.Parse(doc.Next)
				if err != nil {
					t.Fatal(err)
				}
				path = next.RequestURI()
			}
			synctest.Wait() // the room is free again
		}
		if len(ids) != entries || pages < 3 {
			t.Errorf("%d entries in %d pages, want %d in 3 or more", len(ids), pages, entries)
		}
	})
}

func TestAFeedWithTooManyQueuesSaysSo(t *testing.T) {
	s := serve(t, Handler{})
	for i := range bus.MostQueues {
		if _, err := s.bus.ConfigureQueue(t.Context(), "x", fmt.Sprint("q", i), bus.QueueSettings{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, method := range []string{http.MethodPut, http.MethodPost} {
		path, body := feeds.Path("x")+"/queues/more", "{}"
		if method == http.MethodPost {
			path, body = path+"/claims", ""
		}
		s.do(method, path, body).want(t, http.StatusConflict).wantText(t, "The feed has 1000 queues")
	}
	s.do(http.MethodPost, feeds.Path("x")+"/queues/q7/claims", "").want(t, http.StatusOK)
}
