package sqlitejobs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// newName is the database while it is made. It gets its name when it is whole,
// so that an empty or half-made database under the name is never a legal
// remainder of a crash.
const newName = databaseName + ".new"

// errGone marks a directory that held a database and holds none now.
var errGone = errors.New(databaseName + " is missing or empty, but the directory holds what belongs to one")

// prepareDatabase makes the database when there is none, and refuses a file
// that is none before SQLite might write to it.
func (d *directory) prepareDatabase(c Config) error {
	err := checkHeader(d.database())
	if err == nil {
		return checkTail(d.database())
	}
	if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := d.checkUnused(); err != nil {
		return err
	}
	return d.create(c)
}

// checkHeader reads whether the file begins as a SQLite database does.
func checkHeader(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	const magic = "SQLite format 3\x00"
	b := make([]byte, len(magic))
	n, err := io.ReadFull(f, b)
	if closeErr := f.Close(); closeErr != nil {
		return closeErr
	}
	switch {
	case n == 0 && errors.Is(err, io.EOF):
		return errGone
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return err
	case string(b[:n]) != magic:
		return errNotOurs
	}
	return nil
}

// checkUnused refuses to start empty where jobs have been.
func (d *directory) checkUnused() error {
	if _, err := os.Stat(d.database() + "-wal"); err == nil {
		return errGone
	}
	return filepath.WalkDir(d.blobs(), func(_ string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, os.ErrNotExist):
			return nil
		case err != nil:
			return err
		case entry.Type().IsRegular():
			return errGone
		}
		return nil
	})
}

// create makes a database with the newest tables and puts it into its place.
func (d *directory) create(c Config) error {
	path := filepath.Join(d.path, newName)
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	db, err := openDB(path, c.writerPragmas())
	if err != nil {
		return err
	}
	err = db.migrate()
	if err == nil {
		err = db.script("PRAGMA wal_checkpoint(TRUNCATE)")
	}
	if err = errors.Join(err, db.close()); err != nil {
		return fmt.Errorf("make the database: %w", err)
	}
	if err := os.Rename(path, d.database()); err != nil {
		return err
	}
	return syncDir(d.path)
}
