package stompgw

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"
)

// serveWebSocket serves a handler whose sessions are serve, and returns its URL.
func serveWebSocket(t *testing.T, serve func(net.Conn), configure ...func(*http.Server)) string {
	t.Helper()
	srv := httptest.NewUnstartedServer(newWebSocketHandler(serve, http.NewCrossOriginProtection()))
	for _, c := range configure {
		c(srv.Config)
	}
	srv.Start()
	t.Cleanup(srv.Close)
	return srv.URL + "/stomp"
}

func dialWebSocket(t *testing.T, url string, options *websocket.DialOptions) *websocket.Conn {
	t.Helper()
	ws, _, err := websocket.Dial(t.Context(), url, options)
	if err != nil {
		t.Fatal(err)
	}
	ws.SetReadLimit(-1)
	t.Cleanup(func() { _ = ws.CloseNow() })
	return ws
}

func sendMessage(t *testing.T, ws *websocket.Conn, kind websocket.MessageType, text string) {
	t.Helper()
	if err := ws.Write(t.Context(), kind, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// hangUp is a session that ends at once.
func hangUp(c net.Conn) { c.Close() }

// echo is a session that sends back what it gets.
func echo(c net.Conn) {
	defer c.Close()
	_, _ = io.Copy(c, c)
}

func TestWebSocketPrefersTheNewestSubprotocol(t *testing.T) {
	url := serveWebSocket(t, hangUp)
	for _, tt := range []struct{ offered, want string }{
		{"", ""},
		{"mqtt", ""},
		{"v10.stomp", "v10.stomp"},
		{"v10.stomp mqtt v11.stomp", "v11.stomp"},
		{"v10.stomp v11.stomp v12.stomp", "v12.stomp"},
	} {
		ws := dialWebSocket(t, url, &websocket.DialOptions{Subprotocols: strings.Fields(tt.offered)})
		if got := ws.Subprotocol(); got != tt.want {
			t.Errorf("of %q the server takes %q, want %q", tt.offered, got, tt.want)
		}
	}
}

func TestWebSocketIsOpenedByNoOtherSitesPage(t *testing.T) {
	origins := http.NewCrossOriginProtection()
	if err := origins.AddTrustedOrigin("https://mq.example"); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(newWebSocketHandler(hangUp, origins))
	defer srv.Close()
	for _, tt := range []struct {
		header http.Header
		admit  bool
	}{
		{nil, true}, // no browser
		{http.Header{"Origin": {srv.URL}}, true},
		{http.Header{"Origin": {"https://mq.example"}}, true},
		{http.Header{"Origin": {"https://evil.example"}}, false},
		{http.Header{"Origin": {"null"}}, false},
		{http.Header{"Origin": {srv.URL}, "Sec-Fetch-Site": {"cross-site"}}, false},
		{http.Header{"Origin": {"https://sub.mq.example"}, "Sec-Fetch-Site": {"same-site"}}, false},
	} {
		ws, resp, err := websocket.Dial(t.Context(), srv.URL, &websocket.DialOptions{HTTPHeader: tt.header})
		if admitted := err == nil; admitted != tt.admit {
			t.Errorf("%v: admitted %v, want %v", tt.header, admitted, tt.admit)
		}
		if err == nil {
			_ = ws.CloseNow()
		} else if resp.StatusCode != http.StatusForbidden {
			t.Errorf("%v: refused with %s", tt.header, resp.Status)
		}
	}
}

func TestWebSocketTellsOthersWhatIsSpoken(t *testing.T) {
	url := serveWebSocket(t, hangUp)
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		req, err := http.NewRequest(method, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusUpgradeRequired || resp.Header.Get("Upgrade") != "websocket" || resp.Header.Get("Connection") != "Upgrade" || !strings.Contains(string(body), "WebSocket client") {
			t.Errorf("%s: %s %v %s", method, resp.Status, resp.Header, body)
		}
	}
}

func TestWebSocketMessagesAreAStream(t *testing.T) {
	got := make(chan string, 1)
	url := serveWebSocket(t, func(c net.Conn) {
		defer c.Close()
		text, err := io.ReadAll(c)
		if err != nil {
			t.Error(err)
		}
		got <- string(text)
	})
	ws := dialWebSocket(t, url, nil)
	large := strings.Repeat("x", 3*pieceBytes+1)
	sendMessage(t, ws, websocket.MessageText, "SEND\ndestination:/que")
	sendMessage(t, ws, websocket.MessageBinary, "ue/x\n\n"+large)
	sendMessage(t, ws, websocket.MessageText, "")
	w, err := ws.Writer(t.Context(), websocket.MessageText) // one message in three frames of WebSocket
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"\x00\nSE", "ND\n\n\x00"} {
		if _, err := io.WriteString(w, part); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := ws.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff("SEND\ndestination:/queue/x\n\n"+large+"\x00\nSEND\n\n\x00", <-got); diff != "" {
		t.Error(diff)
	}
}

func TestWebSocketSendsAMessageForEachFrame(t *testing.T) {
	const (
		text    = "MESSAGE\nsubscription:1\n\nhe\xc3\xa9\x00\n"
		sized   = "MESSAGE\ncontent-length:3\n\na\x00b\x00\n"
		invalid = "MESSAGE\ncontent-length:2\n\n\xff\n\x00\n"
		receipt = "RECEIPT\nreceipt-id:1\n\n\x00\n"
		beat    = "\n"
	)
	large := "MESSAGE\n\n" + strings.Repeat("\u00df\n", pieceToWrite) + "\x00\n"
	frames := []string{text, sized, invalid, beat, large, receipt}
	for _, tt := range []struct {
		kind websocket.MessageType
		cut  int // bytes in a Write
	}{{websocket.MessageText, 10_007}, {websocket.MessageText, 3 << 20}, {websocket.MessageBinary, 10_007}} {
		kind, cut := tt.kind, tt.cut
		url := serveWebSocket(t, func(c net.Conn) {
			defer c.Close()
			_, _ = c.Read(make([]byte, 1))
			all := strings.Join(frames, "")
			for all != "" { // cut wherever it falls
				piece := all[:min(len(all), cut)]
				if n, err := io.WriteString(c, piece); n != len(piece) || err != nil {
					t.Errorf("wrote %d of %d bytes: %v", n, len(piece), err)
				}
				all = all[len(piece):]
			}
		})
		ws := dialWebSocket(t, url, nil)
		sendMessage(t, ws, kind, "\n")
		for _, want := range frames {
			got, message, err := ws.Read(t.Context())
			if err != nil || string(message) != want {
				t.Errorf("got %q, %v; want %q", message, err, want)
			}
			wanted := kind
			if want == invalid {
				wanted = websocket.MessageBinary
			}
			if got != wanted {
				t.Errorf("%q is sent as %v, want %v", want, got, wanted)
			}
		}
		_, _, err := ws.Read(t.Context())
		if websocket.CloseStatus(err) != websocket.StatusNormalClosure {
			t.Errorf("the server hangs up with %v", err)
		}
	}
}

func TestWebSocketReadsGoOnAfterADeadline(t *testing.T) {
	const ofHTTP = 500 * time.Millisecond // which the session outlives
	expired := make(chan error, 1)
	url := serveWebSocket(t, func(c net.Conn) {
		_ = c.SetReadDeadline(time.Now().Add(2 * ofHTTP))
		_, err := c.Read(make([]byte, 1))
		expired <- err
		_ = c.SetDeadline(time.Time{})
		echo(c)
	}, func(s *http.Server) { s.ReadTimeout, s.WriteTimeout = ofHTTP, ofHTTP })
	ws := dialWebSocket(t, url, nil)
	if err := <-expired; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Read past its deadline returns %v", err)
	}
	sendMessage(t, ws, websocket.MessageText, "\n")
	if _, message, err := ws.Read(t.Context()); err != nil || string(message) != "\n" {
		t.Errorf("after a deadline, and past those of the HTTP server: %q, %v", message, err)
	}
}

func TestWebSocketWritesHaveDeadlines(t *testing.T) {
	result := make(chan error, 1)
	url := serveWebSocket(t, func(c net.Conn) {
		_ = c.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
		frame := []byte("MESSAGE\n\n" + strings.Repeat("x", 1<<20) + "\x00\n")
		var err error
		for err == nil {
			_, err = c.Write(frame)
		}
		result <- err
		c.Close()
	})
	dialWebSocket(t, url, nil) // and never reads
	if err := <-result; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Write past its deadline returns %v", err)
	}
}

func TestWebSocketAnswersPingsOfABusySession(t *testing.T) {
	release := make(chan struct{})
	url := serveWebSocket(t, func(c net.Conn) { <-release; c.Close() })
	ws := dialWebSocket(t, url, nil)
	reading := ws.CloseRead(t.Context())
	if err := ws.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	close(release)
	<-reading.Done()
}

func TestWebSocketCloseEndsAReadUnderWay(t *testing.T) {
	result := make(chan error, 1)
	url := serveWebSocket(t, func(c net.Conn) {
		read := make(chan error)
		go func() {
			_, err := c.Read(make([]byte, 1))
			read <- err
		}()
		c.Close()
		c.Close() // does no harm
		result <- <-read
	})
	ws := dialWebSocket(t, url, nil)
	if _, _, err := ws.Read(context.Background()); websocket.CloseStatus(err) != websocket.StatusNormalClosure {
		t.Errorf("the client is told %v", err)
	}
	if err := <-result; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Read returns %v", err)
	}
}

func TestWebSocketFramesAreFoundHoweverTheyAreWritten(t *testing.T) {
	const frames = "\nMESSAGE\ncontent-length:3\n\na\x00b\x00\nRECEIPT\nreceipt-id:1\n\n\x00\n"
	got := make(chan string, 100)
	url := serveWebSocket(t, func(c net.Conn) {
		defer c.Close()
		for i := range frames {
			_, _ = io.WriteString(c, frames[i:i+1])
		}
	})
	ws := dialWebSocket(t, url, nil)
	for {
		_, message, err := ws.Read(t.Context())
		if err != nil {
			break
		}
		got <- string(message)
	}
	close(got)
	var messages []string
	for m := range got {
		messages = append(messages, m)
	}
	want := []string{"\n", "MESSAGE\ncontent-length:3\n\na\x00b\x00\n", "RECEIPT\nreceipt-id:1\n\n\x00\n"}
	if diff := cmp.Diff(want, messages); diff != "" {
		t.Error(diff)
	}
}

func TestWebSocketCloseDuringAWriteDoesNotWait(t *testing.T) {
	closed := make(chan time.Duration, 1)
	url := serveWebSocket(t, func(c net.Conn) {
		written := make(chan error)
		started := make(chan struct{})
		go func() {
			frame := []byte("MESSAGE\n\n" + strings.Repeat("x", 1<<20) + "\x00\n")
			_, err := c.Write(frame)
			close(started)
			for err == nil {
				_, err = c.Write(frame)
			}
			written <- err
		}()
		<-started
		_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond)) // until the writes are stuck
		_, _ = c.Read(make([]byte, 1))
		begun := time.Now()
		c.Close()
		closed <- time.Since(begun)
		if err := <-written; err == nil {
			t.Error("writes go on after Close")
		}
	})
	dialWebSocket(t, url, nil) // and never reads
	if took := <-closed; took >= closeWait {
		t.Errorf("Close took %v", took)
	}
}

func FuzzFrameLength(f *testing.F) {
	for _, frame := range []string{
		"\n", "\n\n", "MESSAGE\n\nbody\x00\n", "MESSAGE\ncontent-length:1\n\n\x00\x00\nRECEIPT", "ERROR\n\nhalf",
		"X\ncontent-length:9223372036854775807\n\nx", "X\ncontent-length:-1\n\nx\x00",
	} {
		f.Add([]byte(frame))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		if len(p) == 0 {
			return
		}
		n, whole := frameLength(p)
		if whole && (n < 1 || n > len(p)) {
			t.Fatalf("%d of %d bytes", n, len(p))
		}
		if again, _ := frameLength(append(p[:len(p):len(p)], 'x')); whole && again != n {
			t.Fatalf("%d bytes are %d when more comes", n, again)
		}
	})
}
