package stompgw

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"
)

// closeWait is how long a client may take to answer that a connection is being closed
// (RFC 6455 §7.1.1).
const closeWait = 2 * time.Second

// webSocketConn is a WebSocket connection as the stream of bytes that a session reads
// and writes.
//
// What arrives comes through a pipe, written by receive in a goroutine of its own: package
// websocket gives up a connection whose read passes a deadline, a pipe goes on. Pings are
// answered there too, whatever the session does, but for one that is being sent a message: that
// comes first, however slowly the client takes it.
type webSocketConn struct {
	net.Conn          // the session's end of the pipe: its Read and SetReadDeadline
	far      net.Conn // receive's end
	ws       *websocket.Conn
	raw      net.Conn     // under ws
	client   net.Addr     // at raw's other end, or behind the proxy there
	kind     atomic.Int32 // of the client's last message, a websocket.MessageType

	sending  sync.Mutex             // held while something is sent
	ping     atomic.Pointer[[]byte] // what the client sent with the last ping that was not answered yet
	writing  atomic.Bool
	begun    []byte        // the beginning of a frame whose end was not written yet
	patience time.Duration // that the last write deadline left, 0 for any
}

// open begins to use ws, over raw.
func (c *webSocketConn) open(ws *websocket.Conn, raw net.Conn) {
	c.ws, c.raw = ws, raw
	c.Conn, c.far = net.Pipe()
	c.kind.Store(int32(websocket.MessageText))
	// Messages pass through in pieces: what bounds them is the limits on frames.
	ws.SetReadLimit(-1)
}

// pieceBytes is how much of a message passes through the pipe at a time.
const pieceBytes = 16 << 10

// receive passes on what the client sends until either side closes the connection.
func (c *webSocketConn) receive(pieces *sync.Pool) {
	defer c.far.Close()
	for {
		kind, message, err := c.ws.Reader(context.Background())
		if err != nil {
			return
		}
		c.kind.Store(int32(kind))
		piece := pieces.Get().(*[pieceBytes]byte)
		_, err = io.CopyBuffer(c.far, message, piece[:])
		pieces.Put(piece)
		if err != nil {
			return
		}
	}
}

func (c *webSocketConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if errors.Is(err, io.ErrClosedPipe) {
		err = net.ErrClosed
	}
	return n, err
}

// Write sends the frames in p, each as a message of its own: some clients take a message for
// a frame. What p has of a last frame waits for the rest, which comes with the next call.
func (c *webSocketConn) Write(p []byte) (n int, err error) {
	if err := c.beginSending(); err != nil {
		return 0, err
	}
	defer func() { c.endSending(err) }()
	frames := p
	if len(c.begun) > 0 {
		c.begun = append(c.begun, p...)
		frames = c.begun
	}
	for len(frames) > 0 {
		n, whole := frameLength(frames)
		if !whole {
			break
		}
		if err := c.send(frames[:n]); err != nil {
			return 0, err
		}
		frames = frames[n:]
	}
	if len(frames) == 0 {
		c.begun = nil
	} else {
		c.begun = append(c.begun[:0], frames...)
	}
	return len(p), nil
}

// writeTail sends the frame whose beginning was written, and which ends with tail.
func (c *webSocketConn) writeTail(tail []byte) (err error) {
	if err := c.beginSending(); err != nil {
		return err
	}
	defer func() { c.endSending(err) }()
	head := c.begun
	c.begun = nil
	return c.sendLong(head, tail)
}

// beginSending keeps pongs back, and has the client take what is sent in time.
func (c *webSocketConn) beginSending() error {
	c.writing.Store(true)
	c.sending.Lock()
	return c.hurry()
}

// endSending lets pongs go, and what package websocket sends of its own, unless sending failed.
func (c *webSocketConn) endSending(err error) {
	if err == nil {
		_ = c.raw.SetWriteDeadline(time.Time{}) // a connection that fails this is closed
	}
	c.sending.Unlock()
	c.writing.Store(false)
	if err == nil {
		c.pong()
	}
}

// hurry gives the client its time for what is sent next.
func (c *webSocketConn) hurry() error {
	if c.patience == 0 {
		return c.raw.SetWriteDeadline(time.Time{})
	}
	return c.raw.SetWriteDeadline(time.Now().Add(c.patience))
}

// pongWait is how long a client may take to read that its ping has come.
const pongWait = 30 * time.Second

// answerPing is package websocket's OnPingReceived. That one's own pong would have to get through
// within 5 seconds, or it gives the connection up. Of several pings, the last one is answered
// (RFC 6455 §5.5.3).
func (c *webSocketConn) answerPing(_ context.Context, payload []byte) (byItself bool) {
	payload = bytes.Clone(payload) // its buffer is used again
	c.ping.Store(&payload)
	c.pong()
	return false
}

// pong answers the last ping, unless something is being sent: whoever does calls it after that.
func (c *webSocketConn) pong() {
	for c.ping.Load() != nil && c.sending.TryLock() {
		if ping := c.ping.Swap(nil); ping != nil {
			c.sendPong(*ping)
		}
		c.sending.Unlock()
	}
}

// sendPong sends a frame, of the 125 bytes at most that control frames hold, past package websocket,
// which has nothing in its buffer between messages.
func (c *webSocketConn) sendPong(payload []byte) {
	const pong = 0x80 | 0xa // the last frame, and the only one
	err := c.raw.SetWriteDeadline(time.Now().Add(pongWait))
	if err == nil {
		_, err = c.raw.Write(append([]byte{pong, byte(len(payload))}, payload...))
	}
	if err == nil {
		err = c.raw.SetWriteDeadline(time.Time{})
	}
	if err != nil {
		_ = c.raw.Close() // it failed already
	}
}

// send sends a message.
func (c *webSocketConn) send(frame []byte) error {
	if len(frame) <= pieceToWrite {
		return c.ws.Write(context.Background(), c.kindOf(frame), frame)
	}
	return c.sendLong(frame)
}

// sendLong sends a message, which may take as long as it needs while pieces of it are taken in time.
func (c *webSocketConn) sendLong(parts ...[]byte) error {
	w, err := c.ws.Writer(context.Background(), c.kindOf(parts...))
	if err != nil {
		return err
	}
	for _, part := range parts {
		for piece := range slices.Chunk(part, pieceToWrite) {
			if err := c.hurry(); err != nil {
				return err
			}
			if _, err := w.Write(piece); err != nil {
				return err
			}
		}
	}
	return w.Close()
}

// kindOf returns what a frame goes as. Its parts end with whole characters.
func (c *webSocketConn) kindOf(parts ...[]byte) websocket.MessageType {
	kind := websocket.MessageType(c.kind.Load())
	for _, part := range parts {
		if kind == websocket.MessageText && !utf8.Valid(part) {
			kind = websocket.MessageBinary
		}
	}
	return kind
}

// frameLength returns the length of the frame that begins p, as the Append functions of
// package stomp write it, with the newline behind it; or of the heart-beat. It reports false where
// p ends first.
func frameLength(p []byte) (n int, whole bool) {
	if p[0] == '\n' {
		return 1, true
	}
	head := bytes.Index(p, []byte("\n\n"))
	if head < 0 {
		return 0, false
	}
	end := head + len("\n\n")
	if n, ok := contentLength(p[:head+1]); ok {
		end += min(n, len(p)-end)
	} else if body := bytes.IndexByte(p[end:], 0); body >= 0 {
		end += body
	} else {
		return 0, false
	}
	end += len("\x00\n")
	return end, end <= len(p)
}

// contentLength finds that header in a frame's head.
func contentLength(head []byte) (int, bool) {
	_, value, found := bytes.Cut(head, []byte("\ncontent-length:"))
	if !found {
		return 0, false
	}
	value, _, _ = bytes.Cut(value, []byte("\n"))
	n, err := strconv.Atoi(string(value))
	return n, err == nil && n >= 0
}

// Close says goodbye to the client, and waits a little for its answer, so that what was
// written arrives. Who closes during a Write has given the client up. It may be called again.
func (c *webSocketConn) Close() error {
	_ = c.Conn.Close() // a pipe's Close does not fail
	if c.writing.Load() {
		return c.ws.CloseNow()
	}
	_ = c.raw.SetDeadline(time.Now().Add(closeWait))
	return c.ws.Close(websocket.StatusNormalClosure, "")
}

// SetWriteDeadline bounds the calls of Write that begin later.
func (c *webSocketConn) SetWriteDeadline(t time.Time) error {
	c.patience = 0
	if !t.IsZero() {
		c.patience = max(time.Until(t), 1)
	}
	return nil
}

func (c *webSocketConn) LocalAddr() net.Addr  { return c.raw.LocalAddr() }
func (c *webSocketConn) RemoteAddr() net.Addr { return c.client }

func (c *webSocketConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}
