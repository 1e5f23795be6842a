package sqlitejobs

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Get implements [jobs.Engine].
func (e *Engine) Get(ctx context.Context, tenant string, id jobs.ID) (j jobs.Job, err error) {
	err = e.read(ctx, func(r *reader) error {
		j, err = e.wholeJob(r.byID.one(string(id)))
		return owned(j, tenant, err)
	})
	if err != nil {
		return jobs.Job{}, err
	}
	return j, nil
}

// ByKey implements [jobs.Engine].
func (e *Engine) ByKey(ctx context.Context, tenant, key string) (j jobs.Job, err error) {
	missing := fmt.Errorf("idempotency key: %w", jobs.ErrNotFound)
	err = e.read(ctx, func(r *reader) error {
		if key == "" {
			return missing
		}
		j, err = e.wholeJob(r.byKey.one(e.tenants.num(tenant), key))
		if errors.Is(err, jobs.ErrNotFound) || err == nil && !e.keeps(j) {
			return missing
		}
		return err
	})
	if err != nil {
		return jobs.Job{}, err
	}
	return j, nil
}

// keeps reports whether a job's idempotency key is still kept.
func (e *Engine) keeps(j jobs.Job) bool {
	return jobs.Stamp(e.cfg.Clock()).Before(j.AcceptedAt.Add(e.cfg.Policy.KeyTTL))
}

// wholeJob decodes a row of wholeColumns and heavyColumns.
func (e *Engine) wholeJob(v []driver.Value, err error) (jobs.Job, error) {
	if err != nil {
		return jobs.Job{}, err
	}
	if v == nil {
		return jobs.Job{}, errNoJob
	}
	r, err := readWhole(v, e.tenants)
	if err != nil {
		return jobs.Job{}, err
	}
	r.readHeavy(v[nWholeColumns:])
	return r.whole()
}

var errNoJob = fmt.Errorf("job: %w", jobs.ErrNotFound)

// owned hides a job of another tenant.
func owned(j jobs.Job, tenant string, err error) error {
	if err == nil && tenant != "" && j.Tenant != tenant {
		return errNoJob
	}
	return err
}

// Document implements [jobs.Engine].
func (e *Engine) Document(ctx context.Context, tenant string, id jobs.ID) (body []byte, err error) {
	var file string
	err = e.read(ctx, func(r *reader) error {
		v, err := r.document.one(string(id))
		if err != nil {
			return err
		}
		if v == nil || tenant != "" && e.tenants.name(integer(v[2])) != tenant {
			return errNoJob
		}
		file, body = text(v[0]), blob(v[1])
		return nil
	})
	if err != nil || file == "" {
		return body, err
	}
	if body, err = e.blobs.read(file); err != nil {
		return nil, unavailable(fmt.Errorf("document of job %s: %w", id, err))
	}
	return body, nil
}

// Attempts implements [jobs.Engine].
func (e *Engine) Attempts(ctx context.Context, tenant string, id jobs.ID) (rows []jobs.Attempt, err error) {
	err = e.read(ctx, func(r *reader) error {
		num, err := e.numOf(r, tenant, id)
		if err != nil {
			return err
		}
		v, err := r.attempts.one(num)
		if err != nil || v == nil {
			return err
		}
		l := make(ledger)
		if err := l.read(text(v[0]), 0); err != nil {
			return fmt.Errorf("ledger of job %s: %w", id, err)
		}
		rows, err = l.attempts()
		return err
	})
	return rows, err
}

// numOf finds a job's number.
func (e *Engine) numOf(r *reader, tenant string, id jobs.ID) (int64, error) {
	v, err := r.num.one(string(id))
	if err != nil {
		return 0, err
	}
	if v == nil || tenant != "" && e.tenants.name(integer(v[1])) != tenant {
		return 0, errNoJob
	}
	return integer(v[0]), nil
}

// History implements [jobs.Engine].
func (e *Engine) History(ctx context.Context, tenant string, id jobs.ID, after int64) (events []jobs.Event, err error) {
	err = e.read(ctx, func(r *reader) error {
		v, err := r.history.one(string(id))
		if err != nil {
			return err
		}
		if v == nil {
			return errNoJob
		}
		first := readJob(v[:nJobColumns], e.tenants)
		if err := owned(first.job, tenant, nil); err != nil {
			return err
		}
		if after < 1 {
			ev, err := first.accepted()
			if err != nil {
				return err
			}
			events = append(events, ev)
		}
		events, err = parseEvents(events, text(v[nJobColumns]), first.job.ID, first.job.Tenant, after)
		return err
	})
	return events, err
}

// read runs f with a reading connection. Errors that callers cannot act on say
// that the engine is unavailable.
func (e *Engine) read(ctx context.Context, f func(*reader) error) error {
	if err := e.begin(ctx); err != nil {
		return err
	}
	err := e.readers.use(ctx, f)
	switch {
	case err == nil, errors.Is(err, jobs.ErrNotFound), errors.Is(err, jobs.ErrClosed), errors.Is(err, jobs.ErrUnavailable):
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	default:
		return unavailable(err)
	}
}

// sweepFiles removes the documents' files that no job refers to: what a crash
// left between the writing of a file and its commit. It looks at files from
// before this opening only, because later ones may be about to be committed.
func (e *Engine) sweepFiles() {
	ctx := context.Background() // ends when the engine closes
	e.blobs.old(e.opened, func(name string) bool {
		used := true
		err := e.read(ctx, func(r *reader) error {
			v, err := r.fileUsed.one(name)
			used = v != nil
			return err
		})
		if err == nil && !used {
			e.blobs.remove(name)
		}
		return !errors.Is(err, jobs.ErrClosed)
	})
}
