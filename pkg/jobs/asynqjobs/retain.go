package asynqjobs

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Retain implements [jobs.Archive].
func (e *Engine) Retain(ctx context.Context, keep jobs.Retention) (jobs.Retained, error) {
	if err := keep.Validate(); err != nil {
		return jobs.Retained{}, err
	}
	if err := e.begin(ctx); err != nil {
		return jobs.Retained{}, err
	}
	var ids []jobs.ID
	for _, s := range jobs.States() {
		old, err := e.old(ctx, s, keep, jobs.MaxSweep+1-len(ids))
		if err != nil {
			return jobs.Retained{}, err
		}
		ids = append(ids, old...)
	}
	done := jobs.Retained{Removed: make(map[jobs.State]int64), More: len(ids) > jobs.MaxSweep}
	return done, e.removeAll(ctx, ids[:min(len(ids), jobs.MaxSweep)], done.Removed)
}

// old are the jobs of a state that are not kept, the oldest first.
func (e *Engine) old(ctx context.Context, s jobs.State, keep jobs.Retention, limit int) ([]jobs.ID, error) {
	age, byAge := keep.MaxAge[s]
	most, byCount := keep.MaxCount[s]
	if limit <= 0 || !byAge && !byCount {
		return nil, nil
	}
	key := e.cfg.Prefix + "end:" + letter(s)
	var n int64
	if byAge {
		until := strconv.FormatInt(e.clock.now().Add(-age).UnixMilli(), 10)
		past, err := e.reads.ZCount(ctx, key, "-inf", until).Result()
		if err != nil {
			return nil, e.readError(ctx, err)
		}
		n = past
	}
	if byCount {
		all, err := e.reads.ZCard(ctx, key).Result()
		if err != nil {
			return nil, e.readError(ctx, err)
		}
		n = max(n, all-most)
	}
	if n <= 0 {
		return nil, nil
	}
	members, err := e.reads.ZRange(ctx, key, 0, min(n, int64(limit))-1).Result()
	if err != nil {
		return nil, e.readError(ctx, err)
	}
	return idsOf(members), nil
}

// removeAll removes jobs and counts them. One that was requeued or completed
// meanwhile stays.
func (e *Engine) removeAll(ctx context.Context, ids []jobs.ID, removed map[jobs.State]int64) error {
	all, err := e.fetchAll(ctx, ids, listFields())
	if err != nil {
		return err
	}
	var calls []*call
	var gone []jobs.Job
	var files []string
	for _, s := range all {
		if s.row == "" {
			continue
		}
		j, err := s.job()
		if err != nil {
			return err
		}
		if !j.State.Terminal() {
			continue
		}
		file := ""
		if j.Document.Size > blobThreshold {
			if file, err = e.fileOf(ctx, j.ID); err != nil {
				return err
			}
		}
		calls, gone, files = append(calls, e.removeCall(&j)), append(gone, j), append(files, file)
	}
	if err := e.send(ctx, calls...); err != nil {
		return err
	}
	for i, c := range calls {
		if c.err != nil {
			return c.err
		}
		if c.reply == int64(1) {
			removed[gone[i].State]++
			e.blobs.remove(files[i])
		}
	}
	return nil
}

func (e *Engine) removeCall(j *jobs.Job) *call {
	key := ""
	if j.Key != "" {
		key = j.Tenant + ":" + j.Key
	}
	group, _ := groupKey(j)
	args := []any{string(j.ID), strconv.FormatInt(j.Version, 10), key, group, letter(j.State)}
	return newCall(e.scripts.remove, appendList(args, indexes(j))...)
}

// Files of documents whose submission was never committed, and those whose
// removal failed, are looked for this often.
const filesEvery = time.Hour

// sweepFiles removes files that no job refers to, until ctx ends.
func (e *Engine) sweepFiles(ctx context.Context) {
	ticker := time.NewTicker(filesEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if _, err := e.blobs.sweep(ctx, time.Now().Add(-orphanAge), e.currentFiles); err != nil && ctx.Err() == nil {
			e.cfg.Events.trouble(err)
		}
	}
}

// currentFiles are the files that jobs have now. A Redis that came back without
// its data knows of no job; it does not carry the store's ID either, and says
// nothing about files that are needed once the data is back.
func (e *Engine) currentFiles(ctx context.Context, ids []jobs.ID) ([]string, error) {
	p := e.reads.TxPipeline() // so that one server answers it all
	mark := p.Get(ctx, markerKey(e.cfg.Prefix))
	files := make([]*redis.StringCmd, len(ids))
	for i, id := range ids {
		files[i] = p.HGet(ctx, e.jobKey(id), "m")
	}
	if _, err := p.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return nil, e.readError(ctx, err)
	}
	if mark.Val() != e.blobs.store {
		return nil, fmt.Errorf("look for files of documents that no job refers to: Redis does not hold the store %s any more, so none is removed", e.blobs.store)
	}
	names := make([]string, len(ids))
	for i, file := range files {
		if err := file.Err(); err != nil && !errors.Is(err, redis.Nil) {
			return nil, e.readError(ctx, err)
		}
		names[i] = file.Val()
	}
	return names, nil
}
