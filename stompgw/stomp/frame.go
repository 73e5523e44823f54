package stomp

// Frame is one frame as it was read. Everything in it points into the Reader's
// buffer and is valid until the next call of Next: copy what has to live longer.
type Frame struct {
	Command Command
	Fields  []Field // every header in the order sent, repeated ones included
	Body    []byte  // without the NUL that ends it
}

// Field is one header, unescaped.
type Field struct{ Name, Value []byte }

// Bytes returns how much the frame brings: its body and its headers, unescaped.
func (f *Frame) Bytes() int64 {
	n := len(f.Body)
	for i := range f.Fields {
		n += len(f.Fields[i].Name) + len(f.Fields[i].Value)
	}
	return int64(n)
}

// Get returns the value of the header called name. Of repeated headers the first
// counts (1.2, "Repeated Header Entries"). Names are compared byte by byte.
func (f *Frame) Get(name string) (value []byte, ok bool) {
	for i := range f.Fields {
		if string(f.Fields[i].Name) == name {
			return f.Fields[i].Value, true
		}
	}
	return nil, false
}
