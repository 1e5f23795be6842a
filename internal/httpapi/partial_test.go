package httpapi_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/memjobs"
)

// impatient is an engine that looks at two jobs for a list and no more.
type impatient struct{ *memjobs.Engine }

func (e impatient) List(ctx context.Context, f jobs.Filter, p jobs.Page) ([]jobs.Job, error) {
	seen, err := e.Engine.List(ctx, jobs.Filter{}, jobs.Page{Before: p.Before, Limit: 2})
	if err != nil {
		return nil, err
	}
	var found []jobs.Job
	for _, j := range seen {
		if f.Match(j) {
			found = append(found, j)
		}
	}
	if len(seen) < 2 {
		return found, nil
	}
	return found, &jobs.PartialError{Looked: 2, Next: seen[1].ID}
}

func TestAPartialPageSaysSoAndLeadsOn(t *testing.T) {
	t.Parallel()
	engine, err := memjobs.New(memjobs.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close() })
	a := newAPI(t, func(s *setup) { s.deps.Engine = impatient{engine} })
	for range 5 {
		a.submit(plainJob)
	}
	if _, err := engine.Apply(t.Context(), jobs.Command{Kind: jobs.Cancel, Job: "job_000001"}); err != nil {
		t.Fatal(err)
	}
	var pages [][]string
	var partial []string
	path := "/v1/jobs?state=cancelled"
	for range 4 {
		r := a.get(path)
		pages, partial = append(pages, a.listed(path)), append(partial, r.text(t, "partial"))
		if r.text(t, "has_more") != "true" {
			break
		}
		path = "/v1/jobs?state=cancelled&cursor=" + r.text(t, "next_cursor")
	}
	if diff := cmp.Diff([][]string{{}, {}, {"1"}}, pages); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"true", "true", ""}, partial); diff != "" {
		t.Errorf("partial (-want +got):\n%s", diff)
	}
}
