package stomp

import (
	"errors"
	"io"
)

// Reader reads frames from a source. It begins in V10, in which a connection
// begins; SetVersion tells it what was agreed.
type Reader struct {
	buffer
	scanner
	frame Frame
}

// NewReader makes a Reader for frames within l. It keeps no buffer until Next is called.
func NewReader(src io.Reader, l Limits) *Reader {
	l = l.withDefaults()
	return &Reader{
		buffer:  buffer{src: src, ceiling: max(firstSize, l.frame()), room: l.Room},
		scanner: scanner{limits: l},
	}
}

// SetVersion says by which version the frames that Next has not returned yet are
// read. Call it when CONNECTED is sent or received.
func (r *Reader) SetVersion(v Version) {
	r.version = v
	r.restart() // Pending may have looked at the next frame already
}

// Next reads one frame; line ends between frames, which are heart-beats, are
// skipped. The frame is valid until the next call.
//
// It returns io.EOF where the source ends between frames, io.ErrUnexpectedEOF
// where it ends inside one, any other error of the source as it is, and an *Error
// for what breaks the protocol or a limit, from then on always. After another
// error Next may be called again and goes on where it was: with a read deadline a session
// looks up from an idle connection, whose buffer is meanwhile given back.
//
// Bodies are handed out whatever the command: only SEND, MESSAGE and ERROR may
// have one, but nothing depends on refusing the rest.
func (r *Reader) Next() (*Frame, error) {
	if cap(r.frame.Fields) > defaultHeaders {
		r.frame.Fields, r.lines = nil, nil // a frame with more of them is rare: keep no memory for it
	}
	for !r.scan(r.data[r.start:r.end]) {
		r.drop()
		if err := r.fill(r.wanted()); err != nil {
			return nil, r.ended(err)
		}
	}
	if r.fault != nil {
		return nil, r.fault
	}
	r.start += r.take(r.data[r.start:r.end], &r.frame)
	return &r.frame, nil
}

// Close gives back what memory the Reader has. Next may not be called any more, nor the frame in hand be used.
func (r *Reader) Close() {
	r.buffer.close()
	r.frame = Frame{}
}

// Pending reports whether Next will return, a frame or an *Error, without reading from the
// source. The frame in hand stays valid. Each byte is looked at once, however
// often Pending is called.
func (r *Reader) Pending() bool { return r.scan(r.data[r.start:r.end]) }

// Buffered returns how many bytes were read that belong to no frame returned yet.
func (r *Reader) Buffered() int { return r.end - r.start }

// drop lets go of the line ends in front of a frame, and of the frame before it: its
// slices would keep a buffer in memory that is given back.
func (r *Reader) drop() {
	r.start += r.lead
	r.forget()
	if r.frame.Body != nil {
		clear(r.frame.Fields[:cap(r.frame.Fields)])
		r.frame.Body = nil
	}
}

// ended translates what ends a source.
func (r *Reader) ended(err error) error {
	if r.Buffered() > 0 {
		if errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		}
		return err
	}
	r.release()
	return err
}
