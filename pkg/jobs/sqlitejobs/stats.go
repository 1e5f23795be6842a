package sqlitejobs

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/priority"
)

// SetBulkheads implements [jobs.Engine].
func (e *Engine) SetBulkheads(ctx context.Context, bs ...jobs.Bulkhead) error {
	for _, b := range bs {
		if err := b.Validate(); err != nil {
			return err
		}
	}
	if err := e.begin(ctx); err != nil {
		return err
	}
	return e.submit(ctx, 0, func(t *tx) error {
		for _, b := range bs {
			t.w.bulkheads[b.Tenant] = b
			t.setBulkhead(b)
		}
		return nil
	})
}

// Stats implements [jobs.Engine]. It takes its turn among the writes, so that
// it counts what is durable and nothing else.
func (e *Engine) Stats(ctx context.Context) (jobs.Stats, error) {
	if err := e.begin(ctx); err != nil {
		return jobs.Stats{}, err
	}
	var s jobs.Stats
	err := e.submit(ctx, 0, func(t *tx) error {
		s = t.stats(t.now())
		for i := range s.Queues {
			q := &s.Queues[i]
			if m := t.w.service[queue{q.Lane, q.Tenant}]; m != nil {
				q.Service = m.Mean()
			}
		}
		return nil
	})
	if err != nil {
		return jobs.Stats{}, err
	}
	s.Slots, s.Workers = e.fleet.sum(s.At)
	return s, nil
}

func (m *memory) stats(now time.Time) jobs.Stats {
	s := jobs.Stats{At: now, States: m.counts.byState(), Removed: m.removed.byState()}
	for _, n := range m.counts {
		s.Accepted += n
	}
	var rest []jobs.QueueStats // with parked jobs only
	for q, n := range m.parked {
		if m.sched.Queued(q.lane, q.tenant)+m.sched.Running(q.lane, q.tenant) == 0 {
			rest = append(rest, jobs.QueueStats{Lane: q.lane, Tenant: q.tenant, Parked: n})
		}
	}
	for w := range m.sched.Work() {
		s.Queues = append(s.Queues, m.queueStats(w))
	}
	if len(rest) > 0 {
		s.Queues = append(s.Queues, rest...)
		slices.SortFunc(s.Queues, func(a, b jobs.QueueStats) int {
			return cmp.Or(cmp.Compare(a.Lane, b.Lane), cmp.Compare(a.Tenant, b.Tenant))
		})
	}
	return s
}

func (m *memory) queueStats(w priority.Work) jobs.QueueStats {
	q := jobs.QueueStats{
		Lane: w.Lane, Tenant: w.Tenant, Queued: w.Queued, Running: w.Running,
		Parked: m.parked[queue{w.Lane, w.Tenant}],
	}
	if w.Queued > 0 {
		q.OldestAt = moment(w.Head.Enqueued)
	}
	return q
}
