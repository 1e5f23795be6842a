package jobstest

import (
	"time"

	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// review does what people do with jobs in review; without any, a job comes to
// review that way.
func (d *duel) review(t *rapid.T) {
	found, _ := agree(d, "reviews", func(_ int, s *side) ([]jobs.Job, error) {
		return s.List(d.Context(), jobs.Filter{States: []jobs.State{jobs.InReview}}, jobs.Page{})
	})
	if len(found[0]) == 0 {
		pair := d.loan(t)
		agree(d, "finish", func(i int, s *side) (jobs.Job, error) { return s.Finish(d.Context(), pair[i], review()) })
		return
	}
	id := oneOf(t, "job", found[0]...).ID
	for range rapid.IntRange(1, 3).Draw(t, "commands") {
		c := oneOf(t, "command",
			jobs.Command{Kind: jobs.Claim, Until: d.clock.Now().Add(oneOf(t, "for", 15*time.Minute, time.Second, 0))},
			jobs.Command{Kind: jobs.Draft, Draft: []byte(oneOf(t, "draft", `{"total":0.10}`, `null`, ` [1] `, `{`))},
			jobs.Command{Kind: jobs.Unclaim},
			jobs.Command{Kind: jobs.Complete, Result: result()},
		)
		c.Job, c.Actor = id, oneOf(t, "actor", "ada", "ada", "ada", "bob")
		agree(d, "review", func(_ int, s *side) (jobs.Job, error) { return s.Apply(d.Context(), c) })
	}
	d.compareJob("", id)
}

// askArchive asks what an archive answers.
func (d *duel) askArchive(t *rapid.T) {
	day := d.clock.Now().Add(oneOf(t, "day", 0, 0, -12*time.Hour, -24*time.Hour, 24*time.Hour))
	d.compareArchive(d.filter(t), oneOf(t, "tenant", append(tenants(), "")...), day)
}

func (d *duel) compareArchive(f jobs.Filter, tenant string, day time.Time) {
	d.Helper()
	ctx := d.Context()
	agree(d, "count", func(_ int, s *side) (int64, error) { return s.archive.Count(ctx, f) })
	agree(d, "groups", func(_ int, s *side) ([]jobs.Group, error) { return s.archive.Groups(ctx, f) })
	agree(d, "spent", func(_ int, s *side) (int64, error) { return s.archive.Spent(ctx, tenant, day) })
}

// retain removes a part of what has ended.
func (d *duel) retain(t *rapid.T) {
	keep := jobs.Retention{MaxAge: make(map[jobs.State]time.Duration), MaxCount: make(map[jobs.State]int64)}
	for range rapid.IntRange(0, 3).Draw(t, "states") {
		s := oneOf(t, "state", jobs.Succeeded, jobs.Failed, jobs.Cancelled, jobs.Expired, jobs.Erased)
		if rapid.Bool().Draw(t, "by age") {
			keep.MaxAge[s] = oneOf(t, "age", time.Millisecond, time.Minute, time.Hour, 24*time.Hour)
		} else {
			keep.MaxCount[s] = int64(rapid.IntRange(0, 3).Draw(t, "count"))
		}
	}
	if rarely(t, "invalid", 20) {
		keep.MaxAge[jobs.Queued] = time.Hour
	}
	agree(d, "retain", func(_ int, s *side) (jobs.Retained, error) { return s.archive.Retain(d.Context(), keep) })
	agree(d, "stats", func(_ int, s *side) (jobs.Stats, error) { return s.Stats(d.Context()) })
}
