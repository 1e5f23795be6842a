package client_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/pkg/client"
	"github.com/sluicehq/sluice/pkg/jobs"
)

const (
	plainTenant    = `{"name":"acme","version":3,"weight":2,"cost_usd_per_day":25.5,"spent_usd_today":0.000001,"lanes":["batch"],"mood":1}`
	plainOperation = `{"id":"op_1","state":"draft","action":"requeue","selection":{"matched":3,"selected":2,"skipped":{"queued":1}},"mood":1}`
)

// asked is one call of the client and the request that it must make.
type asked struct {
	answer, method, uri, body string
	call                      func(*client.Client) error
}

func checkAsked(t *testing.T, all []asked) {
	t.Helper()
	for _, tc := range all {
		w, c := newWire(t, http.StatusOK, tc.answer)
		if err := tc.call(c); err != nil {
			t.Errorf("%s: %v", tc.uri, err)
		}
		if r := w.last(); r.Method != tc.method || r.URI != tc.uri || r.Body != tc.body {
			t.Errorf("asked %s %s with %s\nwant  %s %s with %s", r.Method, r.URI, r.Body, tc.method, tc.uri, tc.body)
		}
	}
}

// only drops what a call answers beside its error.
func only[T any](_ T, err error) error { return err }

func TestEachCallAboutAReviewTakesItsRoute(t *testing.T) {
	t.Parallel()
	ctx, note := t.Context(), client.CommandOptions{Reason: "why", Version: 7}
	checkAsked(t, []asked{
		{plainJob, "POST", "/v1/jobs/job_1/claim", `{}`, func(c *client.Client) error { return only(c.Claim(ctx, "job_1", client.ClaimOptions{})) }},
		{plainJob, "POST", "/v1/jobs/job_1/claim", `{"reason":"why","version":7,"for":"1h0m0s"}`, func(c *client.Client) error {
			return only(c.Claim(ctx, "job_1", client.ClaimOptions{CommandOptions: note, For: time.Hour}))
		}},
		{plainJob, "POST", "/v1/jobs/job_1/draft", `{"draft":{"total":1.50}}`, func(c *client.Client) error {
			return only(c.Draft(ctx, "job_1", []byte(`{"total":1.50}`), client.CommandOptions{}))
		}},
		{plainJob, "POST", "/v1/jobs/job_1/unclaim", `{}`, func(c *client.Client) error { return only(c.Unclaim(ctx, "job_1", client.CommandOptions{})) }},
		{plainJob, "POST", "/v1/jobs/job_1/send-back", `{"reason":"why","version":7,"lane":"batch","deadline":"2h0m0s"}`, func(c *client.Client) error {
			return only(c.SendBack(ctx, "job_1", client.RequeueOptions{CommandOptions: note, Lane: "batch", Deadline: 2 * time.Hour}))
		}},
		{plainJob, "POST", "/v1/jobs/job_1/move", `{"lane":"batch"}`, func(c *client.Client) error {
			return only(c.Move(ctx, "job_1", "batch", client.CommandOptions{}))
		}},
		{plainJob, "POST", "/v1/jobs/job_1/reject", `{"reason":"why","version":7,"class":"spam"}`, func(c *client.Client) error {
			return only(c.Reject(ctx, "job_1", client.RejectOptions{CommandOptions: note, Class: "spam"}))
		}},
		{"", "DELETE", "/v1/jobs/job_1", "", func(c *client.Client) error { return c.Erase(ctx, "job_1") }},
		{`{"count":7}`, "GET", "/v1/dlq/count?batch=bat_1&reason=rate%2Cprovider_gate&updated_after=2026-11-22T10%3A00%3A00Z&updated_before=2026-11-22T11%3A00%3A00Z", "",
			func(c *client.Client) error {
				ten := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
				n, err := c.Count(ctx, client.Filter{Batch: "bat_1", Reasons: []string{"rate", "provider_gate"}, UpdatedAfter: ten, UpdatedBefore: ten.Add(time.Hour)})
				if n != 7 {
					t.Errorf("count is %d", n)
				}
				return err
			}},
		{`{"data":[{"fingerprint":"f","state":"failed","class":"rate","count":9,"sample":"job_1","mood":1}],"truncated":true}`, "GET", "/v1/dlq/groups?state=failed", "",
			func(c *client.Client) error {
				got, err := c.Groups(ctx, client.Filter{States: []jobs.State{jobs.Failed}})
				want := client.GroupList{Truncated: true, Data: []client.Group{{Fingerprint: "f", State: jobs.Failed, Class: "rate", Count: 9, Sample: "job_1"}}}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("groups (-want +got):\n%s", diff)
				}
				return err
			}},
	})
}

func TestLanesAreReadWithTheirTenants(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	sum := `{"lane":"batch","queued":5,"running":2,"parked":1,"oldest_s":1.5,"mood":1}`
	row := `{"lane":"batch","tenant":"acme","queued":5,"running":2,"parked":1,"oldest_s":1.5,"service_ms":700,"paused":true}`
	checkAsked(t, []asked{
		{`{}`, "GET", "/v1/lanes", "", func(c *client.Client) error { return only(c.Lanes(ctx, client.LaneQuery{})) }},
		{`{"as_of":"2026-11-22T10:00:00Z","lanes":[` + sum + `],"queues":[` + row + `],"truncated":true,"slots":16,"workers":1}`, "GET", "/v1/lanes?limit=9&tenant=acme", "",
			func(c *client.Client) error {
				got, err := c.Lanes(ctx, client.LaneQuery{Tenant: "acme", Limit: 9})
				slots, workers := 16, 1
				want := client.LaneList{
					AsOf: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC), Truncated: true, Slots: &slots, Workers: &workers,
					Lanes:  []client.Queue{{Lane: "batch", Queued: 5, Running: 2, Parked: 1, OldestSeconds: 1.5}},
					Queues: []client.Queue{{Lane: "batch", Tenant: "acme", Queued: 5, Running: 2, Parked: 1, OldestSeconds: 1.5, ServiceMS: 700, Paused: true}},
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("lanes (-want +got):\n%s", diff)
				}
				return err
			}},
	})
}

func TestEachCallAboutATenantTakesItsRoute(t *testing.T) {
	t.Parallel()
	ctx, zero, usd, lanes := t.Context(), 0, client.USD(12_340_000), []string{}
	checkAsked(t, []asked{
		{`{"data":[` + plainTenant + `]}`, "GET", "/v1/admin/tenants?cursor=c&limit=9", "", func(c *client.Client) error {
			return only(c.Tenants(ctx, client.Page{Limit: 9, Cursor: "c"}))
		}},
		{plainTenant, "GET", "/v1/admin/tenants/acme", "", func(c *client.Client) error {
			got, err := c.Tenant(ctx, "acme")
			if got.Weight != 2 || got.CostPerDay != 25_500_000 || *got.SpentToday != 1 {
				t.Errorf("tenant %+v", got)
			}
			return err
		}},
		{plainTenant, "POST", "/v1/admin/tenants", `{"name":"acme","max_running":0,"cost_usd_per_day":12.34}`, func(c *client.Client) error {
			return only(c.CreateTenant(ctx, "acme", client.TenantLimits{MaxRunning: &zero, CostPerDay: &usd}))
		}},
		{plainTenant, "PATCH", "/v1/admin/tenants/acme", `{"version":3,"lanes":[]}`, func(c *client.Client) error {
			return only(c.EditTenant(ctx, "acme", 3, client.TenantLimits{Lanes: &lanes}))
		}},
		{plainTenant, "POST", "/v1/admin/tenants/acme/pause", `{}`, func(c *client.Client) error { return only(c.PauseTenant(ctx, "acme", client.PauseOptions{})) }},
		{plainTenant, "POST", "/v1/admin/tenants/acme/pause", `{"version":3,"reason":"bill","for":"2h0m0s","refuse_intake":true}`, func(c *client.Client) error {
			return only(c.PauseTenant(ctx, "acme", client.PauseOptions{Reason: "bill", For: 2 * time.Hour, RefuseIntake: true, Version: 3}))
		}},
		{plainTenant, "POST", "/v1/admin/tenants/acme/resume", `{}`, func(c *client.Client) error { return only(c.ResumeTenant(ctx, "acme", 0)) }},
		{plainTenant, "POST", "/v1/admin/tenants/acme/reset", `{"version":4}`, func(c *client.Client) error { return only(c.ResetTenant(ctx, "acme", 4)) }},
		{"", "DELETE", "/v1/admin/tenants/acme", "", func(c *client.Client) error { return c.DeleteTenant(ctx, "acme") }},
	})
}

func TestEachCallAboutAnOperationTakesItsRoute(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	turn := func(verb string, call func(*client.Client) error) asked {
		return asked{plainOperation, "POST", "/v1/operations/op_1/" + verb, "{}", call}
	}
	checkAsked(t, []asked{
		{plainOperation, "POST", "/v1/operations", `{"action":"cancel","filter":{"state":["queued"]}}`, func(c *client.Client) error {
			return only(c.CreateOperation(ctx, client.Order{Action: client.CancelJobs, Filter: client.Filter{States: []jobs.State{jobs.Queued}}}))
		}},
		{
			plainOperation, "POST", "/v1/operations",
			`{"action":"requeue","filter":{"state":["failed"],"tenant":"acme","lane":["batch"],"schema":"invoice@1","tier":2,"class":["rate"],"provider":"near",` +
				`"reason":["gate"],"batch":"bat_1","labels":{"a":"b"},"accepted_after":"2026-11-22T10:00:00Z","updated_before":"2026-11-22T10:00:00Z"},` +
				`"rate":20,"max":100,"stop_if":{"failure_rate":0.3,"window":10},"reason":"INC-42","lane":"standard","deadline":"1h0m0s","dry_run":true}`,
			func(c *client.Client) error {
				ten := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
				got, err := c.CreateOperation(ctx, client.Order{
					Action: client.RequeueJobs, Rate: 20, Max: 100, StopIf: client.StopIf{FailureRate: 0.3, Window: 10}, Reason: "INC-42",
					Lane: "standard", Deadline: time.Hour, Draft: true,
					Filter: client.Filter{
						States: []jobs.State{jobs.Failed}, Tenant: "acme", Lanes: []string{"batch"}, Schema: "invoice@1", Tier: 2, Classes: []jobs.Class{"rate"},
						Provider: "near", Reasons: []string{"gate"}, Batch: "bat_1", Labels: map[string]string{"a": "b"}, AcceptedAfter: ten, UpdatedBefore: ten,
					},
				})
				if got.State != client.OperationDraft || got.Selection.Selected != 2 || got.Selection.Skipped["queued"] != 1 {
					t.Errorf("operation %+v", got)
				}
				return err
			},
		},
		{`{"data":[` + plainOperation + `]}`, "GET", "/v1/operations?limit=3&state=paused", "", func(c *client.Client) error {
			return only(c.Operations(ctx, client.OperationPaused, client.Page{Limit: 3}))
		}},
		{plainOperation, "GET", "/v1/operations/op_1", "", func(c *client.Client) error { return only(c.Operation(ctx, "op_1")) }},
		turn("start", func(c *client.Client) error { return only(c.StartOperation(ctx, "op_1")) }),
		turn("pause", func(c *client.Client) error { return only(c.PauseOperation(ctx, "op_1")) }),
		turn("resume", func(c *client.Client) error { return only(c.ResumeOperation(ctx, "op_1")) }),
		turn("cancel", func(c *client.Client) error { return only(c.CancelOperation(ctx, "op_1")) }),
		{`{"operation":"op_1","data":[{"n":0,"job":"job_1","result":"applied"}],"next_cursor":"x"}`, "GET", "/v1/operations/op_1/audit?cursor=c&limit=1000", "",
			func(c *client.Client) error {
				return only(c.Audit(ctx, "op_1", client.Page{Limit: client.MaxAuditPage, Cursor: "c"}))
			}},
	})
}

func TestNamesThatCannotBeAreRefusedBeforeTheyLeave(t *testing.T) {
	t.Parallel()
	w, c := newWire(t, http.StatusOK, plainJob)
	ctx := t.Context()
	for name, err := range map[string]error{
		"claim":   only(c.Claim(ctx, "../1", client.ClaimOptions{})),
		"draft":   only(c.Draft(ctx, "job_1", []byte("{"), client.CommandOptions{})),
		"erase":   c.Erase(ctx, ""),
		"tenant":  only(c.Tenant(ctx, "../operations")),
		"create":  only(c.CreateTenant(ctx, "two words", client.TenantLimits{})),
		"delete":  c.DeleteTenant(ctx, ""),
		"op":      only(c.Operation(ctx, "a/b")),
		"op turn": only(c.CancelOperation(ctx, "")),
		"audit":   only(c.Audit(ctx, "?", client.Page{})),
	} {
		if !errors.Is(err, client.ErrInvalid) {
			t.Errorf("%s: error is %v, want ErrInvalid", name, err)
		}
	}
	if len(w.got) != 0 {
		t.Errorf("the server got %d requests", len(w.got))
	}
}

func TestAnswersAboutSomethingElseAreRefused(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	for _, tc := range []struct {
		name, answer string
		call         func(*client.Client) error
	}{
		{"another tenant", plainTenant, func(c *client.Client) error { return only(c.Tenant(ctx, "other")) }},
		{"another operation", plainOperation, func(c *client.Client) error { return only(c.Operation(ctx, "op_2")) }},
		{"a made operation without an ID", `{"state":"draft"}`, func(c *client.Client) error { return only(c.CreateOperation(ctx, client.Order{})) }},
		{"an operation without a state", `{"id":"op_1"}`, func(c *client.Client) error { return only(c.Operation(ctx, "op_1")) }},
		{"a listed operation", `{"data":[{"id":"../1","state":"draft"}]}`, func(c *client.Client) error { return only(c.Operations(ctx, "", client.Page{})) }},
		{"a listed tenant", `{"data":[{"name":"a b"}]}`, func(c *client.Client) error { return only(c.Tenants(ctx, client.Page{})) }},
		{"a group's sample", `{"data":[{"sample":"$(x)"}]}`, func(c *client.Client) error { return only(c.Groups(ctx, client.Filter{})) }},
		{"a queue's tenant", `{"queues":[{"lane":"batch"}]}`, func(c *client.Client) error { return only(c.Lanes(ctx, client.LaneQuery{})) }},
		{"another audit", `{"operation":"op_2"}`, func(c *client.Client) error { return only(c.Audit(ctx, "op_1", client.Page{})) }},
		{"a row's job", `{"operation":"op_1","data":[{"job":"a b"}]}`, func(c *client.Client) error { return only(c.Audit(ctx, "op_1", client.Page{})) }},
		{"an amount", `{"name":"acme","cost_usd_per_day":1e99}`, func(c *client.Client) error { return only(c.Tenant(ctx, "acme")) }},
	} {
		_, c := newWire(t, http.StatusOK, tc.answer)
		if err := tc.call(c); !errors.Is(err, client.ErrBadAnswer) {
			t.Errorf("%s: error is %v, want ErrBadAnswer", tc.name, err)
		}
	}
}

func TestDollarsAreNeverRounded(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]client.USD{
		"0": 0, "12": 12_000_000, "12.5": 12_500_000, "0.000001": 1, "-3.25": -3_250_000, "1000000000000": 1e18,
	} {
		got, err := client.ParseUSD(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%s reads as %d and shows as %s, error %v", text, got, got, err)
		}
	}
	for _, text := range []string{"", "-", ".", ".5", "5.", "1e3", "+1", "0.0000001", "1000000000001", "99999999999999", "1,5", "--1", "-+1", "1.-5", `"1"`} {
		if got, err := client.ParseUSD(text); !errors.Is(err, client.ErrInvalid) {
			t.Errorf("%q reads as %d, error %v", text, got, err)
		}
	}
}

func FuzzDollars(f *testing.F) {
	for _, seed := range []string{"0", "12.50", "-0.000001", "1e3", "999999999999.999999", "", "."} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		amount, err := client.ParseUSD(text)
		if err != nil {
			return
		}
		var again client.USD
		if err := json.Unmarshal([]byte(amount.String()), &again); err != nil || again != amount {
			t.Errorf("%q is %d, shown as %s, read again as %d, error %v", text, amount, amount, again, err)
		}
		if len(strings.TrimPrefix(amount.String(), "-")) > 20 {
			t.Errorf("%q shows as %s", text, amount)
		}
	})
}

func TestEachCallAboutAGateTakesItsRoute(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	const gate = `{"gate":"near/large","object":"gate","closed":true,"until":"2026-11-22T18:00:00Z","reason":"why","by":"ops","at":"2026-11-22T12:00:00Z"}`
	checkAsked(t, []asked{
		{`{"data":[` + gate + `]}`, "GET", "/v1/admin/gates", "", func(c *client.Client) error {
			all, err := c.Gates(ctx)
			if err == nil && (len(all) != 1 || !all[0].Closed || all[0].Gate != "near/large" || all[0].By != "ops") {
				t.Errorf("got %+v", all)
			}
			return err
		}},
		{gate, "POST", "/v1/admin/gates", `{"gate":"near/large","closed":true,"for":"30m0s","reason":"why"}`, func(c *client.Client) error {
			return only(c.HoldGate(ctx, "near/large", true, client.GateOptions{Reason: "why", For: 30 * time.Minute}))
		}},
		{gate, "POST", "/v1/admin/gates", `{"gate":"near/large","closed":true,"until":"2026-11-22T18:00:00Z","reason":"why"}`, func(c *client.Client) error {
			return only(c.HoldGate(ctx, "near/large", true, client.GateOptions{Reason: "why", Until: time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC)}))
		}},
		{``, "POST", "/v1/admin/gates/release", `{"gate":"near/large"}`, func(c *client.Client) error { return c.ReleaseGate(ctx, "near/large") }},
	})
	_, c := newWire(t, http.StatusOK, gate)
	if _, err := c.HoldGate(ctx, "far", true, client.GateOptions{}); !errors.Is(err, client.ErrBadAnswer) {
		t.Errorf("an answer about another gate: %v", err)
	}
}
