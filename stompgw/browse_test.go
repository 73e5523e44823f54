package stompgw

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"

	"atommq/stompgw/stomp"
)

func TestABrowserReadsNoMoreThanItWritesSoon(t *testing.T) {
	s := open(t)
	const n, size = 40, 100_000
	for range n {
		s.send("SEND\ndestination:/queue/x\nreceipt:1\n\n" + strings.Repeat("x", size) + "\x00")
		s.next(stomp.RECEIPT)
	}
	near, far := net.Pipe()
	defer far.Close()
	c := newConn(s.server, near, func() {})
	read := make(chan int64)
	go func() {
		n, _ := io.Copy(io.Discard, far)
		read <- n
	}()
	q := newQueueSubscription(c, &subscription{id: "1", browse: true})
	if err := c.browse(q, "x", "default", receipt{}); err != nil {
		t.Fatal(err)
	}
	w := writer{conn: c}
	for c.ready.pop() == q {
		if err := w.deliverBrowsed(context.Background(), q); err != nil {
			t.Fatal(err)
		}
		if w.size() > browseBytes+size {
			t.Errorf("%d bytes wait", w.size())
		}
	}
	if err := w.flush(); err != nil {
		t.Fatal(err)
	}
	near.Close()
	if got := <-read; got < n*size {
		t.Errorf("%d bytes came", got)
	}
}
