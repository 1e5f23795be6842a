package sqlitejobs

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/priority"
)

// memory is what the writer knows without reading: everything that decides the
// next loan and that is counted. It belongs to the writer's goroutine, and
// changes with the operations of a transaction. When the commit of these fails
// it is thrown away and filled from the rows.
type memory struct {
	sched *priority.Scheduler
	// live are the seqs of queued, running and parked jobs.
	live *liveSet
	// deadlines has an entry for each live seq, apart from those of loans that
	// note it was taken out; parks has one for each parked seq.
	deadlines, parks moments
	fresh            *fresh
	running          map[jobs.ID]*loan
	runningSeq       map[int64]*loan
	counts, removed  tally
	parked           map[queue]int
	parkedOf         map[string]int // by tenant
	parkedAll        int
	// seq is the last one given.
	seq int64
	// countsChanged says that counts, removed or seq are not yet written.
	countsChanged bool
}

// queue is one tenant's place in a lane.
type queue struct {
	lane   jobs.Lane
	tenant string
}

// loan is a running job.
type loan struct {
	row
	// history and ledger are the lines that this loan added.
	history, ledger []byte
	// late says that the job's entry among the deadlines was taken out while
	// it ran.
	late bool
	// decoded is the row's spec, once someone needed it.
	decoded atomic.Pointer[spec]
	// paid is what attempts of this generation cost, by their N.
	paid map[int]payment
}

func newMemory(c priority.Config) (*memory, error) {
	sched, err := priority.New(c)
	if err != nil {
		return nil, err
	}
	return &memory{
		sched: sched,
		live:  newLiveSet(),
		fresh: newFresh(),

		running:    make(map[jobs.ID]*loan),
		runningSeq: make(map[int64]*loan),
		parked:     make(map[queue]int),
		parkedOf:   make(map[string]int),
	}, nil
}

// waiting is the number of a tenant's queued and parked jobs.
func (m *memory) waiting(tenant string) int { return m.sched.TenantQueued(tenant) + m.parkedOf[tenant] }

// waitingAll is the number of queued and parked jobs.
func (m *memory) waitingAll() int { return m.sched.Len() + m.parkedAll }

// born counts a job that was accepted and queues it.
func (m *memory) born(j *jobs.Job) {
	m.count(j.State, 1)
	m.revive(j)
	m.enqueue(j)
}

// moved follows a job from one state to the next. service is how long a loan
// that ended held its slot, 0 for as long as estimated. The scheduler is called
// in the order that all engines keep: a permit is freed before its job is
// queued again.
func (m *memory) moved(before, after *jobs.Job, service time.Duration) {
	m.count(before.State, -1)
	m.count(after.State, 1)
	place := before.Seq != after.Seq || before.Lane != after.Lane
	if before.State == jobs.Running && after.State != jobs.Running {
		m.settled(before, service)
	}
	if before.State == jobs.Queued && (after.State != jobs.Queued || place) {
		m.sched.Remove(before.Lane, before.Tenant, before.Seq)
	}
	if before.State == jobs.Parked && (after.State != jobs.Parked || place) {
		m.countParked(before, -1)
	}
	m.keepAlive(before, after)
	if after.State == jobs.Parked && (before.State != jobs.Parked || place) {
		m.countParked(after, 1)
	}
	if after.State == jobs.Parked && before.State != jobs.Parked {
		m.parks.add(millis(after.ParkedUntil), after.Seq)
	}
	if after.State == jobs.Queued && (before.State != jobs.Queued || place) {
		m.enqueue(after)
	}
}

func (m *memory) settled(before *jobs.Job, service time.Duration) {
	m.sched.Done(before.Lane, before.Tenant, cost(before.Cost), actual(before, service))
	if l := m.running[before.ID]; l != nil && l.late {
		m.deadlines.add(millis(before.DeadlineAt), before.Seq)
	}
	delete(m.running, before.ID)
	delete(m.runningSeq, before.Seq)
}

// lent notes a loan.
func (m *memory) lent(l *loan) {
	m.running[l.job.ID] = l
	m.runningSeq[l.job.Seq] = l
}

// keepAlive follows the live seqs.
func (m *memory) keepAlive(before, after *jobs.Job) {
	was, is := isLive(before.State), isLive(after.State)
	if was && (!is || before.Seq != after.Seq) {
		m.live.remove(before.Seq)
		m.deadlines.tidy(m.live.n, m.live.has)
		m.parks.tidy(m.parkedAll, m.live.has)
	}
	if is && (!was || before.Seq != after.Seq) {
		m.revive(after)
	}
}

func (m *memory) revive(j *jobs.Job) {
	m.live.add(j.Seq)
	m.deadlines.add(millis(j.DeadlineAt), j.Seq)
	if j.Seq > m.seq {
		m.seq = j.Seq
	}
}

func (m *memory) enqueue(j *jobs.Job) {
	m.sched.Enqueue(j.Lane, j.Tenant, priority.Entry{
		Seq: j.Seq, Enqueued: millis(j.EnqueuedAt), Cost: cost(j.Cost),
	})
}

func (m *memory) count(s jobs.State, by int64) {
	m.counts[codeOf(s)] += by
	m.countsChanged = true
}

func (m *memory) countParked(j *jobs.Job, by int) {
	q := queue{j.Lane, j.Tenant}
	m.parkedAll += by
	if m.parked[q] += by; m.parked[q] == 0 {
		delete(m.parked, q)
	}
	if m.parkedOf[j.Tenant] += by; m.parkedOf[j.Tenant] == 0 {
		delete(m.parkedOf, j.Tenant)
	}
}

func isLive(s jobs.State) bool { return s == jobs.Queued || s == jobs.Running || s == jobs.Parked }

// cost is d for the scheduler.
func cost(d time.Duration) int32 { return int32(min(max(d.Milliseconds(), 1), math.MaxInt32)) }

func actual(j *jobs.Job, service time.Duration) int32 {
	if service == 0 {
		return cost(j.Cost)
	}
	return cost(service)
}
