package asynqjobs_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/asynqjobs"
	"github.com/sluicehq/sluice/pkg/jobs/asynqjobs/redistest"
	"github.com/sluicehq/sluice/pkg/jobs/jobstest"
)

// A holder with long leases gives signs of life as seldom as they are long, so
// the default period would not last until the next one.
func TestALongLeaseGetsAPeriodOfItsOwnLength(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Settings{})
	clock := jobstest.NewClock()
	e := open(t, r, func(c *asynqjobs.Config) { c.Clock = clock.Now })
	s := numbered(1)
	s.DeadlineAt = clock.Now().Add(24 * time.Hour)
	accept(t, e, s)
	const long = 10 * time.Minute
	loans, err := e.Lend(t.Context(), jobs.LendRequest{Worker: "w", Max: 1, Slots: 1, Lease: long})
	if err != nil || len(loans) != 1 {
		t.Fatalf("%d loans, %v", len(loans), err)
	}
	reaped := func(after time.Duration, want int) {
		t.Helper()
		clock.Advance(after)
		if swept, err := e.Sweep(t.Context()); err != nil || swept.Reaped != want {
			t.Errorf("%+v, %v; want %d reaped", swept, err, want)
		}
	}
	restart(t, r)
	eventually(t, func() error { _, err := e.Sweep(t.Context()); return err })
	reaped(long-time.Millisecond, 0)
	// As if all processes had stood still for a minute.
	past := time.Now().Add(-time.Minute).UnixMilli()
	if err := dial(t, r).Set(t.Context(), "{sluice}:swept", past, 0).Err(); err != nil {
		t.Fatal(err)
	}
	reaped(time.Hour, 0)
	reaped(long-time.Millisecond, 0)
	reaped(time.Millisecond, 1)
}

// Between the look for what is due and the read of a job, others may have settled
// it, requeued it with a new deadline and lent it again. What the look found then
// says nothing about the job.
func TestAJobThatIsNotDueAnyMoreIsLeftAlone(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Settings{})
	clock := jobstest.NewClock()
	e, client := open(t, r, func(c *asynqjobs.Config) { c.Clock = clock.Now }), dial(t, r)
	for i := range 3 {
		s := numbered(i)
		s.DeadlineAt = clock.Now().Add(time.Hour)
		accept(t, e, s)
	}
	park := jobs.Outcome{Kind: jobs.Park, Reason: "gated", Until: clock.Now().Add(time.Minute)}
	if _, err := e.Finish(t.Context(), lend(t, e, "w", 1)[0].Lease, park); err != nil {
		t.Fatal(err)
	}
	lend(t, e, "w", 1)
	// What a look found that was made a moment ago.
	for n, key := range []string{"wake", "back", "late"} {
		j, err := e.Get(t.Context(), "", numbered(n).ID)
		if err != nil {
			t.Fatal(err)
		}
		past := redis.Z{Score: float64(clock.Now().UnixMilli() - 1), Member: fmt.Sprintf("%016d:%s", j.Seq, j.ID)}
		if err := client.ZAdd(t.Context(), "{sluice}:"+key, past).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if swept, err := e.Sweep(t.Context()); err != nil || swept != (jobs.Swept{}) {
		t.Errorf("swept %+v, %v", swept, err)
	}
	for n, want := range []jobs.State{jobs.Parked, jobs.Running, jobs.Queued} {
		if j, err := e.Get(t.Context(), "", numbered(n).ID); err != nil || j.State != want {
			t.Errorf("job %d is %s, want %s, %v", n, j.State, want, err)
		}
	}
}

// A job that cannot be read, as after a downgrade, must cost no other job its
// loan, its wake-up or its end.
func TestAJobThatCannotBeReadHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Settings{})
	clock := jobstest.NewClock()
	e, client := open(t, r, func(c *asynqjobs.Config) { c.Clock = clock.Now }), dial(t, r)
	for i := range 8 {
		s := numbered(i)
		s.DeadlineAt = clock.Now().Add(time.Hour)
		accept(t, e, s)
	}
	damage := func(n int) {
		t.Helper()
		if err := client.HSet(t.Context(), "{sluice}:j:"+string(numbered(n).ID), "d", "no row").Err(); err != nil {
			t.Fatal(err)
		}
	}
	says := func(err error, n int) {
		t.Helper()
		if !errors.Is(err, jobs.ErrUnavailable) || !strings.Contains(err.Error(), string(numbered(n).ID)) {
			t.Errorf("the error is %v", err)
		}
	}
	damage(0)
	loans := lend(t, e, "w", 5)
	if len(loans) != 3 {
		t.Fatalf("%d loans beside the one that cannot be read", len(loans))
	}
	park := jobs.Outcome{Kind: jobs.Park, Reason: "gated", Until: clock.Now().Add(time.Second)}
	if _, err := e.Finish(t.Context(), loans[0].Lease, park); err != nil {
		t.Fatal(err)
	}
	damage(2)
	clock.Advance(jobs.DefaultLease)
	swept, err := e.Sweep(t.Context())
	if swept.Reaped != 1 || swept.Woken != 1 {
		t.Errorf("swept %+v", swept)
	}
	says(err, 0)
	says(err, 2)
	damage(5)
	clock.Advance(time.Hour)
	swept, err = e.Sweep(t.Context())
	if swept.Expired != 5 {
		t.Errorf("swept %+v", swept)
	}
	says(err, 5)
}
