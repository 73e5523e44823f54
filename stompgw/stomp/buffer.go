package stomp

import "io"

const (
	firstSize = 1 << 10  // bytes: what an idle connection keeps
	aheadSize = 64 << 10 // bytes: read at once, at most, from a source that has more to give
	calmReads = 8        // in a row, before a buffer that they would not need is given back
	idleReads = 100      // in a row without bytes or error, before the source counts as broken
)

// buffer keeps what was read of a source and not taken yet: data[start:end].
//
// It grows by doubling, and only once it is full of bytes that really came, so
// what a peer announces costs nothing. It goes back to the smallest size once the
// long frame that it grew for is taken, or the source gives little for a while.
type buffer struct {
	src        io.Reader
	data       []byte
	start, end int
	ceiling    int   // of len(data)
	full       bool  // the last read filled all its room, so the source has more
	calm       int   // reads in a row that left three quarters of the buffer unused
	err        error // came along with the last bytes
	room       Room
	taken      int64 // of room
}

// reserve takes what room a buffer of so many bytes needs, or gives back what it does not, and
// reports whether there is enough.
func (b *buffer) reserve(size int) bool {
	if b.room == nil {
		return true
	}
	need := int64(max(0, size-aheadSize))
	if need > b.taken && !b.room.TryAcquire(need-b.taken) {
		return false
	}
	if need < b.taken {
		b.room.Release(b.taken - need)
	}
	b.taken = need
	return true
}

// fill reads once, for a frame of which wanted bytes are known to be needed. It
// moves the bytes. The error is the source's own; the next call reads again.
func (b *buffer) fill(wanted int) error {
	if err := b.err; err != nil {
		b.err = nil
		return err
	}
	if !b.resize(wanted) {
		return noRoom()
	}
	for range idleReads {
		n, err := b.src.Read(b.data[b.end:])
		if n > 0 {
			b.note(n)
			b.err = err
			return nil
		}
		if err != nil {
			b.full = false
			return err
		}
	}
	return io.ErrNoProgress
}

func (b *buffer) note(n int) {
	b.end += n
	b.full = b.end == len(b.data)
	b.calm++
	if b.end > len(b.data)/4 {
		b.calm = 0
	}
}

// resize moves what is held to the start of a buffer of the right size, which has
// room left. It reports false where there is no memory for that.
func (b *buffer) resize(wanted int) bool {
	held := b.data[b.start:b.end]
	switch size := b.size(len(held), wanted); {
	case size != len(b.data):
		if !b.reserve(size) {
			return false
		}
		b.data, b.calm = make([]byte, size), 0
	case b.start == 0:
		return true
	}
	b.start, b.end = 0, copy(b.data, held)
	return true
}

func (b *buffer) size(held, wanted int) int {
	size := len(b.data)
	switch {
	case size > aheadSize && held < aheadSize, b.calm >= calmReads, size == 0:
		size = firstSize
		for size <= held {
			size *= 2
		}
	case size == held: // and the frame still is not whole
		size = min(2*size, max(wanted, aheadSize))
	case b.full && size < aheadSize:
		size *= 2
	}
	return min(size, b.ceiling)
}

// release gives the buffer back while nothing is held.
func (b *buffer) release() {
	if b.start == b.end {
		b.close()
	}
}

// close gives the buffer back, and what it holds.
func (b *buffer) close() {
	b.data, b.start, b.end, b.calm = nil, 0, 0, 0
	b.reserve(0)
}
