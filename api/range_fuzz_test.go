package api

import (
	"net/http"
	"testing"
	"time"

	"atommq/bus"
)

// Whatever range is asked for, what is sent lies within the media, and an unread condition asks for the whole.
func FuzzRange(f *testing.F) {
	for _, field := range []string{"bytes=0-0", "bytes=5-", "bytes=-5", "bytes=-0", "bytes=0-9223372036854775807", "bytes=9223372036854775807-", "bytes=1-0", "bytes=0-1,2-3", "bytes= 1 - 2", "lines=0-1", "bytes=+1-2"} {
		f.Add(field, "", int64(10))
		f.Add(field, `"x"`, int64(0))
	}
	f.Add("bytes=0-1", "Sat, 14 Mar 2026 15:09:26 GMT", int64(1))
	f.Fuzz(func(t *testing.T, field, ifRange string, size int64) {
		if size < 0 {
			return
		}
		r := &http.Request{Method: http.MethodGet, Header: http.Header{"Range": {field}, "If-Range": {ifRange}}}
		m := &bus.Media{Size: size, Created: time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)}
		part, partial, err := rangeOf(r, m, m.Created)
		switch {
		case err != nil:
			return
		case !partial && part != byteRange{0, size - 1}:
			t.Fatalf("the whole of %d bytes is %+v", size, part)
		case partial && (part.first < 0 || part.first > part.last || part.last >= size || part.size() < 1 || part.size() > size):
			t.Fatalf("%q of %d bytes is %+v", field, size, part)
		}
	})
}
