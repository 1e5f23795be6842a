package httpapi

import (
	"time"

	"github.com/sluicehq/sluice/internal/operations"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// OperationView is an operation as the API shows it.
type OperationView struct {
	ID      jobs.ID           `json:"id"`
	Object  string            `json:"object" doc:"Always operation"`
	Version int64             `json:"version"`
	Action  operations.Action `json:"action" enum:"requeue,cancel,reject,erase,move"`
	State   operations.State  `json:"state" enum:"selecting,draft,running,paused,stopped,succeeded,failed,cancelled"`
	// Why is failure_rate, no_job_changed or selection_lost.
	Why     string `json:"why,omitempty" doc:"Why it stopped or failed: failure_rate, no_job_changed or selection_lost"`
	Tenant  string `json:"tenant,omitempty" doc:"Who owns it; an operators' operation has none"`
	By      string `json:"by" doc:"Who asked for it"`
	StateBy string `json:"state_by,omitempty" doc:"Who brought it to its state; nobody when it came there by itself"`
	Driver  string `json:"driver,omitempty" doc:"The process that works on it; for operators"`

	Filter   FilterView  `json:"filter"`
	Reason   string      `json:"reason,omitempty"`
	Lane     *jobs.Lane  `json:"lane,omitempty" enum:"critical,interactive,standard,batch"`
	Deadline string      `json:"deadline,omitempty" doc:"How long requeued jobs may take"`
	Rate     float64     `json:"rate,omitempty" doc:"Most jobs a second; as fast as the store allows without"`
	Max      int         `json:"max,omitempty"`
	StopIf   *StopIfView `json:"stop_if,omitempty"`

	Selection SelectionView `json:"selection" doc:"What the filter selected; frozen"`
	Counts    CountsView    `json:"counts" doc:"How far it is"`

	CreatedAt time.Time      `json:"created_at"`
	ExpiresAt time.Time      `json:"expires_at,omitzero" doc:"When a draft that nobody starts is removed"`
	StartedAt time.Time      `json:"started_at,omitzero"`
	EndedAt   time.Time      `json:"ended_at,omitzero"`
	UpdatedAt time.Time      `json:"updated_at"`
	Links     OperationLinks `json:"links"`
}

// FilterView is a filter of jobs in JSON.
type FilterView struct {
	State          []jobs.State      `json:"state,omitempty"`
	Tenant         string            `json:"tenant,omitempty"`
	Lane           []string          `json:"lane,omitempty" enum:"critical,interactive,standard,batch"`
	Schema         string            `json:"schema,omitempty"`
	Tier           int               `json:"tier,omitempty"`
	Class          []jobs.Class      `json:"class,omitempty"`
	Provider       string            `json:"provider,omitempty"`
	Reason         []string          `json:"reason,omitempty"`
	Batch          jobs.ID           `json:"batch,omitempty"`
	Labels         map[string]string `json:"labels,omitempty"`
	AcceptedAfter  time.Time         `json:"accepted_after,omitzero"`
	AcceptedBefore time.Time         `json:"accepted_before,omitzero"`
	UpdatedAfter   time.Time         `json:"updated_after,omitzero"`
	UpdatedBefore  time.Time         `json:"updated_before,omitzero"`
}

// StopIfView is the rule that stops an operation.
type StopIfView struct {
	FailureRate float64 `json:"failure_rate"`
	Window      int     `json:"window"`
}

// SelectionView is what the dry run found.
type SelectionView struct {
	AsOf     time.Time                 `json:"as_of"`
	Matched  int                       `json:"matched" doc:"Jobs that the filter selected"`
	Selected int                       `json:"selected" doc:"Those of them that the action fits"`
	Skipped  map[string]int            `json:"skipped" doc:"The others, by why the action does not fit: their state, claimed, cancelling or same_lane"`
	By       map[string]map[string]int `json:"by,omitempty" doc:"The selected by state, class, lane, tenant and schema"`
	Sample   []operations.Sampled      `json:"sample,omitempty"`
	Limited  bool                      `json:"limited" doc:"Whether max left jobs out"`
	// Seconds is how long the rate makes it take.
	Seconds float64 `json:"est_duration_s,omitempty" doc:"How long it takes at its rate"`
}

// CountsView is how far an operation is.
type CountsView struct {
	Total    int            `json:"total"`
	Done     int            `json:"done"`
	Applied  int            `json:"applied" doc:"Jobs that were changed, each once"`
	Failed   int            `json:"failed" doc:"Jobs that could not be changed"`
	FailedBy map[string]int `json:"failed_by,omitempty"`
}

// OperationLinks are paths of what belongs to an operation.
type OperationLinks struct {
	Self  string `json:"self"`
	Audit string `json:"audit"`
}

// viewOperation shows an operation to the caller.
func viewOperation(op operations.Operation, to caller) OperationView {
	sel, self := op.Selection, "/v1/operations/"+string(op.ID)
	v := OperationView{
		ID: op.ID, Object: "operation", Version: op.Version, Action: op.Action, State: op.State, Why: op.Why, Tenant: op.Tenant,
		By: op.By, StateBy: op.StateBy, Filter: viewFilter(op.Filter), Reason: op.Reason, Lane: op.Lane, Rate: op.Rate, Max: op.Max,
		Selection: SelectionView{
			AsOf: sel.AsOf, Matched: sel.Matched, Selected: sel.Selected, Skipped: sel.Skipped, By: sel.By, Sample: sel.Sample, Limited: sel.Limited,
		},
		Counts: CountsView{
			Total: sel.Selected, Done: op.Progress.Total(), Applied: op.Progress.Applied, Failed: op.Progress.Failed, FailedBy: op.Progress.FailedBy,
		},
		CreatedAt: op.CreatedAt, ExpiresAt: op.ExpiresAt, StartedAt: op.StartedAt, EndedAt: op.EndedAt, UpdatedAt: op.UpdatedAt,
		Links: OperationLinks{Self: self, Audit: self + "/audit"},
	}
	if v.Selection.Skipped == nil {
		v.Selection.Skipped = map[string]int{}
	}
	if op.Deadline > 0 {
		v.Deadline = op.Deadline.String()
	}
	if op.StopIf.FailureRate > 0 {
		v.StopIf = &StopIfView{op.StopIf.FailureRate, op.StopIf.Window}
	}
	if op.Rate > 0 {
		v.Selection.Seconds = seconds(float64(sel.Selected) / op.Rate)
	}
	if to.Operator {
		v.Driver = op.Driver()
	}
	return v
}

func viewFilter(f jobs.Filter) FilterView {
	return FilterView{
		State: f.States, Tenant: f.Tenant, Lane: laneNames(f.Lanes), Schema: f.Schema, Tier: f.Tier, Class: f.Classes, Provider: f.Provider,
		Reason: f.Reasons, Batch: f.Batch, Labels: f.Labels, AcceptedAfter: f.AcceptedFrom, AcceptedBefore: f.AcceptedUntil,
		UpdatedAfter: f.UpdatedFrom, UpdatedBefore: f.UpdatedUntil,
	}
}
