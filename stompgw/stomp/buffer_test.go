package stomp

import (
	"bytes"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

func TestAnnouncedBodyTakesNoMemory(t *testing.T) {
	r := NewReader(strings.NewReader("SEND\ncontent-length:16777216\n\nabc"), Limits{})
	if _, err := r.Next(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	if len(r.data) > firstSize {
		t.Errorf("%d bytes for 3 that came", len(r.data))
	}
}

func TestBufferGrowsWithWhatComesAndNeverBeyondTheLimits(t *testing.T) {
	limits := Limits{HeaderBytes: 1000, BodyBytes: 300_000}
	most := 0
	var r *Reader
	src := strings.NewReader("SEND\n\n" + strings.Repeat("x", 300_000) + "\x00SEND\n\n" + strings.Repeat("x", 400_000))
	r = NewReader(readerFunc(func(p []byte) (int, error) {
		most = max(most, len(r.data))
		if held := r.Buffered(); len(r.data) > max(aheadSize, 2*held) {
			t.Errorf("%d bytes of buffer for %d that came", len(r.data), held)
		}
		return src.Read(p)
	}), limits)
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); !isLimit(err) {
		t.Errorf("the second frame: %v", err)
	}
	if most > 301_001 {
		t.Errorf("the buffer grew to %d bytes", most)
	}
}

func isLimit(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Limit
}

func TestMemoryOfLargeFrameIsGivenBackBeforeTheNextRead(t *testing.T) {
	const size = 8 << 20
	head := AppendHeader(AppendCommand(nil, SEND), V12, "content-length", "8388608")
	src := io.MultiReader(bytes.NewReader(append(head, '\n')), io.LimitReader(&endless{text: make([]byte, 1000)}, size+1))
	var before, after uint64
	r := NewReader(readerFunc(func(p []byte) (int, error) {
		n, err := src.Read(p)
		if err != nil {
			after = heap()
		}
		return n, err
	}), Limits{})
	before = heap()
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if after > before+size/8 {
		t.Errorf("waits with %d bytes more than before", after-before)
	}
}

func TestBufferGrowsUnderLoadAndShrinksInCalm(t *testing.T) {
	frame := []byte("SEND\n\nabc\x00")
	load := &endless{text: frame}
	calm := false
	r := NewReader(readerFunc(func(p []byte) (int, error) {
		if calm {
			return copy(p, "\n"), nil
		}
		return load.Read(p)
	}), Limits{})
	for len(r.data) < aheadSize {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	for range 10 * aheadSize / len(frame) {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if len(r.data) != aheadSize {
		t.Errorf("%d bytes under load", len(r.data))
	}
	r.src = io.LimitReader(iotest.OneByteReader(&endless{text: []byte("\n")}), 2*calmReads)
	for {
		if _, err := r.Next(); err != nil {
			break
		}
	}
	if len(r.data) > firstSize {
		t.Errorf("%d bytes in calm", len(r.data))
	}
}

func TestTimeoutOfIdleConnectionGivesTheBufferBack(t *testing.T) {
	src := io.MultiReader(strings.NewReader("SEND\n\n\x00\n"), iotest.ErrReader(os.ErrDeadlineExceeded))
	r := NewReader(src, Limits{})
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	if r.data != nil {
		t.Errorf("%d bytes are kept", len(r.data))
	}
}

func TestFrameOfManyHeadersKeepsNoMemory(t *testing.T) {
	sent := "SEND\n" + strings.Repeat("a:b\n", 10*defaultHeaders) + "\n\x00SEND\n\n\x00"
	r := NewReader(strings.NewReader(sent), Limits{Headers: 10 * defaultHeaders})
	for range 2 {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if n := cap(r.frame.Fields) + cap(r.lines); n > 2*defaultHeaders {
		t.Errorf("room for %d headers is kept", n)
	}
}

// 10,000 idle connections are to take 20 kB each with all they hold, of
// which the codec may not use up much.
func TestIdleConnectionIsCheap(t *testing.T) {
	const count, budget = 1000, 3 << 10
	readers := make([]*Reader, count)
	before := heap()
	for i := range readers {
		readers[i] = NewReader(strings.NewReader("CONNECT\naccept-version:1.2\nhost:h\nlogin:guest\npasscode:guest\nheart-beat:0,0\n\n\x00"), Limits{})
		if _, err := readers[i].Next(); err != nil {
			t.Fatal(err)
		}
	}
	if each := (heap() - before) / count; each > budget {
		t.Errorf("%d bytes each", each)
	}
	runtime.KeepAlive(readers)
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestReadingAllocatesNothingPerFrame(t *testing.T) {
	for name, text := range map[string][]byte{
		"counted": sendFrame(AppendBody),
		"open":    sendFrame(appendOpenBody),
		"escaped": AppendEnd(AppendHeader([]byte("ACK\r\n"), V12, "a:b", "\r\n:\\")),
	} {
		r := reader(&endless{text: text}, V12, Limits{})
		for range 10_000 { // until the buffer has grown
			if _, err := r.Next(); err != nil {
				t.Fatal(err)
			}
		}
		if n := testing.AllocsPerRun(10_000, func() {
			if f, err := r.Next(); err != nil || f.Command == 0 {
				t.Fatal(err)
			}
			r.Pending()
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestFrameBegunBehindLargeOneMovesIntoSmallBuffer(t *testing.T) {
	const begun = 5000
	next := AppendBody([]byte("SEND\n"), make([]byte, 2*begun))
	sent := append(AppendBody([]byte("SEND\n"), make([]byte, 1<<20)), next[:begun]...)
	// All is there at once, as it may be when a buffer has grown before.
	r := NewReader(bytes.NewReader(next[begun:]), Limits{})
	r.data, r.end = sent, len(sent)
	for range 2 {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if len(r.data) > 4*begun {
		t.Errorf("%d bytes for a frame of %d", len(r.data), len(next))
	}
}
