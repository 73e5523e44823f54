package db

import (
	"math/bits"
	"strings"
)

// chunks holds one statement in the forms that take 1, 2, 4 … rows, so that any number
// of rows is written by few prepared statements. More than 64 rows at once gain
// nothing measurable.
type chunks [7]string

// makeChunks writes the forms: head, row for each number from 0, separated by commas, tail.
func makeChunks(head string, row func(b *strings.Builder, i int), tail string) *chunks {
	var c chunks
	for k := range c {
		var b strings.Builder
		b.WriteString(head)
		for i := range 1 << k {
			if i > 0 {
				b.WriteString(", ")
			}
			row(&b, i)
		}
		b.WriteString(tail)
		c[k] = b.String()
	}
	return &c
}

// fit returns how many of n rows, at least one, the largest fitting form takes.
func (c *chunks) fit(n int) int {
	return 1 << min(bits.Len(uint(n))-1, len(c)-1)
}

// text returns the form for n rows, a number that fit returned.
func (c *chunks) text(n int) string { return c[bits.Len(uint(n))-1] }
