package main

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	calmWindow = 10 * time.Second
	calmErrors = 10 // of a kind in a window
)

// calmLog writes a log in which errors of one kind cannot drown the rest, nor fill a disk that is
// full already: of those that come within 10 seconds the first ten are written, and the next one
// that is says how many were not.
type calmLog struct {
	slog.Handler
	kinds *errorKinds
}

var _ slog.Handler = calmLog{}

func newCalmLog(h slog.Handler) calmLog {
	return calmLog{h, &errorKinds{windows: make(map[errorKind]*errorWindow)}}
}

// Handle implements slog.Handler.
func (l calmLog) Handle(ctx context.Context, r slog.Record) error {
	if r.Level < slog.LevelError {
		return l.Handler.Handle(ctx, r)
	}
	write, omitted := l.kinds.count(kindOf(r), r.Time)
	if !write {
		return nil
	}
	if omitted > 0 {
		r = r.Clone()
		r.AddAttrs(slog.Int("omitted", omitted))
	}
	return l.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (l calmLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return calmLog{l.Handler.WithAttrs(attrs), l.kinds}
}

// WithGroup implements slog.Handler.
func (l calmLog) WithGroup(name string) slog.Handler {
	return calmLog{l.Handler.WithGroup(name), l.kinds}
}

// errorKind is what makes errors alike. The program has only so many messages, and HTTP so many statuses.
type errorKind struct {
	message string
	status  int64
}

func kindOf(r slog.Record) errorKind {
	kind := errorKind{message: r.Message}
	r.Attrs(func(a slog.Attr) bool {
		is := a.Key == "status" && a.Value.Kind() == slog.KindInt64
		if is {
			kind.status = a.Value.Int64()
		}
		return !is
	})
	return kind
}

// errorKinds counts errors by their kinds.
type errorKinds struct {
	mu      sync.Mutex
	windows map[errorKind]*errorWindow
}

// errorWindow is the errors of a kind since it was opened.
type errorWindow struct {
	opened           time.Time
	written, omitted int
}

// count counts an error, and says whether it is written, and how many before it were not.
func (k *errorKinds) count(kind errorKind, at time.Time) (write bool, omitted int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	w := k.windows[kind]
	switch {
	case w == nil:
		w = &errorWindow{opened: at}
		k.windows[kind] = w
	case at.Sub(w.opened) >= calmWindow:
		omitted = w.omitted
		*w = errorWindow{opened: at}
	case w.written == calmErrors:
		w.omitted++
		return false, 0
	}
	w.written++
	return true, omitted
}
