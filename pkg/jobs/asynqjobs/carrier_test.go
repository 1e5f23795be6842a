package asynqjobs

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/asynqjobs/redistest"
)

// within bounds the waits of these tests; only a failure reaches it.
const within = 8 * time.Second // less than holdFor

// fleet is a Redis with keys as the engine's scripts leave them, for as many
// carriers as a test wants.
type fleet struct {
	t    *testing.T
	s    *redistest.Redis
	conn *redis.Client
}

const testPrefix = "{test}:"

func newFleet(t *testing.T) *fleet {
	t.Helper()
	s := redistest.Start(t, redistest.Settings{})
	return &fleet{t, s, dial(t, s.URL())}
}

func (f *fleet) carrier() *carrier {
	f.t.Helper()
	return f.carrierWithTick(tickEvery)
}

func (f *fleet) carrierWithTick(tick time.Duration) *carrier {
	f.t.Helper()
	a, err := parseURL(f.s.URL())
	if err != nil {
		f.t.Fatal(err)
	}
	c := startCarrier(a, testPrefix, carrierEvents{}, tick)
	f.t.Cleanup(func() {
		if err := c.Close(); err != nil {
			f.t.Error(err)
		}
	})
	return c
}

// worker registers a worker with slots.
func (f *fleet) worker(name string, slots int) {
	f.t.Helper()
	if err := f.conn.HSet(f.t.Context(), testPrefix+"wk", name, strconv.Itoa(slots)+" 1 0 0").Err(); err != nil {
		f.t.Fatal(err)
	}
}

// ready sets how many jobs a lane holds, of one tenant that may start them.
func (f *fleet) ready(l jobs.Lane, n int) {
	f.t.Helper()
	ctx, lane := f.t.Context(), strconv.Itoa(int(l))
	_, err := f.conn.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.Del(ctx, testPrefix+"x:Q:l:"+lane, testPrefix+"ready:"+lane)
		for i := range n {
			p.ZAdd(ctx, testPrefix+"x:Q:l:"+lane, redis.Z{Member: i})
		}
		if n > 0 {
			p.ZAdd(ctx, testPrefix+"ready:"+lane, redis.Z{Member: "tenant"})
		}
		return nil
	})
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fleet) tokens(l jobs.Lane) int {
	f.t.Helper()
	n, err := f.conn.LLen(f.t.Context(), "asynq:{test:"+l.String()+"}:pending").Result()
	if err != nil {
		f.t.Fatal(err)
	}
	return int(n)
}

// eventually waits until f holds.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for !f() {
		select {
		case <-deadline.C:
			t.Fatalf("never so: %s", what)
		case <-ticker.C:
		}
	}
}

// wait expects a token.
func wait(t *testing.T, c *carrier) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	if err := c.Wait(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestTokensAreToppedUpToWhatCanBeLent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		s    supply
		want int
	}{
		"nothing is ready":              {supply{workers: 3, slots: 30}, 0},
		"nobody works":                  {supply{ready: [laneCount]int{2: 5}}, 0},
		"one job":                       {supply{workers: 3, slots: 30, ready: [laneCount]int{2: 1}}, 1},
		"many jobs":                     {supply{workers: 3, slots: 30, ready: [laneCount]int{2: 1000}}, 6},
		"many jobs and tokens":          {supply{workers: 3, slots: 30, ready: [laneCount]int{2: 1000}, tokens: [laneCount]int{2: 4}}, 2},
		"tokens enough":                 {supply{workers: 1, slots: 16, ready: [laneCount]int{2: 1}, tokens: [laneCount]int{2: 4}}, 0},
		"workers that say no slots yet": {supply{workers: 3, ready: [laneCount]int{2: 9}}, 0},
	} {
		if got := c.s.missing(jobs.Standard); got != c.want {
			t.Errorf("%s: got %d, want %d", name, got, c.want)
		}
	}
}

func TestSupplyReadsWhatTheScriptsKeep(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	c := f.carrier()
	f.worker("w1", 4)
	f.worker("w2", 16)
	f.ready(jobs.Batch, 7)
	f.ready(jobs.Critical, 2)
	if err := f.conn.ZAdd(t.Context(), testPrefix+"x:Q:l:"+strconv.Itoa(int(jobs.Interactive)), redis.Z{Member: "capped"}).Err(); err != nil {
		t.Fatal(err)
	}
	got, err := c.supply(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got.tokens = [laneCount]int{} // the tick may have put some out
	want := supply{workers: 2, slots: 20}
	want.ready[jobs.Batch], want.ready[jobs.Critical] = 7, 2
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestATokenWakesOneOfTheProcessesThatWait(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	intake, one, two := f.carrier(), f.carrier(), f.carrier()
	f.worker("w1", 4)
	f.worker("w2", 4)
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	var woken atomic.Int32
	ended := make(chan error, 2)
	for _, c := range []*carrier{one, two} {
		go func() {
			err := c.Wait(ctx)
			if err == nil {
				woken.Add(1)
				f.ready(jobs.Interactive, 0) // lent
				cancel()
			}
			ended <- err
		}()
	}
	f.ready(jobs.Interactive, 1)
	intake.TopUp()
	for range 2 {
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	if woken.Load() == 0 {
		t.Error("nobody was woken")
	}
}

func TestALaneIsFilledOnlyWhileSomebodyWorks(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	c := f.carrier()
	f.ready(jobs.Standard, 50)
	for range 3 {
		if n, err := c.topUp(t.Context()); err != nil || n != 0 {
			t.Fatalf("without workers %d tokens, %v", n, err)
		}
	}
	f.worker("w1", 16)
	c.TopUp()
	eventually(t, "two tokens", func() bool { return f.tokens(jobs.Standard) == 2 })
	for range 5 {
		if n, err := c.topUp(t.Context()); err != nil || n != 0 {
			t.Errorf("%d tokens more, %v", n, err)
		}
	}
}

// A tick replaces what got lost: that is all that a lost token costs.
func TestALostTokenIsReplacedAtTheNextTick(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	c := f.carrier()
	f.worker("w1", 1)
	f.ready(jobs.Critical, 1)
	c.TopUp()
	eventually(t, "a token", func() bool { return f.tokens(jobs.Critical) == 1 })
	if err := f.conn.Del(t.Context(), "asynq:{test:critical}:pending").Err(); err != nil {
		t.Fatal(err)
	}
	wait(t, c)
}

// A process that runs as many jobs as it can holds one token at most and puts
// out another one for the rest.
func TestABusyProcessKeepsNoTokenFromTheOthers(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	busy, free := f.carrierWithTick(time.Hour), f.carrierWithTick(time.Hour)
	busy.start.Do(busy.startServer) // it has waited before, and works now
	f.worker("busy", 1)
	f.worker("free", 1)
	f.ready(jobs.Standard, 1)
	busy.TopUp()
	eventually(t, "the busy one has a token", func() bool {
		n, err := f.conn.LLen(t.Context(), "asynq:{test:standard}:active").Result()
		return err == nil && n == 1
	})
	wait(t, free)
	wait(t, busy) // it kept its own
}

func TestOneTokenServesAllThatWaitInAProcess(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	c := f.carrier()
	const waiting = 20
	woken := make(chan struct{}, waiting)
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	for range waiting {
		go func() {
			if c.Wait(ctx) == nil {
				c.Found()
			}
			woken <- struct{}{}
		}()
	}
	f.worker("w", waiting)
	f.ready(jobs.Batch, 1)
	c.TopUp()
	for range waiting {
		<-woken
	}
	if ctx.Err() != nil {
		t.Error("somebody was not woken")
	}
}

func TestClosingEndsTheWaits(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	c := f.carrier()
	ended := make(chan error)
	go func() { ended <- c.Wait(t.Context()) }()
	eventually(t, "it waits", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.server != nil
	})
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, jobs.ErrClosed) {
		t.Errorf("got %v", err)
	}
	if err := errors.Join(c.Close()); err != nil {
		t.Errorf("the second close: %v", err)
	}
	if err := c.Wait(t.Context()); !errors.Is(err, jobs.ErrClosed) {
		t.Errorf("after the close: %v", err)
	}
}

// While Redis is away asynq asks again without a pause of its own.
func TestAnAbsentRedisIsNotAskedInALoop(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	c := f.carrier()
	dials := &dialCount{}
	c.conn.AddHook(dials)
	f.worker("w", 1)
	f.ready(jobs.Batch, 1)
	wait(t, c)
	f.s.Kill(t)
	before := dials.n.Load()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	<-ctx.Done()
	if n := dials.n.Load() - before; n > 300 {
		t.Errorf("%d tries to connect in 2 s", n)
	}
	f.s.Restart(t)
	wait(t, c)
}

type dialCount struct{ n atomic.Int64 }

func (d *dialCount) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		d.n.Add(1)
		return next(ctx, network, addr)
	}
}
func (d *dialCount) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }
func (d *dialCount) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func TestAsynqsOwnToolsShowTheLanes(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	c := f.carrier()
	f.worker("w", 1)
	for _, l := range jobs.Lanes() {
		f.ready(l, 3)
	}
	c.TopUp()
	inspector := asynq.NewInspectorFromRedisClient(f.conn)
	var want []string
	for _, l := range jobs.Lanes() {
		want = append(want, "test:"+l.String()+" 2 0 0")
	}
	var got []string
	eventually(t, "all lanes have tokens", func() bool {
		got = nil
		for _, l := range jobs.Lanes() {
			info, err := inspector.GetQueueInfo("test:" + l.String())
			if err != nil {
				return false
			}
			got = append(got, fmt.Sprint(info.Queue, " ", info.Pending, " ", info.Archived, " ", info.Retry))
		}
		return cmp.Equal(want, got)
	})
}

// asynq never finds a task again that is active without a lease. Here that is
// a token, and others take its place.
func TestAnOrphanedTokenCostsNothing(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	c := f.carrier()
	f.worker("w", 1)
	f.ready(jobs.Standard, 1)
	for i := range 5 {
		if err := f.conn.LPush(t.Context(), "asynq:{test:standard}:active", "orphan"+strconv.Itoa(i)).Err(); err != nil {
			t.Fatal(err)
		}
	}
	c.TopUp()
	for range 3 {
		wait(t, c)
		c.TopUp()
	}
}
