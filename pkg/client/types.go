package client

import (
	"encoding/json"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Job is a job as the server shows it. Texts in it may come from documents and
// from other people: before they are shown on a terminal, control characters
// must go.
type Job struct {
	ID    jobs.ID    `json:"id"`
	State jobs.State `json:"state"`
	// Lane is critical, interactive, standard or batch.
	Lane   string `json:"lane"`
	Tenant string `json:"tenant"`
	// Version grows with every change of the job. Given with a command, it
	// makes sure that the job has not changed since it was read.
	Version int64 `json:"version"`
	// Run is 1 at first and grows with every requeue.
	Run int `json:"run"`
	// Tier is the tier that ended or last worked on the job; 0 before.
	Tier int `json:"tier,omitempty"`

	// Schema is the schema's name; empty when the schema came with the job.
	Schema    string            `json:"schema,omitempty"`
	Labels    map[string]string `json:"labels,omitempty"`
	Document  jobs.Document     `json:"document"`
	Parent    jobs.ID           `json:"parent,omitempty"`
	Admission jobs.Admission    `json:"admission"`
	// Progress is nil once the job has ended.
	Progress     *Progress `json:"progress,omitempty"`
	AcceptedAt   time.Time `json:"accepted_at"`
	StartedAt    time.Time `json:"started_at,omitzero"`
	DeadlineAt   time.Time `json:"deadline_at"`
	EndedAt      time.Time `json:"ended_at,omitzero"`
	UpdatedAt    time.Time `json:"updated_at"`
	Cancelling   bool      `json:"cancelling,omitempty"`
	CancelReason string    `json:"cancel_reason,omitempty"`

	// Result, Quality and Usage are nil unless the job succeeded. Listed jobs
	// carry no result.
	Result  *Result       `json:"result,omitempty"`
	Quality *jobs.Quality `json:"quality,omitempty"`
	Usage   *jobs.Usage   `json:"usage,omitempty"`
	Timing  Timing        `json:"timing"`
	// Failure says why a failed or expired job ended.
	Failure *jobs.Failure `json:"failure,omitempty"`
	// Review is what a person decides on.
	Review *jobs.Review `json:"review,omitempty"`
	// Notices hold for every job on the server, such as no_model_configured.
	Notices []string `json:"notices,omitempty"`

	// ETag is the version for [GetOptions].Known; empty in lists.
	ETag string `json:"-"`
	// RetryAfter is when the server suggests to look again while the job is
	// open; 0 when it says nothing.
	RetryAfter time.Duration `json:"-"`
}

// Settled reports whether nothing more happens to the job without a person.
func (j Job) Settled() bool { return j.State.Terminal() || j.State == jobs.InReview }

// Result is what a succeeded job answers with.
type Result struct {
	// Data is valid under the job's schema.
	Data json.RawMessage `json:"data"`
	// Fields says, by JSON pointer into Data, where each value came from.
	Fields map[string]jobs.Field `json:"fields,omitempty"`
	// Missing lists optional fields that were not found.
	Missing []string `json:"missing,omitempty"`
}

// Progress says where an open job stands.
type Progress struct {
	// Phase is queued, running, waiting or review.
	Phase string `json:"phase"`
	Tier  int    `json:"tier,omitempty"`
	// ETASeconds is the predicted wait until the job starts; nil when unknown.
	ETASeconds *float64 `json:"eta_s,omitempty"`
	// Reason, Until and Gate say what a waiting job waits for.
	Reason string    `json:"reason,omitempty"`
	Until  time.Time `json:"until,omitzero"`
	Gate   string    `json:"gate,omitempty"`
}

// Timing says how long the current run waited and worked, in milliseconds.
type Timing struct {
	QueuedMS int64 `json:"queued_ms"`
	RunMS    int64 `json:"run_ms"`
}

// Attempt is a row of a job's ledger.
type Attempt struct {
	jobs.Attempt
	// MS is how long it took in milliseconds; 0 while it is open.
	MS int64 `json:"ms"`
}

// AttemptList is a job's ledger, with a summary in sentences.
type AttemptList struct {
	Data    []Attempt `json:"data"`
	Summary string    `json:"summary"`
}

// Event is one change of a job.
type Event struct {
	Job     jobs.ID        `json:"job"`
	Tenant  string         `json:"tenant"`
	Version int64          `json:"version"`
	Type    jobs.EventType `json:"type"`
	At      time.Time      `json:"at"`
	State   jobs.State     `json:"state"`
	Lane    string         `json:"lane"`
	// Generation is the job's run.
	Generation int    `json:"generation"`
	Tier       int    `json:"tier,omitempty"`
	Reason     string `json:"reason,omitempty"`
	// Actor is the worker or caller behind the change; empty for the server
	// itself.
	Actor string `json:"actor,omitempty"`
}

// DeadLetter is all that is known of a job.
type DeadLetter struct {
	Job      Job       `json:"job"`
	Attempts []Attempt `json:"attempts"`
	// History lists every change of the job, in order.
	History []Event `json:"history"`
	Summary string  `json:"summary"`
}

// JobList is a page of jobs, the newest first.
type JobList struct {
	Data []Job `json:"data"`
	// NextCursor asks for the next page; empty on the last.
	NextCursor string `json:"next_cursor,omitempty"`
	HasMore    bool   `json:"has_more"`
	// Partial is true when the server's search stopped early; NextCursor goes
	// on with it.
	Partial bool `json:"partial,omitempty"`
}

// Health says that a server takes jobs in.
type Health struct {
	Status string  `json:"status"`
	Checks []Check `json:"checks,omitempty"`
}

// Check is one part of a server that was looked at.
type Check struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
}

// Version names the server's version.
type Version struct {
	Version string   `json:"version"`
	Notices []string `json:"notices,omitempty"`
}
