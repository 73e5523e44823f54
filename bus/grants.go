package bus

import (
	"strings"
)

// Grants says what somebody may do with which feeds.
type Grants struct {
	every    Rights            // the feeds of the pattern *
	exact    map[string]Rights // feeds by name
	prefixes []prefixGrant
}

type prefixGrant struct {
	prefix string
	rights Rights
}

// add grants rights on the feeds of a pattern.
func (g *Grants) add(pattern string, rights Rights) {
	rights = rights.whole()
	prefix, isPrefix := strings.CutSuffix(pattern, "*")
	switch {
	case pattern == "*":
		g.every |= rights
	case isPrefix:
		g.prefixes = append(g.prefixes, prefixGrant{prefix, rights})
	default:
		if g.exact == nil {
			g.exact = make(map[string]Rights)
		}
		g.exact[pattern] |= rights
	}
}

// Rights returns what may be done with a feed. The dead letters of a feed follow it: whoever may
// read, consume, edit or administer x may do so with x.dead, and whoever may consume x may read it.
func (g *Grants) Rights(feed string) Rights {
	rights := g.every
	if rights == allRights {
		return rights
	}
	rights |= g.exact[feed]
	for i := range g.prefixes {
		if p := &g.prefixes[i]; strings.HasPrefix(feed, p.prefix) {
			rights |= p.rights
		}
	}
	if of, dead := strings.CutSuffix(feed, deadSuffix); dead && of != "" {
		rights |= g.Rights(of).ofDead()
	}
	return rights
}

// Throughout returns what may be done with every feed of a pattern.
func (g *Grants) Throughout(pattern string) Rights {
	prefix, isPrefix := strings.CutSuffix(pattern, "*")
	if !isPrefix {
		return g.Rights(pattern)
	}
	rights := g.every
	for _, p := range g.prefixes {
		if strings.HasPrefix(prefix, p.prefix) {
			rights |= p.rights
		}
	}
	return rights
}

// ofDead returns what rights on a feed give on its dead letters. Publishing is not among it: dead
// letters are the server's to write.
func (r Rights) ofDead() Rights {
	dead := r &^ RightPublish
	if r&RightConsume != 0 {
		dead |= RightRead
	}
	return dead.whole()
}

// May reports whether right may be used on a feed.
func (g *Grants) May(right Rights, feed string) bool { return g.Rights(feed)&right == right }

// MayEvery reports whether right may be used on every feed there can be.
func (g *Grants) MayEvery(right Rights) bool { return g.every&right == right }

// MaySome reports whether right may be used on some feed whose name begins with prefix, there or not.
func (g *Grants) MaySome(right Rights, prefix string) bool {
	if g.May(right, prefix) {
		return true
	}
	for feed, rights := range g.exact {
		if touches(feed, prefix) && (rights|rights.ofDead())&right == right {
			return true
		}
	}
	for _, p := range g.prefixes {
		if (strings.HasPrefix(p.prefix, prefix) || strings.HasPrefix(prefix, p.prefix)) && (p.rights|p.rights.ofDead())&right == right {
			return true
		}
	}
	return (g.every|g.every.ofDead())&right == right
}

// touches reports whether feed, or the feed of its dead letters, begins with prefix.
func touches(feed, prefix string) bool { return strings.HasPrefix(feed+deadSuffix, prefix) }

// within returns names of feeds, and how others begin, that have all readable feeds among them
// whose names begin with prefix, and as few others as that can say: prefix itself where it would
// take more than limit.
func (g *Grants) within(prefix string, limit int) (feeds, prefixes []string) {
	if g.every.ofDead()&RightRead != 0 {
		return nil, []string{prefix}
	}
	for _, p := range g.prefixes {
		switch {
		case p.rights.ofDead()&RightRead == 0:
		case strings.HasPrefix(prefix, p.prefix):
			return nil, []string{prefix}
		case strings.HasPrefix(p.prefix, prefix):
			prefixes = append(prefixes, p.prefix)
		}
	}
	for feed, rights := range g.exact {
		if rights&RightRead != 0 && strings.HasPrefix(feed, prefix) {
			feeds = append(feeds, feed)
		}
		if dead := feed + deadSuffix; rights.ofDead()&RightRead != 0 && strings.HasPrefix(dead, prefix) {
			feeds = append(feeds, dead)
		}
	}
	if len(feeds)+len(prefixes) > limit {
		return nil, []string{prefix}
	}
	return feeds, prefixes
}

// none reports whether nothing at all is granted.
func (g *Grants) none() bool { return g.every == 0 && len(g.exact) == 0 && len(g.prefixes) == 0 }
