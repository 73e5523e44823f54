package api

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
)

// rawClient asks over one connection and reads no more of an answer than it has to.
type rawClient struct {
	conn net.Conn
	in   *bufio.Reader
}

func dialRaw(b *testing.B, url string) *rawClient {
	b.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	return &rawClient{conn, bufio.NewReaderSize(conn, 256<<10)}
}

// ask sends a request and returns the length of the answer's body.
func (c *rawClient) ask(request string) (int, error) {
	if _, err := io.WriteString(c.conn, request); err != nil {
		return 0, err
	}
	length := 0
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		if len(line) == 2 {
			break
		}
		if n, ok := strings.CutPrefix(string(line), "Content-Length: "); ok {
			if _, err := fmt.Sscan(n, &length); err != nil {
				return 0, err
			}
		}
	}
	return c.in.Discard(length)
}

// benchmark compares what s answers to a request with a bare chi handler that writes the
// same bytes from memory.
func benchmark(b *testing.B, s *server, path string, fields ...string) {
	answer := s.get(path, fields...).want(b, http.StatusOK)
	body := []byte(answer.body)
	request := "GET " + path + " HTTP/1.1\r\nHost: h\r\n" + strings.Join(append(fields, ""), "\r\n") + "\r\n"
	router := chi.NewRouter()
	router.Get("/feeds/{feed}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/atom+xml")
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		_, _ = w.Write(body)
	})
	bare := httptest.NewServer(router)
	defer bare.Close()
	for _, side := range []struct{ name, url string }{{"bare", bare.URL}, {"atommq", s.url}} {
		b.Run(side.name, func(b *testing.B) {
			c := dialRaw(b, side.url)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if n, err := c.ask(request); err != nil || n != len(body) {
					b.Fatalf("%d bytes, %v", n, err)
				}
			}
		})
	}
}

// BenchmarkTailPoll is the request that a follower makes all day: nothing is new.
func BenchmarkTailPoll(b *testing.B) {
	s := serve(b, Handler{BaseURL: "http://127.0.0.1:8080"})
	s.fill(100)
	benchmark(b, s, "/feeds/x", "Xlastid: 100")
}

// BenchmarkPage reads the newest 100 entries of 1 KB.
func BenchmarkPage(b *testing.B) {
	s := serve(b, Handler{BaseURL: "http://127.0.0.1:8080"})
	for i := range 200 {
		s.publish("x", fmt.Sprint(i)+strings.Repeat("x", 450))
	}
	benchmark(b, s, "/feeds/x?after=100")
}

// BenchmarkPost publishes over one connection to a store in memory, beside a bare chi handler
// that reads the same body and writes an answer of the same length.
func BenchmarkPost(b *testing.B) {
	s := serve(b, Handler{BaseURL: "http://127.0.0.1:8080"})
	body := entry(strings.Repeat("x", 50))
	request := fmt.Sprintf("POST /feeds/x HTTP/1.1\r\nHost: h\r\nContent-Type: application/atom+xml\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	answer := []byte(s.do(http.MethodPost, "/feeds/x", body, atomType).want(b, http.StatusCreated).body)
	router := chi.NewRouter()
	router.Post("/feeds/{feed}", func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Content-Type", "application/atom+xml")
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write(answer)
	})
	bare := httptest.NewServer(router)
	defer bare.Close()
	for _, side := range []struct{ name, url string }{{"bare", bare.URL}, {"atommq", s.url}} {
		b.Run(side.name, func(b *testing.B) {
			c := dialRaw(b, side.url)
			b.ReportAllocs()
			for b.Loop() {
				if n, err := c.ask(request); err != nil || n == 0 {
					b.Fatalf("%d bytes, %v", n, err)
				}
			}
		})
	}
}
