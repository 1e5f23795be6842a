package asynqjobs

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// restAfterFull is the least time between two looks of which the first found
// tokens enough: while a fleet is busy nobody waits for them.
const restAfterFull = 5 * time.Millisecond

// topUpForEver tops up whenever it is told to, and at every tick.
func (c *carrier) topUpForEver(every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	rest := time.NewTimer(0)
	defer rest.Stop()
	for {
		select {
		case <-c.life.Done():
			return
		case <-tick.C:
		case <-c.ring:
		}
		added, err := c.topUp(c.life)
		if err != nil {
			c.trouble(fmt.Errorf("top up lending tokens: %w", err))
		}
		if added > 0 {
			continue
		}
		rest.Reset(restAfterFull)
		select {
		case <-c.life.Done():
			return
		case <-rest.C:
		}
	}
}

// topUp puts out the tokens that are missing and answers how many.
func (c *carrier) topUp(ctx context.Context) (added int, err error) {
	s, err := c.supply(ctx)
	if err != nil {
		return 0, err
	}
	for _, l := range jobs.Lanes() {
		for range s.missing(l) {
			if err := c.put(ctx, l); err != nil {
				return added, err
			}
			added++
		}
	}
	return added, nil
}

func (c *carrier) put(ctx context.Context, l jobs.Lane) error {
	// The time limit is longer than a token is ever kept: asynq must not take
	// one for failed.
	_, err := c.client.EnqueueContext(ctx, asynq.NewTask(tokenType, nil),
		asynq.Queue(c.queue(l)), asynq.MaxRetry(tokenTries), asynq.Timeout(6*holdFor))
	return err
}

// supply is what there is to lend, and the tokens that say so.
type supply struct {
	workers, slots int
	ready, tokens  [laneCount]int
}

const laneCount = jobs.NumLanes

// missing answers how many tokens a lane lacks: there should be as many as jobs
// ready, but no more than two for each slot, nor than two for each worker, since
// a worker serves all its slots with one. Tokens that somebody has already
// taken do not count, so one that is stuck keeps none back.
func (s supply) missing(l jobs.Lane) int {
	return max(0, min(s.ready[l], 2*s.slots, 2*s.workers)-s.tokens[l])
}

// supply asks Redis for the jobs queued in each lane of which any may start, the
// workers that asked lately, and the tokens that nobody has taken yet.
func (c *carrier) supply(ctx context.Context) (supply, error) {
	var s supply
	var queued, tenants, tokens [laneCount]*redis.IntCmd
	var workers *redis.StringSliceCmd
	_, err := c.conn.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, l := range jobs.Lanes() {
			lane := strconv.Itoa(int(l))
			queued[l] = p.ZCard(ctx, c.prefix+"x:Q:l:"+lane)
			tenants[l] = p.ZCard(ctx, c.prefix+"ready:"+lane)
			tokens[l] = p.LLen(ctx, "asynq:{"+c.queue(l)+"}:pending")
		}
		workers = p.HVals(ctx, c.prefix+"wk")
		return nil
	})
	if err != nil {
		return s, err
	}
	for _, l := range jobs.Lanes() {
		s.tokens[l] = int(tokens[l].Val())
		if tenants[l].Val() > 0 {
			s.ready[l] = int(queued[l].Val())
		}
	}
	for _, w := range workers.Val() {
		first, _, _ := strings.Cut(w, " ")
		slots, err := strconv.Atoi(first)
		if err != nil {
			return s, errors.New("the record of a worker is damaged")
		}
		s.workers++
		s.slots += slots
	}
	return s, nil
}
