package jobstest

import (
	"slices"
	"sync"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

func listenerBehaviours() []behaviour {
	return []behaviour{
		{name: "a change is heard before it is answered", test: listenerFirst},
		{name: "a refusal is not heard", test: listenerRefusals},
		{name: "the events are the listener's to keep", test: listenerKeeps},
		{name: "no listener is needed", test: listenerNone},
	}
}

func listenerFirst(f *fixture) {
	n := 0
	heard := func(what string, types ...jobs.EventType) {
		f.t.Helper()
		var got []jobs.EventType
		all := f.heard.events()
		for _, ev := range all[n:] {
			got = append(got, ev.Type)
		}
		f.same("heard of "+what, types, got)
		n = len(all)
	}
	f.submitMany(3)
	heard("a group", jobs.EventQueued, jobs.EventQueued, jobs.EventQueued)
	loans := f.lend(2)
	heard("loans", jobs.EventStarted, jobs.EventStarted)
	f.finish(loans[0], succeed())
	heard("an outcome", jobs.EventSucceeded)
	f.finish(loans[0], succeed())
	f.extend(loans[1], time.Minute)
	f.putAttempts(loans[1], call(1, f.clock.Now()))
	heard("what changes no job")
	f.apply(cancel(loans[1].Job.ID))
	heard("a command", jobs.EventCancelAsked)
	f.clock.Advance(time.Hour)
	f.sweep()
	heard("a sweep", jobs.EventCancelled, jobs.EventExpired)
}

func listenerRefusals(f *fixture) {
	j := f.bring(jobs.Succeeded)
	before := len(f.heard.events())
	for _, c := range f.commands(j.ID) {
		if c.Kind == jobs.Erase {
			continue // the one that fits
		}
		_, err := f.Apply(f.ctx(), c)
		f.wantKind(string(c.Kind), err, jobs.ErrConflict)
	}
	f.sweep()
	f.lend(1)
	if got := f.heard.events()[before:]; len(got) != 0 {
		f.t.Errorf("heard of %v", got)
	}
}

func listenerKeeps(f *fixture) {
	j := f.bring(jobs.Running)
	before := f.history(j.ID)
	f.heard.mu.Lock()
	for _, batch := range f.heard.batches {
		_ = append(batch, jobs.Event{Job: "forged"})
		for i := range batch {
			kept := batch[i]
			defer func() { batch[i] = kept }() // the final check compares
			batch[i] = jobs.Event{Job: "forged"}
		}
	}
	f.heard.mu.Unlock()
	f.same("the history", before, f.history(j.ID))
	f.finish(loanOf(j), succeed())
}

func listenerNone(f *fixture) {
	e := f.h.NewStore(f.t).Open(f.t, Setup{Clock: f.clock.Now})
	defer func() {
		if err := e.Close(); err != nil {
			f.t.Errorf("close: %v", err)
		}
	}()
	if _, err := e.Accept(f.t.Context(), []jobs.Submission{f.submission()}); err != nil {
		f.t.Errorf("accept: %v", err)
	}
}

// lastLife is the events since an ID was last accepted: one that was removed
// may come again.
func lastLife(events []jobs.Event) []jobs.Event {
	for i, ev := range slices.Backward(events) {
		if ev.Type == jobs.EventQueued {
			return events[i:]
		}
	}
	return events
}

// listener keeps what it is told.
type listener struct {
	mu      sync.Mutex
	batches [][]jobs.Event
}

func (l *listener) committed(events []jobs.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.batches = append(l.batches, events)
}

// events are all events so far, in order.
func (l *listener) events() []jobs.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Concat(l.batches...)
}

// check wants the listener to have heard all histories, each event once and in
// order.
func (l *listener) check(f *fixture) {
	f.t.Helper()
	heard := make(map[jobs.ID][]jobs.Event)
	var last time.Time
	for _, ev := range l.events() {
		heard[ev.Job] = append(heard[ev.Job], ev)
		if ev.At.Before(last) {
			f.t.Errorf("the listener heard of %s (%s) after later events", ev.Type, ev.Job)
		}
		last = ev.At
	}
	for _, id := range f.ids {
		f.same("what the listener heard of "+string(id), f.history(id), lastLife(heard[id]))
		delete(heard, id)
	}
	for _, id := range f.gone {
		delete(heard, id)
	}
	for id := range heard {
		f.t.Errorf("the listener heard of %s, which was not accepted", id)
	}
}
