package sqlitejobs

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/sluicehq/sluice/pkg/jobs"
)

const (
	selectWhole = "SELECT " + wholeColumns + ", " + heavyColumns + " FROM jobs j" + joins
	jobByID     = selectWhole + "WHERE j.id = ?"
	jobByKey    = selectWhole + "WHERE j.tenant = ? AND j.key = ? ORDER BY j.num DESC LIMIT 1"
	nJobByID    = nWholeColumns + nHeavyColumns

	numByID      = "SELECT num, tenant FROM jobs WHERE id = ?"
	documentByID = "SELECT d.file, d.body, j.tenant FROM jobs j JOIN documents d ON d.num = j.num WHERE j.id = ?"
	fileUsed     = "SELECT 1 FROM documents WHERE file = ?"

	// The lines of a job are gathered from the rows that hold them, oldest
	// first, in one statement and so from one moment.
	historyByID = "SELECT " + jobColumns + `,
	(SELECT group_concat(history, '' ORDER BY part) FROM (SELECT part, history FROM overflow WHERE num = j.num
	UNION ALL SELECT 9223372036854775806, history FROM states WHERE num = j.num
	UNION ALL SELECT 9223372036854775807, history FROM loans WHERE num = j.num)) FROM jobs j WHERE j.id = ?`
	ledgerByNum = `SELECT group_concat(ledger, '' ORDER BY part) FROM (SELECT part, ledger FROM overflow WHERE num = ?1
	UNION ALL SELECT 9223372036854775806, ledger FROM states WHERE num = ?1
	UNION ALL SELECT 9223372036854775807, ledger FROM loans WHERE num = ?1)`
)

// Get implements [jobs.Engine].
func (e *Engine) Get(ctx context.Context, tenant string, id jobs.ID) (j jobs.Job, err error) {
	err = e.read(ctx, func(r *reader) error {
		j, err = e.wholeJob(r.one(jobByID, nJobByID, string(id)))
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
		j, err = e.wholeJob(r.one(jobByKey, nJobByID, e.tenants.num(tenant), key))
		err = owned(j, tenant, err) // the number may be of a commit that failed, and another tenant's by now
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

// wholeJob decodes a row of selectWhole.
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
		v, err := r.one(documentByID, 3, string(id))
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
		v, err := r.one(ledgerByNum, 1, num)
		if err != nil {
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
	v, err := r.one(numByID, 2, string(id))
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
		v, err := r.one(historyByID, nJobColumns+1, string(id))
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

// snapshot is read for several queries that must see the same moment.
func (e *Engine) snapshot(ctx context.Context, f func(*reader) error) error {
	return e.read(ctx, func(r *reader) (err error) {
		if err := r.db.script("BEGIN"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, r.db.script("COMMIT")) }()
		return f(r)
	})
}

// sweepFiles removes the documents' files that no job refers to: what a crash
// left between the writing of a file and its commit. Those that are about to be
// committed are open and not looked at.
func (e *Engine) sweepFiles() {
	ctx := context.Background() // ends when the engine closes
	e.blobs.settled(func(name string) bool {
		used := true
		err := e.read(ctx, func(r *reader) error {
			v, err := r.one(fileUsed, 1, name)
			used = err != nil || v != nil
			return err
		})
		if err == nil && !used {
			e.blobs.remove(name)
		}
		return !errors.Is(err, jobs.ErrClosed)
	})
}
