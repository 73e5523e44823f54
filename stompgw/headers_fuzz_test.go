package stompgw

import (
	"bytes"
	"math"
	"testing"
	"time"

	"atommq/bus"
	"atommq/feeds"
	"atommq/stompgw/stomp"
)

// Whatever value a client gives a header, what is taken of it keeps within the bounds that the
// gateway relies on.
func FuzzHeaders(f *testing.F) {
	for _, value := range []string{
		"/queue/jobs", "/topic/a*", "/temp-queue/x", "/control/count-msgs/queue/x", "/queue/", "4", "10", "2.5", "1e300", "NaN", "-0", "0x1p-1074",
		"1700000000", "32503680000000", "9223372036854775807", "True", "10000,0", "18446744073709551615,1", ",", "application/atom+xml;type=entry", "client", "65536", "\x00", "kéy",
	} {
		f.Add([]byte(value))
	}
	server := &Server{MaxPrefetch: 10_000}
	now := time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)
	f.Fuzz(func(t *testing.T, value []byte) {
		frame := func(names ...string) *stomp.Frame {
			fr := &stomp.Frame{Command: stomp.SUBSCRIBE}
			for _, name := range names {
				fr.Fields = append(fr.Fields, stomp.Field{Name: []byte(name), Value: value})
			}
			return fr
		}
		if d, err := parseDestination(value); err == nil {
			if d.kind.prefix()+d.name != string(value) || d.text != string(value) {
				t.Fatalf("%q is %+v", value, d)
			}
			if d.checkFeed() == nil && feeds.CheckName(d.name) != nil {
				t.Fatalf("%q is sent to the feed %q", value, d.name)
			}
		}
		if s, err := parseSend(frame("priority")); err == nil && s.priority > bus.PriorityOf(9) {
			t.Fatalf("priority %q is %d", value, s.priority)
		}
		if s, err := parseSend(frame("ack-timeout")); err == nil && (s.timeout < 0 || s.timeout > bus.LongestAckTimeout) {
			t.Fatalf("ack-timeout %q is %v", value, s.timeout)
		}
		if s, err := parseSend(frame("idempotency-KEY")); err == nil && (s.key != string(value) || s.key == "" || len(s.key) > 255) {
			t.Fatalf("the key %q is %q", value, s.key)
		}
		if at, err := parseExpires(value); err == nil && !at.IsZero() && at.Year() < 1973 {
			t.Fatalf("expires %q is %v", value, at)
		}
		if at, err := expiryOf(frame("expiration"), now); err == nil && !at.After(now) {
			t.Fatalf("expiration %q is %v", value, at)
		}
		if n, err := server.parsePrefetch(frame("prefetch-count")); err == nil && (n < 1 || n > server.MaxPrefetch) {
			t.Fatalf("prefetch %q is %d", value, n)
		}
		if n, err := parseLastID(frame("Xlastid")); err == nil && n.After < 0 {
			t.Fatalf("Xlastid %q is %d", value, n)
		}
		if h, err := parseHeartBeat(frame("heart-beat")); err == nil {
			most := math.MaxInt32 * time.Millisecond
			own := h.answer(10 * time.Second)
			if h.sends < 0 || h.sends > most || h.wants < 0 || h.wants > most || own.sends > 10*time.Second || own.wants > 10*time.Second {
				t.Fatalf("heart-beat %q is %+v, answered with %+v", value, h, own)
			}
		}
		for _, v := range []stomp.Version{stomp.V10, stomp.V11, stomp.V12} {
			c := &conn{version: v}
			if a, err := c.parseAck(frame("id", "message-id", "subscription")); err == nil && !bytes.Equal(a.value, value) {
				t.Fatalf("the ack of %q is of %q", value, a.value)
			}
			if _, err := parseAckMode(frame("ack"), v); err == nil && len(value) == 0 {
				t.Fatal("an empty ack mode is one")
			}
		}
		_, _ = parseAccept(frame("accept"))
		_, _ = parseBoolean(frame("browser"), "browser", false)
	})
}
