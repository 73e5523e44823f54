package stompgw

import (
	"errors"
	"os"
	"time"
)

// pace is how fast a client has to send. Only the reader uses it.
type pace struct {
	silence time.Duration // that the client may keep, 0 for any
	frame   time.Duration // for a piece of a frame; 0 before CONNECT, which has a deadline of its own
	begun   time.Time     // when the piece began; zero between frames
	came    int           // of the piece
	bounded bool          // the connection has a deadline
}

// framePiece is how much of a frame has to come in the time for one.
const framePiece = 256 << 10

// deadline returns until when the next bytes have to come, zero for any time. inFrame says that
// they belong to a frame that has begun.
func (p *pace) deadline(now time.Time, inFrame bool) (by time.Time) {
	switch {
	case !inFrame:
		p.begun = time.Time{}
	case p.begun.IsZero(), p.came >= framePiece:
		p.begun, p.came = now, 0
	}
	if inFrame {
		by = p.begun.Add(p.frame)
	}
	if p.silence > 0 && (by.IsZero() || now.Add(p.silence).Before(by)) {
		by = now.Add(p.silence)
	}
	return by
}

// late reports whether a frame has begun of which a piece did not come in its time.
func (p *pace) late(now time.Time) bool {
	return !p.begun.IsZero() && !now.Before(p.begun.Add(p.frame))
}

// setDeadline sets it on the connection, where there is one, or was.
func (c *conn) setDeadline() error {
	if c.pace.frame == 0 {
		return nil
	}
	inFrame := c.frames.Buffered() > 0
	if !inFrame && c.pace.silence == 0 && !c.pace.bounded {
		return nil
	}
	by := c.pace.deadline(time.Now(), inFrame)
	c.pace.bounded = !by.IsZero()
	return c.nc.SetReadDeadline(by)
}

// source reads from the connection, by its deadlines.
type source struct{ *conn }

// errLeaveOff ends a session that the server wants to end.
var errLeaveOff = errors.New("the server is shutting down")

func (s source) Read(p []byte) (int, error) {
	if err := s.setDeadline(); err != nil {
		return 0, err
	}
	n, err := s.read(p)
	if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) || s.pace.silence == 0 || s.pace.late(time.Now()) {
		return n, err
	}
	// A process that was stopped, or did not come to run, finds its deadline passed and has not read
	// what came in time.
	if err := s.nc.SetReadDeadline(time.Now().Add(lastLook)); err != nil {
		return 0, err
	}
	return s.read(p)
}

// lastLook is how long a client that kept silent for too long is listened to once more.
const lastLook = 10 * time.Millisecond

// read reads until the deadline that was set. One that stopReading sets from here on stands.
func (s source) read(p []byte) (int, error) {
	if err := s.stopped(); err != nil {
		return 0, err
	}
	n, err := s.nc.Read(p)
	s.pace.came += n
	if errors.Is(err, os.ErrDeadlineExceeded) {
		if stop := s.stopped(); stop != nil {
			return n, stop
		}
	}
	return n, err
}

// tooSlow counts what did not come in its time, and says what that is.
func (c *conn) tooSlow() *fault {
	switch p := &c.pace; {
	case p.frame == 0:
		c.server.countSlow(slowConnect)
		return faultf("send CONNECT first, at once", "no CONNECT frame within %v", c.server.ConnectTimeout)
	case p.late(time.Now()):
		c.server.countSlow(slowFrame)
		return &fault{
			message: "a frame that had begun did not come within " + p.frame.String(),
			detail:  "send each frame at once, and a long one at 256 KiB in that time",
			ends:    true,
		}
	default:
		c.server.countSlow(slowBeat)
		return &fault{
			message: "nothing came for " + p.silence.String(),
			detail:  "send heart-beats as agreed in CONNECTED, or ask for none with heart-beat:0,0",
			ends:    true,
		}
	}
}
