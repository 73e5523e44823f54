package stompgw

import "atommq/stompgw/stomp"

// receipt is what a frame's receipt header asks for.
type receipt struct {
	id     string
	wanted bool
}

func receiptOf(f *stomp.Frame) receipt {
	id, wanted := f.Get("receipt")
	return receipt{string(id), wanted}
}

// append writes the RECEIPT frame, if one is wanted.
func (r receipt) append(dst []byte, v stomp.Version) []byte {
	if !r.wanted {
		return dst
	}
	dst = stomp.AppendCommand(dst, stomp.RECEIPT)
	dst = stomp.AppendHeader(dst, v, "receipt-id", r.id)
	return stomp.AppendEnd(dst)
}

// appendCount writes a RECEIPT frame that carries a number.
func (r receipt) appendCount(dst []byte, v stomp.Version, name string, n int64) []byte {
	dst = stomp.AppendCommand(dst, stomp.RECEIPT)
	dst = stomp.AppendHeader(dst, v, "receipt-id", r.id)
	dst = stomp.AppendHeaderInt(dst, v, name, n)
	return stomp.AppendEnd(dst)
}
