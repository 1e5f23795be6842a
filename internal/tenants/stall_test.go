package tenants_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/internal/tenants"
	"github.com/sluicehq/sluice/pkg/jobs/jobstest"
)

// A look takes long when the process is stopped, or when the engine hangs. What
// others have changed must then not wait for many times as long, and after one
// such look no longer than ever.
func TestALookThatStalledIsSoonFollowedByAnother(t *testing.T) {
	t.Parallel()
	const stall = 10 * time.Minute
	for name, tc := range map[string]struct {
		lists   []jobstest.Fault // of Open, of Run, and of Run again, because Open had made a tenant
		stalled time.Duration
		within  time.Duration
	}{
		"and went well":     {[]jobstest.Fault{jobstest.None, jobstest.None, jobstest.Slow}, stall, time.Second},
		"and failed":        {[]jobstest.Fault{jobstest.None, jobstest.None, jobstest.Slow, jobstest.ErrorBefore}, stall, 2 * time.Second},
		"and stalled again": {[]jobstest.Fault{jobstest.None, jobstest.None, jobstest.Slow, jobstest.Slow}, 2 * stall, 31 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				inner := newEngine(t)
				e := &jobstest.Faulty{Engine: inner, Delay: stall, Plan: jobstest.Script(map[string][]jobstest.Fault{"Records.List": tc.lists})}
				here := open(t, tenants.Config{Engine: e, Seeds: seed("acme", tenants.Limits{})})
				there := open(t, tenants.Config{Engine: inner})
				running(t, here)
				time.Sleep(tc.stalled + 700*time.Millisecond) // between two looks, half a second apart
				synctest.Wait()
				must[tenants.Tenant](t)(there.Edit(t.Context(), "acme", 0, "ops", func(l *tenants.Limits) { l.MaxQueued = 7 }))
				time.Sleep(tc.within)
				synctest.Wait()
				if got := here.Limits("acme").MaxQueued; got != 7 {
					t.Errorf("%s after a look that stalled the limit is %d", tc.within, got)
				}
			})
		})
	}
}
