package main

import (
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"atommq/stompgw/stomp"
)

// lure is an address that everything an attacker can write names, and that nobody has a reason to connect to.
type lure struct {
	address string
	taken   atomic.Int32
}

func newLure(t *testing.T) *lure {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &lure{address: listener.Addr().String()}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			l.taken.Add(1)
			conn.Close()
		}
	}()
	t.Cleanup(func() { listener.Close(); <-done })
	return l
}

// posts name the address in every way that a format has for something that stands elsewhere.
func (l *lure) posts() map[string][]string {
	u := "http://" + l.address + "/x"
	return map[string][]string{
		"application/atom+xml": {
			`<entry xml:base="` + u + `/"><title>t</title><id>` + u + `</id><content type="text/html" src="` + u + `"/></entry>`,
			`<entry><title>t</title><link rel="hub" href="` + u + `"/><link rel="self" href="` + u + `"/><link rel="enclosure" href="` + u + `"/><link rel="pingback" href="` + u + `"/><link rel="edit-media" href="` + u + `"/></entry>`,
			`<entry><title>t</title><author><name>a</name><uri>` + u + `</uri></author><icon>` + u + `</icon><category term="x" scheme="` + u + `"/><source><id>` + u + `</id></source></entry>`,
			`<entry><title type="html">&lt;img src="` + u + `"&gt;</title><content type="html">&lt;iframe src="` + u + `"&gt;&lt;link rel="stylesheet" href="` + u + `"&gt;&lt;base href="` + u + `"&gt;&lt;meta http-equiv="refresh" content="0;url=` + u + `"&gt;</content></entry>`,
			`<entry><title>t</title><content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><img src="` + u + `"/><svg xmlns="http://www.w3.org/2000/svg"><use href="` + u + `#a"/></svg></div></content></entry>`,
			`<?xml-stylesheet type="text/xsl" href="` + u + `"?><entry><title>t</title></entry>`,
			`<!DOCTYPE entry SYSTEM "` + u + `"><entry><title>t</title></entry>`,
			`<!DOCTYPE entry [<!ENTITY x SYSTEM "` + u + `">]><entry><title>&x;</title></entry>`,
			`<entry xmlns:xi="http://www.w3.org/2001/XInclude" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="x ` + u + `"><title>t</title><xi:include href="` + u + `"/></entry>`,
			`<entry xmlns:app="http://www.w3.org/2007/app" xmlns:in="http://purl.org/syndication/thread/1.0"><title>t</title><in:in-reply-to ref="` + u + `" href="` + u + `"/><app:collection href="` + u + `"/></entry>`,
		},
		"application/json":                  {`{"$schema":"` + u + `","$ref":"` + u + `","webhook":"` + u + `","url":"` + u + `"}`},
		"application/cloudevents+json":      {`{"specversion":"1.0","id":"1","source":"` + u + `","type":"t","dataschema":"` + u + `","data":{"callback":"` + u + `"}}`},
		"application/x-www-form-urlencoded": {"title=t&content=x&url=" + u + "&hub.callback=" + u + "&hub.mode=subscribe"},
		"text/uri-list":                     {u + "\r\n"},
		"image/svg+xml":                     {`<svg xmlns="http://www.w3.org/2000/svg"><image href="` + u + `"/></svg>`},
		"message/external-body; access-type=URL; URL=\"" + u + "\"": {"Content-Type: text/plain\n\n"},
	}
}

// Nothing that users name is fetched, by servers or by commands: no address behind the server is
// reached through it.
func TestNothingThatEntriesNameIsFetched(t *testing.T) {
	l := newLure(t)
	server := startServer(t, "--trusted-proxies", "127.0.0.1")
	u := "http://" + l.address + "/x"
	taken := 0
	for typ, bodies := range l.posts() {
		for _, body := range bodies {
			fields := []string{"Content-Type: " + typ, "Slug: " + u, "Link: <" + u + ">; rel=hub", "Referer: " + u, "Callback: " + u, "Content-Location: " + u, "Reply-To: " + u, "From: root@" + l.address, "X-Forwarded-For: " + l.address}
			if strings.HasPrefix(onWire(t, server.address(), request("POST /feeds/lures", body, fields...)), "HTTP/1.1 201") {
				taken++
			}
		}
	}
	if taken < 13 { // DTDs are refused, and so is a message that stands elsewhere
		t.Fatalf("only %d entries were taken", taken)
	}
	c := connect(t, server.Stomp)
	for _, header := range []string{"reply-to", "webhook", "callback", "host", "forward-to", "origin"} {
		c.must(t, stomp.SEND, u, "destination", "/topic/lures", header, u)
	}
	for _, line := range []string{"GET " + u, "POST " + u, "CONNECT " + l.address, "GET /feeds/lures?url=" + u, "GET /feeds?feed=" + u, "OPTIONS " + u, "GET http://" + l.address + "/feeds/lures"} {
		onWire(t, server.address(), request(line, "", "Host: "+l.address, "Forwarded: for="+l.address+";host="+l.address, "X-Forwarded-Host: "+l.address))
		onWire(t, server.address(), strings.Replace(request(line, "", "X-Forwarded-Host: "+l.address), "Host: localhost", "Host: "+l.address, 1))
	}
	for _, form := range []string{"atom", "json", "html", "cloudevents"} {
		ask(t, http.MethodGet, server.URL+"feeds/lures?format="+form, "")
		ask(t, http.MethodGet, server.URL+"feeds/lures?after=0&format="+form, "")
	}
	ask(t, http.MethodPut, server.URL+"feeds/lures/settings", fmt.Sprintf(`{"author":{"name":"a","uri":%q},"categories":{"scheme":%[1]q}}`, u), "Content-Type: application/json")
	ask(t, http.MethodGet, server.URL+"service", "")
	archive := filepath.Join(t.TempDir(), "archive")
	runCommand(t, "tail", "lures", "--url", server.URL)
	runCommand(t, "export", "--all", "--to", archive, "--db", server.DB)
	runCommand(t, "migrate", "up", "--db", archive+".db")
	runCommand(t, "import", archive, "--db", archive+".db")
	if err := server.stop(); err != nil { // what it began in the background is then done
		t.Error(err)
	}
	if n := l.taken.Load(); n > 0 {
		t.Errorf("%d connections were made to what entries name", n)
	}
}
