package backpressure_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/pkg/backpressure"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// queued makes a snapshot with the given depths.
func queued(at time.Time, rows ...jobs.QueueStats) jobs.Stats {
	return jobs.Stats{At: at, Queues: rows}
}

func row(lane jobs.Lane, tenant string, n int) jobs.QueueStats {
	return jobs.QueueStats{Lane: lane, Tenant: tenant, Queued: n}
}

// fleet is a controller that has heard of 16 slots at 8 s a job: mu is 2 a
// second, of which standard is guaranteed 2/15.
func fleet(t testing.TB, rows ...jobs.QueueStats) *backpressure.Controller {
	t.Helper()
	c := controller(t)
	c.Heartbeat(load("w", start(), 16, 8*time.Second))
	c.Snapshot(queued(start(), rows...))
	return c
}

func TestAdmit(t *testing.T) {
	t.Parallel()
	now := start()
	standard := backpressure.Request{Lane: jobs.Standard, Tenant: "a"}
	with := func(change func(*backpressure.Request)) backpressure.Request {
		r := standard
		change(&r)
		return r
	}
	for name, tc := range map[string]struct {
		rows []jobs.QueueStats
		req  backpressure.Request
		want backpressure.Decision
	}{
		"an empty system": {
			req:  standard,
			want: backpressure.Decision{Mode: jobs.AdmitNormal, ETAKnown: true},
		},
		"a backlog that starts within the objective": {
			rows: []jobs.QueueStats{row(jobs.Standard, "a", 100)},
			req:  standard,
			want: backpressure.Decision{Mode: jobs.AdmitNormal, ETA: 50, ETAKnown: true},
		},
		"the wait counts only lanes and tenants that are active": {
			rows: []jobs.QueueStats{row(jobs.Standard, "a", 30), row(jobs.Standard, "b", 1000), row(jobs.Batch, "c", 1000)},
			req:  standard,
			// 2/s, 2/3 of it for standard, half of that for the tenant.
			want: backpressure.Decision{Mode: jobs.AdmitNormal, ETA: 45, ETAKnown: true},
		},
		"more than twice the objective at the guaranteed share": {
			rows: []jobs.QueueStats{row(jobs.Standard, "a", 161)}, // 161 / (2 * 2/15) = 604 s
			req:  standard,
			want: backpressure.Decision{
				Mode: jobs.AdmitRejected, Reason: backpressure.TenantQueueFull, ETA: 80.5, ETAKnown: true,
				RetryAfter: 184 * time.Second, // (161 - 0.7*160) / (4/15 a second), rounded up
			},
		},
		"exactly twice the objective is let in": {
			rows: []jobs.QueueStats{row(jobs.Standard, "a", 160)},
			req:  standard,
			want: backpressure.Decision{Mode: jobs.AdmitNormal, ETA: 80, ETAKnown: true},
		},
		"another tenant's backlog refuses nobody": {
			rows: []jobs.QueueStats{row(jobs.Standard, "hog", 100_000)},
			req:  standard,
			want: backpressure.Decision{Mode: jobs.AdmitNormal, ETAKnown: true},
		},
		"the tenant's own limit counts parked jobs and all lanes": {
			rows: []jobs.QueueStats{{Lane: jobs.Batch, Tenant: "a", Queued: 3, Parked: 2}},
			req:  with(func(r *backpressure.Request) { r.MaxQueued = 5 }),
			want: backpressure.Decision{
				Mode: jobs.AdmitRejected, Reason: backpressure.TenantQueueFull, RetryAfter: 6 * time.Second,
			},
		},
		"below the tenant's own limit": {
			rows: []jobs.QueueStats{{Lane: jobs.Batch, Tenant: "a", Queued: 2, Parked: 2}},
			req:  with(func(r *backpressure.Request) { r.MaxQueued = 5 }),
			want: backpressure.Decision{Mode: jobs.AdmitNormal, ETAKnown: true},
		},
		"a deadline shorter than the wait": {
			rows: []jobs.QueueStats{row(jobs.Standard, "a", 100)},
			req:  with(func(r *backpressure.Request) { r.DeadlineAt = now.Add(60 * time.Second) }),
			want: backpressure.Decision{
				Mode: jobs.AdmitRejected, Reason: backpressure.DeadlineUnachievable, ETA: 50, ETAKnown: true,
			},
		},
		"a deadline that leaves a fifth of the time": {
			rows: []jobs.QueueStats{row(jobs.Standard, "a", 100)},
			req:  with(func(r *backpressure.Request) { r.DeadlineAt = now.Add(63 * time.Second) }),
			want: backpressure.Decision{Mode: jobs.AdmitNormal, ETA: 50, ETAKnown: true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.want.Signals = backpressure.SignalsFresh
			got := fleet(t, tc.rows...).Admit(tc.req, now)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
		})
	}
}

func TestALongWaitWithinTheTenantsShareIsQueuedAndSaysSo(t *testing.T) {
	t.Parallel()
	// Interactive is guaranteed 8/15 a second; 30 jobs are 56 s of it. With
	// critical busy they get 2/3 a second: 45 s, beyond the objective of 30 s.
	c := fleet(t, row(jobs.Interactive, "a", 30), row(jobs.Critical, "z", 600))
	got := c.Admit(backpressure.Request{Lane: jobs.Interactive, Tenant: "a"}, start())
	want := backpressure.Decision{
		Mode: jobs.AdmitQueued, Reason: backpressure.Backlog, ETA: 45, ETAKnown: true, Signals: backpressure.SignalsFresh,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("decision (-want +got):\n%s", diff)
	}
}

func TestWithoutAnyWorkerJobsQueueUpToTheHardLimit(t *testing.T) {
	t.Parallel()
	c, now := controller(t), start()
	r := backpressure.Request{Lane: jobs.Batch, Tenant: "a", MaxQueued: 1000, DeadlineAt: now.Add(time.Second)}
	for i := range 1000 {
		d := c.Admit(r, now)
		if d.Mode != jobs.AdmitQueued || d.Reason != backpressure.NoWorker || d.ETAKnown {
			t.Fatalf("job %d: %+v, want queued for no_worker without an eta", i, d)
		}
	}
	if d := c.Admit(r, now); d.Reason != backpressure.TenantQueueFull || d.RetryAfter <= 0 {
		t.Errorf("job 1001: %+v, want tenant_queue_full with a time to retry", d)
	}
}

func TestPressureShedsBatchFirstAndCriticalLast(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		pressure backpressure.Pressure
		admitted string
	}{
		{backpressure.Pressure{}, "critical interactive standard batch"},
		{backpressure.Pressure{Memory: 0.88}, "critical interactive standard batch"},
		{backpressure.Pressure{Memory: 0.90}, "critical interactive standard"},
		{backpressure.Pressure{Disk: 0.93}, "critical interactive"},
		{backpressure.Pressure{Store: 0.94}, "critical"},
		{backpressure.Pressure{Memory: 0.5, Store: 0.95, Disk: 0.1}, ""},
	} {
		c := fleet(t)
		c.SetPressure(tc.pressure)
		var admitted []string
		for _, l := range jobs.Lanes() {
			d := c.Admit(backpressure.Request{Lane: l, Tenant: "a"}, start())
			if d.Admitted() {
				admitted = append(admitted, l.String())
			} else if d.Reason != backpressure.LaneShed || d.Status() != 503 || d.RetryAfter != time.Second {
				t.Errorf("%+v: lane %s was refused with %+v", tc.pressure, l, d)
			}
		}
		if got := strings.Join(admitted, " "); got != tc.admitted {
			t.Errorf("%+v (G=%g) lets in %q, want %q", tc.pressure, tc.pressure.G(), got, tc.admitted)
		}
	}
}

func TestAdmissionsSinceTheSnapshotCountUntilASnapshotHoldsThem(t *testing.T) {
	t.Parallel()
	c, now := fleet(t), start()
	r := backpressure.Request{Lane: jobs.Critical, Tenant: "a"}
	for i := range 60 {
		d := c.Admit(r, now.Add(200*time.Millisecond))
		if refused := i > 21; refused == d.Admitted() { // 20 s at 16/15 a second are 21.3 jobs
			t.Fatalf("job %d: %+v", i, d)
		}
	}
	// The snapshot was taken before the admissions: they still count.
	c.Snapshot(queued(now.Add(100 * time.Millisecond)))
	if d := c.Admit(r, now.Add(300*time.Millisecond)); d.Admitted() {
		t.Errorf("after a snapshot without them: %+v, want a refusal", d)
	}
	// This one holds them, and most have started since.
	c.Snapshot(queued(now.Add(time.Second), row(jobs.Critical, "a", 2)))
	if got := c.Report(now.Add(time.Second)).Lanes[jobs.Critical].Queued; got != 2 {
		t.Errorf("%d jobs queued in the lane, want the snapshot's 2", got)
	}
}

func TestAWithdrawnAdmissionDoesNotCount(t *testing.T) {
	t.Parallel()
	c, now := fleet(t), start()
	r := backpressure.Request{Lane: jobs.Critical, Tenant: "a"}
	for range 1000 {
		if d := c.Admit(r, now); !d.Admitted() || d.ETA != 0 {
			t.Fatalf("%+v, want the empty system's answer", d)
		}
		c.Withdraw(r)
	}
	c.Withdraw(r) // one too many changes nothing
	if got := c.Report(now).Lanes[jobs.Critical].Queued; got != 0 {
		t.Errorf("%d jobs queued after all were withdrawn", got)
	}
}

func TestTenantsShareALaneByWeight(t *testing.T) {
	t.Parallel()
	c := fleet(t, row(jobs.Standard, "heavy", 91), row(jobs.Standard, "light", 91))
	c.SetWeights(map[string]int{"heavy": 3})
	heavy, _ := c.ETA(jobs.Standard, "heavy", start(), start())
	light, _ := c.ETA(jobs.Standard, "light", start(), start())
	if heavy != 60 || light != 91 { // the light one waits for all of the backlog
		t.Errorf("waits are %g and %g s, want 60 and 91", heavy, light)
	}
}

func TestAPausedTenantDelaysNobodyElse(t *testing.T) {
	t.Parallel()
	c := fleet(t, row(jobs.Standard, "a", 30), row(jobs.Standard, "b", 50), row(jobs.Batch, "c", 1000))
	eta := func() float64 {
		return c.Admit(backpressure.Request{Lane: jobs.Standard, Tenant: "a"}, start()).ETA
	}
	withdraw := func() { c.Withdraw(backpressure.Request{Lane: jobs.Standard, Tenant: "a"}) }
	queued := func(want int) {
		t.Helper()
		if got := c.Report(start()).Lanes[jobs.Standard].Queued; got != want {
			t.Errorf("%d jobs in the lane, want %d", got, want)
		}
	}
	c.SetPaused([]string{"b"})
	// 2/s, 2/3 of it for standard, all of that for the tenant.
	if got := eta(); got != 22.5 {
		t.Errorf("beside a paused tenant the wait is %g s, want 22.5", got)
	}
	withdraw()
	queued(30)
	// What a paused tenant submits counts when it is resumed.
	late := backpressure.Request{Lane: jobs.Standard, Tenant: "b"}
	for range 3 {
		if d := c.Admit(late, start()); !d.Admitted() {
			t.Errorf("a paused tenant is refused: %+v", d)
		}
	}
	c.Withdraw(late)
	queued(30)
	c.SetPaused(nil)
	queued(82)
	if got := eta(); got != 45 {
		t.Errorf("after the pause the wait is %g s, want 45", got)
	}
	c.SetPaused([]string{"b"})
	withdraw()
	queued(30)
}

func TestATenantThatWasActiveWithinTheMinuteKeepsItsGuaranteedShare(t *testing.T) {
	t.Parallel()
	c, now := controller(t), start()
	r := backpressure.Request{Lane: jobs.Standard, Tenant: "a"}
	at := func(after time.Duration, rows ...jobs.QueueStats) backpressure.Decision {
		c.Heartbeat(load("w", now.Add(after), 16, 8*time.Second))
		c.Snapshot(queued(now.Add(after), rows...))
		d := c.Admit(r, now.Add(after))
		if d.Admitted() {
			c.Withdraw(r)
		}
		return d
	}
	if d := at(0, row(jobs.Standard, "a", 100), row(jobs.Standard, "b", 1)); d.Admitted() {
		t.Errorf("beside an active tenant: %+v, want a refusal", d)
	}
	if d := at(59*time.Second, row(jobs.Standard, "a", 100)); d.Admitted() {
		t.Errorf("59 s after the other tenant's last job: %+v, want a refusal", d)
	}
	if d := at(62*time.Second, row(jobs.Standard, "a", 100)); !d.Admitted() {
		t.Errorf("a minute later: %+v, want an admission", d)
	}
}

func TestBlindSnapshotsAreTakenToDrainALittleSlowerThanGuaranteed(t *testing.T) {
	t.Parallel()
	c, now := fleet(t, row(jobs.Standard, "a", 700)), start()
	r := backpressure.Request{Lane: jobs.Standard, Tenant: "a"}
	// 0.9 * 4/15 a second leave 160 jobs, the most that are let in, after
	// 2250 s.
	if d := c.Admit(r, now.Add(2249*time.Second)); d.Admitted() || d.Signals != backpressure.SignalsBlind {
		t.Errorf("before enough has drained: %+v, want a refusal", d)
	}
	if d := c.Admit(r, now.Add(2251*time.Second)); !d.Admitted() {
		t.Errorf("after enough has drained: %+v, want an admission", d)
	}
	if d := c.Admit(r, now.Add(24*time.Hour)); !d.Admitted() || d.ETA != 0 {
		t.Errorf("a day later: %+v, want an admission without a wait", d)
	}
}

func TestTheETAOfAWaitingJobCountsTheJobsBeforeIt(t *testing.T) {
	t.Parallel()
	now := start()
	r := row(jobs.Standard, "a", 100)
	r.OldestAt = now.Add(-100 * time.Second)
	c := fleet(t, r)
	for _, tc := range []struct {
		enqueued time.Duration
		want     float64
	}{{-100 * time.Second, 0}, {-50 * time.Second, 25}, {0, 49.5}, {-time.Hour, 0}, {time.Hour, 49.5}} {
		got, known := c.ETA(jobs.Standard, "a", now.Add(tc.enqueued), now)
		if !known || got != tc.want {
			t.Errorf("a job enqueued %s ago starts in %g s (known %t), want %g", -tc.enqueued, got, known, tc.want)
		}
	}
	if _, known := controller(t).ETA(jobs.Standard, "a", now, now); known {
		t.Error("an eta is known though no worker was ever seen")
	}
}

func TestABadConfigurationNamesTheField(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*backpressure.Config){
		"service prior":            func(c *backpressure.Config) { c.ServicePrior = time.Microsecond },
		"weight of lane batch":     func(c *backpressure.Config) { c.Lanes[jobs.Batch].Weight = -1 },
		"objective of lane batch":  func(c *backpressure.Config) { c.Lanes[jobs.Batch].Objective = time.Millisecond },
		"cut-off of lane critical": func(c *backpressure.Config) { c.Lanes[jobs.Critical].CutOff = 1.5 },
		"cut-off of lane batch":    func(c *backpressure.Config) { c.Lanes[jobs.Batch].CutOff = 0.9 },
	} {
		var cfg backpressure.Config
		change(&cfg)
		if _, err := backpressure.New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want it to name %q", err, want)
		}
	}
}

func TestEveryReasonHasAStatus(t *testing.T) {
	t.Parallel()
	want := map[backpressure.Reason]int{
		backpressure.Backlog: 202, backpressure.NoWorker: 202,
		backpressure.TenantQueueFull: 429, backpressure.RateLimited: 429,
		backpressure.BudgetExhausted: 429, backpressure.TenantPaused: 429,
		backpressure.DeadlineUnachievable: 422,
		backpressure.LaneShed:             503, backpressure.Draining: 503, backpressure.EngineUnavailable: 503,
	}
	got := map[backpressure.Reason]int{}
	for _, r := range backpressure.Reasons() {
		got[r] = r.Status()
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
}

// TestAClockThatWasSetBackStopsNoIntake sets the clock back by an hour while
// jobs come and go.
func TestAClockThatWasSetBackStopsNoIntake(t *testing.T) {
	t.Parallel()
	c := fleet(t)
	req := backpressure.Request{Lane: jobs.Standard, Tenant: "a"}
	for range 50 {
		c.Admit(req, start())
	}
	for second := range 600 {
		now := start().Add(-time.Hour + time.Duration(second)*time.Second)
		c.Heartbeat(load("w", now, 16, 8*time.Second))
		c.Snapshot(queued(now)) // what came in has started
		if d := c.Admit(req, now); !d.Admitted() {
			t.Fatalf("%d s after it, a job is refused: %s", second, d.Reason)
		}
	}
	if n := c.Report(start().Add(-50 * time.Minute)).Lanes[jobs.Standard].Queued; n > 1 {
		t.Errorf("%d jobs are thought to wait, want at most the last", n)
	}
}
