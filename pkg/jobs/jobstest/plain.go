package jobstest

import (
	"context"
	"testing"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// opened is an engine as the suites use it. Its archive is nil unless features
// declare one; an engine that has none then fails the test.
func opened(tb testing.TB, e jobs.Engine, f Features, p jobs.Policy) (jobs.Engine, jobs.Archive) {
	tb.Helper()
	if !f.Archive {
		return plain{e, p.WithDefaults().ReviewDue}, nil
	}
	a, ok := e.(jobs.Archive)
	if !ok {
		tb.Fatalf("the harness declares an archive, and %T is none", e)
	}
	return e, a
}

// plain is an engine without an archive as the suites see it: it need not keep
// when a review began, nor how long loans took. What else only archives keep
// is not asked of it.
type plain struct {
	jobs.Engine

	reviewDue time.Duration
}

func (p plain) job(j jobs.Job) jobs.Job {
	if j.Review != nil {
		r := *j.Review
		r.Since = r.DueAt.Add(-p.reviewDue)
		j.Review = &r
	}
	return j
}

func (p plain) Accept(ctx context.Context, subs []jobs.Submission) ([]jobs.Acceptance, error) {
	as, err := p.Engine.Accept(ctx, subs)
	for i := range as {
		as[i].Job = p.job(as[i].Job)
	}
	return as, err
}

func (p plain) Finish(ctx context.Context, l jobs.Lease, o jobs.Outcome) (jobs.Job, error) {
	j, err := p.Engine.Finish(ctx, l, o)
	return p.job(j), err
}

func (p plain) Apply(ctx context.Context, c jobs.Command) (jobs.Job, error) {
	j, err := p.Engine.Apply(ctx, c)
	return p.job(j), err
}

func (p plain) Get(ctx context.Context, tenant string, id jobs.ID) (jobs.Job, error) {
	j, err := p.Engine.Get(ctx, tenant, id)
	return p.job(j), err
}

func (p plain) ByKey(ctx context.Context, tenant, key string) (jobs.Job, error) {
	j, err := p.Engine.ByKey(ctx, tenant, key)
	return p.job(j), err
}

func (p plain) List(ctx context.Context, f jobs.Filter, page jobs.Page) ([]jobs.Job, error) {
	all, err := p.Engine.List(ctx, f, page)
	for i, j := range all {
		all[i] = p.job(j)
	}
	return all, err
}

func (p plain) Stats(ctx context.Context) (jobs.Stats, error) {
	s, err := p.Engine.Stats(ctx)
	for i := range s.Queues {
		s.Queues[i].Service = 0
	}
	return s, err
}
