package db

import (
	"context"
	"database/sql"
	"errors"

	"atommq/migrations"
)

// Upgrade brings a database that OpenAsIs opened to the newest schema, as migrations.Up does, unless
// it is another program's. One of PostgreSQL with steps pending must have no nodes: those of an older
// version would go on, and write rows without what the newer schema keeps.
func Upgrade(ctx context.Context, d *sql.DB) ([]migrations.Migration, error) {
	if err := CheckOwn(ctx, d); err != nil {
		return nil, err
	}
	if err := refuseNodes(ctx, d); err != nil {
		return nil, err
	}
	return migrations.Up(ctx, d)
}

// refuseNodes refuses a database of PostgreSQL with an older schema that nodes work on. It locks
// them out for that moment only, so that of two migrations at once neither takes the other for a node.
func refuseNodes(ctx context.Context, d *sql.DB) error {
	if _, older := errors.AsType[*migrations.OlderError](migrations.Check(ctx, d)); !older || !onServer(d) {
		return nil
	}
	conn, err := d.Conn(ctx)
	if err != nil {
		return err
	}
	err = copyServer{}.lock(ctx, conn)
	if err == nil {
		err = copyServer{}.unlock(ctx, conn)
	}
	return errors.Join(err, conn.Close())
}
