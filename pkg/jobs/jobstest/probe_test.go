package jobstest_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/jobstest"
)

// probe is a test inside a test, which may fail.
type probe struct {
	testing.TB

	mu     sync.Mutex
	faults []string
}

// watch runs do with a probe and returns what it reported.
func watch(t *testing.T, do func(tb testing.TB)) string {
	t.Helper()
	p := &probe{TB: t}
	var wg sync.WaitGroup
	wg.Go(func() { do(p) })
	wg.Wait()
	return strings.Join(p.faults, "\n")
}

func (p *probe) report(s string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, s)
}

func (p *probe) Failed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.faults) > 0
}

func (p *probe) Logf(string, ...any)               {}
func (p *probe) Error(args ...any)                 { p.report(fmt.Sprint(args...)) }
func (p *probe) Errorf(format string, args ...any) { p.report(fmt.Sprintf(format, args...)) }
func (p *probe) Fail()                             { p.report("failed") }
func (p *probe) FailNow()                          { p.report("failed"); runtime.Goexit() }
func (p *probe) Fatal(args ...any)                 { p.Error(args...); runtime.Goexit() }
func (p *probe) Fatalf(format string, args ...any) { p.Errorf(format, args...); runtime.Goexit() }

// bent is an engine that answers wrongly where a function is set.
type bent struct {
	jobs.Engine

	get      func(jobs.Job) jobs.Job
	history  func([]jobs.Event) []jobs.Event
	attempts func([]jobs.Attempt) []jobs.Attempt
	stats    func(jobs.Stats) jobs.Stats
	accept   func([]jobs.Submission) []jobs.Submission
	apply    func(jobs.Command) jobs.Command
	document func([]byte, error) ([]byte, error)
}

func (b bent) Apply(ctx context.Context, c jobs.Command) (jobs.Job, error) {
	if b.apply != nil {
		c = b.apply(c)
	}
	return b.Engine.Apply(ctx, c)
}

func (b bent) Document(ctx context.Context, tenant string, id jobs.ID) ([]byte, error) {
	data, err := b.Engine.Document(ctx, tenant, id)
	if b.document != nil {
		data, err = b.document(data, err)
	}
	return data, err
}

func (b bent) Get(ctx context.Context, tenant string, id jobs.ID) (jobs.Job, error) {
	j, err := b.Engine.Get(ctx, tenant, id)
	if err == nil && b.get != nil {
		j = b.get(j)
	}
	return j, err
}

func (b bent) History(ctx context.Context, tenant string, id jobs.ID, after int64) ([]jobs.Event, error) {
	events, err := b.Engine.History(ctx, tenant, id, after)
	if err == nil && b.history != nil {
		events = b.history(events)
	}
	return events, err
}

func (b bent) Attempts(ctx context.Context, tenant string, id jobs.ID) ([]jobs.Attempt, error) {
	rows, err := b.Engine.Attempts(ctx, tenant, id)
	if err == nil && b.attempts != nil {
		rows = b.attempts(rows)
	}
	return rows, err
}

func (b bent) Stats(ctx context.Context) (jobs.Stats, error) {
	s, err := b.Engine.Stats(ctx)
	if err == nil && b.stats != nil {
		s = b.stats(s)
	}
	return s, err
}

func (b bent) Accept(ctx context.Context, subs []jobs.Submission) ([]jobs.Acceptance, error) {
	if b.accept != nil {
		subs = b.accept(subs)
	}
	return b.Engine.Accept(ctx, subs)
}

// bentArchive is a bent engine with an archive that answers wrongly where a
// function is set.
type bentArchive struct {
	bent
	jobs.Archive

	count  func(int64) int64
	groups func([]jobs.Group) []jobs.Group
	retain func(jobs.Retention) jobs.Retention
	spent  func(int64) int64
}

func (b bentArchive) Count(ctx context.Context, f jobs.Filter) (int64, error) {
	n, err := b.Archive.Count(ctx, f)
	if b.count != nil {
		n = b.count(n)
	}
	return n, err
}

func (b bentArchive) Groups(ctx context.Context, f jobs.Filter) ([]jobs.Group, error) {
	gs, err := b.Archive.Groups(ctx, f)
	if b.groups != nil {
		gs = b.groups(gs)
	}
	return gs, err
}

func (b bentArchive) Retain(ctx context.Context, r jobs.Retention) (jobs.Retained, error) {
	if b.retain != nil {
		r = b.retain(r)
	}
	return b.Archive.Retain(ctx, r)
}

func (b bentArchive) Spent(ctx context.Context, tenant string, day time.Time) (int64, error) {
	cost, err := b.Archive.Spent(ctx, tenant, day)
	if b.spent != nil {
		cost = b.spent(cost)
	}
	return cost, err
}

// bentStore opens engines that are bent alike.
type bentStore struct {
	jobstest.Store

	open func(jobs.Engine) jobs.Engine
}

func (s bentStore) Open(tb testing.TB, setup jobstest.Setup) jobs.Engine {
	return s.open(s.Store.Open(tb, setup))
}

// bentHarness makes engines that are bent alike.
func bentHarness(as bent) jobstest.Harness { return bentArchives(bentArchive{bent: as}) }

// bentArchives makes engines with archives that are bent alike.
func bentArchives(as bentArchive) jobstest.Harness {
	return bending(func(e jobs.Engine) jobs.Engine {
		as := as
		as.Engine, as.Archive = e, e.(jobs.Archive)
		return as
	})
}

func bending(open func(jobs.Engine) jobs.Engine) jobstest.Harness {
	h := jobstest.Reference(jobstest.Features{})
	straight := h.NewStore
	h.NewStore = func(tb testing.TB) jobstest.Store { return bentStore{straight(tb), open} }
	return h
}
