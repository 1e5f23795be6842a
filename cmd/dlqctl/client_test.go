package main

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/sluicehq/sluice/pkg/client"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// The tests here drive package client against the real API. They stand here,
// because packages under pkg do not know internal ones.

func TestTheClientAndTheAPIAgreeOnSubmissions(t *testing.T) {
	t.Parallel()
	s := newSluice(t)
	c := s.client(acmeKey)
	sub := client.Submission{
		Document: []byte("%PDF-1.7\r\n\x00\xff--"), IdempotencyKey: "inv-8812", Wait: time.Millisecond,
		Options: client.Options{
			Schema: "invoice", Lane: "interactive", Deadline: 90 * time.Second, Risk: jobs.RiskHigh, RefuseDegraded: true,
			MaxTier: 3, MaxCostMicroUSD: 50_000, Labels: map[string]string{"source": "mail"},
		},
	}
	first, err := c.Submit(t.Context(), sub)
	if err != nil {
		t.Fatal(err)
	}
	if first.Replayed || first.State != jobs.Queued || first.ETag == "" || first.RetryAfter == 0 || first.Labels["source"] != "mail" {
		t.Errorf("answer is %+v", first)
	}
	j := s.job(first.ID)
	want := jobs.Spec{Schema: "invoice@1", Risk: jobs.RiskHigh, RequireFull: true, MaxTier: 3, MaxCostMicroUSD: 50_000}
	if j.Lane != jobs.Interactive || j.Spec.Risk != want.Risk || j.Spec.RequireFull != want.RequireFull || j.Spec.MaxTier != want.MaxTier ||
		j.Spec.MaxCostMicroUSD != want.MaxCostMicroUSD || j.DeadlineAt.Sub(j.AcceptedAt) != 90*time.Second {
		t.Errorf("the job is %+v", j)
	}
	document, err := s.engine.Document(t.Context(), "", first.ID)
	if err != nil || string(document) != string(sub.Document) {
		t.Errorf("the document arrived as %q, error %v", document, err)
	}
	sub.Wait = 0
	again, err := c.Submit(t.Context(), sub)
	if err != nil || !again.Replayed || again.ID != first.ID {
		t.Errorf("repeated: %+v, error %v", again, err)
	}
	sub.Options.Lane = "batch"
	_, err = c.Submit(t.Context(), sub)
	if p, ok := errors.AsType[*client.Problem](err); !ok || p.Code != "idempotency_key_reused" || !errors.Is(err, client.ErrInvalid) {
		t.Errorf("the key with other options: error %v", err)
	}
}

func TestTheClientAndTheAPIAgreeOnReads(t *testing.T) {
	t.Parallel()
	s := newSluice(t)
	c := s.client(acmeKey)
	id := s.submit(client.Options{})
	j, err := c.Get(t.Context(), id, client.GetOptions{})
	if err != nil || j.State != jobs.Queued || j.Progress == nil {
		t.Fatalf("job %+v, error %v", j, err)
	}
	if _, err = c.Get(t.Context(), id, client.GetOptions{Known: j.ETag}); !errors.Is(err, client.ErrNotModified) {
		t.Errorf("a job that is known: error %v", err)
	}
	if _, err = c.Result(t.Context(), id); !errors.Is(err, client.ErrConflict) {
		t.Errorf("the result of an open job: error %v", err)
	}
	done := make(chan client.Job)
	go func() {
		j, err := c.Get(context.WithoutCancel(t.Context()), id, client.GetOptions{Wait: 20 * time.Second})
		if err != nil {
			t.Error(err)
		}
		done <- j
	}()
	s.finish(s.lend(id), success())
	if j := <-done; j.State != jobs.Succeeded || j.Quality == nil || string(j.Result.Data) != `{"invoice_number":"8812","total":120.50}` {
		t.Errorf("after the wait the job is %+v", j)
	}
	data, err := c.Result(t.Context(), id)
	if err != nil || string(data) != `{"invoice_number":"8812","total":120.50}` {
		t.Errorf("result %s, error %v", data, err)
	}
	review := s.timedOut(client.Options{})
	list, err := c.Attempts(t.Context(), review)
	if err != nil || len(list.Data) != 6 || list.Data[0].MS != 8000 || list.Summary == "" {
		t.Errorf("attempts %+v, error %v", list, err)
	}
	d, err := c.DeadLetter(t.Context(), review)
	if err != nil || len(d.Attempts) != 6 || len(d.History) != 3 || d.History[2].Type != jobs.EventInReview || d.Job.ETag == "" {
		t.Errorf("dead letter %+v, error %v", d, err)
	}
	if _, err := c.Get(t.Context(), "job_nowhere", client.GetOptions{}); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("a job that is not there: error %v", err)
	}
}

func TestTheClientAndTheAPIAgreeOnListsAndVersions(t *testing.T) {
	t.Parallel()
	s := newSluice(t)
	c := s.client(operatorKey)
	for range 3 {
		s.corrupt(client.Options{Labels: map[string]string{"source": "mail"}})
	}
	open := s.submit(client.Options{Lane: "batch"})
	f := client.Filter{Tenant: "acme", Labels: map[string]string{"source": "mail"}, AcceptedAfter: morning(), AcceptedBefore: morning().Add(time.Hour)}
	var ids []jobs.ID
	for p := (client.Page{Limit: 2}); ; {
		page, err := c.DLQ(t.Context(), f, p)
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range page.Data {
			ids = append(ids, j.ID)
		}
		if p.Cursor = page.NextCursor; !page.HasMore {
			break
		}
	}
	if !slices.IsSortedFunc(ids, func(a, b jobs.ID) int { return cmp.Compare(b, a) }) || len(ids) != 3 {
		t.Errorf("pages gave %v", ids)
	}
	all, err := c.Jobs(t.Context(), client.Filter{States: []jobs.State{jobs.Queued}, Lanes: []string{"batch", "standard"}}, client.Page{})
	if err != nil || len(all.Data) != 1 || all.Data[0].ID != open || all.Data[0].Lane != "batch" {
		t.Errorf("jobs %+v, error %v", all, err)
	}
	for name, o := range map[string]client.CommandOptions{"stale": {Version: 9}, "current": {Version: all.Data[0].Version}} {
		if _, err := c.Cancel(t.Context(), open, o); errors.Is(err, client.ErrConflict) != (name == "stale") {
			t.Errorf("cancel with a %s version: error %v", name, err)
		}
	}
	if h, err := c.Ready(t.Context()); err != nil || h.Status != "ok" || len(h.Checks) == 0 {
		t.Errorf("ready %+v, error %v", h, err)
	}
	if v, err := c.Version(t.Context()); err != nil || v.Version != "v1.2.3" {
		t.Errorf("version %+v, error %v", v, err)
	}
}
