package sqlitejobs

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// tx is the transaction of one group of operations. Its methods belong to the
// writer's goroutine. What fails in the store comes back as a storeError and
// ends the transaction; any other error is the answer to one operation, which
// must not have written anything yet.
type tx struct {
	*memory
	w      *writer
	st     *statements
	names  *tenants
	policy jobs.Policy

	begun  bool // and not committed yet
	wrote  bool // anything
	events []jobs.Event
	// What else follows when the commit is durable: times that loans held
	// their slots, and files of documents that are not needed any more.
	served []served
	files  []string
	// spent is what calls cost, by tenant and day, since the last flush.
	spent map[account]int64
}

// served is how long a loan of a queue held its slot.
type served struct {
	queue queue
	time  time.Duration
}

// storeError marks what failed in the store, or what the store cannot hold.
type storeError struct{ err error }

func (e *storeError) Error() string { return e.err.Error() }
func (e *storeError) Unwrap() error { return e.err }

func failed(err error) error {
	if err == nil {
		return nil
	}
	return &storeError{err}
}

// damaged says that rows and memory do not fit together.
func damaged(format string, args ...any) error {
	return &storeError{fmt.Errorf("inconsistent data: "+format, args...)}
}

func isStoreError(err error) bool {
	_, ok := errors.AsType[*storeError](err)
	return ok
}

func (t *tx) now() time.Time { return jobs.Stamp(t.w.e.cfg.Clock()) }

// begin begins the transaction if it has not begun.
func (t *tx) begin() error {
	if t.begun {
		return nil
	}
	if _, err := t.st.begin.exec(); err != nil {
		return failed(fmt.Errorf("begin: %w", err))
	}
	t.begun, t.wrote = true, true
	return nil
}

// write runs a statement that changes rows, beginning the transaction with the
// first.
func (t *tx) write(s *stmt, args ...driver.Value) (int64, error) {
	if err := t.begin(); err != nil {
		return 0, err
	}
	n, err := s.exec(args...)
	return n, failed(err)
}

// writeOne is write for a statement that must change one row.
func (t *tx) writeOne(s *stmt, args ...driver.Value) error {
	n, err := t.write(s, args...)
	if err == nil && n != 1 {
		return damaged("a statement changed %d rows, want 1", n)
	}
	return err
}

// writeRow is write for a statement that answers a row.
func (t *tx) writeRow(s *stmt, args ...driver.Value) ([]driver.Value, error) {
	if err := t.begin(); err != nil {
		return nil, err
	}
	v, err := s.one(args...)
	if err == nil && v == nil {
		return nil, damaged("a statement answered no row")
	}
	return v, failed(err)
}

// load reads a job that does not run; nil when there is none.
func (t *tx) load(num int64) (*row, error) {
	v, err := t.st.jobByNum.one(num)
	if err != nil || v == nil {
		return nil, failed(err)
	}
	r := readJob(v, t.names)
	if integer(v[nJobColumns]) == 0 {
		return r, nil
	}
	if v, err = t.st.stateByNum.one(num); err != nil {
		return nil, failed(err)
	}
	if err := r.readState(v); err != nil {
		return nil, failed(err)
	}
	r.readHeavy(v[nStateColumns:])
	return r, nil
}

// loadSeq reads the job that waits with a seq. A job that was never requeued
// has its num for a seq; no other job ever gets that number.
func (t *tx) loadSeq(seq int64) (*row, error) {
	r, err := t.load(seq)
	if err != nil {
		return nil, err
	}
	if r == nil {
		v, err := t.st.bySeq.one(seq)
		if err != nil {
			return nil, failed(err)
		}
		if v == nil {
			return nil, damaged("no job has seq %d", seq)
		}
		if r, err = t.load(integer(v[0])); err != nil {
			return nil, err
		}
	}
	if r == nil || r.job.Seq != seq {
		return nil, damaged("the job with seq %d is not there", seq)
	}
	return r, nil
}

// find reads a job by its ID, running or not; nil when there is none.
func (t *tx) find(id jobs.ID) (*row, error) {
	if l := t.running[id]; l != nil {
		return &l.row, nil
	}
	v, err := t.st.jobByID.one(string(id))
	if err != nil || v == nil {
		return nil, failed(err)
	}
	return t.load(integer(v[0]))
}

// kept is r, or a copy when it is of a job that runs: then the writer may
// change it before the answer is read.
func (t *tx) kept(r *row) *row {
	if l := t.running[r.job.ID]; l != nil && &l.row == r {
		c := *r
		return &c
	}
	return r
}

// spillBytes is how much text of events and attempts a row of states may hold
// before it moves to overflow. Adding to a row rewrites it, so a job with very
// many changes would cost more with each.
const spillBytes = 8 << 10

// save writes the state of a job that does not run, with the lines that were
// added to its history and ledger since the last save, and follows it in
// memory. service is the length of a loan that ended.
func (t *tx) save(before jobs.Job, r *row, ev jobs.Event, history, ledger []byte, service time.Duration) error {
	t.fresh.take(r.num)
	detail, err := encodeDetail(&r.job)
	if err != nil {
		return damaged("detail of job %s: %w", r.job.ID, err)
	}
	if r.stored && r.historyBytes+r.ledgerBytes+int64(len(history)+len(ledger)) > spillBytes {
		if err := t.writeOne(t.st.spill, r.num); err != nil {
			return err
		}
		if err := t.writeOne(t.st.emptyState, r.num); err != nil {
			return err
		}
		r.historyBytes, r.ledgerBytes = 0, 0
	}
	j := &r.job
	if j.Review == nil {
		r.candidates, r.draft = "", ""
	}
	if j.State != jobs.Succeeded {
		r.result, r.given = "", nil
	}
	since, err := t.regroup(&before, r)
	if err != nil {
		return err
	}
	var class, provider driver.Value
	if j.Failure != nil {
		class, provider = orNull(j.Failure.Class), orNull(j.Failure.Provider)
	}
	history = appendEvent(history, ev)
	err = t.writeOne(t.st.putState, r.num, int64(codeOf(j.State)), int64(j.Lane), j.Version, int64(j.Generation), j.Seq,
		millis(j.EnqueuedAt), millis(j.StartedAt), millis(j.DeadlineAt), millis(j.EndedAt),
		millis(j.UpdatedAt), int64(j.Loans), int64(j.Lease.Token), int64(j.Tier), millis(j.ParkedUntil),
		t.names.num(j.Tenant), string(j.ID), orZero(r.group), orZero(since), class, provider, orNull(j.Reason),
		orNull(j.Operation), orNull(detail), string(history), string(ledger),
		orNull(r.candidates), orNull(r.draft), orNull(r.result))
	if err != nil {
		return err
	}
	r.stored = true
	r.historyBytes += int64(len(history))
	r.ledgerBytes += int64(len(ledger))
	t.moved(&before, j, service)
	t.events = append(t.events, ev)
	return nil
}

// settle is save for a running job: its loan ends.
func (t *tx) settle(before jobs.Job, l *loan, ev jobs.Event, service time.Duration) error {
	if err := t.writeOne(t.st.deleteLoan, l.num); err != nil {
		return err
	}
	return t.save(before, &l.row, ev, l.history, l.ledger, service)
}

// flush writes what a group changed in memory.
func (t *tx) flush() error {
	for at := range t.live.dirty {
		var err error
		if b := t.live.encode(at); b != nil {
			err = t.writeOne(t.st.putLive, at, b)
		} else {
			_, err = t.write(t.st.deleteLive, at)
		}
		if err != nil {
			return err
		}
	}
	clear(t.live.dirty)
	if err := t.flushSpent(); err != nil {
		return err
	}
	if !t.countsChanged {
		return nil
	}
	t.countsChanged = false
	return t.writeOne(t.st.putMeta, metaCounts, encodeCounts(t.seq, t.counts, t.removed))
}
