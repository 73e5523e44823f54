package stompgw

import (
	"errors"
	"os"
)

// slowness is what a client was too slow with, so that its connection was cut off.
type slowness uint8

const (
	slowConnect slowness = iota // sending CONNECT
	slowFrame                   // sending the rest of a frame
	slowBeat                    // sending the heart-beats that were agreed on
	slowReading                 // reading what it is sent
	slowLive                    // reading what is published with persistent:false, which cannot wait

	slownesses = iota
)

var slownessWords = [slownesses]string{"connect", "frame", "heart_beat", "unread", "live"}

// countSlow counts a connection that is cut off.
func (s *Server) countSlow(with slowness) { s.stats.slow[with].Add(1) }

// countUnread counts a connection that is cut off because writing to it failed, if it did because
// the client does not read.
func (s *Server) countUnread(err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		s.countSlow(slowReading)
	}
}
