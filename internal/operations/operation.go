package operations

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Action is what an operation does to its jobs.
type Action string

// The actions.
const (
	// Requeue runs failed, expired and cancelled jobs again, and sends jobs in
	// review back to the machines.
	Requeue Action = "requeue"
	// Cancel ends jobs that wait, and tells running ones to stop.
	Cancel Action = "cancel"
	// Reject gives up jobs in review.
	Reject Action = "reject"
	// Erase removes document and result of ended jobs.
	Erase Action = "erase"
	// Move changes the lane of queued and parked jobs.
	Move Action = "move"
)

// Actions lists all actions.
func Actions() []Action { return []Action{Requeue, Cancel, Reject, Erase, Move} }

// States are the states of the jobs that the action is usually about: a filter
// without states gets them. nil means that the filter must name some.
func (a Action) States() []jobs.State {
	switch a {
	case Requeue:
		return []jobs.State{jobs.Failed, jobs.Expired}
	case Reject:
		return []jobs.State{jobs.InReview}
	case Move:
		return []jobs.State{jobs.Queued, jobs.Parked}
	case Cancel, Erase:
		return nil
	default:
		return nil
	}
}

// State is where an operation stands.
type State string

// The states of an operation.
const (
	Selecting State = "selecting" // its selection is being made, or removed
	Draft     State = "draft"     // the selection is frozen; waits for its start
	Running   State = "running"   // is worked through
	Paused    State = "paused"    // by a person
	Stopped   State = "stopped"   // by itself: too much went wrong
	Succeeded State = "succeeded" // all jobs were worked through
	Failed    State = "failed"    // no job could be changed, or the selection is lost
	Cancelled State = "cancelled" // by a person, before its end
)

// States lists all states in the order of an operation's life.
func States() []State {
	return []State{Selecting, Draft, Running, Paused, Stopped, Succeeded, Failed, Cancelled}
}

// Ended reports whether nothing more happens to the operation.
func (s State) Ended() bool { return s == Succeeded || s == Failed || s == Cancelled }

// Limits of an operation.
const (
	// MaxJobs is the most jobs that an operation selects.
	MaxJobs = 1_000_000
	// MaxRate is the most jobs a second that a rate may ask for.
	MaxRate = 10_000
	// MaxWindow is the longest window of a stop rule.
	MaxWindow = 1000
	// MaxOpen is the most operations of one tenant, or of operators, that have
	// not ended.
	MaxOpen = 100
	// MaxActorBytes is the most bytes of who asked for an operation.
	MaxActorBytes = jobs.MaxActorBytes - jobs.MaxIDLength - 1

	maxDeadline = 7 * 24 * time.Hour
)

// Order is what somebody wants done.
type Order struct {
	Action Action `json:"action"`
	// Filter selects the jobs. Without states it gets those of the action.
	Filter jobs.Filter `json:"filter"`
	// Rate is the most jobs a second, up to [MaxRate]; 0 means as fast as the
	// engine allows.
	Rate float64 `json:"rate,omitempty"`
	// Max is the most jobs to select, the newest first; 0 means [MaxJobs], and
	// that a filter which selects more is refused.
	Max int `json:"max,omitempty"`
	// StopIf stops the operation when too much goes wrong.
	StopIf StopIf `json:"stop_if,omitzero"`
	// Reason is kept in the history of each job; at most
	// [jobs.MaxReasonBytes].
	Reason string `json:"reason,omitempty"`
	// Lane is for Move, and optional for Requeue.
	Lane *jobs.Lane `json:"lane,omitempty"`
	// Deadline is how long a requeued job may take; 0 gives it as much time as
	// it had.
	Deadline time.Duration `json:"deadline,omitempty"`
}

// StopIf is a rule: stop when, of the last Window jobs, the share FailureRate
// or more could not be changed. The zero value never stops.
type StopIf struct {
	// FailureRate is above 0 and at most 1.
	FailureRate float64 `json:"failure_rate,omitempty"`
	// Window counts jobs, up to [MaxWindow]; 0 means 50.
	Window int `json:"window,omitempty"`
}

const defaultWindow = 50

// withDefaults returns o with what it leaves out.
func (o Order) withDefaults() Order {
	if len(o.Filter.States) == 0 {
		o.Filter.States = o.Action.States()
	}
	if o.StopIf.FailureRate > 0 && o.StopIf.Window == 0 {
		o.StopIf.Window = defaultWindow
	}
	return o
}

// Validate returns an error that wraps [jobs.ErrInvalid] and names the field
// and the limit, or nil.
func (o Order) Validate() error {
	o = o.withDefaults()
	var problems []error
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Errorf("%w: "+format, append([]any{jobs.ErrInvalid}, args...)...))
		}
	}
	known := slices.Contains(Actions(), o.Action)
	refuse(!known, "action must be one of %v", Actions())
	refuse(known && len(o.Filter.States) == 0, "filter must name the states of the jobs to %s", o.Action)
	refuse(math.IsNaN(o.Rate) || o.Rate < 0 || o.Rate > MaxRate || o.Rate > 0 && o.Rate < 0.001, "rate is %g, want 0.001 to %d", o.Rate, MaxRate)
	refuse(o.Max < 0 || o.Max > MaxJobs, "max is %d, want 1 to %d", o.Max, MaxJobs)
	r := o.StopIf.FailureRate
	refuse(math.IsNaN(r) || r < 0 || r > 1, "stop_if failure_rate is %g, want above 0 and at most 1", r)
	refuse(o.StopIf.Window < 0 || o.StopIf.Window > MaxWindow, "stop_if window is %d, want 1 to %d", o.StopIf.Window, MaxWindow)
	refuse(r == 0 && o.StopIf.Window != 0, "stop_if has a window and no failure_rate")
	refuse(len(o.Reason) > jobs.MaxReasonBytes, "reason has %d bytes, limit %d", len(o.Reason), jobs.MaxReasonBytes)
	refuse(o.Lane != nil && !o.Lane.Valid(), "lane is unknown")
	refuse(o.Action == Move && o.Lane == nil, "move needs a lane")
	refuse(o.Lane != nil && o.Action != Move && o.Action != Requeue, "lane is for move and requeue")
	refuse(o.Deadline != 0 && o.Action != Requeue, "deadline is for requeue")
	refuse(o.Deadline != 0 && (o.Deadline < time.Second || o.Deadline > maxDeadline), "deadline is %s, want 1s to %s", o.Deadline, maxDeadline)
	return errors.Join(problems...)
}

// Operation is one operation as it stands.
type Operation struct {
	ID jobs.ID `json:"-"`
	// Version grows with every write of the operation.
	Version int64 `json:"-"`
	// Tenant owns the operation; empty for operators.
	Tenant string `json:"tenant,omitempty"`
	// By is who asked for it.
	By string `json:"by"`
	Order
	State State `json:"state"`
	// Why says why the operation stopped or failed, in a word.
	Why string `json:"why,omitempty"`
	// StateBy is who brought it to its state; empty when it came there by
	// itself.
	StateBy string `json:"state_by,omitempty"`

	CreatedAt time.Time `json:"created_at"`
	// ExpiresAt is when a draft that nobody starts is removed.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	StartedAt time.Time `json:"started_at,omitzero"`
	EndedAt   time.Time `json:"ended_at,omitzero"`
	UpdatedAt time.Time `json:"-"`

	Selection Selection `json:"selection"`
	// ChunkJobs is how many jobs each part of the selection but the last has.
	ChunkJobs int `json:"chunk_jobs"`
	// Progress counts the jobs worked through.
	Progress Progress `json:"-"`

	// Chunk is the part of the selection that is worked on: those before it
	// are done and counted in Done. Partial is of this part as its driver
	// wrote it last.
	Chunk   int      `json:"chunk,omitempty"`
	Done    Progress `json:"done,omitzero"`
	Partial Progress `json:"partial,omitzero"`
	// WatchFrom is the first job that the stop rule looks at: a resumed
	// operation is judged anew.
	WatchFrom int   `json:"watch_from,omitempty"`
	Lease     lease `json:"lease,omitzero"`
}

// lease says who drives an operation, or makes its selection.
type lease struct {
	Owner string    `json:"owner,omitempty"`
	Token string    `json:"token,omitempty"`
	Until time.Time `json:"until,omitzero"`
}

// free reports whether somebody with the token may take the lease.
func (l lease) free(token string, now time.Time) bool {
	return l.Token == "" || l.Token == token || !now.Before(l.Until)
}

// Driver is the process that drives the operation; empty when none does.
func (o Operation) Driver() string { return o.Lease.Owner }

// chunks is how many parts the selection has.
func (o Operation) chunks() int {
	return (o.Selection.Selected + o.ChunkJobs - 1) / max(o.ChunkJobs, 1)
}

// actor names the operation, and who asked for it, in the history of its jobs.
func (o Operation) actor() string { return o.By + "@" + string(o.ID) }

// Selection is what the dry run found.
type Selection struct {
	// AsOf is when the selection was made.
	AsOf time.Time `json:"as_of,omitzero"`
	// Matched counts the jobs that the filter selected, Selected those of them
	// that the action fits.
	Matched  int `json:"matched"`
	Selected int `json:"selected"`
	// Skipped counts the others by the reason, such as their state.
	Skipped map[string]int `json:"skipped,omitempty"`
	// By counts the selected jobs by state, class, lane, tenant and schema.
	By map[string]map[string]int `json:"by,omitempty"`
	// Sample are some jobs that the filter selected.
	Sample []Sampled `json:"sample,omitempty"`
	// Limited is true when Max left jobs out.
	Limited bool `json:"limited,omitempty"`
}

// Sampled is a job of a dry run.
type Sampled struct {
	Job    jobs.ID    `json:"job"`
	Tenant string     `json:"tenant"`
	State  jobs.State `json:"state"`
	Class  jobs.Class `json:"class,omitempty"`
	// Skip is why the action does not fit the job; empty when it does.
	Skip string `json:"skip,omitempty"`
}

// Progress counts jobs that were worked through.
type Progress struct {
	// Applied jobs were changed, each once.
	Applied int `json:"applied,omitempty"`
	// Failed jobs could not be changed, FailedBy by reason.
	Failed   int            `json:"failed,omitempty"`
	FailedBy map[string]int `json:"failed_by,omitempty"`
}

// Total is how many jobs were worked through.
func (p Progress) Total() int { return p.Applied + p.Failed }

// plus adds two counts.
func (p Progress) plus(q Progress) Progress {
	sum := Progress{Applied: p.Applied + q.Applied, Failed: p.Failed + q.Failed}
	for _, part := range []map[string]int{p.FailedBy, q.FailedBy} {
		for why, n := range part {
			if sum.FailedBy == nil {
				sum.FailedBy = map[string]int{}
			}
			sum.FailedBy[why] += n
		}
	}
	return sum
}
