package asynqjobs

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// replicated makes each write wait until so many replicas have it (WAIT). One
// that did not get there in time is answered as unavailable: it may or may not
// last, and repeating it doubles nothing. A replica that has a write in memory
// may not have it on its disk yet.
type replicated struct {
	client   *redis.Client // the one it hooks into
	replicas int
	within   time.Duration
}

var _ redis.Hook = replicated{}

// DialHook implements [redis.Hook].
func (replicated) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

// ProcessHook implements [redis.Hook]. WAIT speaks of the connection it is sent
// on, so a write that comes alone is sent as a pipeline of one.
func (r replicated) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if !writes(cmd) {
			return next(ctx, cmd)
		}
		pipe := r.client.Pipeline()
		if err := pipe.Process(ctx, cmd); err != nil {
			return err
		}
		_, err := pipe.Exec(ctx)
		return err
	}
}

// ProcessPipelineHook implements [redis.Hook].
func (r replicated) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if !anyWrites(cmds) {
			return next(ctx, cmds)
		}
		wait := redis.NewIntCmd(ctx, "wait", r.replicas, r.within.Milliseconds())
		err := next(ctx, append(cmds[:len(cmds):len(cmds)], wait))
		got, waitErr := wait.Result()
		if waitErr == nil && got >= int64(r.replicas) {
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
	for _, cmd := range cmds {
		if writes(cmd) {
			return true
		}
	}
	return false
}

// writes tells the commands that change data: scripts and what stores a value.
func writes(cmd redis.Cmder) bool {
	switch strings.ToLower(cmd.Name()) {
	case "evalsha", "eval", "fcall", "set", "del", "unlink", "hset", "hdel", "zadd", "zrem":
		return true
	}
	return false
}
