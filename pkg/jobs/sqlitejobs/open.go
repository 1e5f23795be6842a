package sqlitejobs

import (
	"context"
	"errors"
	"fmt"
	"os"

	lib "modernc.org/sqlite/lib"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// pageSize is the size of the database's pages, measured on ext4: whole jobs
// cost about as much with 4 and with 16 KiB, but with 4 the log is written in
// twice as many calls.
const pageSize = 8 << 10

// checkpointPages is how long the write-ahead log grows before its pages are
// moved into the database file: 32 MiB. A page that changed often in between
// is moved once.
const checkpointPages = 4096

// readerPragmas set up a reading connection.
const readerPragmas = "PRAGMA query_only = 1; PRAGMA cache_size = -2048; PRAGMA temp_store = memory; PRAGMA busy_timeout = 5000"

func (c Config) writerPragmas() string {
	synchronous := "FULL"
	if c.UnsafeLoseJobsOnPowerCut {
		synchronous = "OFF"
	}
	return fmt.Sprintf("PRAGMA page_size = %d; PRAGMA journal_mode = WAL; PRAGMA synchronous = %s; PRAGMA cache_size = -%d; "+
		"PRAGMA wal_autocheckpoint = %d; PRAGMA journal_size_limit = %d; PRAGMA secure_delete = ON; PRAGMA temp_store = memory; PRAGMA busy_timeout = 5000",
		pageSize, synchronous, c.CacheBytes>>10, checkpointPages, logKept)
}

// open opens the database, brings it to the newest version, counts this
// opening and fills the memory.
func (w *writer) open(ctx context.Context) (err error) {
	path := w.e.dir.database()
	if err := w.e.dir.prepareDatabase(w.e.cfg); err != nil {
		return err
	}
	if w.db, err = openDB(path, w.e.cfg.writerPragmas()); err != nil {
		if primary(err) == lib.SQLITE_NOTADB {
			return errNotOurs
		}
		return err
	}
	mode, err := w.db.scalar("PRAGMA journal_mode")
	if err != nil {
		return err
	}
	if text(mode) != "wal" {
		return fmt.Errorf("the disk cannot keep a write-ahead log (journal mode %s): use a local file system", text(mode))
	}
	if err := w.db.migrate(); err != nil {
		return err
	}
	if err := w.checkLength(path); err != nil {
		return err
	}
	if err := w.st.prepare(w.db); err != nil {
		return err
	}
	if err := w.countOpening(); err != nil {
		return err
	}
	w.opening = true
	if err := w.refill(); err != nil {
		return err
	}
	err = w.takeBack(ctx)
	w.opening = false
	return err
}

// checkLength moves the log into the file and refuses a file that is shorter
// than it says.
func (w *writer) checkLength(path string) error {
	if err := w.db.script("PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		return err
	}
	pages, err := w.db.scalar("PRAGMA page_count")
	if err != nil {
		return err
	}
	size, err := w.db.scalar("PRAGMA page_size")
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if want := integer(pages) * integer(size); info.Size() < want {
		return fmt.Errorf("%s has %d bytes and should have %d: it was cut short; keep a copy of the directory, then restore it from a backup",
			databaseName, info.Size(), want)
	}
	return nil
}

// countOpening makes the tokens of this opening differ from all before.
func (w *writer) countOpening() error {
	v, err := w.db.scalar("SELECT value FROM meta WHERE name = '" + metaEpoch + "'")
	if err != nil {
		return err
	}
	w.epoch = integer(v) + 1
	_, err = w.st.putMeta.exec(metaEpoch, w.epoch)
	return err
}

// takeBack ends the loans of the last opening, in the order of seq.
func (w *writer) takeBack(ctx context.Context) error {
	for len(w.m.running) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		t := w.newTx()
		now := t.now()
		loans := t.lowest(jobs.MaxSweep)
		for _, l := range loans {
			err := t.endLoan(l, func(j *jobs.Job) (jobs.Event, error) { return j.Reap(t.policy, now) })
			if err != nil {
				return err
			}
		}
		if err := t.commit(); err != nil {
			return err
		}
		w.publish(t, nil, nil)
	}
	return nil
}

// close moves the log into the database file and closes the connection.
func (w *writer) close() error {
	err := w.db.script("PRAGMA wal_checkpoint(TRUNCATE)")
	if w.broken != nil {
		err = nil // the store has failed before; nothing that was answered is only in memory
	}
	return errors.Join(err, w.db.close())
}
