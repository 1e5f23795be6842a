package main

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/operations"
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

func TestTheClientAndTheAPIAgreeOnReviews(t *testing.T) {
	t.Parallel()
	s := newSluice(t)
	c, other := s.client(acmeKey), s.client(operatorKey)
	id := s.timedOut(client.Options{})
	j, err := c.Claim(t.Context(), id, client.ClaimOptions{For: time.Hour, CommandOptions: client.CommandOptions{Reason: "mine"}})
	if err != nil || j.Review.ClaimedBy != "acme/acme1" || j.Review.ClaimedUntil.Sub(s.clock()) != time.Hour {
		t.Fatalf("claimed: %+v, error %v", j.Review, err)
	}
	if _, err := other.Claim(t.Context(), id, client.ClaimOptions{}); !errors.Is(err, client.ErrConflict) {
		t.Errorf("claimed by another: error %v", err)
	}
	if j, err = c.Draft(t.Context(), id, []byte(`{"total":1.50}`), client.CommandOptions{Version: j.Version}); err != nil || string(j.Review.Draft) != `{"total":1.50}` {
		t.Errorf("draft %s, error %v", j.Review.Draft, err)
	}
	if j, err = c.Unclaim(t.Context(), id, client.CommandOptions{}); err != nil || j.Review.ClaimedBy != "" {
		t.Errorf("given back: %+v, error %v", j.Review, err)
	}
	j, err = other.SendBack(t.Context(), id, client.RequeueOptions{Lane: "batch", Deadline: 2 * time.Hour})
	if err != nil || j.State != jobs.Queued || j.Lane != "batch" || j.Run != 2 || j.DeadlineAt.Sub(s.clock()) != 2*time.Hour {
		t.Errorf("sent back: %+v, error %v", j, err)
	}
	if j, err = c.Move(t.Context(), id, "interactive", client.CommandOptions{}); err != nil || j.Lane != "interactive" {
		t.Errorf("moved: %+v, error %v", j, err)
	}
	again := s.timedOut(client.Options{})
	j, err = c.Reject(t.Context(), again, client.RejectOptions{Class: "not_an_invoice"})
	if err != nil || j.Failure == nil || j.Failure.Class != "not_an_invoice" {
		t.Errorf("rejected: %+v, error %v", j.Failure, err)
	}
	for range 2 {
		if err := c.Erase(t.Context(), again); err != nil {
			t.Errorf("erased: %v", err)
		}
	}
	_, err = c.Get(t.Context(), again, client.GetOptions{})
	if p, ok := errors.AsType[*client.Problem](err); !ok || p.Code != "erased" || !errors.Is(err, client.ErrNotFound) {
		t.Errorf("an erased job: error %v", err)
	}
	if err := c.Erase(t.Context(), id); !errors.Is(err, client.ErrConflict) {
		t.Errorf("erased while queued: error %v", err)
	}
}

func TestTheClientAndTheAPIAgreeOnGroupsAndCounts(t *testing.T) {
	t.Parallel()
	s := newSluice(t)
	c := s.client(operatorKey)
	s.corrupt(client.Options{})
	s.pass(time.Hour)
	last := s.corrupt(client.Options{})
	s.expired(client.Options{})
	f := client.Filter{States: []jobs.State{jobs.Failed}, UpdatedBefore: s.clock(), Tenant: "acme"}
	list, err := c.Groups(t.Context(), f)
	if err != nil || len(list.Data) != 1 || list.Truncated {
		t.Fatalf("groups %+v, error %v", list, err)
	}
	if g := list.Data[0]; g.Count != 2 || g.Class != "corrupt" || g.Sample != last || g.LastAt.Sub(g.FirstAt) != time.Hour || g.Fingerprint == "" {
		t.Errorf("group %+v", g)
	}
	f.UpdatedAfter = morning().Add(time.Minute)
	for name, want := range map[string]struct {
		f client.Filter
		n int64
	}{"all": {client.Filter{}, 3}, "late": {f, 1}, "batch": {client.Filter{Batch: "bat_1"}, 0}, "reason": {client.Filter{Reasons: []string{"rate"}}, 0}} {
		if n, err := c.Count(t.Context(), want.f); err != nil || n != want.n {
			t.Errorf("%s: count %d, want %d, error %v", name, n, want.n, err)
		}
	}
}

func TestTheClientAndTheAPIAgreeOnTenants(t *testing.T) {
	t.Parallel()
	s := newSluice(t)
	c := s.client(operatorKey)
	weight, running, requests, bytes, lanes, usd := 3, 40, 2.5, int64(1<<20), []string{"batch"}, client.USD(12_345_678)
	made, err := c.CreateTenant(t.Context(), "newcomer", client.TenantLimits{Weight: &weight})
	if err != nil || made.Version != 1 || made.Weight != 3 || made.SpentToday == nil {
		t.Fatalf("made %+v, error %v", made, err)
	}
	got, err := c.EditTenant(t.Context(), "newcomer", 1, client.TenantLimits{
		MaxRunning: &running, MaxQueued: &running, Lanes: &lanes, RequestsPerSecond: &requests, RequestsBurst: &weight,
		BytesPerSecond: &bytes, BytesBurst: &bytes, CostPerDay: &usd,
	})
	if err != nil || got.Weight != 3 || got.MaxRunning != 40 || got.Lanes[0] != "batch" || got.RequestsPerSecond != 2.5 || got.BytesBurst != 1<<20 || got.CostPerDay != usd || !got.Edited {
		t.Errorf("edited %+v, error %v", got, err)
	}
	if _, err := c.EditTenant(t.Context(), "newcomer", 1, client.TenantLimits{Weight: &weight}); !errors.Is(err, client.ErrConflict) {
		t.Errorf("edited in an old version: error %v", err)
	}
	for _, o := range []client.PauseOptions{{Reason: "bill", For: time.Hour, RefuseIntake: true}, {Reason: "bill", Until: morning().Add(time.Hour), RefuseIntake: true}} {
		got, err = c.PauseTenant(t.Context(), "newcomer", o)
		if err != nil || got.Pause == nil || got.Pause.Reason != "bill" || !got.Pause.Until.Equal(morning().Add(time.Hour)) || !got.Pause.RefuseIntake {
			t.Errorf("paused %+v, error %v", got.Pause, err)
		}
	}
	if got, err = c.ResumeTenant(t.Context(), "newcomer", got.Version); err != nil || got.Pause != nil {
		t.Errorf("resumed %+v, error %v", got, err)
	}
	if _, err := c.ResetTenant(t.Context(), "newcomer", 0); !errors.Is(err, client.ErrConflict) {
		t.Errorf("reset of one that is not configured: error %v", err)
	}
	var names []string
	for p := (client.Page{Limit: 2}); ; {
		page, err := c.Tenants(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range page.Data {
			names = append(names, x.Name)
		}
		if p.Cursor = page.NextCursor; !page.HasMore {
			break
		}
	}
	if !slices.Equal(names, []string{"acme", "newcomer", "ops"}) {
		t.Errorf("tenants %v", names)
	}
	if err := c.DeleteTenant(t.Context(), "newcomer"); err != nil {
		t.Error(err)
	}
	if _, err := c.Tenant(t.Context(), "newcomer"); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("a tenant that is gone: error %v", err)
	}
	if _, err := s.client(acmeKey).Tenants(t.Context(), client.Page{}); !errors.Is(err, client.ErrAuth) {
		t.Errorf("tenants for a tenant: error %v", err)
	}
}

func TestTheClientAndTheAPIAgreeOnOperations(t *testing.T) {
	t.Parallel()
	s := newSluice(t)
	c := s.client(operatorKey)
	for range 3 {
		s.corrupt(client.Options{Labels: map[string]string{"source": "mail"}})
	}
	order := client.Order{
		Action: client.RequeueJobs, Rate: 1, Max: 10, StopIf: client.StopIf{FailureRate: 0.5}, Reason: "INC-42", Lane: "batch", Deadline: 2 * time.Hour, Draft: true,
		Filter: client.Filter{
			Tenant: "acme", Lanes: []string{"standard"}, Schema: "invoice@1", Classes: []jobs.Class{"corrupt"}, Labels: map[string]string{"source": "mail"},
			AcceptedAfter: morning(), AcceptedBefore: morning().Add(time.Hour), UpdatedAfter: morning(), UpdatedBefore: morning().Add(time.Hour),
		},
	}
	op, err := c.CreateOperation(t.Context(), order)
	if err != nil || op.State != client.OperationDraft || op.Selection.Selected != 3 || op.Selection.By["class"]["corrupt"] != 3 || op.StopIf.Window != 50 ||
		op.Filter.Labels["source"] != "mail" || len(op.Filter.State) != 2 || op.By != "ops/ops1" || op.ExpiresAt.IsZero() || op.Selection.Seconds != 3 {
		t.Fatalf("draft %+v, error %v", op, err)
	}
	if _, err := c.PauseOperation(t.Context(), op.ID); !errors.Is(err, client.ErrConflict) {
		t.Errorf("pause of a draft: error %v", err)
	}
	if op, err = c.StartOperation(t.Context(), op.ID); err != nil {
		t.Fatal(err)
	}
	// The clock stands, so that the rate allows one job and no more.
	if op, err = c.PauseOperation(t.Context(), op.ID); err != nil || op.State != client.OperationPaused {
		t.Errorf("paused %+v, error %v", op, err)
	}
	if op, err = c.ResumeOperation(t.Context(), op.ID); err != nil || op.State != client.OperationRunning {
		t.Errorf("resumed %+v, error %v", op, err)
	}
	for !op.State.Ended() {
		s.pass(time.Second)
		if op, err = c.Operation(t.Context(), op.ID); err != nil {
			t.Fatal(err)
		}
	}
	if op.State != client.OperationSucceeded || op.Counts.Applied != 3 || op.Counts.Total != 3 || op.EndedAt.IsZero() {
		t.Errorf("ended %+v", op)
	}
	rows, err := c.Audit(t.Context(), op.ID, client.Page{Limit: 2})
	if err != nil || len(rows.Data) != 2 || !rows.HasMore || rows.Data[0].Result != "applied" || rows.Data[0].State != jobs.Queued || rows.Action != client.RequeueJobs {
		t.Fatalf("rows %+v, error %v", rows, err)
	}
	if rows, err = c.Audit(t.Context(), op.ID, client.Page{Cursor: rows.NextCursor}); err != nil || len(rows.Data) != 1 || rows.HasMore || rows.Data[0].N != 2 {
		t.Errorf("the rest %+v, error %v", rows, err)
	}
	order.Filter.States = []jobs.State{jobs.Queued}
	order.Action, order.Lane, order.Deadline = client.CancelJobs, "", 0
	if _, err = c.CreateOperation(t.Context(), order); err != nil {
		t.Fatal(err)
	}
	list, err := c.Operations(t.Context(), client.OperationDraft, client.Page{Limit: 1})
	if err != nil || len(list.Data) != 1 || list.Data[0].Action != client.CancelJobs || list.HasMore {
		t.Errorf("operations %+v, error %v", list, err)
	}
	if op, err = c.CancelOperation(t.Context(), list.Data[0].ID); err != nil || op.State != client.OperationCancelled || op.StateBy != "ops/ops1" {
		t.Errorf("cancelled %+v, error %v", op, err)
	}
	order.Filter.States = nil
	if _, err := c.CreateOperation(t.Context(), order); !errors.Is(err, client.ErrInvalid) {
		t.Errorf("a cancellation without states: error %v", err)
	}
}

// TestTheClientKnowsEveryActionAndStateOfOperations notices new ones.
func TestTheClientKnowsEveryActionAndStateOfOperations(t *testing.T) {
	t.Parallel()
	var states []operations.State
	for _, st := range client.OperationStates() {
		states = append(states, operations.State(st))
		if st.Ended() != operations.State(st).Ended() {
			t.Errorf("%s: ended is %t", st, st.Ended())
		}
	}
	if !slices.Equal(states, operations.States()) {
		t.Errorf("states are %v", states)
	}
	for _, action := range operations.Actions() {
		if past := pastOf(client.Action(action)); past == string(action) {
			t.Errorf("%s is not known", action)
		}
	}
}
