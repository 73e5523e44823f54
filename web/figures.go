package web

import (
	"strconv"
	"strings"
	"time"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"

	"atommq/feeds"
)

// figures sums a feed up.
type figures struct {
	Entries string // 1,234
	Unit    string // "entries"
	Size    string
	Changed stamp
}

func newFigures(f *feeds.Feed) figures {
	v := figures{Entries: count(f.Entries), Unit: "entries", Size: size(f.Bytes), Changed: newStamp(f.Updated)}
	if f.Entries == 1 {
		v.Unit = "entry"
	}
	return v
}

// stamp is one moment, for programs and for people. The zero stamp is not shown.
type stamp struct{ Machine, Human string }

func newStamp(t time.Time) stamp {
	if t.IsZero() {
		return stamp{}
	}
	t = t.UTC()
	return stamp{Machine: t.Format(time.RFC3339Nano), Human: t.Format("2 Jan 2006, 15:04:05 UTC")}
}

func (s stamp) node() g.Node {
	if s == (stamp{}) {
		return nil
	}
	return h.Time(h.DateTime(s.Machine), g.Text(s.Human))
}

// count writes n with thousands apart: 1,234,567.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// size writes n bytes in decimal units: 532 B, 1.2 kB.
func size(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10) + " B"
	}
	v, unit := float64(n)/1000, 0
	// Past 999.95 one decimal place would read 1000.0.
	for ; v >= 999.95 && unit < len(sizeUnits)-1; unit++ {
		v /= 1000
	}
	return strings.TrimSuffix(strconv.FormatFloat(v, 'f', 1, 64), ".0") + " " + sizeUnits[unit]
}

var sizeUnits = [...]string{"kB", "MB", "GB", "TB", "PB", "EB"}
