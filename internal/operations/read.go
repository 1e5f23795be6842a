package operations

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Get reads an operation of the tenant, or any when tenant is empty;
// [jobs.ErrNotFound] when there is none. Its progress is exact.
func (o *Operations) Get(ctx context.Context, tenant string, id jobs.ID) (Operation, error) {
	op, err := o.owned(ctx, tenant, id)
	if err != nil {
		return Operation{}, err
	}
	return o.withRows(ctx, op)
}

// withRows counts the rows of the part that is worked on, which the operation's
// own record knows a little late.
func (o *Operations) withRows(ctx context.Context, op Operation) (Operation, error) {
	if op.State == Selecting || op.Chunk >= op.chunks() {
		return op, nil
	}
	c, err := o.readChunk(ctx, op.ID, op.Chunk)
	switch {
	case err == nil:
		op.Partial = progress(c.Rows)
		op.Progress = op.Done.plus(op.Partial)
	case passing(ctx, err):
		return op, err
	}
	return op, nil // a lost part shows when the operation is driven
}

// Query asks for a list of operations.
type Query struct {
	// Tenant keeps only the operations that the tenant owns; empty is for
	// operators, and means all.
	Tenant string
	// State keeps only operations in this state; empty means any.
	State State
	// After keeps only operations whose ID sorts behind it; empty starts at
	// the newest.
	After jobs.ID
	// Limit is the most operations to return, 1 to [MaxPage]; 0 means 50.
	Limit int
}

// MaxPage is the most operations of one page.
const MaxPage = 200

const defaultPage = 50

// List lists operations, the newest first. Their progress may be a second old.
// next is the After of the next page; empty when there is none. An operation
// that cannot be read is left out and told of by [Events].
func (o *Operations) List(ctx context.Context, q Query) (all []Operation, next jobs.ID, err error) {
	if q.Limit == 0 {
		q.Limit = defaultPage
	}
	q.Limit = min(max(q.Limit, 1), MaxPage)
	// One more says whether there is a next page.
	rq := jobs.RecordQuery{Kind: Kind, After: q.After, Limit: q.Limit + 1}
	switch {
	case q.Tenant != "" && q.State != "":
		rq.Index, rq.Value = byBoth, both(q.Tenant, q.State)
	case q.Tenant != "":
		rq.Index, rq.Value = byTenant, q.Tenant
	case q.State != "":
		rq.Index, rq.Value = byState, string(q.State)
	}
	page, err := o.records.List(ctx, rq)
	if err != nil {
		return nil, "", fmt.Errorf("list operations: %w", err)
	}
	if len(page) > q.Limit {
		page = page[:q.Limit]
		next = page[q.Limit-1].ID
	}
	all = make([]Operation, 0, len(page))
	for _, r := range page {
		op, err := decode(r)
		if err != nil {
			o.cfg.Events.failed(r.ID, err)
			continue
		}
		all = append(all, op)
	}
	return all, next, nil
}

// in answers all operations in a state, the newest first.
func (o *Operations) in(ctx context.Context, s State) ([]Operation, error) {
	var all []Operation
	for q := (Query{State: s, Limit: MaxPage}); ; {
		page, next, err := o.List(ctx, q)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if next == "" {
			return all, nil
		}
		q.After = next
	}
}

// passing reports whether an error says nothing about what was to be read.
func passing(ctx context.Context, err error) bool {
	return errors.Is(err, jobs.ErrUnavailable) || errors.Is(err, jobs.ErrClosed) || ctx.Err() != nil
}

// AuditRow says what an operation did to one job.
type AuditRow struct {
	// N is the job's place in the selection, from 0.
	N      int
	Job    jobs.ID
	Result Result
	// Why is the reason of a failure: the state that the action does not fit,
	// or another word.
	Why string
	// State and Version are the job's right after the change.
	State   jobs.State
	Version int64
	At      time.Time
}

// MaxAudit is the most rows of one page.
const MaxAudit = 1000

// Audit reads the rows of jobs from place from on, in order, at most limit of
// 1 to [MaxAudit]. next is where to go on; more reports whether there are rows
// already.
func (o *Operations) Audit(ctx context.Context, tenant string, id jobs.ID, from, limit int) (rows []AuditRow, next int, more bool, err error) {
	if from < 0 || limit < 1 || limit > MaxAudit {
		return nil, 0, false, fmt.Errorf("audit: %w: from %d, limit %d", jobs.ErrInvalid, from, limit)
	}
	op, err := o.owned(ctx, tenant, id)
	if err != nil {
		return nil, 0, false, err
	}
	next = from
	for n := from / max(op.ChunkJobs, 1); n < op.chunks() && op.State != Selecting; n++ {
		c, err := o.readChunk(ctx, id, n)
		if errors.Is(err, jobs.ErrNotFound) {
			return rows, next, false, nil
		} else if err != nil {
			return nil, 0, false, err
		}
		for i := next - n*op.ChunkJobs; i < len(c.Rows); i++ {
			if len(rows) == limit {
				return rows, next, true, nil
			}
			r := c.Rows[i]
			rows = append(rows, AuditRow{
				N: next, Job: c.IDs[i], Result: r.Result, Why: r.Why, State: r.State, Version: r.Version, At: time.UnixMilli(r.At).UTC(),
			})
			next++
		}
		if !c.done() {
			break
		}
	}
	return rows, next, false, nil
}
