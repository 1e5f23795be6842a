package memjobs

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Stats implements [jobs.Engine]. It counts anew at each call, so that it can
// be the measure for engines that keep counts.
func (e *Engine) Stats(ctx context.Context) (jobs.Stats, error) {
	if err := e.begin(ctx); err != nil {
		return jobs.Stats{}, err
	}
	defer e.end()
	s := jobs.Stats{
		At: e.now(), States: make(map[jobs.State]int64), Accepted: int64(len(e.store.jobs)),
		Removed: maps.Clone(e.store.removed),
	}
	s.Slots, s.Workers = e.fleet(s.At)
	for _, r := range e.store.jobs {
		s.States[r.job.State]++
	}
	s.Queues = e.queues()
	return s, nil
}

func (e *Engine) queues() []jobs.QueueStats {
	rows := make(map[queue]*jobs.QueueStats)
	heads := make(map[queue]int64)
	for _, r := range e.store.jobs {
		j := r.job
		if j.State != jobs.Queued && j.State != jobs.Running && j.State != jobs.Parked {
			continue
		}
		at := queue{j.Lane, j.Tenant}
		q := rows[at]
		if q == nil {
			q = &jobs.QueueStats{Lane: j.Lane, Tenant: j.Tenant}
			if m := e.service[at]; m != nil {
				q.Service = m.Mean()
			}
			rows[at] = q
		}
		switch j.State {
		case jobs.Running:
			q.Running++
		case jobs.Parked:
			q.Parked++
		default:
			q.Queued++
			if heads[at] == 0 || j.Seq < heads[at] {
				heads[at], q.OldestAt = j.Seq, j.EnqueuedAt
			}
		}
	}
	var all []jobs.QueueStats
	for _, q := range rows {
		all = append(all, *q)
	}
	slices.SortFunc(all, func(a, b jobs.QueueStats) int {
		return cmp.Or(cmp.Compare(a.Lane, b.Lane), cmp.Compare(a.Tenant, b.Tenant))
	})
	return all
}

// served takes in how long a loan of the job held its slot.
func (e *Engine) served(j jobs.Job, service time.Duration) {
	at := queue{j.Lane, j.Tenant}
	m := e.service[at]
	if m == nil {
		m = &jobs.ServiceMean{}
		e.service[at] = m
	}
	m.Add(service)
}
