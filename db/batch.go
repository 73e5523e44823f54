package db

import (
	"bytes"
	"context"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/lib/pq"
)

// batch is statements that are sent to PostgreSQL together, once the outcome of one is needed: each
// way there and back takes as long as writing some ten entries. The driver sends several at once
// only as one text, so they are executed by name with their parameters written out.
type batch struct {
	text     []byte
	rows     []func(v []driver.Value) // for each of its statements that return rows, in order
	fresh    []string                 // the queries that it prepares
	prepared map[string]preparation
	named    int
	values   []driver.Value
	added    int  // statements, since the transaction began
	sent     bool // part of the transaction was
}

// preparation is a query that the session knows by name.
type preparation struct {
	name   string
	params int
}

// forget begins a new session.
func (b *batch) forget() { b.prepared = make(map[string]preparation) }

// begin begins a transaction, with the first statement that is sent.
func (b *batch) begin() {
	b.added, b.sent = 0, false
	b.drop()
	b.text = append(b.text, "BEGIN;"...)
}

// drop forgets what was added and not sent.
func (b *batch) drop() {
	b.unprepare()
	b.clear()
}

// commit sends what was added, and the end of the transaction. An error that is a refusal says
// that it was undone.
func (b *batch) commit(conn driver.Conn) error {
	b.text = append(b.text, "COMMIT;"...)
	_, err := b.send(conn)
	return err
}

// begun reports whether the session is in a transaction.
func (b *batch) begun() bool { return b.sent }

func (b *batch) clear() {
	clear(b.rows)
	b.text, b.rows, b.fresh = b.text[:0], b.rows[:0], b.fresh[:0]
}

// add puts a statement behind the others. row is nil if it returns no rows.
func (b *batch) add(query string, texts *pgTexts, args []driver.NamedValue, row func(v []driver.Value)) error {
	b.added++
	p, known := b.prepared[query]
	if !known {
		text := texts.text(query)
		b.named++
		p = preparation{name: "atommq" + strconv.Itoa(b.named), params: countParams(text)}
		b.prepared[query] = p
		b.fresh = append(b.fresh, query)
		b.text = append(append(append(append(b.text, "PREPARE "...), p.name...), " AS "...), text...)
		b.text = append(b.text, ';')
	}
	b.values = append(b.values[:0], make([]driver.Value, p.params)...)
	for _, a := range args {
		b.values[a.Ordinal-1] = a.Value
	}
	b.text = append(append(b.text, "EXECUTE "...), p.name...)
	separator := byte('(')
	for _, v := range b.values {
		var err error
		if b.text, err = appendLiteral(append(b.text, separator), v); err != nil {
			return err
		}
		separator = ','
	}
	if p.params > 0 {
		b.text = append(b.text, ')')
	}
	b.text = append(b.text, ';')
	if row != nil {
		b.rows = append(b.rows, row)
	}
	return nil
}

// countParams counts the parameters of a statement, $1, $2 and so on.
func countParams(text string) (n int) {
	for strings.Contains(text, "$"+strconv.Itoa(n+1)) {
		n++
	}
	return n
}

// largeBytes is how long parameters may be together to be worth writing out.
const largeBytes = 64 << 10

func large(args []driver.NamedValue) bool {
	size := 0
	for _, a := range args {
		if v, ok := a.Value.(arrayText); ok {
			size += len(v)
		}
	}
	return size > largeBytes
}

// appendLiteral writes v as an SQL literal; sessions have standard_conforming_strings.
func appendLiteral(dst []byte, v driver.Value) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(dst, "NULL"...), nil
	case int64:
		return strconv.AppendInt(dst, v, 10), nil
	case shifted:
		return append(append(strconv.AppendInt(dst, v.id, 10), '+'), shiftedBy...), nil
	case bool:
		if v {
			return append(dst, '1'), nil
		}
		return append(dst, '0'), nil
	case string:
		return appendQuoted(dst, bytesOf(v))
	case arrayText:
		return appendQuoted(dst, v)
	case []byte:
		return append(hex.AppendEncode(append(dst, `'\x`...), v), '\''), nil
	}
	return dst, fmt.Errorf("there is no literal for a %T", v)
}

func appendQuoted(dst, text []byte) ([]byte, error) {
	if bytes.IndexByte(text, 0) >= 0 { // it would end the statement
		return dst, &pq.Error{Severity: "ERROR", Code: notText, Message: "text with a NUL"}
	}
	dst = append(dst, '\'')
	for {
		i := bytes.IndexByte(text, '\'')
		if i < 0 {
			return append(append(dst, text...), '\''), nil
		}
		dst = append(append(dst, text[:i+1]...), '\'')
		text = text[i+1:]
	}
}

// send sends what was added, and returns how many rows its last statement changed.
func (b *batch) send(conn driver.Conn) (changed int64, err error) {
	if len(b.text) == 0 {
		return 0, nil
	}
	defer b.clear()
	b.sent = true
	rows, err := conn.(driver.QueryerContext).QueryContext(context.Background(), text(b.text), nil)
	if err == nil {
		changed, err = b.receive(rows)
	}
	if err != nil {
		b.unprepare() // though some were prepared, perhaps
	}
	return changed, err
}

// unprepare has the queries that the batch prepares prepared again when they are next added, under other names.
func (b *batch) unprepare() {
	for _, query := range b.fresh {
		delete(b.prepared, query)
	}
}

// receive reads what the statements return.
func (b *batch) receive(rows driver.Rows) (changed int64, err error) {
	for i, row := range b.rows {
		if i > 0 {
			if err := rows.(driver.RowsNextResultSet).NextResultSet(); err != nil {
				return 0, errors.Join(err, rows.Close())
			}
		}
		if err := eachOf(rows, all(row)); err != nil {
			return 0, errors.Join(err, rows.Close())
		}
	}
	if err := rows.Close(); err != nil {
		return 0, err
	}
	if r, ok := rows.(interface{ Result() driver.Result }); ok {
		changed, _ = r.Result().RowsAffected() // there is none of what changes nothing
	}
	return changed, nil
}
