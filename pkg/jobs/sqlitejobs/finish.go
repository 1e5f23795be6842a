package sqlitejobs

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Extend implements [jobs.Engine]. The new end of a lease is kept in memory
// only: when the engine opens, all loans have ended anyway.
func (e *Engine) Extend(ctx context.Context, leases []jobs.Lease, d time.Duration) ([]jobs.LeaseState, error) {
	if d <= 0 {
		return nil, fmt.Errorf("%w: extension of %s, want more than 0", jobs.ErrInvalid, d)
	}
	if err := e.begin(ctx); err != nil {
		return nil, err
	}
	states := make([]jobs.LeaseState, len(leases))
	err := e.submit(ctx, 0, func(t *tx) error {
		until := jobs.Stamp(t.now().Add(d))
		for i, lease := range leases {
			states[i] = jobs.LeaseState{}
			l := t.running[lease.Job]
			if l == nil || l.job.Holds(lease) != nil {
				continue
			}
			l.job.Lease.Until = until
			t.w.extended[lease.Token] = until
			states[i] = jobs.LeaseState{Held: true, Until: until, CancelAsked: l.job.CancelAsked}
		}
		t.w.forgetExtended()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return states, nil
}

// forgetExtended drops the extensions of loans that ended, now and then.
func (w *writer) forgetExtended() {
	if len(w.extended) < 2*len(w.m.running)+1024 {
		return
	}
	kept := make(map[jobs.Token]time.Time, len(w.m.running))
	for _, l := range w.m.running {
		if until, ok := w.extended[l.job.Lease.Token]; ok {
			kept[l.job.Lease.Token] = until
		}
	}
	w.extended = kept
}

// PutAttempts implements [jobs.Engine].
func (e *Engine) PutAttempts(ctx context.Context, lease jobs.Lease, rows ...jobs.Attempt) error {
	for _, a := range rows {
		if err := a.Validate(); err != nil {
			return err
		}
	}
	if err := e.begin(ctx); err != nil {
		return err
	}
	es, err := entries(rows)
	if err != nil {
		return err
	}
	return e.submit(ctx, 0, func(t *tx) error {
		l, err := t.held(lease)
		if err != nil || len(es) == 0 {
			return err
		}
		lines := appendEntries(nil, l.job.Generation, es)
		if err := t.writeOne(t.st.noteAttempts, string(lines), l.num); err != nil {
			return err
		}
		l.ledger = append(l.ledger, lines...)
		t.pay(l, es)
		return nil
	})
}

// held is the loan that lease is the current one of.
func (t *tx) held(lease jobs.Lease) (*loan, error) {
	if l := t.running[lease.Job]; l != nil {
		return l, l.job.Holds(lease)
	}
	return nil, fmt.Errorf("%w: the job does not run", jobs.ErrStaleLease)
}

// settlement is an outcome on its way through the writer.
type settlement struct {
	lease              jobs.Lease
	outcome            jobs.Outcome
	result, candidates string
	attempts           []entry
	writes             []put
	// The answer: a row that nobody changes any more, and the loan that it was,
	// nil when that had been settled before.
	after *row
	loan  *loan
}

// Finish implements [jobs.Engine].
func (e *Engine) Finish(ctx context.Context, lease jobs.Lease, o jobs.Outcome) (jobs.Job, error) {
	if err := o.Validate(); err != nil {
		return jobs.Job{}, err
	}
	if err := e.begin(ctx); err != nil {
		return jobs.Job{}, err
	}
	s := &settlement{lease: lease, outcome: o}
	size, err := s.encode()
	if err != nil {
		return jobs.Job{}, err
	}
	if err := e.submit(ctx, size, func(t *tx) error { return t.finish(s) }); err != nil {
		return jobs.Job{}, err
	}
	j, err := e.decodeLoan(s.loan, s.after)
	if err != nil {
		return jobs.Job{}, unavailable(err)
	}
	return j, nil
}

// encode does outside the writer what needs no order.
func (s *settlement) encode() (size int, err error) {
	o := &s.outcome
	if o.Kind == jobs.Succeed {
		if s.result, err = encodeResult(o.Result); err != nil {
			return 0, fmt.Errorf("result: %w", err)
		}
	}
	if o.Kind == jobs.ToReview {
		if s.candidates, err = encodeCandidates(o.Candidates); err != nil {
			return 0, fmt.Errorf("candidates: %w", err)
		}
	}
	if s.attempts, err = entries(o.Attempts); err != nil {
		return 0, err
	}
	s.writes = encodeWrites(o.Writes)
	size = len(s.result) + len(s.candidates)
	for _, w := range o.Writes {
		size += len(w.Record.Value)
	}
	return size, nil
}

// decodeLoan is the whole job of a row that l was lent as. The spec is decoded
// once for each loan; l may be nil.
func (e *Engine) decodeLoan(l *loan, r *row) (jobs.Job, error) {
	if l == nil {
		return r.whole()
	}
	s := l.decoded.Load()
	if s == nil {
		s = new(spec)
		if err := json.Unmarshal(r.spec, s); err != nil {
			return jobs.Job{}, fmt.Errorf("spec of job %s: %w", r.job.ID, err)
		}
		l.decoded.Store(s)
	}
	return r.with(s)
}

func (t *tx) finish(s *settlement) error {
	s.after, s.loan = nil, nil
	l, err := t.held(s.lease)
	if err != nil {
		return t.finished(s, err)
	}
	after := l.job
	ev, err := after.Settle(s.lease, s.outcome, t.policy, t.now())
	if err != nil {
		return err
	}
	if err := t.checkWrites(s.writes); err != nil {
		return err
	}
	if err := t.putRecords(s.writes, after.UpdatedAt); err != nil {
		return err
	}
	before := l.job
	l.job = after
	if after.Result != nil {
		l.result, l.given = s.result, after.Result
	}
	l.candidates = s.candidates
	l.ledger = appendEntries(l.ledger, before.Generation, s.attempts)
	t.pay(l, s.attempts)
	if err := t.settle(before, l, ev, s.outcome.Service); err != nil {
		return err
	}
	t.served = append(t.served, served{queue{before.Lane, before.Tenant}, s.outcome.Service})
	s.after, s.loan = &l.row, l
	return nil
}

// finished answers an outcome whose loan is not current: the job as it is when
// that holder has settled it before, and else the error.
func (t *tx) finished(s *settlement, stale error) error {
	r, err := t.find(s.lease.Job)
	if err != nil {
		return err
	}
	if r == nil || !r.job.Settled(s.lease) {
		return stale
	}
	s.after = t.kept(r)
	return nil
}
