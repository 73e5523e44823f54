package api

import (
	"net/http/httptest"
	"testing"
	"time"
)

// deadlined is a response of HTTP/2, whose stream is reset once its deadline has passed, whether or
// not anything is being written.
type deadlined struct {
	*httptest.ResponseRecorder
	deadline time.Time
	during   []time.Time // of each write
}

func (d *deadlined) SetWriteDeadline(t time.Time) error {
	d.deadline = t
	return nil
}

func (d *deadlined) Write(p []byte) (int, error) {
	d.during = append(d.during, d.deadline)
	return d.ResponseRecorder.Write(p)
}

func TestAStreamEndsAtNoDeadlineWhileNothingIsWritten(t *testing.T) {
	w := &deadlined{ResponseRecorder: httptest.NewRecorder()}
	pipe := newResponsePipe(w, httptest.NewRequest("GET", "/feeds/x", nil))
	if err := pipe.send([][]byte{[]byte("id: 1\n"), []byte("\n")}); err != nil {
		t.Fatal(err)
	}
	if !w.deadline.IsZero() || len(w.during) != 2 || w.during[0].IsZero() {
		t.Errorf("deadlines %v while it writes, %v after", w.during, w.deadline)
	}
}
