package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"atommq/db"
)

// database returns what --db would call a new, empty database: a file in the section's directory,
// or a schema of the server's.
func (b *bench) database(ctx context.Context, name string) (string, error) {
	if b.server == "" {
		return filepath.Join(b.dir, name+".db"), nil
	}
	schema := "atommq_bench_" + strings.ToLower(rand.Text()[:12]) + "_" + name
	if err := b.execute(ctx, "CREATE SCHEMA "+schema); err != nil {
		return "", fmt.Errorf("make a schema for the benchmark: %w", err)
	}
	b.schemas = append(b.schemas, schema)
	return db.InSchema(b.server, schema)
}

// dropSchemas removes what database made on the server.
func (b *bench) dropSchemas(ctx context.Context) (err error) {
	for _, schema := range b.schemas {
		err = errors.Join(err, b.execute(context.WithoutCancel(ctx), "DROP SCHEMA "+schema+" CASCADE"))
	}
	b.schemas = nil
	return err
}

func (b *bench) execute(ctx context.Context, statement string) error {
	return withServer(b.server, func(d *sql.DB) error {
		_, err := d.ExecContext(ctx, statement)
		return err
	})
}

func withServer(dsn string, do func(*sql.DB) error) error {
	d, err := db.OpenServer(dsn)
	if err != nil {
		return err
	}
	return errors.Join(do(d), d.Close())
}
