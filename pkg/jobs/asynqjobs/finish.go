package asynqjobs

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Extend implements [jobs.Engine].
func (e *Engine) Extend(ctx context.Context, leases []jobs.Lease, d time.Duration) ([]jobs.LeaseState, error) {
	if d <= 0 {
		return nil, fmt.Errorf("%w: extension of %s, want more than 0", jobs.ErrInvalid, d)
	}
	if err := e.begin(ctx); err != nil {
		return nil, err
	}
	const most = 1000 // leases a script
	var calls []*call
	for rest := leases; len(rest) > 0; {
		n := min(len(rest), most)
		calls = append(calls, newCall(e.scripts.extend, extendArgs(e.clock.arg(), rest[:n], d)...))
		rest = rest[n:]
	}
	if err := e.send(ctx, calls...); err != nil {
		return nil, err
	}
	states := make([]jobs.LeaseState, 0, len(leases))
	for _, c := range calls {
		if c.err != nil {
			return nil, c.err
		}
		list, _ := c.reply.([]any)
		until := millis(text(list, 0))
		for i := range sublist(list, 1) {
			asked, _ := integer(sublist(list, 1), i)
			if asked < 0 {
				states = append(states, jobs.LeaseState{})
				continue
			}
			states = append(states, jobs.LeaseState{Held: true, Until: until, CancelAsked: asked == 1})
		}
	}
	if len(states) != len(leases) {
		return nil, malformed("extend")
	}
	return states, nil
}

func extendArgs(now string, leases []jobs.Lease, d time.Duration) []any {
	args := []any{now, d.Milliseconds(), len(leases)}
	for _, l := range leases {
		args = append(args, string(l.Job), tokenArg(l.Token))
	}
	return args
}

func tokenArg(t jobs.Token) string { return strconv.FormatInt(int64(t), 10) }

// PutAttempts implements [jobs.Engine].
func (e *Engine) PutAttempts(ctx context.Context, l jobs.Lease, rows ...jobs.Attempt) error {
	for _, a := range rows {
		if err := a.Validate(); err != nil {
			return err
		}
	}
	if err := e.begin(ctx); err != nil {
		return err
	}
	ledger, err := ledgerArgs(rows)
	if err != nil {
		return err
	}
	args := append([]any{string(l.Job), tokenArg(l.Token)}, ledger...)
	reply, err := e.run(ctx, newItem(e.scripts.attempts, args...))
	if err != nil {
		return err
	}
	if reply != "ok" {
		return fmt.Errorf("%w: the loan was settled or taken back", jobs.ErrStaleLease)
	}
	return nil
}

// Finish implements [jobs.Engine].
func (e *Engine) Finish(ctx context.Context, l jobs.Lease, o jobs.Outcome) (jobs.Job, error) {
	if err := o.Validate(); err != nil {
		return jobs.Job{}, err
	}
	if err := e.begin(ctx); err != nil {
		return jobs.Job{}, err
	}
	missing := fmt.Errorf("%w: there is no such job", jobs.ErrStaleLease)
	var first *stored
	if s, ok := e.held.take(l.Job); ok {
		first = &s
	}
	return e.move(ctx, l.Job, first, missing, func(before jobs.Job, now time.Time) (change, bool, error) {
		if before.Settled(l) {
			return change{}, false, nil
		}
		after := before
		ev, err := after.Settle(l, o, e.cfg.Policy, now)
		return change{after: after, event: ev, attempts: o.Attempts, writes: o.Writes, service: o.Service}, true, err
	})
}
