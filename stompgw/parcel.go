package stompgw

import (
	"iter"

	"atommq/bus"
)

// parcel is what is written at once: frames, but for their long tails, which are not copied. Those
// belong to every connection that is sent them.
type parcel struct {
	buf   []byte // everything else
	tails []longTail
	long  int // bytes of tails
}

// longTail is the end of a frame.
type longTail struct {
	at    int // where it stands in buf
	bytes []byte
	entry *bus.Entry // that it was made of, for others to find while this is on its way
}

// tailBytes is what a tail has at most that is copied: a second write costs more. Buffers have room for it.
const tailBytes = bufferRoom - bufferBytes

// size is how many bytes there are to write.
func (p *parcel) size() int { return len(p.buf) + p.long }

// addTail ends the frame that stands last in buf with what was made of e.
func (p *parcel) addTail(tail []byte, e *bus.Entry) {
	if len(tail) <= tailBytes {
		p.buf = append(p.buf, tail...)
		return
	}
	p.tails = append(p.tails, longTail{len(p.buf), tail, e})
	p.long += len(tail)
}

// parts yields what is to be written, in order, and whether it is a long tail.
func (p *parcel) parts() iter.Seq2[[]byte, bool] {
	return func(yield func([]byte, bool) bool) {
		from := 0
		for _, t := range p.tails {
			if !yield(p.buf[from:t.at], false) || !yield(t.bytes, true) {
				return
			}
			from = t.at
		}
		yield(p.buf[from:], false)
	}
}

// empty lets go of everything.
func (p *parcel) empty() {
	giveBuffer(p.buf)
	clear(p.tails)
	p.buf, p.tails, p.long = nil, p.tails[:0], 0
}
