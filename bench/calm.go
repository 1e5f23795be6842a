//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/sluicehq/sluice/bench/internal/drive"
	"github.com/sluicehq/sluice/bench/internal/figures"
	"github.com/sluicehq/sluice/bench/internal/queue"
	"github.com/sluicehq/sluice/internal/worker"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// A calm tenant sends one job at a time; beside it a hog has very many queued.
const (
	calmName = "calm"
	hogName  = "hog"
	// calmSlots run jobs that take calmService in the mean. Each takes between
	// half and one and a half times as much: would all take the same, those
	// that began together would end together, and slots come free in bursts.
	calmSlots   = 16
	calmService = 50 * time.Millisecond
	// calmPicks is how many jobs may be picked before the calm tenant's, by
	// the scheduler's property P7, and the one that is being picked.
	calmPicks = 11 + 1
)

// calm measures how long a calm tenant's jobs wait.
func (b *bench) calm(ctx context.Context) error {
	alone, err := b.newScene(ctx, 0)
	if err != nil {
		return err
	}
	defer alone.close()
	beside, err := b.newScene(ctx, b.plan.hog)
	if err != nil {
		return err
	}
	defer beside.close()
	results, err := b.contest(ctx, "wait of a calm tenant", "ms at the 99th percentile", []drive.Contestant{
		{Name: "alone", Round: func(ctx context.Context) (drive.Sample, error) { return alone.round(ctx, b.plan.window) }},
		{Name: fmt.Sprintf("beside %s queued", figures.Count(b.plan.hog)), Round: func(ctx context.Context) (drive.Sample, error) {
			return beside.round(ctx, b.plan.window)
		}},
	})
	if err != nil {
		return err
	}
	if err := errors.Join(alone.check(ctx), beside.check(ctx)); err != nil {
		return err
	}
	b.judgeCalm(results, alone, beside)
	return nil
}

func (b *bench) judgeCalm(results []drive.Result, alone, beside *scene) {
	t := figures.Table{
		Title: "Wait of a calm tenant", Head: []string{"", "jobs", "median ms", "99th percentile ms: median of rounds (least–most)", "most others started meanwhile"},
	}
	for i, s := range []*scene{alone, beside} {
		t.Add(results[i].Name, figures.Count(len(s.waits)), figures.Number(s.waits.Median()), results[i].Values.Spread(), fmt.Sprint(s.passed))
	}
	bound := results[0].Values.Median() + figures.Milliseconds(calmPicks*calmService/calmSlots)
	t.Notes = append(t.Notes, fmt.Sprintf("The wait runs from the durable answer to the start of the handler; %d slots, %s a job in the mean. "+
		"The bound is the wait alone plus %d × %s ÷ %d: %s ms.", calmSlots, calmService, calmPicks, calmService, calmSlots, figures.Number(bound)))
	b.tables = append(b.tables, t)
	got := results[1].Values.Median()
	b.reached(calmTenant, got <= bound, "%s ms of %s ms at the 99th percentile", figures.Number(got), figures.Number(bound))
	if b.plan.quick {
		b.unknown(calmTenant, "%s ms of %s ms beside %s queued; -quick goes no further", figures.Number(got), figures.Number(bound), figures.Count(b.plan.hog))
	}
}

// scene is an engine with a worker and perhaps a hog.
type scene struct {
	*queue.Sluice
	dir  string
	hogs int

	stop    context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex
	started int // jobs of any tenant
	trouble error
	starts  chan start

	waits  figures.Series // in milliseconds, of all rounds
	passed int            // the most jobs that started while a calm one waited
	calms  int
}

// start is the start of a calm job, and how many others had started before.
type start struct {
	id    jobs.ID
	at    time.Time
	after int
}

func (b *bench) newScene(ctx context.Context, hogs int) (*scene, error) {
	dir, err := b.newDir("calm")
	if err != nil {
		return nil, err
	}
	q, err := queue.OpenSluice(ctx, dir, 1, 0)
	if err != nil {
		return nil, err
	}
	s := &scene{Sluice: q, dir: dir, hogs: hogs, starts: make(chan start, 1)}
	b.say("filling: %s jobs of a hog", figures.Count(hogs))
	if err := s.fill(ctx); err != nil {
		return nil, errors.Join(err, q.Close())
	}
	w, err := worker.New(worker.Config{
		Name: "bench", Slots: calmSlots,
		Events: worker.Events{Started: s.begun, Trouble: func(_ jobs.ID, err error) { s.fail(err) }},
	}, q.Engine(), busy{queue.NoOp{Ledger: q.Engine()}})
	if err != nil {
		return nil, errors.Join(err, q.Close())
	}
	ctx, s.stop = context.WithCancel(ctx)
	s.running.Go(func() { w.Run(ctx, time.Minute) })
	return s, nil
}

func (s *scene) fill(ctx context.Context) error {
	const group = 500
	for left := s.hogs; left > 0; left -= group {
		subs := make([]jobs.Submission, min(left, group))
		for i := range subs {
			subs[i] = s.SubmissionOf(hogName, jobs.Standard)
			subs[i].Cost = calmService
		}
		if _, err := s.Engine().Accept(ctx, subs); err != nil {
			return err
		}
	}
	return nil
}

// busy is a processor that takes calmService in the mean.
type busy struct{ queue.NoOp }

// Process implements [worker.Processor].
func (p busy) Process(ctx context.Context, l jobs.Loan, h worker.Holding) (jobs.Outcome, error) {
	timer := time.NewTimer(calmService/2 + rand.N(calmService)) //nolint:gosec // no secret
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return jobs.Outcome{}, context.Cause(ctx)
	case <-timer.C:
	}
	return p.NoOp.Process(ctx, l, h)
}

func (s *scene) begun(l jobs.Loan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.Job.Tenant == calmName {
		s.starts <- start{l.Job.ID, time.Now(), s.started}
	}
	s.started++
}

func (s *scene) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble = errors.Join(s.trouble, err)
}

func (s *scene) startedSoFar() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.started
}

// round submits calm jobs, each when the one before has started and a little
// more time has passed. The value is the 99th percentile of the waits, in
// milliseconds.
func (s *scene) round(ctx context.Context, window time.Duration) (drive.Sample, error) {
	var waits figures.Series
	for end := time.Now().Add(window); time.Now().Before(end); {
		w, err := s.submit(ctx)
		if err != nil {
			return drive.Sample{}, err
		}
		waits = append(waits, figures.Milliseconds(w))
		// Odd against the service time, so that the jobs come at all phases.
		timer := time.NewTimer(7 * time.Millisecond)
		select {
		case <-ctx.Done():
			timer.Stop()
			return drive.Sample{}, ctx.Err()
		case <-timer.C:
		}
	}
	s.waits = append(s.waits, waits...)
	return drive.Sample{Value: waits.Quantile(0.99)}, nil
}

// submit submits one calm job and waits until it starts.
func (s *scene) submit(ctx context.Context) (time.Duration, error) {
	sub := s.SubmissionOf(calmName, jobs.Standard)
	sub.Cost = calmService
	answers, err := s.Engine().Accept(ctx, []jobs.Submission{sub})
	if err != nil {
		return 0, err
	}
	accepted, before := time.Now(), s.startedSoFar()
	if answers[0].Status != jobs.Created {
		return 0, fmt.Errorf("a new job is answered %s", answers[0].Status)
	}
	s.calms++
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case begun := <-s.starts:
		if begun.id != sub.ID {
			return 0, fmt.Errorf("job %s started, want %s", begun.id, sub.ID)
		}
		s.passed = max(s.passed, begun.after-before)
		return max(begun.at.Sub(accepted), 0), nil
	}
}

// check is an error unless all calm jobs started and the hog still has some.
func (s *scene) check(ctx context.Context) error {
	stats, err := s.Engine().Stats(ctx)
	if err != nil {
		return err
	}
	if stats.Accepted != int64(s.hogs+s.calms) {
		return fmt.Errorf("%d jobs were accepted, want %d", stats.Accepted, s.hogs+s.calms)
	}
	if s.hogs > 0 && stats.States[jobs.Queued] == 0 {
		return errors.New("the hog ran out of jobs")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.trouble
}

// close ends the worker and the engine; what went wrong was told by check.
func (s *scene) close() {
	s.stop()
	s.running.Wait()
	_ = errors.Join(s.Close(), os.RemoveAll(s.dir))
}
