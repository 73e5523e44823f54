package db

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/lib/pq"
	"github.com/mattn/go-sqlite3"

	"atommq/bus"
	"atommq/migrations"
)

func TestTranslateNamesTheDomainsError(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want error
	}{
		{"full", sqlite3.Error{Code: sqlite3.ErrFull}, bus.ErrFull},
		{"read-only", sqlite3.Error{Code: sqlite3.ErrReadonly}, bus.ErrReadOnly},
		{"failing disk", sqlite3.Error{Code: sqlite3.ErrIoErr}, bus.ErrUnavailable},
		{"a quota", sqlite3.Error{Code: sqlite3.ErrIoErr, SystemErrno: syscall.EDQUOT}, bus.ErrFull},
		{"the largest file there may be", sqlite3.Error{Code: sqlite3.ErrIoErr, SystemErrno: syscall.EFBIG}, bus.ErrFull},
		{"no room for the log's index", sqlite3.Error{Code: sqlite3.ErrIoErr, SystemErrno: syscall.ENOSPC}, bus.ErrFull},
		{"no room for a new file", sqlite3.Error{Code: sqlite3.ErrCantOpen, SystemErrno: syscall.ENOSPC}, bus.ErrFull},
		{"a disk that became read-only", sqlite3.Error{Code: sqlite3.ErrIoErr, SystemErrno: syscall.EROFS}, bus.ErrReadOnly},
		{"broken file", sqlite3.Error{Code: sqlite3.ErrCorrupt}, bus.ErrUnavailable},
		{"a broken file, which is not to be waited for", sqlite3.Error{Code: sqlite3.ErrCorrupt}, ErrDamaged},
		{"no file of SQLite any more", sqlite3.Error{Code: sqlite3.ErrNotADB}, ErrDamaged},
		{"another writer", sqlite3.Error{Code: sqlite3.ErrBusy}, bus.ErrUnavailable},
		{"wrapped", fmt.Errorf("begin: %w", sqlite3.Error{Code: sqlite3.ErrFull}), bus.ErrFull},
		{"no room on the server", &pq.Error{Code: "53100"}, bus.ErrFull},
		{"a standby", &pq.Error{Code: "25006"}, bus.ErrReadOnly},
		{"a server that stops", &pq.Error{Code: "57P01"}, bus.ErrUnavailable},
		{"a server that starts", &pq.Error{Code: "57P03"}, bus.ErrUnavailable},
		{"too many connections", &pq.Error{Code: "53300"}, bus.ErrUnavailable},
		{"a wrong password", &unreachableError{&pq.Error{Code: "28P01"}}, bus.ErrUnavailable},
		{"a deadlock", &pq.Error{Code: "40P01"}, bus.ErrUnavailable},
		{"a lock that another node keeps", &pq.Error{Code: "55P03"}, bus.ErrUnavailable},
		{"no server", &unreachableError{&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}, bus.ErrUnavailable},
		{"a lost connection", driver.ErrBadConn, bus.ErrUnavailable},
		{"a commit whose answer was lost", &doubtError{"lost", io.ErrUnexpectedEOF}, bus.ErrUnavailable},
		{"newer schema", &migrations.NewerError{Found: 2, Known: 1}, bus.ErrNewerSchema},
	}
	for _, test := range tests {
		if got := translate(t.Context(), test.err); !errors.Is(got, test.want) || !errors.Is(got, test.err) {
			t.Errorf("%s: %v, want %v that wraps the driver's", test.name, got, test.want)
		}
	}
	fault := sqlite3.Error{Code: sqlite3.ErrConstraint}
	if got := translate(t.Context(), fault); !errors.Is(got, fault) || errors.Is(got, bus.ErrUnavailable) {
		t.Errorf("a fault of our own became %v", got)
	}
}

func TestTranslatePrefersTheCauseOfTheContext(t *testing.T) {
	cause := errors.New("caller left")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if got := translate(ctx, sqlite3.Error{Code: sqlite3.ErrInterrupt}); !errors.Is(got, cause) {
		t.Errorf("%v, want %v", got, cause)
	}
}
