package db

import (
	"math/bits"
	"strconv"
	"strings"
)

// A byID is one statement on the rows with certain ids, in three forms: for ids that follow each other,
// which costs two parameters and one walk, for any few and, where there are arrays, for any number.
type byID struct {
	fixed int // parameters that come before the ids
	span  string
	list  [len(chunks{})]string
	array string
}

// makeByID writes the forms: head, a condition on id, tail.
func makeByID(fixed int, head, tail string) *byID {
	s := &byID{fixed: fixed, span: head + "id BETWEEN ?" + strconv.Itoa(fixed+1) + " AND ?" + strconv.Itoa(fixed+2) + tail}
	s.array = head + "id = ANY (CAST(?" + strconv.Itoa(fixed+1) + " AS BIGINT[]))" + tail
	for k := range s.list {
		marks := make([]string, 1<<k)
		for i := range marks {
			marks[i] = "?" + strconv.Itoa(fixed+1+i)
		}
		s.list[k] = head + "id IN (" + strings.Join(marks, ", ") + ")" + tail
	}
	return s
}

// bindIDs binds ids, which c.cut has returned, as the last parameters of s, and returns its text. A
// list is as long as the next power of two; what is not bound is NULL, which no id is.
func (c *commit) bindIDs(s *byID, ids []int64) string {
	if streak(ids) == len(ids) {
		c.bind(s.fixed+1, ids[0])
		c.bind(s.fixed+2, ids[len(ids)-1])
		return s.span
	}
	if c.writer.asArrays {
		c.idArray.reset()
		for _, id := range ids {
			c.idArray.int(id)
		}
		c.bind(s.fixed+1, c.idArray.value())
		return s.array
	}
	for i, id := range ids {
		c.bind(s.fixed+1+i, id)
	}
	return s.list[bits.Len(uint(len(ids)-1))]
}

// query returns the text of s for ids, which cut has returned, with all its arguments, where they
// are the ids alone.
func (s *byID) query(ids []int64) (text string, args []any) {
	if streak(ids) == len(ids) {
		return s.span, []any{ids[0], ids[len(ids)-1]}
	}
	form := bits.Len(uint(len(ids) - 1))
	args = make([]any, 1<<form)
	for i, id := range ids {
		args[i] = id
	}
	return s.list[form], args
}

const (
	// A walk costs as much as looking up about so many ids.
	shortSpan = 8
	longList  = 1 << (len(chunks{}) - 1)
)

// cut returns how many of ids, which rise, one statement of the commit takes.
func (c *commit) cut(ids []int64) int {
	if c.writer.asArrays {
		return len(ids)
	}
	return cut(ids)
}

// cut returns how many of ids, which rise, one statement takes that has no array: those that follow
// each other, or a list.
func cut(ids []int64) int {
	n := streak(ids)
	if n >= shortSpan {
		return n
	}
	for n < len(ids) {
		more := streak(ids[n:])
		if more >= shortSpan || n+more > longList {
			break
		}
		n += more
	}
	return n
}

// streak counts the ids at the start of ids that follow each other without a gap.
func streak(ids []int64) int {
	for i := range ids {
		if ids[i] != ids[0]+int64(i) {
			return i
		}
	}
	return len(ids)
}
