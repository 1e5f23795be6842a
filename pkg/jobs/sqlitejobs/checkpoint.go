package sqlitejobs

import (
	"os"
	"time"
)

// SQLite begins the log anew only when a checkpoint has found no reader that
// still needs it. Where reads overlap all the time there is no such moment: the
// log would grow for ever, and every commit would try a checkpoint in vain. So
// the writer makes the moment itself: it lets no read begin until those under
// way have ended, and moves the whole log into the database file.

const (
	// logLimit is how long the log, in bytes, may grow before reads have to
	// wait for that: a quarter longer than where SQLite begins to try.
	logLimit = checkpointPages * pageSize * 5 / 4
	// logKept is how long the file stays when the log begins anew; it lies
	// between, so that the usual log is never cut and the file's length tells.
	logKept = checkpointPages * pageSize * 9 / 8
	// logPatience is how long reads and writes wait for the reads under way. A
	// longer one is let be until the log has grown by another quarter.
	logPatience = 100 * time.Millisecond
)

// shortenLog lets the log begin anew when it has grown too long.
func (w *writer) shortenLog() {
	info, err := os.Stat(w.e.dir.database() + "-wal")
	if err != nil || info.Size() < w.logLimit {
		w.logRetry = 0
		return
	}
	if info.Size() < w.logRetry {
		return
	}
	// Another program that reads the database may still be in the way.
	w.logRetry = info.Size() + w.logLimit/4
	release, ok := w.e.readers.hold(w.logPatience)
	defer release()
	if ok {
		// What fails here the checkpoints of later commits do, or tell of.
		_ = w.db.script("PRAGMA wal_checkpoint(PASSIVE)")
	}
}
