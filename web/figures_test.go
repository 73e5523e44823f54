package web

import (
	"math"
	"testing"
	"time"
)

func TestCountsHaveTheirThousandsApart(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0", 7: "7", 999: "999", 1000: "1,000", 12345: "12,345", 1234567: "1,234,567", -100: "-100", -1000: "-1,000",
		math.MaxInt64: "9,223,372,036,854,775,807",
	} {
		if got := count(n); got != want {
			t.Errorf("count(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestSizesReadInOneUnit(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1 kB", 1049: "1 kB", 1050: "1.1 kB", 999_949: "999.9 kB", 999_950: "1 MB",
		4_200_000: "4.2 MB", 1e9: "1 GB", 1e12: "1 TB", 1e15: "1 PB", math.MaxInt64: "9.2 EB",
	} {
		if got := size(n); got != want {
			t.Errorf("size(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestTimesAreInUTC(t *testing.T) {
	at := time.Date(2026, time.January, 2, 3, 4, 5, 600_000_000, time.FixedZone("", -3600))
	want := stamp{Machine: "2026-01-02T04:04:05.6Z", Human: "2 Jan 2026, 04:04:05 UTC"}
	if got := newStamp(at); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := newStamp(time.Time{}); got != (stamp{}) {
		t.Errorf("the zero time shows as %v", got)
	}
}
