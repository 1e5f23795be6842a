package jobstest

import (
	"crypto/sha256"
	"errors"
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// duel is one sequence of operations on two engines.
type duel struct {
	*scope

	clock     *Clock
	sides     [2]*side
	features  Features // that both have
	ids       []jobs.ID
	n         int                      // IDs given
	loans     [][2]jobs.Lease          // by each side
	bulkheads map[string]jobs.Bulkhead // as last set
}

// side is one of the two engines.
type side struct {
	jobs.Engine

	archive jobs.Archive // the same one

	store  Store
	setup  Setup
	heard  *listener
	tokens map[jobs.Token]jobs.Token // to the number of the loan, from 1
}

func newDuel(s *scope, a, b Harness) *duel {
	d := &duel{scope: s, clock: NewClock(), bulkheads: make(map[string]jobs.Bulkhead)}
	d.features = a.Features
	d.features.Persistent = a.Features.Persistent && b.Features.Persistent
	policy := jobs.Policy{
		MaxLoans:   rapid.IntRange(1, 3).Draw(s.rt, "max loans"),
		KeyTTL:     time.Hour,
		MaxWaiting: rapid.SampledFrom([]int{4, 1000}).Draw(s.rt, "max waiting"),
	}
	for i, h := range []Harness{a, b} {
		side := &side{store: h.NewStore(s), heard: &listener{}, tokens: make(map[jobs.Token]jobs.Token)}
		side.setup = Setup{Policy: policy, Clock: d.clock.Now, Listener: jobs.Listener{Committed: side.heard.committed}}
		side.open(d)
		s.Cleanup(func() {
			if err := side.Close(); err != nil {
				s.Errorf("close: %v", err)
			}
		})
		d.sides[i] = side
	}
	return d
}

// open opens a side's engine.
func (s *side) open(d *duel) {
	d.Helper()
	s.Engine = s.store.Open(d, s.setup)
	s.archive = archiveOf(d, s.Engine)
}

// fight does operations as they are drawn and compares all there is at the
// end.
func (d *duel) fight() {
	d.rt.Repeat(d.operations())
	d.compareAll()
	for _, s := range d.sides {
		CheckHistories(d, s, d.ids)
		d.compareHeard(s)
	}
}

// agree makes a call of both sides and wants errors of the same kind and the
// same normalised values. It returns the answer of each side, and whether they
// were free of errors.
func agree[T any](d *duel, what string, call func(i int, s *side) (T, error)) (answers [2]T, ok bool) {
	d.Helper()
	var kinds [2]string
	var normal [2]any
	for i, s := range d.sides {
		var err error
		answers[i], err = call(i, s)
		kinds[i] = kindOf(err)
		normal[i] = s.normal(answers[i])
	}
	if kinds[0] != kinds[1] {
		d.Fatalf("%s: the first engine says %q, the second %q", what, kinds[0], kinds[1])
	}
	if diff := difference(normal[0], normal[1]); diff != "" {
		d.Fatalf("%s: the engines differ (-first +second):\n%s", what, diff)
	}
	return answers, kinds[0] == ""
}

// agreeError is agree for a call that answers an error alone.
func agreeError(d *duel, what string, call func(i int, s *side) error) {
	d.Helper()
	agree(d, what, func(i int, s *side) (struct{}, error) { return struct{}{}, call(i, s) })
}

// normal is an answer without what is the engine's own to choose.
func (s *side) normal(v any) any {
	switch v := v.(type) {
	case jobs.Job:
		return s.job(v)
	case []jobs.Job:
		return each(v, s.job)
	case []jobs.Acceptance:
		return each(v, func(a jobs.Acceptance) jobs.Acceptance {
			a.Job = s.job(a.Job)
			return a
		})
	case []jobs.Loan:
		return each(v, func(l jobs.Loan) jobs.Loan {
			l.Job, l.Lease.Token = s.job(l.Job), 0
			l.Job.Lease.Token = 0 // the loan gets its number after this
			return l
		})
	case jobs.Stats:
		return normalStats(v)
	case jobs.Retained:
		v.Removed = maps.Clone(v.Removed)
		maps.DeleteFunc(v.Removed, func(_ jobs.State, n int64) bool { return n == 0 })
		return v
	case []jobs.Group:
		return each(v, func(g jobs.Group) jobs.Group {
			g.FirstAt = time.Time{} // may be of a job that has left
			return g
		})
	case []byte:
		return sha256.Sum256(v)
	default:
		return v
	}
}

// job is j without Seq, with its loan's number in place of the token.
func (s *side) job(j jobs.Job) jobs.Job {
	j.Seq, j.Lease.Until = 0, time.Time{}
	if token := j.Lease.Token; token != 0 {
		j.Lease.Token = -1
		if n, ok := s.tokens[token]; ok {
			j.Lease.Token = n
		}
	}
	return j
}

func each[T any](vs []T, f func(T) T) []T {
	vs = slices.Clone(vs)
	for i, v := range vs {
		vs[i] = f(v)
	}
	return vs
}

// lentOut numbers the loans that both sides have made.
func (d *duel) lentOut(loans [2][]jobs.Loan) {
	for i := range loans[0] {
		pair := [2]jobs.Lease{loans[0][i].Lease, loans[1][i].Lease}
		d.loans = append(d.loans, pair)
		for k, s := range d.sides {
			if _, ok := s.tokens[pair[k].Token]; ok {
				d.Fatalf("engine %d gave token %d twice", k+1, pair[k].Token)
			}
			s.tokens[pair[k].Token] = jobs.Token(len(d.loans))
		}
	}
}

// restart closes or crashes both sides and opens them again. What need not
// survive that is set anew.
func (d *duel) restart(crash bool) {
	for _, s := range d.sides {
		if crash {
			s.store.Crash(d)
		} else if err := s.Close(); err != nil {
			d.Fatalf("close: %v", err)
		}
		s.open(d)
	}
	agreeError(d, "set bulkheads after a restart", func(_ int, s *side) error {
		return s.SetBulkheads(d.Context(), slices.Collect(maps.Values(d.bulkheads))...)
	})
	agree(d, "extend after a restart", func(i int, s *side) ([]jobs.LeaseState, error) {
		return s.Extend(d.Context(), d.leases(i, d.loans), jobs.DefaultLease)
	})
}

// leases are a side's of each pair.
func (d *duel) leases(side int, pairs [][2]jobs.Lease) []jobs.Lease {
	all := make([]jobs.Lease, len(pairs))
	for i, p := range pairs {
		all[i] = p[side]
	}
	return all
}

// compareAll compares everything that can be read.
func (d *duel) compareAll() {
	for _, id := range d.ids {
		d.compareJob("", id)
	}
	agree(d, "all jobs", func(_ int, s *side) ([]jobs.Job, error) {
		return s.List(d.Context(), jobs.Filter{}, jobs.Page{Limit: jobs.MaxPage})
	})
	for _, kind := range recordKinds() {
		agree(d, "all records", func(_ int, s *side) ([]jobs.Record, error) {
			return s.Records().List(d.Context(), jobs.RecordQuery{Kind: kind})
		})
	}
	agree(d, "stats", func(_ int, s *side) (jobs.Stats, error) { return s.Stats(d.Context()) })
	d.compareArchive(jobs.Filter{}, "", d.clock.Now())
}

func (d *duel) compareJob(tenant string, id jobs.ID) {
	ctx := d.Context()
	agree(d, "get", func(_ int, s *side) (jobs.Job, error) { return s.Get(ctx, tenant, id) })
	agree(d, "document", func(_ int, s *side) ([]byte, error) { return s.Document(ctx, tenant, id) })
	agree(d, "attempts", func(_ int, s *side) ([]jobs.Attempt, error) { return s.Attempts(ctx, tenant, id) })
	agree(d, "history", func(_ int, s *side) ([]jobs.Event, error) { return s.History(ctx, tenant, id, 0) })
}

// compareHeard wants a side's listener to have heard its histories.
func (d *duel) compareHeard(s *side) {
	heard := make(map[jobs.ID][]jobs.Event)
	for _, ev := range s.heard.events() {
		heard[ev.Job] = append(heard[ev.Job], ev)
	}
	for _, id := range d.ids {
		events, err := s.History(d.Context(), "", id, 0)
		if errors.Is(err, jobs.ErrNotFound) {
			continue // the count of what was removed has been checked
		}
		if err != nil {
			d.Fatalf("history of %s: %v", id, err)
		}
		if diff := difference(events, lastLife(heard[id])); diff != "" {
			d.Fatalf("the listener heard otherwise of %s (-history +heard):\n%s", id, diff)
		}
	}
}
