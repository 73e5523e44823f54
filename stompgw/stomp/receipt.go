package stomp

import "bytes"

// receipt looks for the receipt header of the frame that is at fault, so that its
// sender learns which one that was.
func (s *scanner) receipt(frame []byte) string {
	head := frame[:min(len(frame), s.limits.HeaderBytes)]
	for text := range bytes.Lines(head) {
		text, whole := bytes.CutSuffix(text, []byte("\n"))
		text = bytes.TrimSuffix(text, []byte("\r"))
		if !whole || len(text) == 0 {
			break
		}
		if value, found := bytes.CutPrefix(text, []byte("receipt:")); found {
			return s.decode(value)
		}
	}
	return ""
}

// decode is for one value outside of a frame; the bytes stay as they are.
func (s *scanner) decode(value []byte) string {
	switch {
	case s.version == V10:
		value = trim(value)
	case undefined(value, s.version) == nil:
		value = unescape(bytes.Clone(value), s.version)
	}
	return string(value)
}
