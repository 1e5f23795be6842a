package jobstest

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

func lendBehaviours() []behaviour {
	return []behaviour{
		{name: "nothing to lend is no error", test: func(f *fixture) { f.lendsNone() }},
		{name: "a loan makes its job run", test: lendRuns},
		{name: "a loan lasts thirty seconds unless asked otherwise", test: lendDefaultLease},
		{name: "a malformed request is invalid", test: lendInvalid},
		{name: "one call lends up to Max", test: lendMax},
		{name: "a tenant's jobs go in the order of acceptance", test: lendOrder},
		{name: "every loan has a token of its own within 53 bits", test: lendTokens},
		{name: "lanes share by weight", test: lendLanes},
		{name: "a tenant with many jobs does not delay another", test: lendHog},
		{name: "tenants share by weight", test: lendWeights},
		{name: "the charge is corrected by the service time", test: lendCorrects},
		{name: "max_running bounds a tenant over all lanes", test: lendCap},
		{name: "a paused tenant gets no loans and what runs goes on", test: lendPause},
		{name: "bulkheads not named stay, and one invalid sets none", test: lendBulkheads},
		{name: "slots are summed over the workers heard of lately", test: lendSlots},
		{name: "a late job is expired and takes no place", test: lendExpires},
		{name: "jobs that can wait no longer can be asked for alone", test: lendDueBy},
		{name: "what is due goes no further than the caps", test: lendDueByCaps},
		{name: "attempts left open are lost at the next loan", test: lendMarksLost},
		{name: "a loan carries the ledger of its generation alone", test: lendLedger},
	}
}

func lendRuns(f *fixture) {
	made := f.submit()
	f.clock.Advance(time.Second)
	req := request(1)
	req.Lease = time.Minute
	loans, err := f.Lend(f.ctx(), req)
	if err != nil || len(loans) != 1 {
		f.t.Fatalf("lend: %d loans, %v", len(loans), err)
	}
	l := loans[0]
	now := f.clock.Now()
	lease := jobs.Lease{Job: made.ID, Token: l.Lease.Token, Worker: "worker-1", Until: now.Add(time.Minute)}
	want := made
	want.State, want.Version, want.Loans, want.Lease = jobs.Running, 2, 1, lease
	want.StartedAt, want.UpdatedAt = now, now
	f.same("the loan", jobs.Loan{Lease: lease, Job: want}, l)
	f.same("the stored job", want, f.get(made.ID))
	f.same("its event", jobs.Event{
		Job: made.ID, Tenant: "acme", Version: 2, Type: jobs.EventStarted, At: now, State: jobs.Running,
		Lane: jobs.Standard, Generation: 1, Actor: "worker-1",
	}, f.history(made.ID)[1])
	f.lendsNone()
}

func lendDefaultLease(f *fixture) {
	f.submit()
	if got := f.lendOne().Lease.Until.Sub(f.clock.Now()); got != 30*time.Second {
		f.t.Errorf("the lease lasts %s, want 30s", got)
	}
}

func lendInvalid(f *fixture) {
	f.submit()
	for name, wrong := range map[string]func(*jobs.LendRequest){
		"no worker":      func(r *jobs.LendRequest) { r.Worker = "" },
		"long worker":    func(r *jobs.LendRequest) { r.Worker = strings.Repeat("w", jobs.MaxWorkerBytes+1) },
		"worker":         func(r *jobs.LendRequest) { r.Worker = "w\x00" },
		"none":           func(r *jobs.LendRequest) { r.Max = 0 },
		"many":           func(r *jobs.LendRequest) { r.Max = jobs.MaxLend + 1 },
		"no slots":       func(r *jobs.LendRequest) { r.Slots = 0 },
		"negative lease": func(r *jobs.LendRequest) { r.Lease = -1 },
		"negative wait":  func(r *jobs.LendRequest) { r.Wait = -1 },
		"a wait for what is due": func(r *jobs.LendRequest) {
			r.Wait, r.DueBy = time.Second, f.clock.Now()
		},
	} {
		req := request(1)
		wrong(&req)
		loans, err := f.Lend(f.ctx(), req)
		f.wantKind(name, err, jobs.ErrInvalid)
		if len(loans) != 0 {
			f.t.Errorf("%s: lent %d", name, len(loans))
		}
	}
	if s := f.stats(); s.Workers != 0 || s.Slots != 0 {
		f.t.Errorf("%d workers with %d slots are known from invalid requests", s.Workers, s.Slots)
	}
}

func lendMax(f *fixture) {
	f.submitMany(5)
	if got := f.lend(3); len(got) != 3 {
		f.t.Errorf("lent %d, want 3", len(got))
	}
	if got := f.lend(3); len(got) != 2 {
		f.t.Errorf("lent %d, want the other 2", len(got))
	}
}

func lendOrder(f *fixture) {
	ids := f.submitMany(10)
	ids = append(ids, f.submit().ID, f.submit().ID)
	f.same("the order lent", ids, f.lendAll())
}

func lendTokens(f *fixture) {
	f.submitMany(20)
	seen := make(map[jobs.Token]bool)
	for range 5 {
		for _, l := range f.lend(20) {
			if token := l.Lease.Token; token <= 0 || token >= 1<<53 || seen[token] {
				f.t.Fatalf("token %d is out of range or was used before", token)
			}
			seen[l.Lease.Token] = true
			f.finish(l, release())
		}
	}
	if len(seen) != 100 {
		f.t.Errorf("%d loans, want 100", len(seen))
	}
}

// shares lends and finishes n jobs one by one and counts them by name.
func (f *fixture) shares(n int, name func(jobs.Job) string) map[string]int {
	f.t.Helper()
	got := make(map[string]int)
	for range n {
		l := f.lendOne()
		got[name(l.Job)]++
		f.finish(l, succeed())
	}
	return got
}

// near wants each share to be off by no more than slack.
func (f *fixture) near(got, want map[string]int, slack int) {
	f.t.Helper()
	for name, n := range want {
		if d := got[name] - n; d < -slack || d > slack {
			f.t.Errorf("%s had %d loans, want %d +- %d (all: %v)", name, got[name], n, slack, got)
		}
	}
}

func lendLanes(f *fixture) {
	for _, l := range jobs.Lanes() {
		f.submitMany(40, lane(l))
	}
	got := f.shares(45, func(j jobs.Job) string { return j.Lane.String() })
	f.near(got, map[string]int{"critical": 24, "interactive": 12, "standard": 6, "batch": 3}, 2)
}

func lendHog(f *fixture) {
	f.submitMany(200, tenant("hog"))
	f.shares(10, func(j jobs.Job) string { return j.Tenant })
	f.submit(tenant("calm"))
	if got := f.shares(2, func(j jobs.Job) string { return j.Tenant }); got["calm"] != 1 {
		f.t.Errorf("behind 190 jobs of another tenant, a job was not lent within 2 loans: %v", got)
	}
}

func lendWeights(f *fixture) {
	f.bulkheads(jobs.Bulkhead{Tenant: "heavy", Weight: 3}, jobs.Bulkhead{Tenant: "light"})
	for _, name := range []string{"heavy", "light", "other"} {
		f.submitMany(40, tenant(name))
	}
	got := f.shares(40, func(j jobs.Job) string { return j.Tenant })
	f.near(got, map[string]int{"heavy": 24, "light": 8, "other": 8}, 2)
}

func lendCorrects(f *fixture) {
	f.submitMany(60, tenant("quick"))
	f.submitMany(60, tenant("slow"))
	got := make(map[string]int)
	for range 60 {
		l := f.lendOne()
		got[l.Job.Tenant]++
		o := succeed()
		if l.Job.Tenant == "slow" {
			o.Service = 5 * l.Job.Cost
		}
		f.finish(l, o)
	}
	f.near(got, map[string]int{"quick": 50, "slow": 10}, 3)
}

func lendCap(f *fixture) {
	f.bulkheads(jobs.Bulkhead{Tenant: "acme", MaxRunning: 3})
	for _, l := range jobs.Lanes() {
		f.submitMany(3, lane(l))
	}
	running := f.lend(10)
	if len(running) != 3 {
		f.t.Fatalf("%d run at once, want 3", len(running))
	}
	f.lendsNone()
	f.submit(tenant("globex"))
	running = append(running, f.lend(10)...)
	if len(running) != 4 || running[3].Job.Tenant != "globex" {
		f.t.Fatalf("%d run, want the other tenant's job as the fourth", len(running))
	}
	ends := []jobs.Outcome{succeed(), park(f.clock.Now().Add(time.Minute)), fail()}
	for i, o := range ends {
		f.finish(running[i], o)
		if got := f.lend(10); len(got) != 1 {
			f.t.Fatalf("after outcome %s %d were lent, want 1", o.Kind, len(got))
		}
	}
	f.bulkheads(jobs.Bulkhead{Tenant: "acme", MaxRunning: 5})
	if got := f.lend(10); len(got) != 2 {
		f.t.Errorf("with the cap raised by 2, %d were lent", len(got))
	}
	f.bulkheads(jobs.Bulkhead{Tenant: "acme"})
	if got := f.lend(10); len(got) != 4 {
		f.t.Errorf("without a cap the last 4 are lent, got %d", len(got))
	}
}

func lendPause(f *fixture) {
	f.submitMany(2)
	l := f.lendOne()
	f.bulkheads(jobs.Bulkhead{Tenant: "acme", Paused: true})
	f.lendsNone()
	f.submit(tenant("globex"))
	f.lendOne()
	if !f.extend(l, time.Minute).Held {
		f.t.Error("a pause took a loan back")
	}
	f.finish(l, succeed())
	f.submit()
	f.lendsNone()
	f.bulkheads(jobs.Bulkhead{Tenant: "acme"})
	if got := f.lend(10); len(got) != 2 {
		f.t.Errorf("after the pause %d were lent, want 2", len(got))
	}
}

func lendBulkheads(f *fixture) {
	f.bulkheads(jobs.Bulkhead{Tenant: "acme", Paused: true})
	f.bulkheads(jobs.Bulkhead{Tenant: "globex", MaxRunning: 1})
	f.bulkheads()
	f.submit()
	f.lendsNone()
	for name, wrong := range map[string]jobs.Bulkhead{
		"weight":   {Tenant: "acme", Weight: jobs.MaxWeight + 1},
		"negative": {Tenant: "acme", Weight: -1},
		"cap":      {Tenant: "acme", MaxRunning: -1},
		"tenant":   {Tenant: "not a tenant"},
	} {
		f.wantKind(name, f.SetBulkheads(f.ctx(), jobs.Bulkhead{Tenant: "acme"}, wrong), jobs.ErrInvalid)
		f.lendsNone()
	}
}

func lendSlots(f *fixture) {
	ask := func(worker string, slots, limit int) int {
		f.t.Helper()
		loans, err := f.Lend(f.ctx(), jobs.LendRequest{Worker: worker, Max: limit, Slots: slots, Lease: time.Hour})
		if err != nil {
			f.t.Fatalf("lend: %v", err)
		}
		return len(loans)
	}
	known := func(slots, workers int) {
		f.t.Helper()
		if s := f.stats(); s.Slots != slots || s.Workers != workers {
			f.t.Errorf("%d workers with %d slots are known, want %d with %d", s.Workers, s.Slots, workers, slots)
		}
	}
	known(0, 0)
	ask("a", 3, 1)
	ask("a", 2, 1)
	ask("b", 2, 1)
	known(4, 2)
	// From four slots on, one is kept for the critical lane.
	f.submitMany(5)
	if got := ask("b", 2, 10); got != 3 {
		f.t.Errorf("of four slots %d were lent to the standard lane, want 3", got)
	}
	f.clock.Advance(jobs.WorkerMemory - time.Millisecond)
	known(4, 2)
	if got := ask("b", 2, 1); got != 0 {
		f.t.Errorf("the reserved slot was lent to the standard lane")
	}
	f.clock.Advance(time.Millisecond)
	known(2, 1)
	if got := ask("b", 2, 1); got != 1 {
		f.t.Errorf("with a worker forgotten no slot is reserved, but %d were lent", got)
	}
}

func lendExpires(f *fixture) {
	late := f.submitMany(3, due(time.Second))
	good := f.submitMany(3, due(time.Second+time.Millisecond))
	f.clock.Advance(time.Second)
	f.bulkheads(jobs.Bulkhead{Tenant: "acme", MaxRunning: 2})
	f.same("lent", good[:2], f.lendAll())
	for _, id := range late {
		j := f.state(id, jobs.Expired)
		if j.Failure == nil || j.Failure.Class != jobs.ClassDeadline || !j.EndedAt.Equal(f.clock.Now()) || j.Loans != 0 {
			f.t.Errorf("an expired job: %+v", j)
		}
		f.same("its history", []jobs.EventType{jobs.EventQueued, jobs.EventExpired}, f.types(id))
	}
	f.clock.Advance(time.Minute)
	f.sweep()
}

// lendsDue lends up to n jobs whose deadlines come within d and returns their
// IDs.
func (f *fixture) lendsDue(n int, d time.Duration) []jobs.ID {
	f.t.Helper()
	req := request(n)
	req.DueBy = f.clock.Now().Add(d)
	loans, err := f.Lend(f.ctx(), req)
	if err != nil {
		f.t.Fatalf("lend what is due: %v", err)
	}
	var ids []jobs.ID
	for _, l := range loans {
		ids = append(ids, l.Job.ID)
	}
	return ids
}

func lendDueBy(f *fixture) {
	later := f.submitMany(2, due(time.Minute))
	far := f.submit(due(time.Hour)).ID
	soon := f.submit(due(30*time.Second), lane(jobs.Batch), tenant("globex")).ID
	late := f.submit(due(time.Second)).ID
	f.clock.Advance(time.Second)
	f.same("before any is due", []jobs.ID(nil), f.lendsDue(10, 28*time.Second))
	f.same("at most as many as wanted", []jobs.ID{soon, later[0]}, f.lendsDue(2, 59*time.Second))
	f.same("the same deadline by Seq", []jobs.ID{later[1]}, f.lendsDue(10, 59*time.Second))
	f.same("none again", []jobs.ID(nil), f.lendsDue(10, 59*time.Second))
	if j := f.get(late); j.State != jobs.Queued {
		f.t.Errorf("a late job is %s, want it left to Sweep", j.State)
	}
	f.same("the others stay for every other call", []jobs.ID{far}, f.lendAll())
	f.clock.Advance(time.Minute)
	f.sweep() // every deadline that was looked at still counts
	f.state(late, jobs.Expired)
}

func lendDueByCaps(f *fixture) {
	f.bulkheads(jobs.Bulkhead{Tenant: "acme", MaxRunning: 1}, jobs.Bulkhead{Tenant: "shut", Paused: true})
	capped := f.submitMany(2, due(time.Minute))
	f.submit(due(time.Minute), tenant("shut"))
	f.same("up to the cap", capped[:1], f.lendsDue(10, time.Minute))
	f.bulkheads(jobs.Bulkhead{Tenant: "acme", MaxRunning: 2})
	f.same("and on from there", capped[1:], f.lendsDue(10, time.Minute))
}

func lendMarksLost(f *fixture) {
	f.submit()
	first := f.lendOne()
	now := f.clock.Now()
	rules := jobs.Attempt{N: 3, Tier: 3, Kind: jobs.RulesAttempt, StartedAt: now}
	f.putAttempts(first, closed(call(1, now), now.Add(time.Second)), call(2, now), rules)
	f.clock.Advance(jobs.DefaultLease)
	f.sweep()
	f.clock.Advance(time.Second)
	second := f.lendOne()

	want := []jobs.Attempt{closed(call(1, now), now.Add(time.Second)), call(2, now), rules}
	for i := range want {
		want[i].Generation = 1
		if want[i].Open() {
			want[i].Outcome, want[i].EndedAt = jobs.AttemptLost, f.clock.Now()
		}
	}
	want[1].Billed = jobs.BilledMaybe
	f.same("the ledger of the second loan", want, second.Attempts)
	f.same("the stored ledger", want, f.attempts(first.Job.ID))
}

func lendLedger(f *fixture) {
	j := f.submit()
	l := f.lendOne()
	now := f.clock.Now()
	f.putAttempts(l, call(1, now))
	f.finish(l, fail())
	f.apply(jobs.Command{Kind: jobs.Requeue, Job: j.ID})
	l = f.lendOne()
	if len(l.Attempts) != 0 {
		f.t.Errorf("the first loan of a generation carries %d attempts", len(l.Attempts))
	}
	f.putAttempts(l, closed(call(1, now), now))
	f.finish(l, release())
	l = f.lendOne()
	want := closed(call(1, now), now)
	want.Generation = 2
	f.same("the ledger of the second generation", []jobs.Attempt{want}, l.Attempts)
	old := call(1, now)
	old.Generation = 1
	f.same("the whole ledger", []jobs.Attempt{old, want}, f.attempts(j.ID))
}

// isContext wants err to be the context's own.
func (f *fixture) isContext(what string, err, want error) {
	f.t.Helper()
	if !errors.Is(err, want) {
		f.t.Errorf("%s: got %v, want %v", what, err, fmt.Sprint(want))
	}
}
