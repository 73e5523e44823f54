package stompgw

import (
	"bytes"
	"context"
	"math"
	"strconv"
	"time"

	"atommq/stompgw/stomp"
)

// handshake takes CONNECT and answers it.
func (c *conn) handshake(ctx context.Context) error {
	if err := c.nc.SetReadDeadline(time.Now().Add(c.server.ConnectTimeout)); err != nil {
		return err
	}
	f, err := c.frames.Next()
	if err != nil {
		return err
	}
	c.server.count(f.Command)
	if f.Command != stomp.CONNECT && f.Command != stomp.STOMP {
		return &fault{message: f.Command.String() + " before CONNECT", detail: "send CONNECT as the first frame", ends: true}
	}
	accept, _ := f.Get("accept-version")
	v, ok := stomp.Negotiate(accept)
	if !ok {
		return &fault{
			message: "no version in common with accept-version " + quote(accept),
			detail:  "this server speaks STOMP " + stomp.Versions,
			ends:    true, lists: true,
		}
	}
	caller, err := c.identify(ctx, f)
	if err != nil {
		return err
	}
	if err := c.enter(ctx, caller); err != nil {
		return err
	}
	beats, err := parseHeartBeat(f)
	if err != nil {
		return err
	}
	if err := c.nc.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	c.begin(v, beats)
	c.server.Log.Debug("STOMP session opened", "session", c.name, "client", c.nc.RemoteAddr(), "version", v)
	return nil
}

// begin answers CONNECT.
func (c *conn) begin(v stomp.Version, client heartBeat) {
	own := client.answer(c.server.HeartBeat)
	c.frames.SetVersion(v)
	c.topics.reader = c.caller
	c.topics.attach(c.server.topics, v, c.notifyTopics)
	c.pace = pace{silence: tolerate(agree(client.sends, own.wants)), frame: c.server.FrameTimeout}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.version = v
	c.beat = agree(own.sends, client.wants)
	dst := stomp.AppendCommand(c.out, stomp.CONNECTED)
	dst = stomp.AppendHeader(dst, stomp.V10, "version", v.String())
	dst = stomp.AppendHeader(dst, stomp.V10, "heart-beat", own.String())
	dst = stomp.AppendHeader(dst, stomp.V10, "session", c.name)
	dst = stomp.AppendHeader(dst, stomp.V10, "server", c.server.Name)
	c.out = stomp.AppendEnd(dst)
	c.wake()
}

// heartBeat is what one side says of its heart-beats (1.1 and 1.2, "Heart-beating"): how often it
// can send them and how often it wants to get them; 0 for never.
type heartBeat struct{ sends, wants time.Duration }

func parseHeartBeat(f *stomp.Frame) (heartBeat, error) {
	value, found := f.Get("heart-beat")
	if !found {
		return heartBeat{}, nil
	}
	sends, wants, _ := bytes.Cut(value, []byte(","))
	var h heartBeat
	for _, part := range []struct {
		text []byte
		to   *time.Duration
	}{{sends, &h.sends}, {wants, &h.wants}} {
		ms, err := strconv.ParseUint(string(bytes.TrimSpace(part.text)), 10, 64)
		if err != nil {
			return h, &fault{
				message: "heart-beat " + quote(value) + " is not two numbers",
				detail:  "send heart-beat:SENDS,WANTS, both in whole milliseconds, 0 for none",
				ends:    true,
			}
		}
		*part.to = time.Duration(min(ms, math.MaxInt32)) * time.Millisecond
	}
	return h, nil
}

// shortestBeat keeps clients from asking for a storm.
const shortestBeat = 100 * time.Millisecond

// answer returns the server's own values: what the client proposes, from 100 ms to longest.
func (h heartBeat) answer(longest time.Duration) heartBeat {
	fit := func(d time.Duration) time.Duration {
		if d == 0 {
			return 0
		}
		return max(shortestBeat, min(d, longest))
	}
	return heartBeat{sends: fit(h.wants), wants: fit(h.sends)}
}

func (h heartBeat) String() string {
	return strconv.FormatInt(h.sends.Milliseconds(), 10) + "," + strconv.FormatInt(h.wants.Milliseconds(), 10)
}

// agree returns the time between heart-beats in one direction, 0 for none.
func agree(sends, wants time.Duration) time.Duration {
	if sends == 0 || wants == 0 {
		return 0
	}
	return max(sends, wants)
}

// tolerate returns how long a side may be silent that agreed on a heart-beat: half of it
// longer, and a second at least.
func tolerate(beat time.Duration) time.Duration {
	if beat == 0 {
		return 0
	}
	return beat + max(beat/2, time.Second)
}
