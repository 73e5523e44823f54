package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/lib/pq"
	"github.com/mattn/go-sqlite3"

	"atommq/bus"
	"atommq/migrations"
)

// translate makes the domain's error of a driver's. When ctx is done, its cause
// comes first: the driver may only know that it was interrupted.
func translate(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if doubt, ok := errors.AsType[*doubtError](err); ok {
		return fmt.Errorf("%w: %w", bus.ErrUncertain, doubt)
	}
	if newer, ok := errors.AsType[*migrations.NewerError](err); ok {
		return fmt.Errorf("%w: %w", bus.ErrNewerSchema, newer)
	}
	if errors.Is(err, sql.ErrConnDone) {
		return fmt.Errorf("%w: %w", bus.ErrUnavailable, err)
	}
	kind := kindOfState(stateOf(err))
	if e, ok := errors.AsType[sqlite3.Error](err); ok {
		kind = kindOfFault(e)
	}
	if kind == nil && isLost(err) {
		kind = bus.ErrUnavailable
	}
	if kind == nil {
		return err
	}
	return fmt.Errorf("%w: %w", kind, err)
}

// What a database can be beside out of reach; each is an ErrUnavailable.
var (
	// ErrDamaged says of a file of SQLite that its pages are not what was written. No time mends it.
	ErrDamaged error = unavailableError("is damaged")

	// ErrUnfinished says of a database that a copy or a restore into it was begun and has not ended,
	// as one that was killed.
	ErrUnfinished error = unavailableError("a copy or a restore into it has not ended: run the same again")

	// ErrBrokenOff says of a file of SQLite that a transaction on it was broken off, and that who may
	// only read cannot take it back.
	ErrBrokenOff error = unavailableError("a restore, or another write, into it was broken off, and has left a journal beside it:" +
		" run the restore again, or start a server on it")
)

type unavailableError string

func (e unavailableError) Error() string      { return string(e) }
func (unavailableError) Is(target error) bool { return target == bus.ErrUnavailable }

// isBrokenOff reports whether SQLite says of a file that it is ErrBrokenOff.
func isBrokenOff(err error) bool {
	e, ok := errors.AsType[sqlite3.Error](err)
	return ok && e.ExtendedCode == sqlite3.ErrReadonlyRollback
}

// isDamaged reports whether SQLite says of a file that it is ErrDamaged.
func isDamaged(err error) bool {
	e, ok := errors.AsType[sqlite3.Error](err)
	return ok && (e.Code == sqlite3.ErrCorrupt || e.Code == sqlite3.ErrNotADB)
}

// kindOfFault returns the domain's error for one of SQLite, which calls a disk full only where the
// system says ENOSPC to a write, and all else that files refuse an I/O error.
func kindOfFault(e sqlite3.Error) error {
	if e.Code == sqlite3.ErrIoErr || e.Code == sqlite3.ErrCantOpen {
		switch e.SystemErrno {
		case syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG:
			return bus.ErrFull
		case syscall.EROFS:
			return bus.ErrReadOnly
		}
	}
	return kindOf(e.Code)
}

// kindOf returns the domain's error for a SQLite result code, nil for one that
// only a fault in this package can cause.
func kindOf(code sqlite3.ErrNo) error {
	switch code {
	case sqlite3.ErrFull:
		return bus.ErrFull
	case sqlite3.ErrReadonly:
		return bus.ErrReadOnly
	case sqlite3.ErrCorrupt, sqlite3.ErrNotADB:
		return ErrDamaged
	case sqlite3.ErrBusy, sqlite3.ErrLocked, sqlite3.ErrIoErr,
		sqlite3.ErrCantOpen, sqlite3.ErrPerm, sqlite3.ErrAuth, sqlite3.ErrNomem, sqlite3.ErrNoLFS,
		sqlite3.ErrProtocol, sqlite3.ErrInterrupt:
		return bus.ErrUnavailable
	}
	return nil
}

func isBusy(err error) bool {
	e, ok := errors.AsType[sqlite3.Error](err)
	return ok && e.Code == sqlite3.ErrBusy
}

func isReadOnly(err error) bool {
	e, ok := errors.AsType[sqlite3.Error](err)
	return ok && e.Code == sqlite3.ErrReadonly
}

// stateOf returns PostgreSQL's code for an error, "" for one that the server has not sent.
func stateOf(err error) string {
	if e, ok := errors.AsType[*pq.Error](err); ok {
		return e.SQLState()
	}
	return ""
}

// Codes of PostgreSQL (appendix A of its manual).
const (
	readOnlyTransaction = "25006"
	serializationFailed = "40001"
	deadlockDetected    = "40P01"
	tooManyConnections  = "53300"
	diskFull            = "53100"
	lockNotAvailable    = "55P03"
	objectInUse         = "55006"
	noSuchDatabase      = "3D000"
	ioError             = "58030"
	divisionByZero      = "22012"
	notText             = "22021" // a byte that UTF-8 has not, or NUL
	denied              = "42501"
	login               = "28" // how all codes begin that refuse one
)

// IsDenied reports whether a server refused something because of a right that its user lacks.
func IsDenied(err error) bool { return stateOf(err) == denied }

// IsLoginRefused reports whether a server does not let its user in.
func IsLoginRefused(err error) bool { return strings.HasPrefix(stateOf(err), login) }

// IsCrowded reports whether a server has as many connections as it, or its user, may have.
func IsCrowded(err error) bool { return stateOf(err) == tooManyConnections }

// IsInUse reports whether a copy of the database is under way.
func IsInUse(err error) bool { return stateOf(err) == objectInUse }

// kindOfState returns the domain's error for a code of PostgreSQL, as kindOf does.
func kindOfState(state string) error {
	switch {
	case state == readOnlyTransaction, state == denied:
		return bus.ErrReadOnly
	case state == diskFull:
		return bus.ErrFull
	case len(state) != 5:
		return nil
	case state == lockNotAvailable, state == objectInUse, state == noSuchDatabase, state == ioError:
		return bus.ErrUnavailable
	}
	switch state[:2] {
	case "08", login, "40", "53", "57": // connection, login, rollback, resources, intervention
		return bus.ErrUnavailable
	}
	return nil
}

// isLost reports whether err says that a connection was lost, or could not be had.
func isLost(err error) bool {
	if IsUnreachable(err) {
		return true
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return true
	}
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// unlessLost returns err, nil when it says that a connection that was to be closed was lost before.
func unlessLost(err error) error {
	if isLost(err) || errors.Is(err, sql.ErrConnDone) {
		return nil
	}
	return err
}

// passing reports whether a transaction that failed with err may do better, tried again.
func passing(err error) bool {
	if _, ok := errors.AsType[*doubtError](err); ok {
		return true
	}
	switch state := stateOf(err); state {
	case readOnlyTransaction, serializationFailed, deadlockDetected, tooManyConnections:
		return true
	case "":
		return isLost(err)
	default:
		return state[:2] == "08" || state[:3] == "57P"
	}
}
