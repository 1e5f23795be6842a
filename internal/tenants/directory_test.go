package tenants_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sluicehq/sluice/internal/tenants"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/jobstest"
)

func TestTheConfigurationSeedsTenantsUntilTheyAreEdited(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	d := open(t, tenants.Config{Engine: e, Seeds: seed("acme", tenants.Limits{Weight: 3, MaxQueued: 10})})
	first := must[tenants.Tenant](t)(d.Get(t.Context(), "acme"))
	if first.Weight != 3 || first.MaxQueued != 10 || first.Edited || first.Version != 1 {
		t.Errorf("seeded: %+v", first)
	}
	// The same configuration changes nothing, another one does.
	open(t, tenants.Config{Engine: e, Seeds: seed("acme", tenants.Limits{Weight: 3, MaxQueued: 10})})
	if got := must[tenants.Tenant](t)(d.Get(t.Context(), "acme")); got.Version != 1 {
		t.Errorf("the same configuration makes version %d", got.Version)
	}
	d = open(t, tenants.Config{Engine: e, Seeds: seed("acme", tenants.Limits{Weight: 4})})
	if got := d.Limits("acme"); got.Weight != 4 || got.MaxQueued != 0 {
		t.Errorf("another configuration gives %+v", got)
	}
	must[tenants.Tenant](t)(d.Edit(t.Context(), "acme", 0, "ops", func(l *tenants.Limits) { l.Weight = 9 }))
	d = open(t, tenants.Config{Engine: e, Seeds: seed("acme", tenants.Limits{Weight: 5})})
	if got := d.Limits("acme"); got.Weight != 9 {
		t.Errorf("the configuration took an edited tenant back: %+v", got)
	}
	reset := must[tenants.Tenant](t)(d.Reset(t.Context(), "acme", 0, "ops"))
	if reset.Weight != 5 || reset.Edited || d.Limits("acme").Weight != 5 {
		t.Errorf("reset: %+v", reset)
	}
	d = open(t, tenants.Config{Engine: e, Seeds: seed("acme", tenants.Limits{Weight: 6})})
	if got := d.Limits("acme"); got.Weight != 6 {
		t.Errorf("after a reset the configuration gives %+v", got)
	}
	// A tenant that leaves the configuration stays as it was.
	d = open(t, tenants.Config{Engine: e})
	if got := d.Limits("acme"); got.Weight != 6 {
		t.Errorf("a tenant that left the configuration has %+v", got)
	}
	if _, err := d.Reset(t.Context(), "acme", 0, "ops"); !errors.Is(err, tenants.ErrNotConfigured) {
		t.Errorf("reset without a configuration: error %v", err)
	}
}

func TestAChangeActsAtOnce(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	var weights map[string]int
	d := open(t, tenants.Config{Engine: e, Seeds: seed("acme", tenants.Limits{MaxRunning: 1}), Weights: func(w map[string]int) { weights = w }})
	for n := range 5 {
		submit(t, e, "acme", n)
	}
	if got := lent(t, e); got != 1 {
		t.Errorf("%d jobs run under the seeded limit of 1", got)
	}
	got := must[tenants.Tenant](t)(d.Edit(t.Context(), "acme", 1, "ops/key1", func(l *tenants.Limits) { l.MaxRunning, l.Weight = 3, 7 }))
	if got.Version != 2 || !got.Edited || got.UpdatedBy != "ops/key1" || got.UpdatedAt.IsZero() {
		t.Errorf("edited: %+v", got)
	}
	if got := lent(t, e); got != 2 {
		t.Errorf("%d more jobs run under the new limit of 3, want 2", got)
	}
	if diff := cmp.Diff(map[string]int{"acme": 7}, weights); diff != "" {
		t.Errorf("the admission's weights (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(tenants.Limits{Weight: 7, MaxRunning: 3}, d.Limits("acme")); diff != "" {
		t.Errorf("limits (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(tenants.Limits{Weight: 1}, d.Limits("nobody")); diff != "" {
		t.Errorf("limits of a tenant that is not known (-want +got):\n%s", diff)
	}
}

func TestAChangeOfAnotherProcessActsWithinASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t)
		here := open(t, tenants.Config{Engine: e, Seeds: seed("acme", tenants.Limits{})})
		there := open(t, tenants.Config{Engine: e})
		running(t, here)
		synctest.Wait()
		must[tenants.Tenant](t)(here.Pause(t.Context(), "acme", 0, tenants.Pause{Until: time.Now().Add(time.Hour)}))
		synctest.Wait()
		must[tenants.Tenant](t)(there.Edit(t.Context(), "acme", 0, "ops", func(l *tenants.Limits) { l.MaxQueued = 7 }))
		must[tenants.Tenant](t)(there.Create(t.Context(), "new", tenants.Limits{Weight: 2}, "ops"))
		time.Sleep(time.Second)
		synctest.Wait()
		if got := here.Limits("acme").MaxQueued; got != 7 {
			t.Errorf("an edit arrives as %d", got)
		}
		if got := here.Limits("new").Weight; got != 2 {
			t.Errorf("a new tenant has weight %d", got)
		}
		if err := there.Delete(t.Context(), "new", 0); err != nil {
			t.Error(err)
		}
		here.Hint()
		synctest.Wait()
		if got := here.Limits("new").Weight; got != 1 {
			t.Errorf("a deleted tenant has weight %d right after a hint", got)
		}
	})
}

func TestPauses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t)
		var paused atomic.Pointer[[]string]
		d := open(t, tenants.Config{Engine: e, Seeds: seed("acme", tenants.Limits{}), Paused: func(names []string) { paused.Store(&names) }})
		told := func(want ...string) {
			t.Helper()
			if diff := cmp.Diff(want, *paused.Load()); diff != "" {
				t.Errorf("the admission knows of pauses (-want +got):\n%s", diff)
			}
		}
		told()
		running(t, d)
		for n := range 3 {
			submit(t, e, "acme", n)
		}
		end := time.Now().Add(90*time.Second + 300*time.Millisecond)
		p := must[tenants.Tenant](t)(d.Pause(t.Context(), "acme", 0, tenants.Pause{Reason: "INC-42", Until: end, By: "ops"}))
		if p.Pause == nil || p.Pause.Reason != "INC-42" || !p.Pause.Until.Equal(end) || p.Pause.At.IsZero() || p.Edited {
			t.Errorf("paused: %+v", p)
		}
		told("acme")
		if got := lent(t, e); got != 0 {
			t.Errorf("%d jobs of a paused tenant start", got)
		}
		if r := d.Admit(t.Context(), "acme", 1); r.Refused() {
			t.Errorf("intake of a paused tenant is refused: %+v", r)
		}
		time.Sleep(time.Until(end) - time.Millisecond)
		synctest.Wait()
		if got := lent(t, e); got != 0 {
			t.Errorf("%d jobs start before the pause ends", got)
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if got := lent(t, e); got != 3 {
			t.Errorf("%d jobs start when the pause has ended, want 3", got)
		}
		told()
		if got := must[tenants.Tenant](t)(d.Get(t.Context(), "acme")); got.Pause != nil {
			t.Errorf("a pause that is over shows: %+v", got.Pause)
		}
	})
}

func TestAPauseWithoutAnEndLastsUntilItIsResumed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t)
		d := open(t, tenants.Config{Engine: e, Seeds: seed("acme", tenants.Limits{})})
		running(t, d)
		submit(t, e, "acme", 1)
		must[tenants.Tenant](t)(d.Pause(t.Context(), "acme", 0, tenants.Pause{RefuseIntake: true}))
		time.Sleep(time.Hour)
		if got := lent(t, e); got != 0 {
			t.Errorf("%d jobs of a paused tenant start", got)
		}
		if r := d.Admit(t.Context(), "acme", 1); r.Reason != "tenant_paused" || r.RetryAfter != time.Minute {
			t.Errorf("intake that a pause refuses answers %+v", r)
		}
		// A process that starts meanwhile knows of the pause before it lends.
		other := newEngine(t)
		must[jobs.Record](t)(other.Records().Put(t.Context(), record(t, e, "acme")))
		open(t, tenants.Config{Engine: other})
		submit(t, other, "acme", 1)
		if got := lent(t, other); got != 0 {
			t.Errorf("%d jobs of a paused tenant start in a new process", got)
		}
		got := must[tenants.Tenant](t)(d.Resume(t.Context(), "acme", 0, "ops"))
		if n := lent(t, e); n != 1 || got.Pause != nil || d.Admit(t.Context(), "acme", 1).Refused() {
			t.Errorf("after it was resumed: %+v, %d jobs", got, n)
		}
		again := must[tenants.Tenant](t)(d.Resume(t.Context(), "acme", 0, "ops"))
		if again.Version != got.Version {
			t.Errorf("resuming twice makes version %d of %d", again.Version, got.Version)
		}
	})
}

// record is a tenant's record as another store would be given it.
func record(t *testing.T, e jobs.Engine, name jobs.ID) jobs.Record {
	t.Helper()
	r, err := e.Records().Get(t.Context(), tenants.Kind, name)
	if err != nil {
		t.Fatal(err)
	}
	r.Version = 0
	return r
}

func TestEditsCompareVersions(t *testing.T) {
	t.Parallel()
	d := open(t, tenants.Config{Seeds: seed("acme", tenants.Limits{})})
	none := func(*tenants.Limits) {}
	one := func(l *tenants.Limits) { l.MaxRunning++ }
	for _, row := range []struct {
		what string
		do   func() error
		want error
	}{
		{"an edit of an old version", func() error { _, err := d.Edit(t.Context(), "acme", 7, "ops", one); return err }, jobs.ErrConflict},
		{"an edit of nobody", func() error { _, err := d.Edit(t.Context(), "nobody", 0, "ops", one); return err }, jobs.ErrNotFound},
		{"a pause of nobody", func() error { _, err := d.Pause(t.Context(), "nobody", 0, tenants.Pause{}); return err }, jobs.ErrNotFound},
		{"a resume of an old version", func() error { _, err := d.Resume(t.Context(), "acme", 2, "ops"); return err }, jobs.ErrConflict},
		{"a limit out of bounds", func() error {
			_, err := d.Edit(t.Context(), "acme", 0, "ops", func(l *tenants.Limits) { l.Weight = 1001 })
			return err
		}, jobs.ErrInvalid},
		{"a pause that is over", func() error {
			_, err := d.Pause(t.Context(), "acme", 0, tenants.Pause{Until: time.Now().Add(-time.Second)})
			return err
		}, jobs.ErrInvalid},
		{"a long reason", func() error {
			_, err := d.Pause(t.Context(), "acme", 0, tenants.Pause{Reason: strings.Repeat("a", jobs.MaxReasonBytes+1)})
			return err
		}, jobs.ErrInvalid},
		{"a tenant that is there", func() error { _, err := d.Create(t.Context(), "acme", tenants.Limits{}, "ops"); return err }, jobs.ErrConflict},
		{"a name that cannot be", func() error { _, err := d.Create(t.Context(), "a b", tenants.Limits{}, "ops"); return err }, jobs.ErrInvalid},
		{"a deletion of a configured tenant", func() error { return d.Delete(t.Context(), "acme", 0) }, tenants.ErrConfigured},
		{"a deletion of nobody", func() error { return d.Delete(t.Context(), "nobody", 0) }, jobs.ErrNotFound},
		{"reading nobody", func() error { _, err := d.Get(t.Context(), "nobody"); return err }, jobs.ErrNotFound},
		{"an edit that changes nothing", func() error { _, err := d.Edit(t.Context(), "acme", 1, "ops", none); return err }, nil},
	} {
		if err := row.do(); !errors.Is(err, row.want) {
			t.Errorf("%s: error %v, want %v", row.what, err, row.want)
		}
	}
	if got := must[tenants.Tenant](t)(d.Get(t.Context(), "acme")); got.Version != 1 || got.Edited {
		t.Errorf("something of it changed the tenant: %+v", got)
	}
}

func TestConcurrentEditsAllCount(t *testing.T) {
	t.Parallel()
	inner := newEngine(t)
	e := &lateEngine{inner, &lateRecords{Records: inner.Records()}}
	here := open(t, tenants.Config{Engine: e, Seeds: seed("acme", tenants.Limits{})})
	there := open(t, tenants.Config{Engine: inner})
	edit := func(d *tenants.Directory) error {
		_, err := d.Edit(t.Context(), "acme", 0, "ops", func(l *tenants.Limits) { l.MaxRunning++ })
		return err
	}
	overtake := func() {
		if err := edit(there); err != nil {
			t.Error(err)
		}
	}
	e.records.onGet = func() {
		e.records.onGet = overtake // twice
		overtake()
	}
	if err := edit(here); err != nil {
		t.Errorf("an edit that was overtaken twice: %v", err)
	}
	if got := must[tenants.Tenant](t)(there.Get(t.Context(), "acme")); got.MaxRunning != 3 || got.Version != 4 {
		t.Errorf("3 edits make %+v", got)
	}
	var always func()
	always = func() {
		e.records.onGet = always
		overtake()
	}
	always()
	if err := edit(here); !errors.Is(err, jobs.ErrConflict) {
		t.Errorf("an edit that is always overtaken: %v", err)
	}
}

func TestADeletedTenantHasNoLimits(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	d := open(t, tenants.Config{Engine: e})
	must[tenants.Tenant](t)(d.Create(t.Context(), "acme", tenants.Limits{MaxRunning: 1, RequestsPerSecond: 1}, "ops"))
	for n := range 3 {
		submit(t, e, "acme", n)
	}
	if got := lent(t, e); got != 1 {
		t.Errorf("%d jobs run under a limit of 1", got)
	}
	if err := d.Delete(t.Context(), "acme", 1); err != nil {
		t.Fatal(err)
	}
	if got := lent(t, e); got != 2 {
		t.Errorf("%d more jobs run without limit, want 2", got)
	}
	for range 5 {
		if d.Admit(t.Context(), "acme", 1).Refused() {
			t.Error("a tenant that was deleted is metered")
		}
	}
	// Made anew it begins anew.
	if got := must[tenants.Tenant](t)(d.Create(t.Context(), "acme", tenants.Limits{Weight: 2}, "ops")); got.Version != 1 || d.Limits("acme").Weight != 2 {
		t.Errorf("made anew: %+v", got)
	}
}

func TestTenantsAreListedInOrder(t *testing.T) {
	t.Parallel()
	d := open(t, tenants.Config{Seeds: []tenants.Seed{{Name: "c"}, {Name: "a"}, {Name: "b", Limits: tenants.Limits{Lanes: []jobs.Lane{jobs.Batch}}}}})
	page := must[[]tenants.Tenant](t)(d.List(t.Context(), "a", 1))
	want := []tenants.Tenant{{Name: "b", Version: 1, Limits: tenants.Limits{Weight: 1, Lanes: []jobs.Lane{jobs.Batch}}}}
	if diff := cmp.Diff(want, page, cmpopts.IgnoreFields(tenants.Tenant{}, "UpdatedAt")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if all := must[[]tenants.Tenant](t)(d.List(t.Context(), "", 0)); len(all) != 3 || all[0].Name != "a" {
		t.Errorf("all: %+v", all)
	}
}

// lateRecords answers what there was before a change that is made meanwhile.
type lateRecords struct {
	jobs.Records
	meanwhile func() // once, during a list
	onGet     func() // once, during a get
}

func (r *lateRecords) Get(ctx context.Context, kind string, id jobs.ID) (jobs.Record, error) {
	rec, err := r.Records.Get(ctx, kind, id)
	if f := r.onGet; f != nil {
		r.onGet = nil
		f()
	}
	return rec, err
}

func (r *lateRecords) List(ctx context.Context, q jobs.RecordQuery) ([]jobs.Record, error) {
	page, err := r.Records.List(ctx, q)
	if f := r.meanwhile; f != nil {
		r.meanwhile = nil
		f()
	}
	return page, err
}

type lateEngine struct {
	jobs.Engine
	records *lateRecords
}

func (e *lateEngine) Records() jobs.Records { return e.records }

func TestAListThatIsOldUndoesNothing(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"edit", "create", "delete"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				inner := newEngine(t)
				e := &lateEngine{inner, &lateRecords{Records: inner.Records()}}
				// Looking comes seldom, so that only one look is old.
				d := open(t, tenants.Config{Engine: e, Seeds: seed("acme", tenants.Limits{}), Poll: time.Minute})
				must[tenants.Tenant](t)(d.Create(t.Context(), "old", tenants.Limits{MaxRunning: 5}, "ops"))
				e.records.meanwhile = func() {
					switch name {
					case "edit":
						must[tenants.Tenant](t)(d.Edit(t.Context(), "acme", 0, "ops", func(l *tenants.Limits) { l.MaxRunning = 9 }))
					case "create":
						must[tenants.Tenant](t)(d.Create(t.Context(), "new", tenants.Limits{MaxRunning: 9}, "ops"))
					case "delete":
						if err := d.Delete(t.Context(), "old", 0); err != nil {
							t.Error(err)
						}
					}
				}
				look := func() (int, int, int) {
					return d.Limits("acme").MaxRunning, d.Limits("new").MaxRunning, d.Limits("old").MaxRunning
				}
				d.LookOnce(t.Context())
				acme, made, old := look()
				want := map[string][3]int{"edit": {9, 0, 5}, "create": {0, 9, 5}, "delete": {0, 0, 0}}[name]
				if got := [3]int{acme, made, old}; got != want {
					t.Errorf("after an old list: %v, want %v", got, want)
				}
				d.LookOnce(t.Context())
				if acme, made, old = look(); [3]int{acme, made, old} != want {
					t.Errorf("after a new list: %v, want %v", [3]int{acme, made, old}, want)
				}
			})
		})
	}
}

func TestWhatTheEngineDidNotTakeInIsToldAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inner := newEngine(t)
		var mu sync.Mutex
		var failures []string
		e := &jobstest.Faulty{Engine: inner, Plan: jobstest.Script(map[string][]jobstest.Fault{
			"SetBulkheads": {jobstest.None, jobstest.ErrorBefore, jobstest.ErrorBefore},
			"Records.List": {jobstest.None, jobstest.ErrorBefore},
		})}
		d := open(t, tenants.Config{Engine: e, Seeds: seed("acme", tenants.Limits{MaxRunning: 1}), Events: tenants.Events{
			Failed: func(doing string, err error) {
				mu.Lock()
				defer mu.Unlock()
				failures = append(failures, doing)
				if !errors.Is(err, jobs.ErrUnavailable) {
					t.Errorf("%s: %v", doing, err)
				}
			},
		}})
		for n := range 3 {
			submit(t, inner, "acme", n)
		}
		must[tenants.Tenant](t)(d.Edit(t.Context(), "acme", 0, "ops", func(l *tenants.Limits) { l.MaxRunning = 2 }))
		if got := lent(t, inner); got != 1 {
			t.Errorf("%d jobs run under the limit that the engine knows", got)
		}
		running(t, d)
		time.Sleep(time.Second)
		synctest.Wait()
		if got := lent(t, inner); got != 1 {
			t.Errorf("%d more jobs run, want 1", got)
		}
		mu.Lock()
		defer mu.Unlock()
		if len(failures) != 3 {
			t.Errorf("failures: %v", failures)
		}
	})
}

func TestADamagedRecordIsToldOfAndLeftOut(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	for id, value := range map[jobs.ID]string{"broken": `{"weight":`, "beyond": `{"weight":5000}`} {
		must[jobs.Record](t)(e.Records().Put(t.Context(), jobs.Record{Kind: tenants.Kind, ID: id, Value: []byte(value)}))
	}
	told := 0
	d := open(t, tenants.Config{Engine: e, Seeds: seed("acme", tenants.Limits{Weight: 2}), Events: tenants.Events{Failed: func(string, error) { told++ }}})
	if told != 2 || d.Limits("broken").Weight != 1 || d.Limits("acme").Weight != 2 {
		t.Errorf("told of %d records", told)
	}
}

func TestAConfigurationThatCannotBeIsRefused(t *testing.T) {
	t.Parallel()
	e, p := newEngine(t), &purse{}
	for name, cfg := range map[string]tenants.Config{
		"no engine": {Spender: p}, "no spender": {Engine: e}, "poll": {Engine: e, Spender: p, Poll: time.Hour},
		"name":  {Engine: e, Spender: p, Seeds: seed("", tenants.Limits{})},
		"twice": {Engine: e, Spender: p, Seeds: append(seed("a", tenants.Limits{}), seed("a", tenants.Limits{})...)},
		"limit": {Engine: e, Spender: p, Seeds: seed("a", tenants.Limits{MaxQueued: -1})},
	} {
		if _, err := tenants.Open(t.Context(), cfg); !errors.Is(err, jobs.ErrInvalid) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// TestManyProcessesAgreeDespiteFaults lets two directories edit the same
// tenants over an engine that often fails.
func TestManyProcessesAgreeDespiteFaults(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		synctest.Test(t, func(t *testing.T) {
			inner := newEngine(t)
			var told sync.Map
			faulty := func(n uint64) *heardEngine {
				plan := jobstest.Seeded(seed*2+n, 0.3, jobstest.ErrorBefore, jobstest.ErrorAfter, jobstest.Doubled)
				return &heardEngine{&jobstest.Faulty{Engine: inner, Plan: func(m string, k int) jobstest.Fault {
					if k < 3 { // so that it can be opened
						return jobstest.None
					}
					return plan(m, k)
				}}, &told}
			}
			here, there := open(t, tenants.Config{Engine: faulty(0)}), open(t, tenants.Config{Engine: faulty(1)})
			running(t, here)
			running(t, there)
			for n := range 60 {
				d := []*tenants.Directory{here, there}[n%2]
				name := fmt.Sprintf("t%d", n%3)
				switch n % 7 {
				case 0, 1:
					_, _ = d.Create(t.Context(), name, tenants.Limits{Weight: n + 1}, "ops")
				case 5:
					_ = d.Delete(t.Context(), name, 0)
				default:
					_, _ = d.Edit(t.Context(), name, 0, "ops", func(l *tenants.Limits) { l.Weight = n + 1 })
				}
				if n%10 == 9 {
					time.Sleep(300 * time.Millisecond)
				}
			}
			time.Sleep(20 * time.Second)
			synctest.Wait()
			stored := map[string]bool{}
			records := must[[]jobs.Record](t)(inner.Records().List(t.Context(), jobs.RecordQuery{Kind: tenants.Kind}))
			for _, r := range records {
				stored[string(r.ID)] = true
			}
			for n := range 3 {
				name := fmt.Sprintf("t%d", n)
				a, b := here.Limits(name).Weight, there.Limits(name).Weight
				if a != b {
					t.Errorf("seed %d: %s has weight %d here and %d there", seed, name, a, b)
				}
				if !stored[name] && a != 1 {
					t.Errorf("seed %d: %s is deleted and has weight %d", seed, name, a)
				}
				if w, ok := told.Load(name); ok && w != a {
					t.Errorf("seed %d: the engine knows weight %v of %s, want %d", seed, w, name, a)
				}
			}
		})
	}
}

// heardEngine notes the weights that the engine has taken in.
type heardEngine struct {
	*jobstest.Faulty
	told *sync.Map
}

func (e *heardEngine) SetBulkheads(ctx context.Context, bs ...jobs.Bulkhead) error {
	err := e.Faulty.SetBulkheads(ctx, bs...)
	if err == nil {
		for _, b := range bs {
			e.told.Store(b.Tenant, b.Weight)
		}
	}
	return err
}
