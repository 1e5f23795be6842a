package jobstest

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Fault is what goes wrong with one call.
type Fault int

// The faults.
const (
	// None lets the call through.
	None Fault = iota
	// ErrorBefore answers [jobs.ErrUnavailable]; nothing happened.
	ErrorBefore
	// ErrorAfter lets the call through and answers [jobs.ErrUnavailable]
	// whatever came of it.
	ErrorAfter
	// Slow lets the call through after a delay.
	Slow
	// Doubled makes the call twice and answers the second time, as a client
	// does that repeats after a lost answer.
	Doubled
	// Torn does the first half of a group (of submissions, leases, rows or
	// bulkheads) and answers [jobs.ErrUnavailable]. What is no group fails as
	// by ErrorAfter.
	Torn
)

// String names the fault.
func (f Fault) String() string {
	names := []string{"none", "error before", "error after", "slow", "doubled", "torn"}
	if f < 0 || int(f) >= len(names) {
		return fmt.Sprintf("fault(%d)", int(f))
	}
	return names[f]
}

// Plan decides what goes wrong with the n-th call of a method, counted from 1.
// Methods are named as in the interfaces, those of records with "Records."
// before. A plan must give the same answer to the same question.
type Plan func(method string, n int) Fault

// Script plans the calls of each method by a list. What is not in it goes
// well.
func Script(faults map[string][]Fault) Plan {
	return func(method string, n int) Fault {
		if list := faults[method]; n <= len(list) {
			return list[n-1]
		}
		return None
	}
}

// Seeded plans by a seed that each call fails with probability rate (0 to 1),
// in one of the ways given. The plan does not depend on how the calls of
// several methods interleave.
func Seeded(seed uint64, rate float64, ways ...Fault) Plan {
	return func(method string, n int) Fault {
		h := fnv.New64a()
		_, _ = fmt.Fprint(h, method, " ", n) // a hash takes all
		random := rand.New(rand.NewPCG(seed, h.Sum64()))
		if len(ways) == 0 || random.Float64() >= rate {
			return None
		}
		return ways[random.IntN(len(ways))]
	}
}

// Faulty is an engine that fails by plan. Callers that get along with it get
// along with an engine whose store or network is bad. It is an archive too;
// where its engine is none, those calls answer an error that wraps
// [errors.ErrUnsupported]. It is safe for concurrent use when its plan is.
type Faulty struct {
	// Engine does the work.
	Engine jobs.Engine
	// Plan decides the faults; nil means none.
	Plan Plan
	// Delay is how long a Slow call waits; 0 means 1 s.
	Delay time.Duration

	mu       sync.Mutex
	calls    map[string]int
	injected map[Fault]int
}

var (
	_ jobs.Engine  = (*Faulty)(nil)
	_ jobs.Archive = (*Faulty)(nil)
)

// Injected counts the faults so far by kind.
func (f *Faulty) Injected() map[Fault]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.injected)
}

// next counts a call and returns what goes wrong with it.
func (f *Faulty) next(method string) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.calls == nil {
		f.calls, f.injected = make(map[string]int), make(map[Fault]int)
	}
	f.calls[method]++
	if f.Plan == nil {
		return None
	}
	fault := f.Plan(method, f.calls[method])
	if fault != None {
		f.injected[fault]++
	}
	return fault
}

// run makes one call with what goes wrong with it. half does the first half of
// a group; nil where there is no group.
func run[T any](ctx context.Context, f *Faulty, method string, whole func() (T, error), half func() error) (T, error) {
	var none T
	unavailable := fmt.Errorf("%s: %w (injected)", method, jobs.ErrUnavailable)
	switch fault := f.next(method); {
	case fault == ErrorBefore:
		return none, unavailable
	case fault == Torn && half != nil:
		_ = half() // the caller is not to know
		return none, unavailable
	case fault == ErrorAfter || fault == Torn:
		_, _ = whole() // the caller is not to know
		return none, unavailable
	case fault == Slow:
		if err := f.wait(ctx); err != nil {
			return none, err
		}
	case fault == Doubled:
		_, _ = whole() // the second answer counts
	}
	return whole()
}

// runOnly is run for a call that answers an error alone.
func runOnly(ctx context.Context, f *Faulty, method string, whole, half func() error) error {
	_, err := run(ctx, f, method, func() (struct{}, error) { return struct{}{}, whole() }, half)
	return err
}

func (f *Faulty) wait(ctx context.Context) error {
	delay := f.Delay
	if delay == 0 {
		delay = time.Second
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Accept implements [jobs.Engine].
func (f *Faulty) Accept(ctx context.Context, subs []jobs.Submission) ([]jobs.Acceptance, error) {
	return run(ctx, f, "Accept",
		func() ([]jobs.Acceptance, error) { return f.Engine.Accept(ctx, subs) },
		func() error { _, err := f.Engine.Accept(ctx, subs[:len(subs)/2]); return err })
}

// Lend implements [jobs.Engine].
func (f *Faulty) Lend(ctx context.Context, req jobs.LendRequest) ([]jobs.Loan, error) {
	return run(ctx, f, "Lend", func() ([]jobs.Loan, error) { return f.Engine.Lend(ctx, req) }, nil)
}

// Extend implements [jobs.Engine].
func (f *Faulty) Extend(ctx context.Context, leases []jobs.Lease, d time.Duration) ([]jobs.LeaseState, error) {
	return run(ctx, f, "Extend",
		func() ([]jobs.LeaseState, error) { return f.Engine.Extend(ctx, leases, d) },
		func() error { _, err := f.Engine.Extend(ctx, leases[:len(leases)/2], d); return err })
}

// PutAttempts implements [jobs.Engine].
func (f *Faulty) PutAttempts(ctx context.Context, l jobs.Lease, rows ...jobs.Attempt) error {
	return runOnly(ctx, f, "PutAttempts",
		func() error { return f.Engine.PutAttempts(ctx, l, rows...) },
		func() error { return f.Engine.PutAttempts(ctx, l, rows[:len(rows)/2]...) })
}

// Finish implements [jobs.Engine].
func (f *Faulty) Finish(ctx context.Context, l jobs.Lease, o jobs.Outcome) (jobs.Job, error) {
	return run(ctx, f, "Finish", func() (jobs.Job, error) { return f.Engine.Finish(ctx, l, o) }, nil)
}

// Apply implements [jobs.Engine].
func (f *Faulty) Apply(ctx context.Context, c jobs.Command) (jobs.Job, error) {
	return run(ctx, f, "Apply", func() (jobs.Job, error) { return f.Engine.Apply(ctx, c) }, nil)
}

// Sweep implements [jobs.Engine].
func (f *Faulty) Sweep(ctx context.Context) (jobs.Swept, error) {
	return run(ctx, f, "Sweep", func() (jobs.Swept, error) { return f.Engine.Sweep(ctx) }, nil)
}

// SetBulkheads implements [jobs.Engine].
func (f *Faulty) SetBulkheads(ctx context.Context, bs ...jobs.Bulkhead) error {
	return runOnly(ctx, f, "SetBulkheads",
		func() error { return f.Engine.SetBulkheads(ctx, bs...) },
		func() error { return f.Engine.SetBulkheads(ctx, bs[:len(bs)/2]...) })
}

// Get implements [jobs.Engine].
func (f *Faulty) Get(ctx context.Context, tenant string, id jobs.ID) (jobs.Job, error) {
	return run(ctx, f, "Get", func() (jobs.Job, error) { return f.Engine.Get(ctx, tenant, id) }, nil)
}

// ByKey implements [jobs.Engine].
func (f *Faulty) ByKey(ctx context.Context, tenant, key string) (jobs.Job, error) {
	return run(ctx, f, "ByKey", func() (jobs.Job, error) { return f.Engine.ByKey(ctx, tenant, key) }, nil)
}

// Document implements [jobs.Engine].
func (f *Faulty) Document(ctx context.Context, tenant string, id jobs.ID) ([]byte, error) {
	return run(ctx, f, "Document", func() ([]byte, error) { return f.Engine.Document(ctx, tenant, id) }, nil)
}

// Attempts implements [jobs.Engine].
func (f *Faulty) Attempts(ctx context.Context, tenant string, id jobs.ID) ([]jobs.Attempt, error) {
	return run(ctx, f, "Attempts", func() ([]jobs.Attempt, error) { return f.Engine.Attempts(ctx, tenant, id) }, nil)
}

// History implements [jobs.Engine].
func (f *Faulty) History(ctx context.Context, tenant string, id jobs.ID, after int64) ([]jobs.Event, error) {
	return run(ctx, f, "History", func() ([]jobs.Event, error) { return f.Engine.History(ctx, tenant, id, after) }, nil)
}

// List implements [jobs.Engine].
func (f *Faulty) List(ctx context.Context, filter jobs.Filter, p jobs.Page) ([]jobs.Job, error) {
	return run(ctx, f, "List", func() ([]jobs.Job, error) { return f.Engine.List(ctx, filter, p) }, nil)
}

// Stats implements [jobs.Engine].
func (f *Faulty) Stats(ctx context.Context) (jobs.Stats, error) {
	return run(ctx, f, "Stats", func() (jobs.Stats, error) { return f.Engine.Stats(ctx) }, nil)
}

// Count implements [jobs.Archive].
func (f *Faulty) Count(ctx context.Context, filter jobs.Filter) (int64, error) {
	return runArchive(ctx, f, "Count", func(a jobs.Archive) (int64, error) { return a.Count(ctx, filter) })
}

// Groups implements [jobs.Archive].
func (f *Faulty) Groups(ctx context.Context, filter jobs.Filter) ([]jobs.Group, error) {
	return runArchive(ctx, f, "Groups", func(a jobs.Archive) ([]jobs.Group, error) { return a.Groups(ctx, filter) })
}

// Retain implements [jobs.Archive].
func (f *Faulty) Retain(ctx context.Context, r jobs.Retention) (jobs.Retained, error) {
	return runArchive(ctx, f, "Retain", func(a jobs.Archive) (jobs.Retained, error) { return a.Retain(ctx, r) })
}

// Spent implements [jobs.Archive].
func (f *Faulty) Spent(ctx context.Context, tenant string, day time.Time) (int64, error) {
	return runArchive(ctx, f, "Spent", func(a jobs.Archive) (int64, error) { return a.Spent(ctx, tenant, day) })
}

// runArchive is run for a call of the engine's archive.
func runArchive[T any](ctx context.Context, f *Faulty, method string, call func(jobs.Archive) (T, error)) (T, error) {
	return run(ctx, f, method, func() (T, error) {
		a, ok := f.Engine.(jobs.Archive)
		if !ok {
			var none T
			return none, fmt.Errorf("%s: %w: the engine is no archive", method, errors.ErrUnsupported)
		}
		return call(a)
	}, nil)
}

// Records implements [jobs.Engine].
func (f *Faulty) Records() jobs.Records { return faultyRecords{f, f.Engine.Records()} }

// Close closes the engine, without faults.
func (f *Faulty) Close() error { return f.Engine.Close() }

// faultyRecords fails by the plan of its engine.
type faultyRecords struct {
	f       *Faulty
	records jobs.Records
}

func (r faultyRecords) Get(ctx context.Context, kind string, id jobs.ID) (jobs.Record, error) {
	return run(ctx, r.f, "Records.Get", func() (jobs.Record, error) { return r.records.Get(ctx, kind, id) }, nil)
}

func (r faultyRecords) Put(ctx context.Context, rec jobs.Record) (jobs.Record, error) {
	return run(ctx, r.f, "Records.Put", func() (jobs.Record, error) { return r.records.Put(ctx, rec) }, nil)
}

func (r faultyRecords) Delete(ctx context.Context, kind string, id jobs.ID, version int64) error {
	return runOnly(ctx, r.f, "Records.Delete", func() error { return r.records.Delete(ctx, kind, id, version) }, nil)
}

func (r faultyRecords) List(ctx context.Context, q jobs.RecordQuery) ([]jobs.Record, error) {
	return run(ctx, r.f, "Records.List", func() ([]jobs.Record, error) { return r.records.List(ctx, q) }, nil)
}
