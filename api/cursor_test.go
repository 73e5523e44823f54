package api

import (
	"math"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func FuzzCursor(f *testing.F) {
	for _, query := range []string{"after=1&limit=2", "start_at=urn:uuid:01a1fb40-4426-7794-8e65-a5c058b49c35", "older-than=00", "upto=9223372036854775807", "limit=1000000000000000000000", "%zz", "a=b;c&&=&after"} {
		f.Add(query, "")
	}
	f.Add("", "42")
	f.Add("after=1", "1")
	f.Fuzz(func(t *testing.T, query, field string) {
		r := &http.Request{URL: &url.URL{RawQuery: query}, Header: http.Header{}}
		if field != "" {
			r.Header["Xlastid"] = []string{field}
		}
		v, err := parseView(r)
		if err != nil {
			return
		}
		if v.id < 0 || v.limit < 1 || v.limit > maxLimit {
			t.Fatalf("%+v", v)
		}
		if v.uuid != "" {
			return
		}
		q := v.ask("x")
		if q.After < 0 || q.Before < 0 || q.After == math.MaxInt64 {
			t.Fatalf("%+v asks %+v", v, q)
		}
		again, err := parseView(&http.Request{URL: &url.URL{RawQuery: strings.TrimPrefix(v.url(""), "?")}})
		v.inclusive, again.limited = false, v.limited // a limit that is the default need not be written
		if err != nil || again != v {
			t.Fatalf("%+v written as %q reads %+v, %v", v, v.url(""), again, err)
		}
	})
}
