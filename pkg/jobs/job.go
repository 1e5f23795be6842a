package jobs

import (
	"encoding/json"
	"time"
)

// Job is one document on its way to fields. Engines return copies; changing
// one changes nothing in the store.
type Job struct {
	ID     ID
	Tenant string
	Lane   Lane
	State  State
	// Version grows by one with every change of the job. Commands compare
	// against it, and events are numbered by it.
	Version int64
	// Generation counts the runs of the job: 1 when accepted, one more with
	// every requeue. The API calls it "run".
	Generation int
	Spec       Spec
	Labels     map[string]string
	Document   Document
	// Key is the idempotency key, empty without one.
	Key string
	// Fingerprint identifies the payload: the same key with another
	// fingerprint is a mistake of the caller.
	Fingerprint string
	// Parent is the job that this one was made from, empty without one.
	Parent ID
	// Batch is the batch that the job belongs to, empty without one.
	Batch ID
	// Operation is the last bulk operation that changed the job.
	Operation ID
	// Admission is what the caller was told when the job was accepted.
	Admission Admission
	// Cost is the estimated service time that the scheduler charges.
	Cost time.Duration
	// Seq orders jobs of one tenant and lane: the engine counts it up when a
	// job is accepted, requeued or sent back. A job that is woken or lent
	// again keeps it and so returns to its place at the head.
	Seq int64

	AcceptedAt time.Time
	// EnqueuedAt is when the job got its Seq; its start objective counts from
	// here.
	EnqueuedAt time.Time
	// StartedAt is when the job was last lent; zero before the first loan of
	// this generation.
	StartedAt time.Time
	// DeadlineAt bounds machine work: no call starts after it.
	DeadlineAt time.Time
	// EndedAt is when the job reached a terminal state; zero before.
	EndedAt   time.Time
	UpdatedAt time.Time

	// Loans counts the loans of this generation since it last parked; one
	// that was released does not count.
	Loans int
	// Lease is the current loan while the job runs; afterwards it keeps the
	// token of the loan whose holder settled it, so that a repeated outcome
	// is recognised.
	Lease Lease
	// CancelReason is set while a running job has been told to stop, and on a
	// cancelled job.
	CancelReason string
	CancelAsked  bool

	// ParkedUntil and Gate say what a parked job waits for: a time, and the
	// name of the gate that may open sooner.
	ParkedUntil time.Time
	Gate        string
	// Reason says why the job is where it is: parked, released or in review.
	Reason string

	// Tier is the tier that ended or last worked on the job; 0 before.
	Tier    int
	Result  *Result
	Review  *Review
	Failure *Failure
}

// AdmissionMode is what intake thought of the load.
type AdmissionMode string

// The admission modes. A rejected submission makes no job.
const (
	AdmitNormal   AdmissionMode = "normal"
	AdmitDegraded AdmissionMode = "degraded"
	AdmitQueued   AdmissionMode = "queued"
	AdmitRejected AdmissionMode = "rejected"
)

// Admission is intake's answer. A replay of the submission answers the same.
type Admission struct {
	Mode   AdmissionMode `json:"mode"`
	Reason string        `json:"reason,omitempty"`
	// TierStart is the first tier that is expected to work; 0 means 1.
	TierStart int `json:"tier_start,omitempty"`
}

// Review is what a person sees of a job that no machine could finish.
type Review struct {
	// Reason is why the job is here, such as "all_tiers_failed".
	Reason string `json:"reason"`
	// Since is when the job came here. Claims and drafts do not move it.
	Since time.Time `json:"since"`
	// DueAt is when a person should have decided.
	DueAt time.Time `json:"due_at"`
	// Candidates are the answers that tiers gave and that did not stand.
	Candidates []Candidate `json:"candidates,omitempty"`
	// ClaimedBy is who works on it until ClaimedUntil; empty when nobody
	// does.
	ClaimedBy    string    `json:"claimed_by,omitempty"`
	ClaimedUntil time.Time `json:"claimed_until,omitzero"`
	// Draft is unfinished work of the last reviewer.
	Draft json.RawMessage `json:"draft,omitempty"`
}

// Candidate is an answer of one tier that did not stand.
type Candidate struct {
	Tier   int              `json:"tier"`
	Data   json.RawMessage  `json:"data"`
	Fields map[string]Field `json:"fields,omitempty"`
	// Reasons says why the answer did not stand.
	Reasons []string `json:"reasons,omitempty"`
}

// Failure says why a job failed or expired.
type Failure struct {
	Class Class `json:"class"`
	// Reason is a sentence for people; it never repeats document text.
	Reason   string `json:"reason"`
	Tier     int    `json:"tier,omitempty"`
	Provider string `json:"provider,omitempty"`
}

// Failure classes that engines themselves give.
const (
	ClassCrashedWorkers Class = "crashed_workers" // every allowed loan ended without an outcome
	ClassDeadline       Class = "deadline"        // the deadline passed while the job waited
	ClassRejected       Class = "rejected"        // a person rejected the job
)
