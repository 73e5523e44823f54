package db

import (
	"strconv"
	"strings"
	"sync"
)

// pgTexts turns the store's statements into PostgreSQL's, each once.
type pgTexts struct{ made sync.Map }

func (t *pgTexts) text(query string) string {
	if made, ok := t.made.Load(query); ok {
		return made.(string)
	}
	made := pgText(query)
	t.made.Store(query, made)
	return made
}

// pgText returns a statement as PostgreSQL takes it: with what stands between comment marks,
// without the plus that keeps SQLite from an index, and with its names for parameters. No statement
// has any of these in a literal.
func pgText(query string) string {
	query = strings.NewReplacer("/* ", "", " */", "", "+feed", "feed").Replace(query)
	var b strings.Builder
	next := 1
	for {
		before, after, found := strings.Cut(query, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteByte('$')
		if after == "" || after[0] < '0' || after[0] > '9' {
			b.WriteString(strconv.Itoa(next))
			next++
		}
		query = after
	}
}
