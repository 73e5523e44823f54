package main

import (
	"net/http"
	"strings"
	"testing"

	"atommq/stompgw/stomp"
)

func TestATraceGoesFromHTTPToSTOMPAndBack(t *testing.T) {
	const trace, state = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "rojo=00f067aa0ba902b7,vendor=a<b:c"
	server := startServer(t)
	c := connect(t, server.Stomp)
	c.must(t, stomp.SUBSCRIBE, "", "id", "1", "destination", "/topic/news")
	c.must(t, stomp.SUBSCRIBE, "", "id", "2", "destination", "/queue/news")
	status, _ := ask(t, http.MethodPost, server.URL+"feeds/news", "from HTTP", "Content-Type: text/plain", "traceparent: "+trace, "tracestate: "+state)
	if status != http.StatusCreated {
		t.Fatal(status)
	}
	sender := connect(t, server.Stomp)
	sender.must(t, stomp.SEND, "from STOMP", "destination", "/queue/news", "tracestate", state, "traceparent", trace, "a", "b", "tracestate", "second=1")
	sender.must(t, stomp.SEND, "not stored", "destination", "/topic/news", "persistent", "false", "traceparent", trace, "tracestate", state)
	sender.must(t, stomp.SEND, "no trace", "destination", "/topic/news", "traceparent", "garbage", "tracestate", "anybody's own")
	traced := make(map[string]int)
	for range 7 { // two of the queue more than of the topic's four
		m := c.message(t)
		traced[m.body+" "+m.headers["traceparent"]+" "+m.headers["tracestate"]]++
	}
	for text, n := range map[string]int{"from HTTP " + trace + " " + state: 2, "from STOMP " + trace + " " + state: 2, "not stored " + trace + " " + state: 1, "no trace  anybody's own": 2} {
		if traced[text] != n {
			t.Errorf("%d × %q among %v", traced[text], text, traced)
		}
	}
	_, text := ask(t, http.MethodGet, server.URL+"feeds/news.json?after=0", "")
	if n := strings.Count(text, `"traceparent":"`+trace+`","tracestate":"rojo=00f067aa0ba902b7,vendor=a`); n != 2 {
		t.Errorf("%d of 2 traces over HTTP: %s", n, text)
	}
}
