package sqlitejobs

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// FailCommits makes every commit from now on fail with err, as a full disk
// would; nil ends that.
func (e *Engine) FailCommits(err error) {
	if err == nil {
		e.failCommit.Store(nil)
		return
	}
	e.failCommit.Store(&err)
}

// Hold stops the writer until the function returned is called, so that calls
// gather in one group.
func (e *Engine) Hold() (release func()) {
	h := e.HoldNext()
	<-h.Reached
	return h.Release
}

// Held is a writer that stops.
type Held struct {
	Reached <-chan struct{} // closed when it has stopped
	Release func()
}

// HoldNext lets the writer stop at a call that it takes after those that wait
// now, in their group: they are done and not answered.
func (e *Engine) HoldNext() Held {
	reached, free := make(chan struct{}), make(chan struct{})
	c := &call{done: make(chan struct{})}
	c.do = func(*tx) error {
		close(reached)
		<-free
		return nil
	}
	e.inbox.put(c)
	return Held{reached, func() { close(free) }}
}

// Waiting is the number of calls that the writer has not taken yet.
func (e *Engine) Waiting() int {
	e.inbox.mu.Lock()
	defer e.inbox.mu.Unlock()
	return len(e.inbox.calls)
}

// WriteNonsense is a call that SQLite refuses to carry out.
func (e *Engine) WriteNonsense(ctx context.Context) error {
	return e.submit(ctx, 0, func(t *tx) error {
		if err := t.writeOne(t.st.insertTenant, int64(1), "nonsense"); err != nil {
			return err
		}
		return t.writeOne(t.st.insertTenant, int64(1), "nonsense")
	})
}

// Forget makes memory differ from the rows in one way of its own for each n,
// false when there is no such way.
func (e *Engine) Forget(ctx context.Context, n int) (ok bool, err error) {
	err = e.submit(ctx, 0, func(t *tx) error {
		ways := []func(){
			func() { t.counts[codeOf(jobs.Queued)]++ },
			func() { t.seq-- },
			func() { t.sched.Remove(jobs.Standard, "acme", t.seq) },
			func() { t.parkedAll++ },
			func() { clear(t.running) },
			func() { t.deadlines = nil },
			func() { t.parks = nil },
			func() { t.live.remove(t.seq); clear(t.live.dirty) },
			func() {
				for _, l := range t.running {
					l.job.Version++
				}
			},
		}
		if ok = n < len(ways); ok {
			ways[n]()
		}
		return nil
	})
	return ok, err
}

// Plans are the query plans of a list, one line for each step.
func (e *Engine) Plans(ctx context.Context, f jobs.Filter) (plans []string, err error) {
	err = e.read(ctx, func(r *reader) error {
		q := query{e: e, r: r, f: f, p: jobs.Page{Before: "z"}.WithDefaults()}
		sources, err := q.sources(ctx)
		if err != nil {
			return err
		}
		for _, s := range sources {
			where, args, ok := q.conditions(s)
			if !ok {
				return errors.New("nothing can fit")
			}
			sql := "EXPLAIN QUERY PLAN SELECT 1 FROM " + s.from + " WHERE " + where + " ORDER BY " + s.id + " DESC LIMIT 10"
			st, err := r.db.prepare(sql, 4)
			if err != nil {
				return err
			}
			if s.bySeq {
				args = append([]driver.Value{int64(1)}, args...)
			}
			err = st.each(ctx, func(v []driver.Value) error {
				plans = append(plans, text(v[3]))
				return nil
			}, args...)
			st.drop()
			if err != nil {
				return err
			}
		}
		return nil
	})
	return plans, err
}

// Events parses lines of a history, and formats them again.
func Events(lines string) (again string, err error) {
	evs, err := parseEvents(nil, lines, "job", "tenant", -1<<62)
	var b []byte
	for _, ev := range evs {
		b = appendEvent(b, ev)
	}
	return string(b), err
}

// EventLine formats an event.
func EventLine(ev jobs.Event) string { return string(appendEvent(nil, ev)) }

// ParseEventLine reads what EventLine wrote.
func ParseEventLine(line string) (jobs.Event, error) { return parseEvent(line) }

// Pairs formats an index and reads it again.
func Pairs(index map[string]string) (map[string]string, error) { return parsePairs(formatPairs(index)) }

// ParsePairs reads an index.
func ParsePairs(lines string) (map[string]string, error) { return parsePairs(lines) }

// ParseLedger reads attempts.
func ParseLedger(lines string) ([]jobs.Attempt, error) {
	l := make(ledger)
	if err := l.read(lines, 0); err != nil {
		return nil, err
	}
	return l.attempts()
}

// LiveSet is the set of live seqs, for comparison with a plain one.
type LiveSet struct{ set *liveSet }

// NewLiveSet makes an empty one.
func NewLiveSet() LiveSet { return LiveSet{newLiveSet()} }

// Add, Remove, Has and Len are the set's.
func (l LiveSet) Add(seq int64) { l.set.add(seq) }

// Remove takes out a seq.
func (l LiveSet) Remove(seq int64) { l.set.remove(seq) }

// Has reports whether a seq is there.
func (l LiveSet) Has(seq int64) bool { return l.set.has(seq) }

// Len is how many there are.
func (l LiveSet) Len() int { return l.set.n }

// Reloaded is the set after it was stored and read again, by the chunks that
// changed; stored are those kept so far.
func (l LiveSet) Reloaded(stored map[int64][]byte) (LiveSet, bool) {
	for at := range l.set.dirty {
		if b := l.set.encode(at); b != nil {
			stored[at] = b
		} else {
			delete(stored, at)
		}
	}
	clear(l.set.dirty)
	next := newLiveSet()
	for at, b := range stored {
		if !next.decode(at, b) {
			return LiveSet{}, false
		}
	}
	return LiveSet{next}, true
}

// All are the seqs in order.
func (l LiveSet) All() []int64 {
	f := filler{m: &memory{live: l.set}}
	var all []int64
	for _, run := range f.runs() {
		for seq := run[0]; seq <= run[1]; seq++ {
			if l.set.has(seq) {
				all = append(all, seq)
			}
		}
	}
	return all
}

// Moments is the heap of what falls due.
type Moments struct{ m moments }

// Add puts in an entry.
func (m *Moments) Add(at, seq int64) { m.m.add(at, seq) }

// Next takes out the first entry that is due.
func (m *Moments) Next(now int64) (at, seq int64, ok bool) {
	d, ok := m.m.next(now)
	return d.at, d.seq, ok
}

// Tidy drops what does not hold.
func (m *Moments) Tidy(n int, holds func(int64) bool) { m.m.tidy(n, holds) }

// Len is how many entries there are.
func (m *Moments) Len() int { return len(m.m) }

// Edit changes a database file behind an engine's back.
func Edit(path, sql string) error {
	d, err := openDB(path, "PRAGMA busy_timeout = 1000")
	if err != nil {
		return err
	}
	return errors.Join(d.script(sql), d.close())
}

// AwaitFileSweep waits for the search for files that no job needs.
func (e *Engine) AwaitFileSweep() { e.sweep.Wait() }

// Raw is the database without an engine.
type Raw struct {
	d  *db
	st statements
}

// OpenRaw makes a database with the engine's tables and pragmas.
func OpenRaw(path string) (*Raw, error) {
	d, err := openDB(path, Config{}.WithDefaults().writerPragmas())
	if err != nil {
		return nil, err
	}
	r := &Raw{d: d}
	return r, errors.Join(d.migrate(), r.st.prepare(d))
}

// Write writes the rows of n accepted jobs in one transaction.
func (r *Raw) Write(first int64, n int, body []byte) error {
	if _, err := r.st.begin.exec(); err != nil {
		return err
	}
	for num := first; num < first+int64(n); num++ {
		_, err := r.st.insertJob.exec(num, int64(1), int64(2), num, num, int64(8000), fmt.Sprintf("job_%026d", num), nil,
			"invoice@1", nil, []byte("0123456789abcdef0123456789abcdef"), rawSpec)
		if err != nil {
			return err
		}
		if _, err := r.st.insertDocument.exec(num, nil, body); err != nil {
			return err
		}
	}
	_, err := r.st.commit.exec()
	return err
}

const rawSpec = `{"spec":{"schema":"invoice@1"},"document":{"sha256":"0000000000000000000000000000000000000000000000000000000000000001",` +
	`"size":2048,"media_type":"application/pdf"},"admission":{"mode":"normal"}}`

// Close closes the database.
func (r *Raw) Close() error { return r.d.close() }

// ScanSeqs is scanSeqs for tests.
const ScanSeqs = scanSeqs

// Portions is portions for tests.
func Portions(runs [][2]int64) [][][2]int64 { return portions(runs) }

// SweepFiles searches for files that no job needs, as the opening does.
func (e *Engine) SweepFiles() { e.sweepFiles() }

// ShortenLogAt has checkpoints from the first page on, and lets the log begin
// anew from that many bytes on.
func (e *Engine) ShortenLogAt(ctx context.Context, bytes int64) error {
	return e.submit(ctx, 0, func(t *tx) error {
		t.w.logLimit, t.w.logPatience = bytes, time.Minute // no test is as slow
		return t.w.db.script("PRAGMA wal_autocheckpoint = 1; PRAGMA journal_size_limit = 0")
	})
}

// HoldRead begins a read and keeps it under way until release is closed; begun
// is closed when it has begun.
func (e *Engine) HoldRead(ctx context.Context, begun chan<- struct{}, release <-chan struct{}) error {
	return e.snapshot(ctx, func(r *reader) error {
		if _, err := r.db.scalar("SELECT count(*) FROM meta"); err != nil {
			return err
		}
		close(begun)
		<-release
		return nil
	})
}

// HoldReads lets no read begin, as before the log begins anew.
func (e *Engine) HoldReads(patience time.Duration) (release func(), ok bool) {
	return e.readers.hold(patience)
}

// Page runs a query with one column as a page of a list and answers how many
// rows it had.
func (e *Engine) Page(ctx context.Context, sql string) (n int, err error) {
	err = e.read(ctx, func(r *reader) error {
		st, err := r.db.prepare(atOnce(sql), 1)
		if err != nil {
			return err
		}
		defer st.drop()
		return st.each(ctx, func([]driver.Value) error { n++; return nil })
	})
	return n, err
}

// Rows is Page for a query whose rows are read one by one; each is called for
// each of them.
func (e *Engine) Rows(ctx context.Context, sql string, each func()) error {
	return e.read(ctx, func(r *reader) error {
		st, err := r.db.prepare(sql, 1)
		if err != nil {
			return err
		}
		defer st.drop()
		return st.each(ctx, func([]driver.Value) error { each(); return nil })
	})
}

// Misnumber gives a tenant the number of another, as between a commit that
// failed and the next.
func (e *Engine) Misnumber(tenant, other string) {
	e.tenants.mu.Lock()
	defer e.tenants.mu.Unlock()
	e.tenants.nums[tenant] = e.tenants.nums[other]
}
