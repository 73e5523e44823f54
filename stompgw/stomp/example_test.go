package stomp_test

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"atommq/stompgw/stomp"
)

func ExampleReader() {
	conn := strings.NewReader("CONNECT\naccept-version:1.1,1.2\nhost:example.org\n\n\x00\n" +
		"SEND\ndestination:/queue/orders\nnote:line\\nbreak\n\nhello\x00\n")
	r := stomp.NewReader(conn, stomp.Limits{BodyBytes: 1 << 20})
	for {
		f, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		switch f.Command {
		case stomp.CONNECT, stomp.STOMP:
			accept, _ := f.Get("accept-version")
			version, _ := stomp.Negotiate(accept)
			r.SetVersion(version)
			fmt.Println("speaks", version)
		case stomp.SEND:
			note, _ := f.Get("note")
			fmt.Printf("%q, noted %q\n", f.Body, note)
		}
	}
	// Output:
	// speaks 1.2
	// "hello", noted "line\nbreak"
}

func ExampleAppendHeader() {
	frame := stomp.AppendCommand(nil, stomp.MESSAGE)
	frame = stomp.AppendHeader(frame, stomp.V12, "destination", "/queue/a:b")
	frame = stomp.AppendHeaderInt(frame, stomp.V12, "Xlastid", 42)
	frame = stomp.AppendBody(frame, []byte("hello"))
	fmt.Printf("%q\n", frame)
	// Output: "MESSAGE\ndestination:/queue/a\\cb\nXlastid:42\ncontent-length:5\n\nhello\x00\n"
}
