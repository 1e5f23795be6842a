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
	// item says that the script takes many such calls at once.
	item bool
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

// newItem prepares a call of a script that takes many at once: accept, attempts
// and commit.
func newItem(s *redis.Script, args ...any) *call {
	c := newCall(s, args...)
	c.item = true
	return c
}

// send queues calls for the writer, in order, and waits for their answers. An
// error is of the engine or the context; each call has its own.
func (e *Engine) send(ctx context.Context, calls ...*call) error {
	for _, c := range calls {
		c.ctx = ctx //nolint:fatcontext // the same for each call; none holds another
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
	unknown := e.pipeline(bundles(live), func(p redis.Pipeliner, b *bundle) *redis.Cmd {
		return b.script.EvalSha(e.life, p, []string{e.cfg.Prefix}, b.args...)
	})
	left := e.pipeline(unknown, func(p redis.Pipeliner, b *bundle) *redis.Cmd {
		return b.script.Eval(e.life, p, []string{e.cfg.Prefix}, b.args...)
	})
	for _, b := range left {
		e.answerAll(b, nil, errors.New("the server does not keep scripts"))
	}
}

// pipeline runs bundles and answers their calls, but for those whose script is
// unknown.
func (e *Engine) pipeline(batch []*bundle, run func(redis.Pipeliner, *bundle) *redis.Cmd) (unknown []*bundle) {
	if len(batch) == 0 {
		return nil
	}
	p := e.writes.Pipeline()
	replies := make([]*redis.Cmd, len(batch))
	for i, b := range batch {
		replies[i] = run(p, b)
	}
	_, _ = p.Exec(e.life) // each reply has its error
	for i, b := range batch {
		reply, err := replies[i].Result()
		if redis.HasErrorPrefix(err, "NOSCRIPT") {
			unknown = append(unknown, b)
			continue
		}
		e.answerAll(b, reply, err)
	}
	return unknown
}

// answerAll gives each call of a bundle its part of the answer.
func (e *Engine) answerAll(b *bundle, reply any, err error) {
	if !b.items {
		e.answer(b.calls[0], reply, err)
		return
	}
	list, _ := reply.([]any)
	if err == nil && len(list) != len(b.calls) {
		err = malformed("of many items")
	}
	for i, c := range b.calls {
		if err != nil {
			e.answer(c, nil, err)
			continue
		}
		if failed, ok := list[i].(error); ok {
			e.answer(c, nil, failed)
			continue
		}
		e.answer(c, list[i], nil)
	}
}

// answer ends a call.
func (e *Engine) answer(c *call, reply any, err error) {
	switch {
	case errors.Is(err, redis.Nil):
		c.err = fmt.Errorf("%w: a script gave no answer", jobs.ErrUnavailable)
	case err != nil:
		c.err = unavailable(err)
		c.reply = reply // there is one where only the replicas missed the write
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
