package bus

import (
	"iter"
	"slices"

	"atommq/feeds"
)

// bell wakes those who wait for the next change of what they follow. The hub's mutex guards it.
type bell struct {
	next chan struct{} // closed at the next change; nil while nobody waits
}

// changed returns a channel that is closed at the next change.
func (b *bell) changed() <-chan struct{} {
	if b.next == nil {
		b.next = make(chan struct{})
	}
	return b.next
}

// stir adds the channel of those who wait to wakes, if anybody does.
func (b *bell) stir(wakes []chan struct{}) []chan struct{} {
	if b.next == nil {
		return wakes
	}
	wakes = append(wakes, b.next)
	b.next = nil
	return wakes
}

// watch wakes those who follow the same selection of several feeds.
type watch struct {
	bell
	selection Selection
	key       string
	followers int
}

// watches finds the watches that a feed's change concerns. The hub's mutex guards it. Its zero value is empty.
type watches struct {
	all      map[string]*watch // by the selection's key
	feeds    map[string][]*watch
	prefixes map[string][]*watch
	lengths  [feeds.MaxName + 1]int // how many prefixes there are of each length
}

// enter counts a follower of a selection.
func (ws *watches) enter(s Selection) *watch {
	key := s.key()
	if w := ws.all[key]; w != nil {
		w.followers++
		return w
	}
	if ws.all == nil {
		ws.all, ws.feeds, ws.prefixes = make(map[string]*watch), make(map[string][]*watch), make(map[string][]*watch)
	}
	w := &watch{selection: s, key: key, followers: 1}
	ws.all[key] = w
	for _, f := range s.feeds {
		ws.feeds[f] = append(ws.feeds[f], w)
	}
	for _, p := range s.prefixes {
		ws.prefixes[p] = append(ws.prefixes[p], w)
		if len(p) < len(ws.lengths) { // a longer one begins no feed's name
			ws.lengths[len(p)]++
		}
	}
	return w
}

// leave takes a follower away, and the watch with the last one.
func (ws *watches) leave(w *watch) {
	if w.followers--; w.followers > 0 {
		return
	}
	delete(ws.all, w.key)
	for _, f := range w.selection.feeds {
		without(ws.feeds, f, w)
	}
	for _, p := range w.selection.prefixes {
		without(ws.prefixes, p, w)
		if len(p) < len(ws.lengths) {
			ws.lengths[len(p)]--
		}
	}
}

// without takes w out of the list under name.
func without(lists map[string][]*watch, name string, w *watch) {
	rest := slices.DeleteFunc(lists[name], func(o *watch) bool { return o == w })
	if len(rest) == 0 {
		delete(lists, name)
		return
	}
	lists[name] = rest
}

// of yields the watches that select a feed.
func (ws *watches) of(feed string) iter.Seq[*watch] {
	return func(yield func(*watch) bool) {
		for _, w := range ws.feeds[feed] {
			if !yield(w) {
				return
			}
		}
		if len(ws.prefixes) == 0 {
			return
		}
		for n := range min(len(feed)+1, len(ws.lengths)) {
			if ws.lengths[n] == 0 {
				continue
			}
			for _, w := range ws.prefixes[feed[:n]] {
				if !yield(w) {
					return
				}
			}
		}
	}
}

// stir adds the channels of those who follow a feed among others.
func (ws *watches) stir(feed string, wakes []chan struct{}) []chan struct{} {
	if len(ws.all) == 0 {
		return wakes
	}
	for w := range ws.of(feed) {
		wakes = w.stir(wakes)
	}
	return wakes
}

// stirAll adds the channels of all.
func (ws *watches) stirAll(wakes []chan struct{}) []chan struct{} {
	for _, w := range ws.all {
		wakes = w.stir(wakes)
	}
	return wakes
}
