package stomp

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// A session wakes from a quiet connection by its read deadline, and loses nothing of
// the frame that is under way.
func TestReadDeadlineInterruptsAndDoesNotBreak(t *testing.T) {
	ours, theirs := connect(t)
	r := reader(ours, V12, Limits{})
	come := 0
	for _, part := range []string{"SE", "ND\na:b\n", "\nhel"} {
		write(t, theirs, part)
		for come += len(part); r.Buffered() < come; {
			if err := ours.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Next(); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("after %q: %v", part, err)
			}
		}
	}
	write(t, theirs, "lo\x00\nSEND\n\n\x00")
	if err := errors.Join(theirs.Close(), ours.SetReadDeadline(time.Now().Add(time.Minute))); err != nil {
		t.Fatal(err)
	}
	f, err := r.Next()
	if err != nil || string(f.Body) != "hello" || len(f.Fields) != 1 {
		t.Fatalf("the frame became %v, %v", f, err)
	}
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("the end became %v", err)
	}
}

func connect(t *testing.T) (ours, theirs net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if theirs, err = net.Dial("tcp", listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if ours, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(ours.Close(), theirs.Close()) })
	return ours, theirs
}

func write(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
}
