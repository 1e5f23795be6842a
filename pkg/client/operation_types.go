package client

import (
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Action is what an operation does to its jobs.
type Action string

// The actions.
const (
	RequeueJobs Action = "requeue" // runs ended jobs again, and sends jobs in review back
	CancelJobs  Action = "cancel"  // ends what waits, tells what runs to stop
	RejectJobs  Action = "reject"  // gives up jobs in review
	EraseJobs   Action = "erase"   // removes document and result of ended jobs
	MoveJobs    Action = "move"    // moves waiting jobs to another lane
)

// OperationState is where an operation stands.
type OperationState string

// The states of an operation.
const (
	OperationSelecting OperationState = "selecting" // its jobs are being selected
	OperationDraft     OperationState = "draft"     // waits for its start
	OperationRunning   OperationState = "running"
	OperationPaused    OperationState = "paused"    // by a person
	OperationStopped   OperationState = "stopped"   // by itself: too much went wrong
	OperationSucceeded OperationState = "succeeded" // all jobs were worked through
	OperationFailed    OperationState = "failed"    // no job could be changed
	OperationCancelled OperationState = "cancelled"
)

// OperationStates lists all states in the order of an operation's life.
func OperationStates() []OperationState {
	return []OperationState{
		OperationSelecting, OperationDraft, OperationRunning, OperationPaused, OperationStopped,
		OperationSucceeded, OperationFailed, OperationCancelled,
	}
}

// Ended reports whether nothing more happens to the operation.
func (s OperationState) Ended() bool {
	return s == OperationSucceeded || s == OperationFailed || s == OperationCancelled
}

// Order is what an operation is to do.
type Order struct {
	Action Action
	// Filter selects the jobs. Without states it gets those of the action:
	// failed and expired to requeue, in_review to reject, queued and parked to
	// move. The others must name some.
	Filter Filter
	// Rate is the most jobs a second; 0 means as fast as the store allows.
	Rate float64
	// Max is the most jobs to select, the newest first; 0 means that a filter
	// which selects more than a million is refused.
	Max int
	// StopIf stops the operation when too much goes wrong.
	StopIf StopIf
	// Reason is kept in the history of each job, at most 512 bytes.
	Reason string
	// Lane is where to move the jobs; optional to requeue.
	Lane string
	// Deadline is how long requeued jobs may take; 0 gives them as much time
	// as they had.
	Deadline time.Duration
	// Draft freezes the selection and changes no job until
	// [Client.StartOperation].
	Draft bool
}

// StopIf is a rule: stop when, of the last Window jobs, the share FailureRate
// or more could not be changed. The zero value never stops.
type StopIf struct {
	FailureRate float64 `json:"failure_rate"`
	// Window counts jobs, up to 1000; 0 means 50.
	Window int `json:"window,omitempty"`
}

// Operation is a change of many jobs as the server shows it.
type Operation struct {
	ID      jobs.ID        `json:"id"`
	Version int64          `json:"version"`
	Action  Action         `json:"action"`
	State   OperationState `json:"state"`
	// Why says why it stopped or failed: failure_rate, no_job_changed or
	// selection_lost.
	Why string `json:"why,omitempty"`
	// Tenant owns it; empty for one of operators.
	Tenant string `json:"tenant,omitempty"`
	// By asked for it; StateBy brought it to its state, or nobody did.
	By      string `json:"by"`
	StateBy string `json:"state_by,omitempty"`
	// Driver is the process that works on it, for operators.
	Driver string `json:"driver,omitempty"`

	Filter   OperationFilter `json:"filter"`
	Reason   string          `json:"reason,omitempty"`
	Lane     string          `json:"lane,omitempty"`
	Deadline string          `json:"deadline,omitempty"`
	Rate     float64         `json:"rate,omitempty"`
	Max      int             `json:"max,omitempty"`
	StopIf   *StopIf         `json:"stop_if,omitempty"`

	Selection Selection       `json:"selection"`
	Counts    OperationCounts `json:"counts"`

	CreatedAt time.Time `json:"created_at"`
	// ExpiresAt is when a draft that nobody starts is removed.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	StartedAt time.Time `json:"started_at,omitzero"`
	EndedAt   time.Time `json:"ended_at,omitzero"`
	UpdatedAt time.Time `json:"updated_at"`
}

// OperationFilter is a [Filter] in JSON.
type OperationFilter struct {
	State          []jobs.State      `json:"state,omitempty"`
	Tenant         string            `json:"tenant,omitempty"`
	Lane           []string          `json:"lane,omitempty"`
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

// Selection is what the filter of an operation selected when it was made.
type Selection struct {
	AsOf time.Time `json:"as_of,omitzero"`
	// Matched counts the jobs that the filter selected, Selected those of them
	// that the action fits.
	Matched  int `json:"matched"`
	Selected int `json:"selected"`
	// Skipped counts the others by why the action does not fit: their state,
	// claimed, cancelling or same_lane.
	Skipped map[string]int `json:"skipped"`
	// By counts the selected jobs by state, class, lane, tenant and schema.
	By     map[string]map[string]int `json:"by,omitempty"`
	Sample []Sampled                 `json:"sample,omitempty"`
	// Limited is true when Max left jobs out.
	Limited bool `json:"limited"`
	// Seconds is how long the rate makes it take; 0 without a rate.
	Seconds float64 `json:"est_duration_s,omitempty"`
}

// Sampled is one of the jobs that a filter selected.
type Sampled struct {
	Job    jobs.ID    `json:"job"`
	Tenant string     `json:"tenant"`
	State  jobs.State `json:"state"`
	Class  jobs.Class `json:"class,omitempty"`
	// Skip is why the action does not fit the job; empty when it does.
	Skip string `json:"skip,omitempty"`
}

// OperationCounts say how far an operation is.
type OperationCounts struct {
	Total int `json:"total"`
	// Done is Applied, the jobs that were changed, each once, and Failed, those
	// that could not be.
	Done     int            `json:"done"`
	Applied  int            `json:"applied"`
	Failed   int            `json:"failed"`
	FailedBy map[string]int `json:"failed_by,omitempty"`
}

// OperationList is a page of operations, the newest first.
type OperationList struct {
	Data       []Operation `json:"data"`
	NextCursor string      `json:"next_cursor,omitempty"`
	HasMore    bool        `json:"has_more"`
}

// wireOrder is the JSON of an order.
type wireOrder struct {
	Action   Action          `json:"action"`
	Filter   OperationFilter `json:"filter"`
	Rate     float64         `json:"rate,omitempty"`
	Max      int             `json:"max,omitempty"`
	StopIf   *StopIf         `json:"stop_if,omitempty"`
	Reason   string          `json:"reason,omitempty"`
	Lane     string          `json:"lane,omitempty"`
	Deadline string          `json:"deadline,omitempty"`
	DryRun   bool            `json:"dry_run,omitempty"`
}

func (o Order) wire() wireOrder {
	f := o.Filter
	w := wireOrder{
		Action: o.Action, Rate: o.Rate, Max: o.Max, Reason: o.Reason, Lane: o.Lane, Deadline: durationText(o.Deadline), DryRun: o.Draft,
		Filter: OperationFilter{
			State: f.States, Tenant: f.Tenant, Lane: f.Lanes, Schema: f.Schema, Tier: f.Tier, Class: f.Classes, Provider: f.Provider,
			Reason: f.Reasons, Batch: f.Batch, Labels: f.Labels, AcceptedAfter: f.AcceptedAfter, AcceptedBefore: f.AcceptedBefore,
			UpdatedAfter: f.UpdatedAfter, UpdatedBefore: f.UpdatedBefore,
		},
	}
	if o.StopIf != (StopIf{}) {
		w.StopIf = &o.StopIf
	}
	return w
}
