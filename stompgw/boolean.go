package stompgw

import (
	"bytes"

	"atommq/stompgw/stomp"
)

// parseBoolean takes a header that is true or false, in any case: Python's clients send True. What
// it is where the client leaves it out, otherwise says.
func parseBoolean(f *stomp.Frame, name string, otherwise bool) (bool, error) {
	value, found := f.Get(name)
	switch {
	case !found:
		return otherwise, nil
	case bytes.EqualFold(value, []byte("true")):
		return true, nil
	case bytes.EqualFold(value, []byte("false")):
		return false, nil
	}
	return false, faultf("send "+name+":true or "+name+":false", "%s %s is neither true nor false", name, quote(value))
}
