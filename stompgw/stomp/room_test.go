package stomp

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/sync/semaphore"
)

func longFrame(bytes int) string {
	return "SEND\ndestination:/queue/x\n\n" + strings.Repeat("x", bytes) + "\x00"
}

// free reports whether all of a room of n bytes is free.
func free(room *semaphore.Weighted, n int64) bool {
	if !room.TryAcquire(n) {
		return false
	}
	room.Release(n)
	return true
}

func TestLongFramesShareARoomAndGiveItBack(t *testing.T) {
	const size = 1 << 20
	room := semaphore.NewWeighted(size)
	text := longFrame(400<<10) + strings.Repeat(longFrame(10), 100) + longFrame(400<<10)
	one := NewReader(strings.NewReader(text), Limits{Room: room})
	for range 102 {
		if _, err := one.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if free(room, size) {
		t.Error("a long frame in hand takes no room")
	}
	other := NewReader(strings.NewReader(longFrame(900<<10)), Limits{Room: room})
	var refused *Error
	if _, err := other.Next(); !errors.As(err, &refused) || refused.Message != "the server receives as much as it has memory for" {
		t.Errorf("a frame for which there is no room gives %v", err)
	}
	short := NewReader(strings.NewReader(longFrame(60<<10)), Limits{Room: room})
	if _, err := short.Next(); err != nil {
		t.Errorf("a short frame gives %v", err)
	}
	one.Close()
	other.Close()
	if !free(room, size) {
		t.Error("not all is given back")
	}
}
