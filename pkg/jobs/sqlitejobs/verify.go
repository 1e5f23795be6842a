package sqlitejobs

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Verify compares what the engine has in memory with its rows, and the rows
// with each other, and returns what differs. It reads all jobs while nothing
// else is written, so it is for tests and for finding out what happened to a
// data directory.
func (e *Engine) Verify(ctx context.Context) error {
	if err := e.begin(ctx); err != nil {
		return err
	}
	var faults []error
	err := e.submit(ctx, 0, func(t *tx) (err error) {
		faults, err = t.verify(ctx)
		return err
	})
	return errors.Join(append(faults, err)...)
}

// maxFaults is how many differences are worth reporting.
const maxFaults = 20

// books are what the rows say the memory should hold.
type books struct {
	faults  []error
	counts  tally
	live    int
	lastSeq int64
	queued  map[queue]int
	parked  map[queue]int
	running map[queue]int
	heads   map[queue]int64
}

func (b *books) fault(format string, args ...any) {
	if len(b.faults) < maxFaults {
		b.faults = append(b.faults, fmt.Errorf(format, args...))
	}
}

func (t *tx) verify(ctx context.Context) ([]error, error) {
	// What other operations of the group changed is not written yet.
	if err := t.flush(); err != nil {
		return nil, err
	}
	b := &books{
		queued: make(map[queue]int), parked: make(map[queue]int), running: make(map[queue]int), heads: make(map[queue]int64),
	}
	f := filler{w: t.w}
	if err := t.verifyJobs(ctx, &f, b); err != nil {
		return b.faults, err
	}
	t.verifyMemory(b)
	if err := t.verifyStored(b); err != nil {
		return b.faults, err
	}
	return b.faults, b.verifyRows(ctx, &f)
}

// verifyJobs compares each job with what memory has of it.
func (t *tx) verifyJobs(ctx context.Context, f *filler, b *books) error {
	const sql = "SELECT " + wholeColumns + ", EXISTS (SELECT 1 FROM documents d WHERE d.num = j.num) FROM jobs j" + joins
	return f.each(sql, nWholeColumns+1, func(v []driver.Value) error {
		r, err := readWhole(v, t.names)
		if err != nil {
			return err
		}
		if has := integer(v[nWholeColumns]) == 1; has == (r.job.State == jobs.Erased) {
			b.fault("job %s is %s and has a document: %t", r.job.ID, r.job.State, has)
		}
		if _, grouped := jobs.GroupOf(r.job); grouped != (r.group != 0) {
			b.fault("job %s is %s and in a group: %t", r.job.ID, r.job.State, !grouped)
		}
		t.verifyJob(b, r)
		return ctx.Err()
	})
}

// verifyRows compares the rows with each other. Each query answers what it
// finds wrong.
func (b *books) verifyRows(ctx context.Context, f *filler) error {
	for _, q := range []struct{ wrong, sql string }{
		{"the file is damaged", "SELECT quick_check FROM pragma_quick_check WHERE quick_check <> 'ok'"},
		{"a state without its job", "SELECT num FROM states WHERE num NOT IN (SELECT num FROM jobs)"},
		{"a loan without its job", "SELECT num FROM loans WHERE num NOT IN (SELECT num FROM jobs)"},
		{"a document without its job", "SELECT num FROM documents WHERE num NOT IN (SELECT num FROM jobs)"},
		{"overflow without its job", "SELECT num FROM overflow WHERE num NOT IN (SELECT num FROM states)"},
		{"a job of an unknown tenant", "SELECT tenant FROM jobs WHERE tenant NOT IN (SELECT num FROM tenants)"},
		{"a group's count", "SELECT num FROM groups g WHERE jobs <> (SELECT count(*) FROM states WHERE grp = g.num)"},
		{"a state with another's ID", "SELECT j.num FROM jobs j JOIN states s USING (num) WHERE j.id <> s.id"},
		{"a seq given twice", "SELECT num FROM states WHERE seq <> num AND seq IN (SELECT num FROM jobs)"},
	} {
		err := f.each(q.sql, 1, func(v []driver.Value) error {
			b.fault("%s: %v", q.wrong, v[0])
			return ctx.Err()
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// verifyJob compares one job with what memory has of it.
func (t *tx) verifyJob(b *books, r *row) {
	j := &r.job
	b.counts[codeOf(j.State)]++
	b.lastSeq = max(b.lastSeq, j.Seq, r.num)
	if is := isLive(j.State); is != t.live.has(j.Seq) {
		b.fault("job %s is %s and its seq live: %t", j.ID, j.State, !is)
	} else if is {
		b.live++
	}
	l := t.running[j.ID]
	if (j.State == jobs.Running) != (l != nil) {
		b.fault("job %s is %s and lent in memory: %t", j.ID, j.State, l != nil)
		return
	}
	q := queue{j.Lane, j.Tenant}
	switch j.State {
	case jobs.Queued:
		if b.queued[q]++; b.heads[q] == 0 || j.Seq < b.heads[q] {
			b.heads[q] = j.Seq
		}
	case jobs.Parked:
		b.parked[q]++
	case jobs.Running:
		b.running[q]++
		if m := &l.job; m.Version != j.Version || m.Lease.Token != j.Lease.Token || m.Seq != j.Seq ||
			m.CancelAsked != j.CancelAsked || m.Loans != j.Loans || m.Generation != j.Generation || t.runningSeq[j.Seq] != l {
			b.fault("job %s runs as version %d, token %d, and in memory as version %d, token %d",
				j.ID, j.Version, j.Lease.Token, m.Version, m.Lease.Token)
		}
	case jobs.InReview, jobs.Succeeded, jobs.Failed, jobs.Cancelled, jobs.Expired, jobs.Erased: // memory has none of these
	}
}

// verifyMemory compares the sums.
func (t *tx) verifyMemory(b *books) {
	if b.counts != t.counts {
		b.fault("the jobs count %v by state, and memory %v", b.counts, t.counts)
	}
	if b.live != t.live.n {
		b.fault("%d jobs are live, and %d in memory", b.live, t.live.n)
	}
	if b.lastSeq > t.seq {
		b.fault("seq %d was given, and memory is at %d", b.lastSeq, t.seq)
	}
	late := 0
	for _, l := range t.running {
		if l.late {
			late++
		}
	}
	if len(t.deadlines)+late < t.live.n {
		b.fault("%d live jobs have %d deadlines in memory", t.live.n, len(t.deadlines)+late)
	}
	if len(t.parks) < t.parkedAll {
		b.fault("%d parked jobs have %d wake-ups in memory", t.parkedAll, len(t.parks))
	}
	queues := 0
	for w := range t.sched.Work() {
		queues++
		q := queue{w.Lane, w.Tenant}
		if w.Queued != b.queued[q] || w.Running != b.running[q] || w.Queued > 0 && w.Head.Seq != b.heads[q] {
			b.fault("lane %s of %s has %d queued from seq %d and %d running, and the scheduler %d from %d and %d",
				q.lane, q.tenant, b.queued[q], b.heads[q], b.running[q], w.Queued, w.Head.Seq, w.Running)
		}
	}
	for q := range b.queued {
		if t.sched.Queued(q.lane, q.tenant) == 0 {
			b.fault("lane %s of %s has %d queued, and the scheduler none", q.lane, q.tenant, b.queued[q])
		}
	}
	if t.sched.TotalRunning() != len(t.running) {
		b.fault("%d jobs run, and the scheduler counts %d", len(t.running), t.sched.TotalRunning())
	}
	parked := 0
	for q, n := range b.parked {
		parked += n
		if t.parked[q] != n {
			b.fault("lane %s of %s has %d parked, and memory %d", q.lane, q.tenant, n, t.parked[q])
		}
	}
	if parked != t.parkedAll {
		b.fault("%d jobs are parked, and %d in memory", parked, t.parkedAll)
	}
}

// verifyStored compares what is written of the memory.
func (t *tx) verifyStored(b *books) error {
	f := filler{w: t.w, m: &memory{live: newLiveSet()}}
	if err := f.counts(); err != nil {
		return err
	}
	if f.m.counts != t.counts || f.m.removed != t.removed || f.m.seq != t.seq {
		b.fault("the counts are stored as %v at seq %d, and memory has %v at %d", f.m.counts, f.m.seq, t.counts, t.seq)
	}
	if err := f.live(); err != nil {
		return err
	}
	for at, c := range f.m.live.chunks {
		if have := t.live.chunks[at]; have == nil || *have != *c {
			b.fault("chunk %d of the live jobs differs from memory", at)
		}
	}
	if len(f.m.live.chunks) != len(t.live.chunks) {
		b.fault("%d chunks of live jobs are stored, and memory has %d", len(f.m.live.chunks), len(t.live.chunks))
	}
	return nil
}
