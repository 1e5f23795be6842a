package sqlitejobs_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/sqlitejobs"
)

// TestListsGoByAnIndex wants no list to sort or to look at all jobs when its
// filter has an index to go by.
func TestListsGoByAnIndex(t *testing.T) {
	t.Parallel()
	e := open(t, sqlitejobs.Config{Dir: t.TempDir()})
	accept(t, e, submission("a"))
	for name, c := range map[string]struct {
		f     jobs.Filter
		index string
	}{
		"all":                   {jobs.Filter{}, "jobs_id"},
		"tenant":                {jobs.Filter{Tenant: "acme"}, "jobs_tenant"},
		"lane":                  {jobs.Filter{Lanes: []jobs.Lane{jobs.Batch}}, "jobs_id"},
		"succeeded of a tenant": {jobs.Filter{Tenant: "acme", States: []jobs.State{jobs.Succeeded}}, "jobs_tenant"},
		"class":                 {jobs.Filter{Classes: []jobs.Class{"rate", "corrupt"}}, "states_class"},
		"class of a tenant":     {jobs.Filter{Tenant: "acme", Classes: []jobs.Class{"rate"}}, "states_tenant"},
		"dead letters":          {jobs.Filter{States: []jobs.State{jobs.Failed, jobs.Expired}}, "states_state"},
		"reviews of a tenant":   {jobs.Filter{Tenant: "acme", States: []jobs.State{jobs.InReview}}, "states_tenant"},
		"provider":              {jobs.Filter{Provider: "primary"}, "states_state"},
		"queued":                {jobs.Filter{States: []jobs.State{jobs.Queued}}, "INTEGER PRIMARY KEY"},
		"batch":                 {jobs.Filter{Batch: "b"}, "jobs_batch"},
	} {
		plans, err := e.Plans(t.Context(), c.f)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if all := strings.Join(plans, "\n"); !strings.Contains(plans[0], c.index) || strings.Contains(all, "B-TREE") {
			t.Errorf("%s goes by:\n%s\nwant the index %s and no sorting", name, all, c.index)
		}
	}
}

// TestFewAmongManyAreFound lists each state of a tenant with few jobs among
// many of another.
func TestFewAmongManyAreFound(t *testing.T) {
	t.Parallel()
	e := open(t, sqlitejobs.Config{Dir: t.TempDir()})
	want := make(map[jobs.State][]jobs.ID)
	for round := range 4 {
		many := tenant("many")
		accept(t, e, submissions(300, fmt.Sprintf("m%d_", round), many)...)
		for i, l := range lend(t, e, 200) {
			switch i % 4 {
			case 0:
				finish(t, e, l, fail("rate"))
			case 1:
				finish(t, e, l, jobs.Outcome{Kind: jobs.Park, Until: time.Now().Add(time.Hour)})
			case 2:
				finish(t, e, l, jobs.Outcome{Kind: jobs.ToReview, Reason: "why"})
			default:
				finish(t, e, l, succeed())
			}
		}
		id := jobs.ID(fmt.Sprintf("few%d", round))
		lane := func(s *jobs.Submission) { s.Lane = jobs.Critical }
		accept(t, e, submission(string(id), tenant("few"), lane))
		state := []jobs.State{jobs.Queued, jobs.Running, jobs.Failed, jobs.InReview}[3-round]
		want[state] = append(want[state], id)
		if state == jobs.Queued {
			continue
		}
		for {
			l := lend(t, e, 1)[0]
			if l.Job.ID != id {
				finish(t, e, l, succeed())
				continue
			}
			switch state {
			case jobs.Failed:
				finish(t, e, l, fail("corrupt"))
			case jobs.InReview:
				finish(t, e, l, jobs.Outcome{Kind: jobs.ToReview, Reason: "why"})
			}
			break
		}
	}
	for _, s := range jobs.States() {
		f := jobs.Filter{Tenant: "few", States: []jobs.State{s}}
		var got []jobs.ID
		found, err := e.List(t.Context(), f, jobs.Page{})
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range found {
			got = append(got, j.ID)
		}
		if diff := cmp.Diff(want[s], got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", s, diff)
		}
		if n, err := e.Count(t.Context(), f); err != nil || n != int64(len(want[s])) {
			t.Errorf("%s: counted %d, %v; want %d", s, n, err, len(want[s]))
		}
		all, err := e.Count(t.Context(), jobs.Filter{States: f.States})
		if err != nil || all != stats(t, e).States[s] {
			t.Errorf("%s: counted %d, %v; want %d", s, all, err, stats(t, e).States[s])
		}
	}
	found, err := e.List(t.Context(), jobs.Filter{Classes: []jobs.Class{"corrupt"}}, jobs.Page{})
	if err != nil || len(found) != 1 {
		t.Errorf("found %d of class corrupt, %v", len(found), err)
	}
}

// TestAPageEndsWithItsContext looks for a second row that never comes.
func TestAPageEndsWithItsContext(t *testing.T) {
	t.Parallel()
	e := open(t, sqlitejobs.Config{Dir: t.TempDir()})
	const numbers = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) "
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if n, err := e.Page(ctx, numbers+"SELECT n FROM c WHERE n = 1 OR n < 0 LIMIT 2"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%d rows, %v; want the end of the time", n, err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	rows := 0
	err := e.Rows(ctx, numbers+"SELECT n FROM c", func() {
		if rows++; rows == 3 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || rows != 3 {
		t.Errorf("%d rows, %v; want the context's end after 3", rows, err)
	}
}
