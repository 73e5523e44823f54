package bus

import "testing"

func TestWhatIsKeptForConsumersStaysWithinItsMemory(t *testing.T) {
	r := recent{limit: 64 << 10}
	for id := int64(1); id <= 1000; id++ {
		e := &Entry{}
		e.ID, e.XML = id, make([]byte, 100*(id%5))
		r.add([]*Entry{e})
		counted := 0
		for _, kept := range r.entries {
			counted += handedOut(kept)
		}
		if counted != r.bytes || counted > r.limit {
			t.Fatalf("after %d entries, %d bytes are kept and %d counted of %d", id, counted, r.bytes, r.limit)
		}
		if r.find(id) != e {
			t.Fatalf("entry %d is not kept", id)
		}
	}
	if r.find(1) != nil {
		t.Error("the first of a thousand entries is kept")
	}
}
