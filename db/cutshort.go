package db

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// mustBeWhole refuses a file that has lost its end. SQLite notices where whole pages are gone, and
// reads as zeros what is gone of the last one. A file may lack what the log beside it has. The side
// must be reading: as long as it does, neither the file nor the log loses anything.
func (s *copySide) mustBeWhole(ctx context.Context) error {
	loc, err := parse(s.name)
	if err != nil {
		return err
	}
	return loc.mustBeWhole(ctx, s.conn)
}

func (l location) mustBeWhole(ctx context.Context, conn *sql.Conn) error {
	var pages, page int64
	err := conn.QueryRowContext(ctx, "SELECT page_count, page_size FROM pragma_page_count, pragma_page_size").Scan(&pages, &page)
	if err != nil {
		return err
	}
	info, err := os.Stat(l.path)
	if err != nil {
		return err
	}
	size, logged := info.Size(), !l.hasEmptyLog()
	switch {
	case size >= pages*page && (logged || size%page == 0):
		return nil
	case !logged:
		return cutShort(size, pages, page)
	}
	brought, err := l.logBrings(size/page, pages, page)
	if err != nil || brought {
		return err
	}
	return fmt.Errorf("%w, and the log beside it has not all of the rest", cutShort(size, pages, page))
}

// checkEnd refuses a file that has lost its end, before anybody writes to it: SQLite fills in what
// the log has, leaves zeros between, and nobody can tell any more. What else is wrong with the file,
// opening it tells.
func (l location) checkEnd(ctx context.Context) error {
	err := l.lookAtEnd(ctx)
	if isDamaged(err) {
		err = l.explainCut(err)
	}
	if errors.Is(err, ErrDamaged) {
		return err
	}
	return nil
}

func (l location) lookAtEnd(ctx context.Context) error {
	if info, err := os.Stat(l.path); err != nil || info.Size() == 0 {
		return err
	}
	pool, err := sql.Open("sqlite3", l.url("mode=ro", "_query_only=1", "_busy_timeout=0"))
	if err != nil {
		return err
	}
	defer pool.Close()
	conn, err := pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := (copyFile{}).picture(ctx, conn); err != nil {
		return err
	}
	return l.mustBeWhole(ctx, conn)
}

func cutShort(size, pages, page int64) error {
	if size >= pages*page {
		return fmt.Errorf("%w: it is cut short: its %d bytes are no whole number of pages of %d", ErrDamaged, size, page)
	}
	return fmt.Errorf("%w: it is cut short: it has %d bytes, and should have %d pages of %d", ErrDamaged, size, pages, page)
}

// The write-ahead log (https://www.sqlite.org/fileformat2.html#the_write_ahead_log) has a header,
// and frames, each of which has one of its own before its page. A frame whose salts are not those
// of the log is left of a former round, and so is what follows it.
const (
	logHeader   = 32
	logSalts    = 16
	frameHeader = 24
	frameSalts  = 8
	salts       = 8 // bytes of both
)

// logBrings reports whether the log has all pages of a database behind the first ones, which its
// file has.
func (l location) logBrings(first, pages, page int64) (bool, error) {
	f, err := os.Open(l.real() + "-wal") // which SQLite, other than the file itself, does not lock
	if err != nil {
		return false, err
	}
	defer f.Close()
	header, frame := make([]byte, logHeader), make([]byte, frameHeader)
	if _, err := f.ReadAt(header, 0); err != nil {
		return false, err
	}
	brought := make(map[int64]bool)
	for at := int64(logHeader); ; at += frameHeader + page {
		if _, err := f.ReadAt(frame, at); err != nil && !errors.Is(err, io.EOF) {
			return false, err
		} else if err != nil || !bytes.Equal(frame[frameSalts:frameSalts+salts], header[logSalts:logSalts+salts]) {
			break
		}
		if n := int64(binary.BigEndian.Uint32(frame)); n > first && n <= pages {
			brought[n] = true
		}
	}
	return int64(len(brought)) == pages-first, nil
}

// What the header of a file says of its length
// (https://www.sqlite.org/fileformat2.html#the_database_header).
const (
	fileHeader  = 100 // bytes of it
	atPageSize  = 16
	atPageCount = 28
)

// explainCut says of a file that SQLite finds damaged that it is cut short, if its header tells.
// Nobody in this process may have it open: to close it once more would take their locks.
func explainCut(dsn string, err error) error {
	loc, unnamed := parse(dsn)
	if IsPostgres(dsn) || unnamed != nil {
		return err
	}
	return loc.explainCut(err)
}

func (l location) explainCut(err error) error {
	if !l.hasEmptyLog() {
		return err
	}
	f, unopened := os.Open(l.path)
	if unopened != nil {
		return err
	}
	defer f.Close()
	header := make([]byte, fileHeader)
	if _, short := io.ReadFull(f, header); short != nil || !bytes.HasPrefix(header, []byte("SQLite format 3\x00")) {
		return err
	}
	info, unknown := f.Stat()
	if unknown != nil {
		return err
	}
	size := info.Size()
	pages, page := int64(binary.BigEndian.Uint32(header[atPageCount:])), int64(binary.BigEndian.Uint16(header[atPageSize:]))
	if page == 1 { // which stands for what two bytes do not hold
		page = 1 << 16
	}
	if size < pages*page {
		return cutShort(size, pages, page)
	}
	return err
}
