package bus

import "testing"

func TestWhatIsKeptForConsumersStaysWithinItsMemory(t *testing.T) {
	r := recent{limit: 64 << 10}
	for id := int64(1); id <= 1000; id++ {
		e := publishedEntry(id, 100*(id%5))
		r.add(e)
		counted := 0
		for _, kept := range r.entries {
			counted += handedOut(kept.Entry)
		}
		if counted != r.bytes || counted > r.limit {
			t.Fatalf("after %d entries, %d bytes are kept and %d counted of %d", id, counted, r.bytes, r.limit)
		}
	}
}

// A queue hands out what it had first. Where more waits than is kept, some of that has to be there.
func TestABacklogFindsItsPartOfWhatIsKeptForConsumers(t *testing.T) {
	const backlog = 200
	r := recent{limit: backlog / 2 * handedOut(publishedEntry(1, 100))}
	found := 0
	for id := int64(1); id <= 20*backlog; id++ {
		r.add(publishedEntry(id, 100))
		if id > backlog && r.claim(id-backlog) != nil {
			found++
		}
	}
	if part := float64(found) / (19 * backlog); part < 0.4 {
		t.Errorf("%.0f %% of what was claimed was kept, where there was room for half of it", 100*part)
	}
}

func TestWhatWasHandedOutIsForgottenBeforeWhatWaits(t *testing.T) {
	const kept = 100
	r := recent{limit: kept * handedOut(publishedEntry(1, 100))}
	for id := int64(1); id <= 20*kept; id++ {
		r.add(publishedEntry(id, 100))
		if id > kept/2 && r.claim(id-kept/2) == nil {
			t.Fatalf("entry %d is not kept, though only %d wait and there is room for %d", id-kept/2, kept/2, kept)
		}
	}
}

func publishedEntry(id, size int64) *Entry {
	e := &Entry{}
	e.ID, e.XML = id, make([]byte, size)
	return e
}

func TestWhatNobodyClaimsMakesWayForWhatIsClaimed(t *testing.T) {
	const kept = 100
	r := recent{limit: kept * handedOut(publishedEntry(1, 100))}
	found := false
	for id := int64(1); id <= 20*kept && !found; id++ {
		r.add(publishedEntry(id, 100))
		found = id > kept && r.claim(id) != nil
	}
	if !found {
		t.Error("a hundred entries that nobody claims keep out all that are")
	}
}

func TestAnEntryLargerThanAllThatIsKeptForConsumersIsNot(t *testing.T) {
	r := recent{limit: 64 << 10}
	r.add(publishedEntry(1, 100))
	for id := int64(2); id < 100; id++ {
		r.add(publishedEntry(id, 64<<10))
	}
	if r.bytes > r.limit {
		t.Errorf("%d bytes are kept of %d", r.bytes, r.limit)
	}
}
