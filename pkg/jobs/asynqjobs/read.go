package asynqjobs

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// errNoJob is the answer for a job that a caller may not see or that is not
// there.
func errNoJob() error { return fmt.Errorf("job: %w", jobs.ErrNotFound) }

// Get implements [jobs.Engine].
func (e *Engine) Get(ctx context.Context, tenant string, id jobs.ID) (jobs.Job, error) {
	if err := e.begin(ctx); err != nil {
		return jobs.Job{}, err
	}
	s, ok, err := e.fetch(ctx, id)
	if err != nil {
		return jobs.Job{}, err
	}
	if !ok {
		return jobs.Job{}, errNoJob()
	}
	j, err := s.job()
	if err != nil {
		return jobs.Job{}, err
	}
	if tenant != "" && j.Tenant != tenant {
		return jobs.Job{}, errNoJob()
	}
	return j, nil
}

// ByKey implements [jobs.Engine].
func (e *Engine) ByKey(ctx context.Context, tenant, key string) (jobs.Job, error) {
	if err := e.begin(ctx); err != nil {
		return jobs.Job{}, err
	}
	missing := fmt.Errorf("idempotency key: %w", jobs.ErrNotFound)
	if key == "" || jobs.ID(tenant).Validate() != nil {
		return jobs.Job{}, missing
	}
	use, err := e.reads.Get(ctx, e.cfg.Prefix+"k:"+tenant+":"+key).Result()
	if errors.Is(err, redis.Nil) {
		return jobs.Job{}, missing
	}
	if err != nil {
		return jobs.Job{}, e.readError(ctx, err)
	}
	id, since, _ := strings.Cut(use, " ")
	if !e.clock.now().Before(millis(since).Add(e.cfg.Policy.KeyTTL)) {
		return jobs.Job{}, missing
	}
	j, err := e.Get(ctx, tenant, jobs.ID(id))
	if errors.Is(err, jobs.ErrNotFound) {
		return jobs.Job{}, missing
	}
	if err == nil {
		err = e.confirm(ctx) // it answers for the submission that the key came with
	}
	if err != nil {
		return jobs.Job{}, err
	}
	return j, nil
}

// beside reads something that is kept beside a job the tenant may see, and the
// job's tenant and state.
func beside[T any](
	ctx context.Context, e *Engine, tenant string, id jobs.ID, read func(redis.Pipeliner) T,
) (answer T, owner, state string, err error) {
	if err := e.begin(ctx); err != nil {
		return answer, "", "", err
	}
	if id.Validate() != nil {
		return answer, "", "", errNoJob()
	}
	p := e.reads.TxPipeline() // of one moment: an erased job has no document left
	of := p.HMGet(ctx, e.jobKey(id), "t", "s")
	answer = read(p)
	if _, err := p.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return answer, "", "", e.readError(ctx, err)
	}
	owner, state = text(of.Val(), 0), text(of.Val(), 1)
	if owner == "" || tenant != "" && owner != tenant {
		return answer, "", "", errNoJob()
	}
	return answer, owner, state, nil
}

// Document implements [jobs.Engine].
func (e *Engine) Document(ctx context.Context, tenant string, id jobs.ID) ([]byte, error) {
	type parts struct {
		body, file *redis.StringCmd
	}
	found, _, state, err := beside(ctx, e, tenant, id, func(p redis.Pipeliner) parts {
		return parts{p.Get(ctx, e.cfg.Prefix+"b:"+string(id)), p.HGet(ctx, e.jobKey(id), "m")}
	})
	if err != nil {
		return nil, err
	}
	if state == letter(jobs.Erased) {
		return nil, fmt.Errorf("document of an erased job: %w", jobs.ErrNotFound)
	}
	if file := found.file.Val(); file != "" {
		return e.blobs.get(file)
	}
	return []byte(found.body.Val()), nil
}

// fileOf is the name of a job's document's file, empty without one.
func (e *Engine) fileOf(ctx context.Context, id jobs.ID) (string, error) {
	file, err := e.reads.HGet(ctx, e.jobKey(id), "m").Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return "", e.readError(ctx, err)
	}
	return file, nil
}

// Attempts implements [jobs.Engine].
func (e *Engine) Attempts(ctx context.Context, tenant string, id jobs.ID) ([]jobs.Attempt, error) {
	rows, _, _, err := beside(ctx, e, tenant, id, func(p redis.Pipeliner) *redis.MapStringStringCmd {
		return p.HGetAll(ctx, e.cfg.Prefix+"a:"+string(id))
	})
	if err != nil {
		return nil, err
	}
	return decodeLedger(rows.Val())
}

// History implements [jobs.Engine].
func (e *Engine) History(ctx context.Context, tenant string, id jobs.ID, after int64) ([]jobs.Event, error) {
	// One event more, because a started event is told by the one before it.
	from := max(after-1, 0)
	list, owner, _, err := beside(ctx, e, tenant, id, func(p redis.Pipeliner) *redis.StringSliceCmd {
		return p.LRange(ctx, e.cfg.Prefix+"e:"+string(id), from, -1)
	})
	if err != nil {
		return nil, err
	}
	events, err := decodeEvents(list.Val(), id, owner, from+1)
	if err != nil {
		return nil, err
	}
	for len(events) > 0 && events[0].Version <= after {
		events = events[1:]
	}
	return events, nil
}
