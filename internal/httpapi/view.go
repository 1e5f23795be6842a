package httpapi

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/sluicehq/sluice/pkg/backpressure"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// Job is a job as the API shows it.
type Job struct {
	ID     jobs.ID    `json:"id"`
	Object string     `json:"object" doc:"Always job"`
	State  jobs.State `json:"state" enum:"queued,running,parked,in_review,succeeded,failed,cancelled,expired,erased"`
	Lane   jobs.Lane  `json:"lane" enum:"critical,interactive,standard,batch"`
	Tenant string     `json:"tenant"`
	// Version grows with every change of the job; the ETag carries it.
	Version int64 `json:"version" doc:"Grows with every change; the ETag carries it"`
	// Run counts the generations: 1 at first, one more with every requeue.
	Run  int `json:"run" doc:"1 at first, one more with every requeue"`
	Tier int `json:"tier,omitempty" doc:"The tier that ended or last worked on the job: 1 primary model, 2 smaller model, 3 rules, 4 a person"`

	Schema       string            `json:"schema,omitempty" doc:"Name of the schema; without one the schema came with the job"`
	Labels       map[string]string `json:"labels,omitempty"`
	Document     jobs.Document     `json:"document"`
	Parent       jobs.ID           `json:"parent,omitempty"`
	Admission    jobs.Admission    `json:"admission" doc:"What intake said when the job was accepted"`
	Progress     *Progress         `json:"progress,omitempty" doc:"Where an open job stands"`
	AcceptedAt   time.Time         `json:"accepted_at"`
	StartedAt    time.Time         `json:"started_at,omitzero"`
	DeadlineAt   time.Time         `json:"deadline_at" doc:"No machine work starts after it"`
	EndedAt      time.Time         `json:"ended_at,omitzero"`
	UpdatedAt    time.Time         `json:"updated_at"`
	Cancelling   bool              `json:"cancelling,omitempty" doc:"A running job was told to stop"`
	CancelReason string            `json:"cancel_reason,omitempty"`

	Result  *Result       `json:"result,omitempty"`
	Quality *jobs.Quality `json:"quality,omitempty" doc:"How far to trust the result; there with every result"`
	Usage   *jobs.Usage   `json:"usage,omitempty"`
	Timing  Timing        `json:"timing"`
	Failure *jobs.Failure `json:"failure,omitempty" doc:"Why the job failed or expired"`
	Review  *jobs.Review  `json:"review,omitempty" doc:"What a person decides on"`
	// Notices say what the reader of any job should know of this server.
	Notices []string `json:"notices,omitempty" doc:"What holds for every job on this server, such as no_model_configured"`
	Links   Links    `json:"links"`
}

// Result is the result without what stands beside it in [Job].
type Result struct {
	Data    json.RawMessage       `json:"data" doc:"The values, valid under the job's schema"`
	Fields  map[string]jobs.Field `json:"fields,omitempty" doc:"By JSON pointer into data: where each value came from"`
	Missing []string              `json:"missing,omitempty" doc:"Pointers of optional fields that were not found"`
}

// Progress says where an open job stands.
type Progress struct {
	// Phase is queued, running, waiting or review.
	Phase string `json:"phase" enum:"queued,running,waiting,review"`
	Tier  int    `json:"tier,omitempty"`
	// ETASeconds is the predicted wait until the job starts.
	ETASeconds *float64 `json:"eta_s,omitempty" doc:"Predicted wait until the job starts, in seconds"`
	// Reason, Until and Gate say what a parked job waits for, or until when
	// the tenant of a queued one is paused; Reason also why a released one is
	// queued again.
	Reason string    `json:"reason,omitempty"`
	Until  time.Time `json:"until,omitzero"`
	Gate   string    `json:"gate,omitempty"`
}

// Timing says how long the current run waited and worked.
type Timing struct {
	QueuedMS int64 `json:"queued_ms" doc:"Time from being queued to the last start, or to the end without one"`
	RunMS    int64 `json:"run_ms" doc:"Time from the last start to the end"`
}

// Links are paths of what belongs to a job.
type Links struct {
	Self     string `json:"self"`
	Result   string `json:"result"`
	Attempts string `json:"attempts"`
	Cancel   string `json:"cancel"`
	Requeue  string `json:"requeue"`
}

// view shows a job.
func (s *Server) view(j jobs.Job) Job {
	v := Job{
		ID: j.ID, Object: "job", State: j.State, Lane: j.Lane, Tenant: j.Tenant, Version: j.Version, Run: j.Generation,
		Tier: j.Tier, Schema: j.Spec.Schema, Labels: j.Labels, Document: j.Document, Parent: j.Parent,
		Admission: j.Admission, Progress: s.progress(j), AcceptedAt: j.AcceptedAt, StartedAt: j.StartedAt,
		DeadlineAt: j.DeadlineAt, EndedAt: j.EndedAt, UpdatedAt: j.UpdatedAt,
		Cancelling: j.CancelAsked, CancelReason: j.CancelReason,
		Timing: timing(j), Failure: j.Failure, Review: j.Review, Notices: s.cfg.Notices, Links: links(j.ID),
	}
	if r := j.Result; r != nil {
		v.Result = &Result{Data: r.Data, Fields: r.Fields, Missing: r.Missing}
		v.Quality, v.Usage = &r.Quality, &r.Usage
	}
	return v
}

func (s *Server) progress(j jobs.Job) *Progress {
	p := &Progress{Tier: j.Tier, Reason: j.Reason}
	switch j.State {
	case jobs.Queued:
		p.Phase = "queued"
		if pause := s.pauseOf(j.Tenant); pause != nil {
			p.Reason, p.Until = string(backpressure.TenantPaused), pause.Until
			break
		}
		if eta, known := s.deps.Admission.ETA(j.Lane, j.Tenant, j.EnqueuedAt, s.deps.Now()); known {
			eta = seconds(eta)
			p.ETASeconds = &eta
		}
	case jobs.Running:
		p.Phase = "running"
	case jobs.Parked:
		p.Phase, p.Until, p.Gate = "waiting", j.ParkedUntil, j.Gate
	case jobs.InReview:
		p.Phase = "review"
	case jobs.Succeeded, jobs.Failed, jobs.Cancelled, jobs.Expired, jobs.Erased:
		return nil
	}
	return p
}

func timing(j jobs.Job) Timing {
	var t Timing
	switch {
	case !j.StartedAt.IsZero():
		t.QueuedMS = j.StartedAt.Sub(j.EnqueuedAt).Milliseconds()
	case !j.EndedAt.IsZero():
		t.QueuedMS = j.EndedAt.Sub(j.EnqueuedAt).Milliseconds()
	}
	if !j.StartedAt.IsZero() && !j.EndedAt.IsZero() {
		t.RunMS = j.EndedAt.Sub(j.StartedAt).Milliseconds()
	}
	return t
}

func path(id jobs.ID) string { return "/v1/jobs/" + string(id) }

func links(id jobs.ID) Links {
	self := path(id)
	return Links{
		Self: self, Result: self + "/result", Attempts: self + "/attempts", Cancel: self + "/cancel", Requeue: self + "/requeue",
	}
}

// etag is the job's version as an entity tag. It is weak, because predictions
// in the answer change without the job.
func etag(j jobs.Job) string { return fmt.Sprintf(`W/"%d"`, j.Version) }

// settled reports whether nothing more happens to the job without a person.
func settled(j jobs.Job) bool { return j.State.Terminal() || j.State == jobs.InReview }

// qualityHeader is the quality in one line, so that nobody overlooks a
// degraded answer.
func qualityHeader(q jobs.Quality) string {
	parts := []string{fmt.Sprintf("tier=%d", q.Tier)}
	if q.Degraded {
		parts = append(parts, "degraded")
	}
	return strings.Join(parts, ";")
}
