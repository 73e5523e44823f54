package stomp

import "math"

// Limits bounds a frame. A field of zero or less means its default. Each is checked
// before memory is taken for what it bounds.
type Limits struct {
	Headers     int // in a frame, repeated ones included; default 128
	HeaderBytes int // of the command, the headers and the empty line after them; default 64 KiB
	BodyBytes   int // of the body; default 16 MiB
	// Room is memory that long frames of all readers share: what a frame takes beyond 64 KiB comes
	// from it. nil for any.
	Room Room
}

// Room is so many bytes of memory. A semaphore of golang.org/x/sync is one.
type Room interface {
	// TryAcquire takes n bytes, if they are there.
	TryAcquire(n int64) bool
	// Release gives n bytes back.
	Release(n int64)
}

const defaultHeaders = 128

func (l Limits) withDefaults() Limits {
	if l.Headers <= 0 {
		l.Headers = defaultHeaders
	}
	if l.HeaderBytes <= 0 {
		l.HeaderBytes = 64 << 10
	}
	if l.BodyBytes <= 0 {
		l.BodyBytes = 16 << 20
	}
	// Lengths of frames are sums of these.
	l.HeaderBytes = min(l.HeaderBytes, math.MaxInt/4)
	l.BodyBytes = min(l.BodyBytes, math.MaxInt/4)
	return l
}

// frame is the length of the longest frame, with its NUL.
func (l Limits) frame() int { return l.HeaderBytes + l.BodyBytes + 1 }
