package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"

	"atommq/web/browsertest"
)

// tab is a page in a headless Chromium, driven through its DevTools protocol.
type tab struct {
	t    *testing.T
	conn *websocket.Conn
	last int
}

// openTab starts a browser of its own and opens an empty page in it.
func openTab(t *testing.T) *tab {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cmd := browsertest.Command(ctx, t, "--remote-debugging-port=0", "about:blank")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() { cancel(); <-ended })
	address := make(chan string, 1)
	go func() {
		defer close(ended)
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			if _, found, ok := strings.Cut(lines.Text(), "DevTools listening on "); ok {
				address <- found
			}
		}
		_ = cmd.Wait() // it is killed
	}()
	select {
	case browser := <-address:
		return attach(t, browser)
	case <-ended:
		t.Fatal("chromium ended")
	case <-time.After(processWait):
		t.Fatal("chromium does not say where it listens")
	}
	return nil
}

// attach opens a page in the browser that listens at a ws:// URL.
func attach(t *testing.T, browser string) *tab {
	t.Helper()
	u, err := url.Parse(browser)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+u.Host+"/json/new?about:blank", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var target struct{ WebSocketDebuggerURL string }
	body, err := io.ReadAll(resp.Body)
	if err == nil {
		err = json.Unmarshal(body, &target)
	}
	if err != nil {
		t.Fatal(err)
	}
	conn, _, err := websocket.Dial(t.Context(), target.WebSocketDebuggerURL, nil)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadLimit(64 << 20)
	t.Cleanup(func() { _ = conn.CloseNow() })
	b := &tab{t: t, conn: conn}
	b.call("Page.enable", nil)
	return b
}

// call sends one command and returns its result. Events that come meanwhile are passed over.
func (b *tab) call(method string, params map[string]any) json.RawMessage {
	b.t.Helper()
	b.last++
	if err := wsjson.Write(b.t.Context(), b.conn, map[string]any{"id": b.last, "method": method, "params": params}); err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	answer := b.await(method, func(m *message) bool { return m.ID == b.last })
	if answer.Error != nil {
		b.t.Fatalf("%s: %s", method, answer.Error.Message)
	}
	return answer.Result
}

// message is what the browser sends: the answer to a command, or an event.
type message struct {
	ID     int
	Method string // of an event
	Result json.RawMessage
	Error  *struct{ Message string }
}

// await reads messages up to the one that is wanted.
func (b *tab) await(what string, wanted func(*message) bool) *message {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), processWait)
	defer cancel()
	for {
		var m message
		if err := wsjson.Read(ctx, b.conn, &m); err != nil {
			b.t.Fatalf("%s: %v", what, err)
		}
		if wanted(&m) {
			return &m
		}
	}
}

// loaded waits until a page that is on its way is there.
func (b *tab) loaded() {
	b.t.Helper()
	b.await("load a page", func(m *message) bool { return m.Method == "Page.loadEventFired" })
}

// open loads a page and waits until it is there.
func (b *tab) open(url string) {
	b.t.Helper()
	b.call("Page.navigate", map[string]any{"url": url})
	b.loaded()
}

// back goes back a page, and waits until that has taken this one's place: what is evaluated
// meanwhile would be lost.
func (b *tab) back() {
	b.t.Helper()
	var history struct {
		CurrentIndex int
		Entries      []struct{ ID int }
	}
	if err := json.Unmarshal(b.call("Page.getNavigationHistory", nil), &history); err != nil {
		b.t.Fatal(err)
	}
	b.call("Page.navigateToHistoryEntry", map[string]any{"entryId": history.Entries[history.CurrentIndex-1].ID})
	b.await("go back", func(m *message) bool { return m.Method == "Page.frameNavigated" })
}

// eval runs an expression in the page, waits for its promise, and returns its value as text.
func (b *tab) eval(expression string) string {
	b.t.Helper()
	var answer struct {
		Result           struct{ Value any }
		ExceptionDetails *struct {
			Exception struct{ Description string }
		}
	}
	result := b.call("Runtime.evaluate", map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true})
	if err := json.Unmarshal(result, &answer); err != nil {
		b.t.Fatal(err)
	}
	if answer.ExceptionDetails != nil {
		b.t.Fatalf("%s: %s", expression, answer.ExceptionDetails.Exception.Description)
	}
	return fmt.Sprint(answer.Result.Value)
}

// until waits for a condition, which the page looks at with each frame that it draws.
func (b *tab) until(condition string) {
	b.t.Helper()
	deadline := time.Now().Add(processWait)
	for b.eval(condition) != "true" {
		if time.Now().After(deadline) {
			b.t.Fatalf("it never holds that %s; the page is\n%s", condition, b.eval("document.body.innerText"))
		}
		b.eval("new Promise(done => setTimeout(done, 10))")
	}
}

// press types one key.
func (b *tab) press(key string) {
	b.t.Helper()
	b.call("Input.dispatchKeyEvent", map[string]any{"type": "keyDown", "key": key, "text": key})
	b.call("Input.dispatchKeyEvent", map[string]any{"type": "keyUp", "key": key})
}

// shoot keeps a picture of the page, where somebody wants to look at them.
func (b *tab) shoot(name string, width int, scheme string) {
	b.t.Helper()
	dir := os.Getenv("ATOMMQ_TEST_PICTURES")
	if dir == "" {
		return
	}
	b.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}})
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false})
	var picture struct{ Data []byte }
	if err := json.Unmarshal(b.call("Page.captureScreenshot", nil), &picture); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(fmt.Sprintf("%s/%s-%d-%s.png", dir, name, width, scheme), picture.Data, 0o644); err != nil {
		b.t.Fatal(err)
	}
}
