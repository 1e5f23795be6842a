package jobstest

import (
	"math/rand/v2"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// crowd makes jobs of all kinds, by chance but the same each time, and filters
// that select among them.
type crowd struct {
	f      *fixture
	random *rand.Rand
}

func newCrowd(f *fixture, seed uint64) *crowd {
	return &crowd{f: f, random: rand.New(rand.NewPCG(seed, seed))}
}

func pick[T any](c *crowd, of ...T) T { return of[c.random.IntN(len(of))] }

func (c *crowd) lane() jobs.Lane { return jobs.Lane(c.random.IntN(jobs.NumLanes)) }

// grow makes n more jobs and lets something happen after each.
func (c *crowd) grow(n int) {
	for range n {
		c.submit()
		for range 3 {
			c.step()
		}
	}
}

func (c *crowd) submit() {
	f := c.f
	f.submit(tenant(pick(c, tenants()...)), lane(c.lane()), schema(pick(c, "invoice@1", "invoice@2")),
		batch(pick[jobs.ID](c, "", "b1", "b2")), labelled(map[string]string{"team": pick(c, "a", "b")}),
		due(pick(c, time.Hour, time.Hour, time.Minute)))
}

// step lets something happen to some job, if it fits.
func (c *crowd) step() {
	f := c.f
	switch c.random.IntN(6) {
	case 0:
		f.clock.Advance(pick(c, time.Millisecond, time.Second, 20*time.Second))
		f.sweep()
	case 1, 2, 3:
		for _, l := range f.lend(1) {
			f.finish(l, c.outcome())
		}
	default:
		id := pick(c, f.ids...)
		actor := pick(c, "ada", "bob")
		all := []jobs.Command{
			cancel(id), requeue(id), {Kind: jobs.Complete, Job: id, Result: result(), Actor: actor},
			{Kind: jobs.Reject, Job: id, Actor: actor, Class: pick[jobs.Class](c, "", "rate")},
			{Kind: jobs.SendBack, Job: id, Actor: actor}, f.claim(id, actor, time.Minute), draft(id, actor, `{}`), erase(id),
		}
		_, err := f.Apply(f.ctx(), pick(c, all...))
		if err != nil {
			f.wantKind("a command", err, jobs.ErrConflict)
		}
	}
}

func (c *crowd) outcome() jobs.Outcome {
	failed := fail()
	failed.Tier = pick(c, 1, 2)
	failed.Failure.Class, failed.Failure.Provider = pick[jobs.Class](c, "rate", "corrupt"), pick(c, "", "primary", "second")
	inReview := review()
	inReview.Reason = pick(c, "all_tiers_failed", "high_risk")
	return pick(c, failed, failed, failed, inReview, inReview, succeed(), park(c.f.clock.Now().Add(time.Second)), release())
}

// filter selects by one to three fields.
func (c *crowd) filter() jobs.Filter {
	var f jobs.Filter
	moment := func() time.Time { return c.f.clock.Now().Add(-time.Duration(c.random.IntN(300)) * time.Second) }
	for range 1 + c.random.IntN(3) {
		switch c.random.IntN(14) {
		case 0:
			f.Tenant = pick(c, tenants()...)
		case 1, 2:
			f.States = append(f.States, pick(c, jobs.States()...))
		case 3:
			f.Lanes = []jobs.Lane{c.lane(), jobs.Standard}
		case 4:
			f.Schema = pick(c, "invoice@1", "invoice@2", "invoice")
		case 5:
			f.Classes = append(f.Classes, pick(c, "rate", "corrupt", jobs.ClassDeadline, jobs.ClassRejected))
		case 6:
			f.Tier = pick(c, 1, 2, 3, 4)
		case 7:
			f.Provider = pick(c, "primary", "second")
		case 8:
			f.Labels = map[string]string{"team": pick(c, "a", "b", "c")}
		case 9:
			f.AcceptedFrom = moment()
		case 10:
			f.AcceptedUntil = moment()
		case 11:
			f.UpdatedFrom, f.UpdatedUntil = moment(), pick(c, time.Time{}, moment())
		case 12:
			f.Batch = pick[jobs.ID](c, "b1", "b2", "b3")
		case 13:
			f.Reasons = append(f.Reasons, pick(c, "", "all_tiers_failed", "high_risk", "gated", "shutdown"))
		}
	}
	return f
}
