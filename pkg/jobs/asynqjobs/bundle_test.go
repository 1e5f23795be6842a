package asynqjobs

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/pkg/jobs"
)

func TestCallsOfOneScriptGoIntoRunsInTheirOrder(t *testing.T) {
	t.Parallel()
	s := newScripts()
	var batch []*call
	for i := range maxItems + 2 {
		batch = append(batch, newItem(s.accept, "a", i))
		switch i {
		case 0:
			batch = append(batch, newCall(s.lend, "first"), newItem(s.commit))
		case 1:
			batch = append(batch, newItem(s.commit, "c"), newCall(s.lend, "second"))
		}
	}
	var got [][]any
	for _, b := range bundles(batch) {
		got = append(got, b.args)
	}
	full, rest := []any{maxItems}, []any{2}
	for i := range maxItems {
		full = append(full, 2, "a", i)
	}
	for i := range 2 {
		rest = append(rest, 2, "a", maxItems+i)
	}
	want := [][]any{full, {"first"}, {2, 0, 1, "c"}, {"second"}, rest}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
}

// TestAnItemThatFailsStopsNoneOfTheOthers has a store in which one job's events
// are damaged, so that the script fails in the middle of its item.
func TestAnItemThatFailsStopsNoneOfTheOthers(t *testing.T) {
	t.Parallel()
	e, _ := openHere(t)
	hook := &counting{go1: make(chan struct{})}
	e.writes.AddHook(hook)
	const n, bad = maxItems + 1, 7
	if err := e.reads.Set(t.Context(), e.cfg.Prefix+"e:"+string(plain(bad).ID), "no list", 0).Err(); err != nil {
		t.Fatal(err)
	}
	errs := make([]error, n)
	var work sync.WaitGroup
	for i := range n {
		work.Go(func() { _, errs[i] = e.Accept(t.Context(), []jobs.Submission{plain(i)}) })
		for i == 0 && hook.n.Load() == 0 { // the first is held, and all others wait
			<-time.After(time.Millisecond)
		}
	}
	for len(e.calls) < n-1 {
		<-time.After(time.Millisecond)
	}
	close(hook.go1)
	work.Wait()
	for i, err := range errs {
		if failed := errors.Is(err, jobs.ErrUnavailable); failed != (i == bad) || err != nil && !failed {
			t.Errorf("job %d: %v", i, err)
		}
	}
	for i := range n {
		if _, err := e.Get(t.Context(), "acme", plain(i).ID); err != nil && i != bad {
			t.Errorf("job %d: %v", i, err)
		}
	}
	s, err := e.Stats(t.Context())
	if err != nil || s.States[jobs.Queued] != n-1 || s.Queues[0].Queued != n-1 {
		t.Errorf("%+v, %v: want %d jobs queued", s, err, n-1)
	}
	loans, err := e.Lend(t.Context(), jobs.LendRequest{Worker: "w", Max: 2 * n, Slots: 2 * n})
	if err != nil || len(loans) != n-1 {
		t.Errorf("%d loans, %v: want %d", len(loans), err, n-1)
	}
}

func TestATenantsLimitHoldsWithinOneRun(t *testing.T) {
	t.Parallel()
	e, _ := openHere(t)
	const n, most = 3 * maxItems, 5
	subs := make([]jobs.Submission, n)
	for i := range subs {
		subs[i] = plain(i)
		subs[i].MaxQueued = most
	}
	answers, err := e.Accept(t.Context(), subs)
	if err != nil {
		t.Fatal(err)
	}
	got := map[jobs.AcceptStatus]int{}
	for _, a := range answers {
		got[a.Status]++
	}
	if diff := cmp.Diff(map[jobs.AcceptStatus]int{jobs.Created: most, jobs.TenantFull: n - most}, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	e.cfg.Policy.MaxWaiting = most + 3
	for i := range subs {
		subs[i].ID, subs[i].Tenant, subs[i].MaxQueued = jobs.ID(fmt.Sprintf("other_%04d", i)), "globex", 0
	}
	if answers, err = e.Accept(t.Context(), subs); err != nil {
		t.Fatal(err)
	}
	clear(got)
	for _, a := range answers {
		got[a.Status]++
	}
	if diff := cmp.Diff(map[jobs.AcceptStatus]int{jobs.Created: 3, jobs.EngineFull: n - 3}, got); diff != "" {
		t.Errorf("answers of a full engine (-want +got):\n%s", diff)
	}
}
