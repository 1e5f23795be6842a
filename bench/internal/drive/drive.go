//go:build linux

// Package drive puts queues under load and measures them in rounds.
package drive

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluicehq/sluice/bench/internal/queue"
	"github.com/sluicehq/sluice/internal/pause"
)

// Sample is what one round of one contestant measured.
type Sample struct {
	// Value is in the unit of the experiment, such as jobs a second.
	Value float64
	// CPU is the processor time of a job over all processes of the system,
	// load generator included; 0 when it was not measured.
	CPU time.Duration
}

// Intake has callers put jobs, each the next when the one before is durable,
// for the length of the window. The value is jobs a second.
func Intake(ctx context.Context, q *queue.Counted, callers int, window time.Duration) (Sample, error) {
	before, _ := q.Counts()
	m, err := startMeter(q)
	if err != nil {
		return Sample{}, err
	}
	// What is under way when the window closes is finished, and counted with
	// the time it took. Each caller puts one job at least.
	err = repeat(callers, func() error {
		if err := q.Put(ctx); err != nil {
			return err
		}
		if time.Since(m.since) > window {
			return errEnough
		}
		return nil
	})
	if err != nil {
		return Sample{}, err
	}
	after, _ := q.Counts()
	s, err := m.stop(after - before)
	return s, errors.Join(err, q.Settled(ctx))
}

// Load says how whole jobs are driven.
type Load struct {
	// Callers put jobs at once.
	Callers int
	// InFlight bounds the jobs put and not done, so that the workers always
	// find some and the backlog stays small.
	InFlight int
	// Warm is how long the load runs before the window begins.
	Warm, Window time.Duration
}

// drainWithin is how long the jobs in flight may take after the window. What
// asynq loses sight of when its server is slow to answer comes back after the
// end of its lease and a retry, which takes up to two minutes.
const drainWithin = 3 * time.Minute

// Whole has callers put jobs and workers take them to their end, and counts
// those that end in the window. The value is jobs a second.
func Whole(ctx context.Context, q *queue.Counted, l Load) (Sample, error) {
	flight := make(chan struct{}, l.InFlight)
	stop, err := q.Work(ctx, func() {
		select {
		case <-flight:
		default: // done twice, which the counts will tell
		}
	})
	if err != nil {
		return Sample{}, err
	}
	loading, cancel := context.WithCancel(ctx)
	defer cancel()
	var putting sync.WaitGroup
	var failed error
	putting.Go(func() {
		failed = repeat(l.Callers, func() error {
			select {
			case <-loading.Done():
				return errEnough
			case flight <- struct{}{}:
			}
			return q.Put(ctx)
		})
	})
	s, err := watch(ctx, q, l)
	cancel()
	putting.Wait()
	err = errors.Join(err, failed)
	if err == nil {
		err = drained(ctx, q)
	}
	err = errors.Join(err, stop())
	if err != nil {
		return Sample{}, err
	}
	return s, q.Settled(ctx)
}

// watch counts what is done in the window.
func watch(ctx context.Context, q *queue.Counted, l Load) (Sample, error) {
	if err := pause.For(ctx, l.Warm); err != nil {
		return Sample{}, err
	}
	_, before := q.Counts()
	m, err := startMeter(q)
	if err != nil {
		return Sample{}, err
	}
	// A window in which nothing got through, as when the disk stalls, goes on
	// until something does.
	after := before
	for waited := time.Duration(0); after == before && waited < drainWithin; waited += l.Window {
		if err := pause.For(ctx, l.Window); err != nil {
			return Sample{}, err
		}
		_, after = q.Counts()
	}
	return m.stop(after - before)
}

// drained waits until every job put is done.
func drained(ctx context.Context, q *queue.Counted) error {
	ctx, cancel := context.WithTimeout(ctx, drainWithin)
	defer cancel()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		put, done := q.Counts()
		if put == done {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d jobs were put and %d done in %s after the load ended", put, done, drainWithin)
		case <-ticker.C:
		}
	}
}

// meter measures from its start to its stop.
type meter struct {
	q     queue.Queue
	since time.Time
	cpu   time.Duration
}

func startMeter(q queue.Queue) (meter, error) {
	cpu, err := q.CPU()
	return meter{q, time.Now(), cpu}, err
}

func (m meter) stop(jobs int64) (Sample, error) {
	took := time.Since(m.since)
	cpu, err := m.q.CPU()
	if err != nil {
		return Sample{}, err
	}
	if jobs <= 0 {
		return Sample{}, errors.New("no job got through in the window")
	}
	return Sample{Value: float64(jobs) / took.Seconds(), CPU: (cpu - m.cpu) / time.Duration(jobs)}, nil
}

// errEnough ends a loop that has done its part.
var errEnough = errors.New("enough")

// repeat calls f from n goroutines until it fails. The answer is the first
// error that is not errEnough.
func repeat(n int, f func() error) error {
	var all sync.WaitGroup
	var first error
	var once sync.Once
	var failed atomic.Bool
	for range n {
		all.Go(func() {
			for !failed.Load() {
				switch err := f(); {
				case errors.Is(err, errEnough):
					return
				case err != nil:
					failed.Store(true)
					once.Do(func() { first = err })
				}
			}
		})
	}
	all.Wait()
	return first
}
