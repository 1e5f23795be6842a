package memjobs

import (
	"bytes"
	"context"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Accept implements [jobs.Engine].
func (e *Engine) Accept(ctx context.Context, subs []jobs.Submission) ([]jobs.Acceptance, error) {
	for _, s := range subs {
		if err := s.Validate(); err != nil {
			return nil, err
		}
	}
	if err := e.begin(ctx); err != nil {
		return nil, err
	}
	defer e.end()
	now := e.now()
	answers := make([]jobs.Acceptance, 0, len(subs))
	for _, s := range subs {
		answers = append(answers, e.accept(s, now))
	}
	return answers, nil
}

func (e *Engine) accept(s jobs.Submission, now time.Time) jobs.Acceptance {
	if r := e.byKey(s.Tenant, s.Key, now); r != nil {
		return replay(r, s)
	}
	if r, ok := e.store.jobs[s.ID]; ok {
		return replay(r, s)
	}
	switch {
	case s.MaxQueued > 0 && e.waiting(s.Tenant) >= s.MaxQueued:
		return jobs.Acceptance{Status: jobs.TenantFull}
	case len(e.store.jobs) >= e.cfg.Policy.MaxWaiting && e.waiting("") >= e.cfg.Policy.MaxWaiting:
		return jobs.Acceptance{Status: jobs.EngineFull}
	}
	return jobs.Acceptance{Status: jobs.Created, Job: e.create(s, now)}
}

// replay answers a submission whose key or ID is in use.
func replay(r *row, s jobs.Submission) jobs.Acceptance {
	if r.job.Tenant != s.Tenant || r.job.Fingerprint != s.Fingerprint {
		return jobs.Acceptance{Status: jobs.KeyReused}
	}
	return jobs.Acceptance{Status: jobs.Existing, Job: cloneJob(r.job)}
}

// byKey returns the job that a key stands for, nil when there is none or the
// key is no longer kept.
func (e *Engine) byKey(tenant, key string, now time.Time) *row {
	use, ok := e.store.keys[ownedKey{tenant, key}]
	if !ok || !now.Before(use.first.Add(e.cfg.Policy.KeyTTL)) {
		return nil
	}
	return e.store.jobs[use.job]
}

// waiting counts the queued and parked jobs of a tenant, or of all.
func (e *Engine) waiting(tenant string) int {
	n := 0
	for _, r := range e.store.jobs {
		if (tenant == "" || r.job.Tenant == tenant) && (r.job.State == jobs.Queued || r.job.State == jobs.Parked) {
			n++
		}
	}
	return n
}

func (e *Engine) create(s jobs.Submission, now time.Time) jobs.Job {
	e.store.seq++
	job, ev := jobs.NewJob(s, e.store.seq, now)
	r := &row{body: bytes.Clone(s.Body)}
	e.store.jobs[s.ID] = r
	if s.Key != "" {
		e.store.keys[ownedKey{s.Tenant, s.Key}] = keyUse{job: s.ID, first: now}
	}
	e.change(r, cloneJob(job), ev, 0)
	return cloneJob(job)
}
