package main

import (
	"fmt"
	"strings"
	"testing"
)

// hostileNumbers are none of what anything here takes, or more of it.
var hostileNumbers = []string{
	"9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616", "-1", "-9223372036854775808", "-0", "+1", "1e400", "1e300", "1e18", "0x10", "0x1p-2", "1_000",
	"010", "1.0", "1.", ".5", "NaN", "Inf", "-inf", "infinity", "\u0661", "\uff11", "1,2", "1 2", "", " ", "1\t", "4294967296", "2147483648", "99999999999999999999999999999999", strings.Repeat("9", 400), strings.Repeat("0", 400) + "1",
}

// No number that a client may send overflows into another, ends a request with a fault of the
// server's, or holds it up.
func TestNoNumberOverflows(t *testing.T) {
	server := startServer(t, "--max-wait", "10ms")
	file := "Content-Type: application/octet-stream"
	if status, entry := ask(t, "POST", server.URL+"feeds/n", "media", file); status != 201 {
		t.Fatal(entry)
	}
	if status, text := ask(t, "PUT", server.URL+"feeds/n/queues/q", "{}", "Content-Type: application/json"); status/100 != 2 {
		t.Fatal(text)
	}
	if status, text := ask(t, "POST", server.URL+"feeds/set", "kept", "Content-Type: text/plain"); status != 201 {
		t.Fatal(text)
	}
	_, entry := ask(t, "GET", server.URL+"feeds/n?after=0", "", "Accept: application/atom+xml")
	_, media, _ := strings.Cut(entry, `rel="edit-media"`)
	_, media, _ = strings.Cut(media, `href="`+strings.TrimSuffix(server.URL, "/"))
	media, _, _ = strings.Cut(media, `"`)
	for _, number := range hostileNumbers {
		escaped := strings.NewReplacer(" ", "%20", "\t", "%09", "+", "%2B").Replace(number)
		for _, line := range []string{
			"GET /feeds/n?after=N", "GET /feeds/n?older-than=N", "GET /feeds/n?newer-than=N", "GET /feeds/n?upto=N", "GET /feeds/n?start_at=N", "GET /feeds/n?start_after=N", "GET /feeds/n?limit=N",
			"GET /feeds?after=N&feed=n", "GET /feeds?limit=N", "GET /feeds?after=N", "GET /feeds/n/archive/N", "GET /feeds/n/archive/N-N", "GET /feeds/n/archive/0-N", "GET /feeds/n/queues/q/entries?after=N", "GET /feeds/n/queues/q/entries?limit=N",
			"POST /feeds/n/queues/q/claims?count=N&wait=0", "POST /feeds/n/queues/q/claims?ack-timeout=N&wait=0", "POST /feeds/n/queues/q/claims?wait=N", "POST /feeds/n/queues/q/claims/N/nack", "POST /feeds/n/queues/q/claims/N/renew?ack-timeout=N",
			"POST /feeds/n/queues/q/purge?upto=N", "POST /feeds/n.dead/queues/default/requeue?count=N", "GET /feeds/n/entries/N",
		} {
			wantSane(t, number, server, request(strings.ReplaceAll(line, "N", escaped), ""))
		}
		for _, field := range []string{"Xlastid: N", "Prefer: wait=N", "A-IM: feed;q=N", "Accept: */*;q=N", "Accept-Encoding: gzip;q=N", "If-None-Match: \"N\"", "Max-Forwards: N", "Content-Type: text/plain; charset=N"} {
			wantSane(t, number, server, request("GET /feeds/n?after=1", "", strings.ReplaceAll(field, "N", number)))
			wantSane(t, number, server, request("POST /feeds/posted", "x", "Content-Type: text/plain", strings.ReplaceAll(field, "N", number)))
		}
		for _, field := range []string{"bytes=N-", "bytes=-N", "bytes=0-N", "bytes=N-N", "bytes=0-0,N-N", "N=0-1"} {
			wantSane(t, number, server, request("GET "+media, "", "Range: "+strings.ReplaceAll(field, "N", number)))
		}
		for _, member := range []string{"attempts", "ack_timeout", "x"} {
			for _, text := range []string{number, fmt.Sprintf("%q", number), "[" + number + "]"} {
				wantSane(t, number, server, request("PUT /feeds/n/queues/q", `{"`+member+`":`+text+`}`, "Content-Type: application/json"))
			}
		}
		for _, keep := range []string{`"entries":N`, `"bytes":N`, `"age":N`, `"age":"Nh"`} {
			wantSane(t, number, server, request("PUT /feeds/set/settings", `{"keep":{`+strings.ReplaceAll(keep, "N", number)+`}}`, "Content-Type: application/json"))
		}
		numberInFrames(t, server, number)
	}
	if status, answer := ask(t, "GET", server.URL+"feeds/n?after=0", ""); status != 200 || !strings.Contains(answer, "<mq:id xmlns:mq=\"urn:atommq\">1</mq:id>") {
		t.Errorf("the feed is then %d %s", status, answer)
	}
	if status, answer := ask(t, "GET", server.URL+"feeds/set?after=0", ""); status != 200 || !strings.Contains(answer, ">kept<") {
		t.Errorf("the feed with hostile settings is then %d %s", status, answer)
	}
	if strings.Contains(server.logged(), "panic") || strings.Contains(server.logged(), "level=ERROR") {
		t.Error(server.logged())
	}
}

// wantSane wants an answer that is no fault of the server's.
func wantSane(t *testing.T, number string, server *process, sent string) {
	t.Helper()
	answer := onWire(t, server.address(), sent)
	if !strings.HasPrefix(answer, "HTTP/1.1 2") && !strings.HasPrefix(answer, "HTTP/1.1 4") {
		t.Errorf("%.40q: %.200q is answered with %.300q", number, sent, answer)
	}
}

// numberInFrames sends a number wherever STOMP takes one.
func numberInFrames(t *testing.T, server *process, number string) {
	t.Helper()
	escaped := strings.ReplaceAll(number, "\t", "\\t")
	const begin = "CONNECT\naccept-version:1.2\nhost:x\n"
	end := "\n\x00DISCONNECT\nreceipt:end\n\n\x00"
	for _, header := range []string{"heart-beat:N,0", "heart-beat:N", "heart-beat:0,N", "accept-version:N"} {
		wantSaneFrame(t, server, begin+strings.ReplaceAll(header, "N", escaped)+"\n"+end)
	}
	for _, frame := range []string{
		"SUBSCRIBE\nid:N\ndestination:/topic/n\nXlastid:N\n", "SUBSCRIBE\nid:1\ndestination:/queue/n\nack:client\nprefetch:N\n", "SUBSCRIBE\nid:1\ndestination:/queue/n\nack:client\nprefetch-count:N\n",
		"SUBSCRIBE\nid:1\ndestination:/queue/n\nack:client\nactivemq.prefetchSize:N\n", "SUBSCRIBE\nid:1\ndestination:/queue/n\nack:client\nack-timeout:N\n", "SEND\ndestination:/topic/n2\npriority:N\n",
		"SEND\ndestination:/topic/n2\nexpires:N\n", "SEND\ndestination:/topic/n2\nack-timeout:N\n", "SEND\ndestination:/topic/n2\ncontent-length:N\n", "ACK\nid:N\n", "NACK\nid:N\n", "ACK\nmessage-id:N\nsubscription:N\n",
	} {
		wantSaneFrame(t, server, begin+"\n\x00"+strings.ReplaceAll(frame, "N", escaped)+end)
	}
}

// wantSaneFrame wants the session to end as it should: with the receipt of its DISCONNECT, or an ERROR.
func wantSaneFrame(t *testing.T, server *process, sent string) {
	t.Helper()
	if answer := onWire(t, server.Stomp, sent); !strings.Contains(answer, "receipt-id:end") && !strings.Contains(answer, "ERROR\n") {
		t.Errorf("%.300q is answered with %.300q", sent, answer)
	}
}
