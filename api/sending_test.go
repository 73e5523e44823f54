package api

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"atommq/bus"
	"atommq/feeds"
)

// largeEntry is an entry of some more than so many bytes.
func largeEntry(size int) *feeds.Entry {
	return &feeds.Entry{XML: []byte(`<entry xmlns="` + feeds.NamespaceAtom + `"><content>` + strings.Repeat("x", size) + `</content></entry>`)}
}

// servePages serves a feed, large, of so many entries that memory does not keep, with room for so
// many answers of one of them.
func servePages(t *testing.T, entries, size, answers int) (s *pipeServer, published []bus.Published) {
	t.Helper()
	s = servePipeWith(t, Handler{SendBytes: answers * (size + 1<<10)})
	for range entries {
		list, err := s.bus.Publish(t.Context(), bus.Post{Feed: "large", Entry: largeEntry(size)})
		if err != nil {
			t.Fatal(err)
		}
		published = append(published, list...)
	}
	return s, published
}

// ask sends a request over a connection of its own, and reads the head of its answer.
func (s *pipeServer) ask(path string) (*pipeConn, *http.Response) {
	s.t.Helper()
	conn, in := s.dial()
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path); err != nil {
		s.t.Fatal(err)
	}
	return conn, s.head(in)
}

func (s *pipeServer) head(in *bufio.Reader) *http.Response {
	s.t.Helper()
	answer, err := http.ReadResponse(in, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer
}

func TestAnswersOnTheirWayOutTakeBoundedMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const answers, size = 3, 1 << 20
		s, published := servePages(t, 1, size, answers)
		member := feeds.Path("large") + "/entries/" + published[0].UUID
		var lazy []*pipeConn
		for range answers {
			conn, answer := s.ask(member)
			if answer.StatusCode != http.StatusOK {
				t.Fatalf("answered %s", answer.Status)
			}
			lazy = append(lazy, conn)
			<-time.After(time.Second)
		}
		_, refused := s.ask(member)
		if refused.StatusCode != http.StatusServiceUnavailable || refused.Header.Get("Retry-After") == "" {
			t.Fatalf("answered %s, %v, where there is no memory left", refused.Status, refused.Header)
		}
		if reason, err := io.ReadAll(refused.Body); err != nil || !strings.Contains(string(reason), "--send-bytes") {
			t.Errorf("refused because: %s, %v", reason, err)
		}
		wantSlow(t, s, 0, 0)

		<-time.After(7 * time.Second) // now the first one had ten, for five and a mebibyte; the others less
		_, answer := s.ask(member)
		if answer.StatusCode != http.StatusOK {
			t.Fatalf("answered %s, where somebody had time enough", answer.Status)
		}
		<-lazy[0].served
		wantSlow(t, s, 0, 1)
		if body, err := io.ReadAll(answer.Body); err != nil || len(body) < size {
			t.Errorf("%d bytes read, %v", len(body), err)
		}
		synctest.Wait() // what was read makes room for the next
		if _, answer = s.ask(member); answer.StatusCode != http.StatusOK {
			t.Errorf("answered %s, where somebody has his answer", answer.Status)
		}
	})
}

func TestPagesBecomeShorterAsMemoryRunsShort(t *testing.T) {
	for _, path := range []string{"/feeds/large?after=0", "/feeds?feed=large&after=0"} {
		t.Run(path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { pagesBecomeShorter(t, path) })
		})
	}
}

// pagesBecomeShorter asks for pages at path that nobody reads, until there is no memory to lengthen
// them.
func pagesBecomeShorter(t *testing.T, path string) {
	const entries, size = 16, 256 << 10
	s, published := servePages(t, entries, size, 2*entries)
	var former int
	for round := range 6 {
		_, answer := s.ask(path)
		last := answer.Header.Get("Xlastid")
		n := 0
		for n < entries && fmt.Sprint(published[n].ID) != last {
			n++
		}
		if n++; answer.StatusCode != http.StatusOK || n > entries {
			t.Fatalf("answered %s, up to %q", answer.Status, last)
		}
		if round > 0 && n > former {
			t.Errorf("a page of %d entries after one of %d, which nobody has read", n, former)
		}
		former = n
	}
	if former > entries/4 {
		t.Errorf("pages have %d entries yet", former)
	}
	_, answer := s.ask(path + "&limit=1")
	if answer.StatusCode != http.StatusOK {
		t.Errorf("a page of one entry is answered with %s", answer.Status)
	}
}

// What is kept in memory for everybody takes none of the room for answers.
func TestWhatManyReadTakesNoRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := servePipeWith(t, Handler{SendBytes: 1 << 10})
		if _, err := s.bus.Publish(t.Context(), bus.Post{Feed: "x", Entry: largeEntry(4 << 10)}); err != nil {
			t.Fatal(err)
		}
		for range 10 {
			if _, answer := s.ask("/feeds/x"); answer.StatusCode != http.StatusOK {
				t.Fatalf("answered %s", answer.Status)
			}
		}
	})
}

// What is published is published, though there is no memory left to show it.
func TestALargeEntryIsPublishedWhereThereIsNoMemoryToShowIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 1 << 20
		s, published := servePages(t, 1, size, 1)
		if _, answer := s.ask(feeds.Path("large") + "/entries/" + published[0].UUID); answer.StatusCode != http.StatusOK {
			t.Fatalf("answered %s", answer.Status) // and not read
		}
		conn, in := s.dial()
		send(t, conn, fmt.Sprintf("POST /feeds/x HTTP/1.1\r\nHost: h\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", size, strings.Repeat("x", size)))
		answer := s.head(in)
		body, err := io.ReadAll(answer.Body)
		if answer.StatusCode != http.StatusCreated || answer.Header.Get("Location") == "" || len(body) > 0 || err != nil {
			t.Errorf("answered %s, %v, with %d bytes, %v", answer.Status, answer.Header, len(body), err)
		}
	})
}

// serveFile serves a file of so many chunks, with room for so many answers of it, and returns its path.
func serveFile(t *testing.T, chunks, answers int) (s *pipeServer, path string) {
	t.Helper()
	s = servePipeWith(t, Handler{SendBytes: answers * bus.MediaChunk})
	m, err := s.bus.Upload(t.Context(), "image/png", strings.NewReader(strings.Repeat("x", chunks*bus.MediaChunk)), math.MaxInt64)
	if err != nil {
		t.Fatal(err)
	}
	e, err := feeds.ComposeLink("a file")
	if err != nil {
		t.Fatal(err)
	}
	published, err := s.bus.Publish(t.Context(), bus.Post{Feed: "x", Entry: e, Media: m})
	if err != nil {
		t.Fatal(err)
	}
	return s, feeds.Path("x") + "/entries/" + published[0].UUID + "/media"
}

func TestFilesOnTheirWayOutTakeBoundedMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const answers = 3
		s, path := serveFile(t, 4, answers)
		var lazy []*pipeConn
		for range answers {
			conn, answer := s.ask(path)
			if answer.StatusCode != http.StatusOK {
				t.Fatalf("answered %s", answer.Status)
			}
			lazy = append(lazy, conn)
			<-time.After(time.Second)
		}
		if _, refused := s.ask(path); refused.StatusCode != http.StatusServiceUnavailable {
			t.Fatalf("answered %s, where there is no memory left", refused.Status)
		}
		<-time.After(4 * time.Second) // now the first one had more than the six for a chunk; the others less
		if _, answer := s.ask(path); answer.StatusCode != http.StatusOK {
			t.Fatalf("answered %s, where somebody had time enough", answer.Status)
		}
		<-lazy[0].served
		wantSlow(t, s, 0, 1)
	})
}

func TestWhoGoesOnReadingAFileGetsItWholeThoughMemoryIsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const chunks = 8
		s, path := serveFile(t, chunks, 1)
		_, answer := s.ask(path)
		for n := range chunks {
			<-time.After(4 * time.Second)
			if _, refused := s.ask(path); refused.StatusCode != http.StatusServiceUnavailable {
				t.Fatalf("answered %s, where somebody reads on", refused.Status)
			}
			if _, err := io.CopyN(io.Discard, answer.Body, bus.MediaChunk); err != nil {
				t.Fatalf("chunk %d: %v", n, err)
			}
		}
		synctest.Wait()
		if _, next := s.ask(path); next.StatusCode != http.StatusOK {
			t.Errorf("answered %s, where somebody has his file", next.Status)
		}
	})
}
