package api

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"atommq/bus"
)

// byteRange is the part of media from first to last, both included.
type byteRange struct{ first, last int64 }

func (r byteRange) size() int64 { return r.last - r.first + 1 }

// rangeOf returns the part of m that the request asks for, RFC 9110 §14.2: one range, by GET;
// several are as none, which is allowed, and so is one that cannot be read.
func rangeOf(r *http.Request, m *bus.Media, now time.Time) (part byteRange, partial bool, err error) {
	whole := byteRange{0, m.Size - 1}
	lines := r.Header["Range"]
	if r.Method != http.MethodGet || len(lines) != 1 || !rangeHolds(r.Header.Get("If-Range"), m, now) {
		return whole, false, nil
	}
	spec, ok := strings.CutPrefix(lines[0], "bytes=")
	if !ok {
		return whole, false, nil
	}
	first, last, ok := strings.Cut(strings.TrimSpace(spec), "-")
	if !ok {
		return whole, false, nil
	}
	part, ok = parseByteRange(first, last, m.Size)
	if !ok {
		return whole, false, nil
	}
	if part.first > part.last {
		return whole, false, &problemError{
			Status: http.StatusRequestedRangeNotSatisfiable,
			Detail: fmt.Sprintf("There are %d bytes, none of which Range asks for. Ask for bytes from 0 to %d.", m.Size, m.Size-1),
			Header: http.Header{"Content-Range": {fmt.Sprintf("bytes */%d", m.Size)}},
		}
	}
	return part, true, nil
}

// parseByteRange reads "first-last", "first-" or "-count" of size bytes. A range without any of
// them ends before it begins.
func parseByteRange(first, last string, size int64) (byteRange, bool) {
	if first == "" {
		count, ok := parseOffset(last)
		if count == 0 {
			return byteRange{size, size - 1}, ok
		}
		return byteRange{max(size-count, 0), size - 1}, ok
	}
	from, ok := parseOffset(first)
	if !ok {
		return byteRange{}, false
	}
	if last == "" {
		return byteRange{from, size - 1}, true
	}
	to, ok := parseOffset(last)
	if !ok || to < from {
		return byteRange{}, false
	}
	return byteRange{from, min(to, size-1)}, true
}

func parseOffset(s string) (int64, bool) {
	n, err := strconv.ParseUint(s, 10, 63)
	return int64(n), err == nil
}

// rangeHolds evaluates If-Range, RFC 9110 §13.1.5: whether the part belongs to what the client has already.
func rangeHolds(field string, m *bus.Media, now time.Time) bool {
	if field == "" {
		return true
	}
	if tag, weak, _, ok := nextTag(field); ok {
		return !weak && tag == mediaTag(m)
	}
	date, strong := lastModified(m.Created, now)
	known, err := http.ParseTime(field)
	return err == nil && strong && date.Equal(known)
}
