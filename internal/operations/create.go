package operations

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Errors of creation.
var (
	// ErrTooLarge marks a filter that selects more jobs than an operation
	// takes.
	ErrTooLarge = errors.New("too large")
	// ErrTooMany marks an owner with too many operations that have not ended.
	ErrTooMany = errors.New("too many")
)

// Create freezes the jobs that the order selects now into a draft, or with
// start into an operation that runs. tenant owns it, and sees its own jobs
// only; empty is for operators. by names who asked.
//
// An order that cannot be is [jobs.ErrInvalid].
func (o *Operations) Create(ctx context.Context, tenant, by string, order Order, start bool) (Operation, error) {
	order = order.withDefaults()
	if tenant != "" {
		order.Filter.Tenant = tenant
	}
	if err := order.Validate(); err != nil {
		return Operation{}, fmt.Errorf("create operation: %w", err)
	}
	if len(by) > MaxActorBytes {
		return Operation{}, fmt.Errorf("create operation: %w: actor has %d bytes, limit %d", jobs.ErrInvalid, len(by), MaxActorBytes)
	}
	if err := o.roomFor(ctx, tenant); err != nil {
		return Operation{}, fmt.Errorf("create operation: %w", err)
	}
	op, err := o.begin(ctx, tenant, by, order)
	if err != nil {
		return Operation{}, fmt.Errorf("create operation: %w", err)
	}
	s := &selecting{Operations: o, op: op}
	if err = s.run(ctx); err == nil {
		op, err = s.freeze(ctx, start)
	}
	if err != nil {
		if err = o.abandon(ctx, op.ID, err); err != nil {
			return Operation{}, fmt.Errorf("create operation: %w", err)
		}
		op, err = o.read(ctx, op.ID) // it was frozen all the same
		return op, err
	}
	o.cfg.Events.changed(op)
	if start {
		o.Wake()
	}
	return op, nil
}

// roomFor refuses when too many operations of the tenant have not ended.
func (o *Operations) roomFor(ctx context.Context, tenant string) error {
	open, err := o.records.List(ctx, jobs.RecordQuery{Kind: Kind, Index: byOpen, Value: tenant, Limit: MaxOpen})
	if err != nil {
		return fmt.Errorf("list operations: %w", err)
	}
	if len(open) >= MaxOpen {
		return fmt.Errorf("%w: there are %d operations that have not ended", ErrTooMany, len(open))
	}
	return nil
}

// selectFor is how long a selection may be silent in the making.
const selectFor = time.Minute

// begin writes the operation before its parts, so that the parts of a selection
// that breaks off are found and removed.
func (o *Operations) begin(ctx context.Context, tenant, by string, order Order) (Operation, error) {
	id, err := o.newID()
	if err != nil {
		return Operation{}, err
	}
	now := jobs.Stamp(o.cfg.Now())
	return o.put(ctx, Operation{
		ID: id, Tenant: tenant, By: by, Order: order, State: Selecting, StateBy: by, CreatedAt: now,
		Selection: Selection{AsOf: now}, ChunkJobs: o.chunk, Lease: lease{o.cfg.Owner, o.token, jobs.Stamp(now.Add(selectFor))},
	})
}

// abandon removes what a creation left that failed with the cause, even when
// the caller has gone away. What it cannot remove, tidying does. It answers nil
// when the creation had not failed: the last write's answer was lost.
func (o *Operations) abandon(ctx context.Context, id jobs.ID, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	switch op, err := o.read(ctx, id); {
	case errors.Is(err, jobs.ErrNotFound):
		// Tidied up meanwhile: parts that were written since are found by
		// nobody else.
	case err != nil:
		return cause
	case op.State != Selecting:
		return nil
	}
	if err := o.remove(ctx, id); err != nil {
		o.cfg.Events.failed(id, err)
	}
	return cause
}

// selecting is a selection in the making.
type selecting struct {
	*Operations
	op   Operation
	part chunk
}

// run walks through the jobs that the filter selects, the newest first.
func (s *selecting) run(ctx context.Context) error {
	page := jobs.Page{Limit: jobs.MaxPage}
	for {
		found, err := s.cfg.Engine.List(ctx, s.op.Filter, page)
		partial, gaveUp := errors.AsType[*jobs.PartialError](err)
		if err != nil && !gaveUp {
			return fmt.Errorf("list jobs: %w", err)
		}
		for _, j := range found {
			if s.op.Max > 0 && s.op.Selection.Selected == s.op.Max {
				s.op.Selection.Limited = true
				return s.flush(ctx)
			}
			if err := s.take(ctx, j); err != nil {
				return err
			}
		}
		switch {
		case gaveUp:
			page.Before = partial.Next
		case len(found) < page.Limit:
			return s.flush(ctx)
		default:
			page.Before = found[len(found)-1].ID
		}
		if err := s.renew(ctx); err != nil {
			return err
		}
	}
}

// take takes one job in.
func (s *selecting) take(ctx context.Context, j jobs.Job) error {
	sel := &s.op.Selection
	sel.Matched++
	_, skip := s.op.judge(j, s.cfg.Now())
	sel.note(j, skip)
	if skip != "" {
		return nil
	}
	if sel.Selected == s.most {
		return fmt.Errorf("%w: the filter selects more than %d jobs", ErrTooLarge, s.most)
	}
	sel.Selected++
	if s.part.IDs = append(s.part.IDs, j.ID); len(s.part.IDs) == s.op.ChunkJobs {
		return s.flush(ctx)
	}
	return nil
}

// flush writes the part that is full, or the last.
func (s *selecting) flush(ctx context.Context) error {
	if len(s.part.IDs) == 0 {
		return nil
	}
	if err := s.putChunk(ctx, s.op.ID, &s.part); err != nil {
		return err
	}
	s.part = chunk{n: s.part.n + 1}
	return nil
}

// renew says that the selection is still in the making.
func (s *selecting) renew(ctx context.Context) error {
	now := s.cfg.Now()
	if s.op.Lease.Until.Sub(now) > selectFor/2 {
		return nil
	}
	s.op.Lease.Until = jobs.Stamp(now.Add(selectFor))
	var err error
	s.op, err = s.put(ctx, s.op)
	return err
}

// freeze makes the selection final.
func (s *selecting) freeze(ctx context.Context, start bool) (Operation, error) {
	now := jobs.Stamp(s.cfg.Now())
	s.op.Lease = lease{}
	if s.op.State = Draft; start {
		s.op.State, s.op.StartedAt = Running, now
	} else {
		s.op.ExpiresAt = jobs.Stamp(now.Add(s.cfg.KeepDrafts))
	}
	op, err := s.put(ctx, s.op)
	return op, err
}

// Bounds of what a dry run tells.
const (
	maxSample = 10
	maxWords  = 50 // of one breakdown; the rest counts as other
	other     = "other"
)

// note counts a job and keeps it as a sample if there is room: half of it is
// for jobs that are skipped.
func (s *Selection) note(j jobs.Job, skip string) {
	class := jobs.Class("")
	if j.Failure != nil {
		class = j.Failure.Class
	}
	kind := 0
	for _, sampled := range s.Sample {
		if (sampled.Skip == "") == (skip == "") {
			kind++
		}
	}
	if kind < maxSample/2 {
		s.Sample = append(s.Sample, Sampled{Job: j.ID, Tenant: j.Tenant, State: j.State, Class: class, Skip: skip})
	}
	if skip != "" {
		if s.Skipped == nil {
			s.Skipped = map[string]int{}
		}
		s.Skipped[skip]++
		return
	}
	s.count("state", string(j.State))
	s.count("lane", j.Lane.String())
	s.count("tenant", j.Tenant)
	s.count("class", string(class))
	s.count("schema", j.Spec.Schema)
}

func (s *Selection) count(what, word string) {
	if word == "" {
		return
	}
	if s.By == nil {
		s.By = map[string]map[string]int{}
	}
	words := s.By[what]
	if words == nil {
		words = map[string]int{}
		s.By[what] = words
	}
	if _, there := words[word]; !there && len(words) >= maxWords {
		word = other
	}
	words[word]++
}
