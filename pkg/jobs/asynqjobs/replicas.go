package asynqjobs

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// replicated makes each pipeline of writes wait until so many replicas have it
// (WAIT). One that did not get there in time is answered as unavailable: it may
// or may not last, and repeating it doubles nothing. A replica that has a write
// in memory may not have it on its disk yet.
//
// Commands outside of pipelines do not wait: WAIT speaks of the connection that
// it is sent on. The engine sends all writes in pipelines but those that make a
// new connection ready, which any process repeats.
type replicated struct {
	replicas int
	within   time.Duration
	// channel is one that nobody listens to.
	channel string
	// behind says that the last wait was in vain.
	behind atomic.Bool
}

var _ redis.Hook = (*replicated)(nil)

// DialHook implements [redis.Hook].
func (*replicated) DialHook(next redis.DialHook) redis.DialHook {
	return next
}

// ProcessHook implements [redis.Hook].
func (*replicated) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

// ProcessPipelineHook implements [redis.Hook].
func (r *replicated) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if !anyWrites(cmds) {
			return next(ctx, cmds)
		}
		// WAIT speaks of the last thing that this connection put into the stream
		// to the replicas. A script may have answered with what another
		// connection wrote; this message goes behind that, and is no data.
		mark := redis.NewIntCmd(ctx, "publish", r.channel, "")
		wait := redis.NewIntCmd(ctx, "wait", r.replicas, r.within.Milliseconds())
		err := next(ctx, append(slices.Clip(cmds), mark, wait))
		got, waitErr := wait.Result()
		waitErr = cmp.Or(mark.Err(), waitErr)
		r.behind.Store(waitErr != nil || got < int64(r.replicas))
		if !r.behind.Load() {
			return err
		}
		if waitErr == nil {
			waitErr = fmt.Errorf("%w: %d of %d replicas have the write", jobs.ErrUnavailable, got, r.replicas)
		}
		for _, cmd := range cmds {
			if writes(cmd) && cmd.Err() == nil {
				cmd.SetErr(waitErr)
			}
		}
		return waitErr
	}
}

func anyWrites(cmds []redis.Cmder) bool {
	return slices.ContainsFunc(cmds, writes)
}

// writes tells scripts, which all changes of the engine are.
func writes(cmd redis.Cmder) bool {
	name := strings.ToLower(cmd.Name())
	return name == "evalsha" || name == "eval"
}

// confirm waits until the replicas have all that this process has read so far,
// where writes have to reach some. A call that was repeated and finds its effect
// there may find a write that they miss, and must not answer before them.
func (e *Engine) confirm(ctx context.Context) error {
	if e.copies == nil {
		return nil
	}
	_, err := e.run(ctx, newCall(e.scripts.confirm))
	return err
}

// caughtUp refuses, after a write that replicas missed, until they have it.
func (e *Engine) caughtUp(ctx context.Context) error {
	if e.copies == nil || !e.copies.behind.Load() {
		return nil
	}
	return e.confirm(ctx)
}
