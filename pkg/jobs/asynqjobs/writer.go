package asynqjobs

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// maxBatch is the most calls that go out together, and maxBatchBytes about how
// much they may carry.
const (
	maxBatch      = 512
	maxBatchBytes = 4 << 20
)

// call is one script to run.
type call struct {
	script *redis.Script
	args   []any
	size   int // of the arguments, about
	// heard is told of the answer, in the order of the commits, before the
	// caller is.
	heard func(reply any)

	ctx   context.Context // of the caller, so that nothing is sent that nobody waits for
	reply any
	err   error
	done  chan struct{}
}

// newCall prepares a call; args are strings and integers.
func newCall(s *redis.Script, args ...any) *call {
	c := &call{script: s, args: args, done: make(chan struct{})}
	for _, a := range args {
		if text, ok := a.(string); ok {
			c.size += len(text)
		}
	}
	return c
}

// send queues calls for the writer, in order, and waits for their answers. An
// error is of the engine or the context; each call has its own.
func (e *Engine) send(ctx context.Context, calls ...*call) error {
	for _, c := range calls {
		c.ctx = ctx
		select {
		case e.calls <- c:
		case <-ctx.Done():
			return ctx.Err()
		case <-e.closing:
			return jobs.ErrClosed
		}
	}
	for _, c := range calls {
		select {
		case <-c.done:
		case <-ctx.Done():
			return ctx.Err()
		case <-e.stopped:
			// The writer answers what it has sent before it stops.
			select {
			case <-c.done:
			default:
				return jobs.ErrClosed
			}
		}
	}
	return nil
}

// run makes one call and returns its answer.
func (e *Engine) run(ctx context.Context, c *call) (any, error) {
	if err := e.send(ctx, c); err != nil {
		return nil, err
	}
	return c.reply, c.err
}

// write sends the calls of all goroutines until the engine closes. What comes
// while a batch is under way goes out with the next: a server that syncs
// before it answers then syncs once for all of them.
func (e *Engine) write() {
	defer close(e.stopped)
	for {
		select {
		case c := <-e.calls:
			e.sendBatch(e.gather(c))
		case <-e.closing:
			return
		}
	}
}

// gather takes what waits behind the first call.
func (e *Engine) gather(first *call) []*call {
	batch, size := []*call{first}, first.size
	for len(batch) < maxBatch && size < maxBatchBytes {
		select {
		case c := <-e.calls:
			batch = append(batch, c)
			size += c.size
		default:
			return batch
		}
	}
	return batch
}

// sendBatch runs the calls in one pipeline. Those whose script the server does
// not know yet are sent again with its text.
func (e *Engine) sendBatch(batch []*call) {
	live := batch[:0]
	for _, c := range batch {
		if err := c.ctx.Err(); err != nil {
			c.err = err
			close(c.done)
			continue
		}
		live = append(live, c)
	}
	unknown := e.pipeline(live, func(p redis.Pipeliner, c *call) *redis.Cmd {
		return c.script.EvalSha(e.life, p, []string{e.cfg.Prefix}, c.args...)
	})
	if len(unknown) > 0 {
		left := e.pipeline(unknown, func(p redis.Pipeliner, c *call) *redis.Cmd {
			return c.script.Eval(e.life, p, []string{e.cfg.Prefix}, c.args...)
		})
		for _, c := range left {
			e.answer(c, nil, errors.New("the server does not keep scripts"))
		}
	}
}

// pipeline runs calls and answers them, but for those whose script is unknown.
func (e *Engine) pipeline(batch []*call, run func(redis.Pipeliner, *call) *redis.Cmd) (unknown []*call) {
	if len(batch) == 0 {
		return nil
	}
	p := e.writes.Pipeline()
	replies := make([]*redis.Cmd, len(batch))
	for i, c := range batch {
		replies[i] = run(p, c)
	}
	_, _ = p.Exec(e.life) // each reply has its error
	for i, c := range batch {
		reply, err := replies[i].Result()
		if redis.HasErrorPrefix(err, "NOSCRIPT") {
			unknown = append(unknown, c)
			continue
		}
		e.answer(c, reply, err)
	}
	return unknown
}

// answer ends a call.
func (e *Engine) answer(c *call, reply any, err error) {
	switch {
	case errors.Is(err, redis.Nil):
		c.err = fmt.Errorf("%w: a script gave no answer", jobs.ErrUnavailable)
	case err != nil:
		c.err = unavailable(err)
	default:
		c.reply = reply
		if c.heard != nil {
			c.heard(reply)
		}
	}
	close(c.done)
}

// tell hands events to the listener. Only the writer calls it.
func (e *Engine) tell(events ...jobs.Event) {
	if e.cfg.Listener.Committed != nil && len(events) > 0 {
		e.cfg.Listener.Committed(events)
	}
}

// unavailable marks what the server or the network between says.
func unavailable(err error) error {
	if err == nil || errors.Is(err, jobs.ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: redis: %w", jobs.ErrUnavailable, err)
}
