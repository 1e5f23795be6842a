package jobstest

import (
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// operations are what a duel is made of. Those that come up more often stand
// here more than once.
func (d *duel) operations() map[string]func(*rapid.T) {
	ops := map[string]func(*rapid.T){
		"accept": d.accept, "accept more": d.accept,
		"lend": d.lend, "lend more": d.lend,
		"finish": d.finish, "finish more": d.finish,
		"apply": d.apply, "apply more": d.apply,
		"advance":  d.advance,
		"sweep":    d.sweep,
		"extend":   d.extend,
		"attempts": d.putAttempts,
		"bulkhead": d.setBulkhead,
		"record":   d.putRecord,
		"delete":   d.deleteRecord,
		"read":     d.readJob,
		"list":     d.list,
		"review":   d.review,
		"archive":  d.askArchive,
		"retain":   d.retain,
	}
	if d.features.Persistent {
		ops["restart"] = func(t *rapid.T) { d.restart(rapid.Bool().Draw(t, "crash")) }
	}
	return ops
}

func oneOf[T any](t *rapid.T, label string, of ...T) T {
	return rapid.SampledFrom(of).Draw(t, label)
}

// rarely is true one time in n.
func rarely(t *rapid.T, label string, n int) bool {
	return rapid.IntRange(1, n).Draw(t, label) == n
}

func tenants() []string { return []string{"acme", "globex", "initech"} }

func recordKinds() []string { return []string{"k", "l"} }

func (d *duel) accept(t *rapid.T) {
	subs := make([]jobs.Submission, rapid.IntRange(1, 4).Draw(t, "group"))
	for i := range subs {
		subs[i] = d.draw(t)
	}
	as, _ := agree(d, "accept", func(_ int, s *side) ([]jobs.Acceptance, error) { return s.Accept(d.Context(), subs) })
	for _, a := range as[0] {
		if a.Status == jobs.Created {
			d.ids = append(d.ids, a.Job.ID)
		}
	}
}

// draw draws a submission, now and then one that repeats an ID or is invalid.
func (d *duel) draw(t *rapid.T) jobs.Submission {
	now := d.clock.Now()
	d.n++
	s := submission(d.n, now)
	s.Tenant = oneOf(t, "tenant", tenants()...)
	s.Lane = jobs.Lane(rapid.IntRange(0, jobs.NumLanes-1).Draw(t, "lane"))
	s.Key = oneOf(t, "key", "", "", "", "k1", "k2", "k3")
	s.Fingerprint = oneOf(t, "print", "p1", "p1", "p1", "p2")
	s.Cost = oneOf(t, "cost", 0, 100*time.Millisecond, 2*time.Second, 10*time.Second)
	s.DeadlineAt = now.Add(oneOf(t, "deadline", time.Hour, time.Hour, 24*time.Hour, time.Minute, time.Second, 0))
	s.MaxQueued = oneOf(t, "max queued", 0, 0, 0, 1, 3)
	if rarely(t, "labelled", 3) {
		s.Labels = map[string]string{"team": oneOf(t, "team", "a", "b", "")}
	}
	if rarely(t, "large", 20) {
		withBody(&s, make([]byte, 40<<10))
	}
	if rarely(t, "repeats an ID", 6) && len(d.ids) > 0 {
		s.ID = oneOf(t, "ID", d.ids...)
	}
	if rarely(t, "invalid", 40) {
		s.Fingerprint = ""
	}
	s.Batch = oneOf[jobs.ID](t, "batch", "", "b1", "b2")
	s.Spec.Schema = oneOf(t, "schema", "invoice@1", "receipt@2")
	return s
}

func (d *duel) lend(t *rapid.T) {
	req := jobs.LendRequest{
		Worker: oneOf(t, "worker", "w1", "w2", "w3"),
		Max:    rapid.IntRange(1, 4).Draw(t, "max"),
		Slots:  rapid.IntRange(1, 4).Draw(t, "slots"),
		Lease:  oneOf(t, "lease", 0, time.Second, 5*time.Minute, 2*time.Hour),
	}
	if rarely(t, "what is due", 8) {
		req.DueBy = d.clock.Now().Add(oneOf(t, "within", 0, time.Minute, time.Hour))
	}
	loans, ok := agree(d, "lend", func(_ int, s *side) ([]jobs.Loan, error) { return s.Lend(d.Context(), req) })
	if ok {
		d.lentOut(loans)
	}
}

// loan draws a loan, most often a late one, and for each side its lease.
func (d *duel) loan(t *rapid.T) [2]jobs.Lease {
	if len(d.loans) == 0 {
		return [2]jobs.Lease{{Job: "job_000001"}, {Job: "job_000001"}}
	}
	from := max(0, len(d.loans)-4)
	if rarely(t, "old loan", 5) {
		from = 0
	}
	return d.loans[rapid.IntRange(from, len(d.loans)-1).Draw(t, "loan")]
}

func (d *duel) extend(t *rapid.T) {
	pairs := [][2]jobs.Lease{d.loan(t), d.loan(t)}
	by := oneOf(t, "by", time.Second, time.Minute, 3*time.Hour, 0)
	agree(d, "extend", func(i int, s *side) ([]jobs.LeaseState, error) {
		return s.Extend(d.Context(), d.leases(i, pairs), by)
	})
}

func (d *duel) putAttempts(t *rapid.T) {
	pair, rows := d.loan(t), d.rows(t)
	agreeError(d, "put attempts", func(i int, s *side) error { return s.PutAttempts(d.Context(), pair[i], rows...) })
}

func (d *duel) rows(t *rapid.T) []jobs.Attempt {
	now := d.clock.Now()
	var rows []jobs.Attempt
	for range rapid.IntRange(0, 2).Draw(t, "rows") {
		a := call(rapid.IntRange(1, 4).Draw(t, "n"), now)
		a.Kind = oneOf(t, "kind", jobs.CallAttempt, jobs.RepairAttempt, jobs.RulesAttempt)
		if rapid.Bool().Draw(t, "closed") {
			a = closed(a, now.Add(oneOf(t, "ended", 0, 0, -12*time.Hour-1, 12*time.Hour)))
			a.Usage.CostMicroUSD = oneOf[int64](t, "cost", 0, 7, 1<<40)
		}
		rows = append(rows, a)
	}
	return rows
}

func (d *duel) finish(t *rapid.T) {
	pair := d.loan(t)
	now := d.clock.Now()
	o := oneOf(t, "outcome", succeed(), fail(), review(),
		park(now.Add(oneOf(t, "rest", 0, time.Second, time.Minute, 2*time.Hour))),
		release(), jobs.Outcome{Kind: jobs.Stopped}, jobs.Outcome{Kind: jobs.Fail})
	o.Tier = rapid.IntRange(0, 3).Draw(t, "tier")
	o.Service = oneOf(t, "service", 0, 50*time.Millisecond, 9*time.Second)
	o.Attempts = d.rows(t)
	for range oneOf(t, "writes", 0, 0, 1, 2) {
		o.Writes = append(o.Writes, jobs.Write{Record: d.drawRecord(t), Delete: rarely(t, "delete", 3)})
	}
	agree(d, "finish", func(i int, s *side) (jobs.Job, error) { return s.Finish(d.Context(), pair[i], o) })
}

func (d *duel) apply(t *rapid.T) {
	id := jobs.ID("job_000001")
	if len(d.ids) > 0 {
		id = oneOf(t, "job", d.ids...)
	}
	c := oneOf(t, "command", append(commands(id), erase(id), erase(id))...)
	c.Tenant = oneOf(t, "as", "", "", tenants()[0], tenants()[1])
	c.Actor, c.Reason = oneOf(t, "actor", "ada", "ada", "bob", ""), oneOf(t, "reason", "", "a reason")
	c.Operation = oneOf[jobs.ID](t, "operation", "", "", "op_1", "op_2")
	if c.Lane != nil || rarely(t, "to a lane", 3) {
		to := jobs.Lane(rapid.IntRange(0, jobs.NumLanes-1).Draw(t, "lane"))
		c.Lane = &to
	}
	if rarely(t, "by a deadline", 3) {
		c.DeadlineAt = d.clock.Now().Add(oneOf(t, "deadline", 0, time.Minute, time.Hour))
	}
	if rarely(t, "by version", 2) {
		j, _ := agree(d, "get", func(_ int, s *side) (jobs.Job, error) { return s.Get(d.Context(), "", id) })
		c.Version = max(0, j[0].Version-oneOf[int64](t, "behind", 0, 0, 1))
	}
	agree(d, "apply", func(_ int, s *side) (jobs.Job, error) { return s.Apply(d.Context(), c) })
}

func (d *duel) advance(t *rapid.T) {
	d.clock.Advance(oneOf(t, "by", time.Millisecond, time.Second, jobs.WorkerMemory, jobs.DefaultLease,
		time.Minute, 15*time.Minute, time.Hour))
	if rarely(t, "by half a day", 8) {
		d.clock.Advance(12 * time.Hour)
	}
}

func (d *duel) sweep(*rapid.T) {
	agree(d, "sweep", func(_ int, s *side) (jobs.Swept, error) { return s.Sweep(d.Context()) })
	agree(d, "stats", func(_ int, s *side) (jobs.Stats, error) { return s.Stats(d.Context()) })
}

func (d *duel) setBulkhead(t *rapid.T) {
	b := jobs.Bulkhead{
		Tenant:     oneOf(t, "tenant", tenants()...),
		Weight:     oneOf(t, "weight", 0, 1, 3, 7),
		MaxRunning: oneOf(t, "cap", 0, 1, 2),
		Paused:     rarely(t, "paused", 4),
	}
	d.bulkheads[b.Tenant] = b
	agreeError(d, "set bulkheads", func(_ int, s *side) error { return s.SetBulkheads(d.Context(), b) })
}

func (d *duel) drawRecord(t *rapid.T) jobs.Record {
	r := jobs.Record{
		Kind: oneOf(t, "kind", recordKinds()...), ID: oneOf[jobs.ID](t, "record", "r1", "r2", "r3"),
		Version: oneOf(t, "version", jobs.AnyVersion, 0, 1, 2), Value: []byte(oneOf(t, "value", "", "v", "w")),
	}
	if rapid.Bool().Draw(t, "indexed") {
		r.Index = map[string]string{"i": oneOf(t, "index", "", "1", "2")}
	}
	return r
}

func (d *duel) putRecord(t *rapid.T) {
	r := d.drawRecord(t)
	agree(d, "put record", func(_ int, s *side) (jobs.Record, error) { return s.Records().Put(d.Context(), r) })
}

func (d *duel) deleteRecord(t *rapid.T) {
	r := d.drawRecord(t)
	agreeError(d, "delete record", func(_ int, s *side) error {
		return s.Records().Delete(d.Context(), r.Kind, r.ID, r.Version)
	})
}

func (d *duel) readJob(t *rapid.T) {
	who := oneOf(t, "as", append(tenants(), "")...)
	id := oneOf(t, "job", append(slices.Clone(d.ids), "none", "not/one")...)
	d.compareJob(who, id)
	after := int64(rapid.IntRange(-1, 8).Draw(t, "after"))
	agree(d, "later history", func(_ int, s *side) ([]jobs.Event, error) { return s.History(d.Context(), who, id, after) })
	k := oneOf(t, "key", "k1", "k2", "k3", "")
	agree(d, "by key", func(_ int, s *side) (jobs.Job, error) { return s.ByKey(d.Context(), who, k) })
}

func (d *duel) list(t *rapid.T) {
	f := d.filter(t)
	p := jobs.Page{Limit: rapid.IntRange(0, 5).Draw(t, "limit")}
	if rapid.Bool().Draw(t, "next page") {
		p.Before = jobs.ID(fmt.Sprintf("job_%06d", rapid.IntRange(1, d.n+1).Draw(t, "before")))
	}
	agree(d, "list", func(_ int, s *side) ([]jobs.Job, error) { return s.List(d.Context(), f, p) })
	q := jobs.RecordQuery{Kind: "k", After: oneOf[jobs.ID](t, "after", "", "r1"), Limit: oneOf(t, "limit", 0, 1)}
	if rapid.Bool().Draw(t, "by index") {
		q.Index, q.Value = "i", oneOf(t, "value", "", "1", "2")
	}
	agree(d, "list records", func(_ int, s *side) ([]jobs.Record, error) { return s.Records().List(d.Context(), q) })
}

// filter draws a filter that often selects something.
func (d *duel) filter(t *rapid.T) jobs.Filter {
	f := jobs.Filter{Tenant: oneOf(t, "tenant", append(tenants(), "")...), Tier: oneOf(t, "tier", 0, 0, 1, 3)}
	if rapid.Bool().Draw(t, "by state") {
		f.States = []jobs.State{oneOf(t, "state", jobs.States()...), oneOf(t, "or state", jobs.States()...)}
	}
	if rarely(t, "by lane", 3) {
		f.Lanes = []jobs.Lane{jobs.Standard, jobs.Batch}
	}
	if rarely(t, "by label", 3) {
		f.Labels = map[string]string{"team": oneOf(t, "team", "a", "")}
	}
	if rarely(t, "by class", 3) {
		f.Classes = []jobs.Class{oneOf(t, "class", jobs.ClassDeadline, jobs.ClassCrashedWorkers, "corrupt")}
	}
	if rarely(t, "by time", 3) {
		f.AcceptedFrom = d.clock.Now().Add(-time.Minute)
	}
	switch rapid.IntRange(0, 7).Draw(t, "also by") {
	case 0:
		f.Batch = oneOf[jobs.ID](t, "batch", "b1", "b2")
	case 1:
		f.Reasons = []string{oneOf(t, "reason", "gated", "all_tiers_failed", "lease_ended"), oneOf(t, "or reason", "", "shutdown")}
	case 2:
		f.UpdatedFrom = d.clock.Now().Add(-oneOf(t, "from", time.Millisecond, time.Minute, time.Hour))
	case 3:
		f.UpdatedUntil = d.clock.Now().Add(-oneOf(t, "until", 0, time.Minute, time.Hour))
	case 4:
		f.Schema = oneOf(t, "schema", "invoice@1", "receipt@2")
	case 5:
		f.Provider = "primary"
	}
	return f
}
