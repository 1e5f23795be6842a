package asynqjobs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// stamp is a time in unix ms; 0 is no time. The first millisecond of 1970 is
// kept as the second.
type stamp int64

func stampOf(t time.Time) stamp {
	if t.IsZero() {
		return 0
	}
	if ms := t.UnixMilli(); ms != 0 {
		return stamp(ms)
	}
	return 1
}

func (s stamp) time() time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(s)).UTC()
}

// row is a job as it is stored. Its ID is in its key and its seq beside it; what
// is heavy has a field of its own.
type row struct {
	ID           jobs.ID           `json:"i"`
	Tenant       string            `json:"t"`
	Lane         uint8             `json:"l,omitempty"`
	State        jobs.State        `json:"s"`
	Version      int64             `json:"v"`
	Generation   int               `json:"g"`
	Spec         jobs.Spec         `json:"sp"`
	Labels       map[string]string `json:"lb,omitempty"`
	Document     jobs.Document     `json:"d"`
	Key          string            `json:"k,omitempty"`
	Fingerprint  []byte            `json:"f"`
	Parent       jobs.ID           `json:"pa,omitempty"`
	Batch        jobs.ID           `json:"b,omitempty"`
	Operation    jobs.ID           `json:"op,omitempty"`
	Admission    jobs.Admission    `json:"ad"`
	Cost         int64             `json:"c"` // ms
	AcceptedAt   stamp             `json:"aa"`
	EnqueuedAt   stamp             `json:"ea"`
	StartedAt    stamp             `json:"sa,omitempty"`
	DeadlineAt   stamp             `json:"da"`
	EndedAt      stamp             `json:"na,omitempty"`
	UpdatedAt    stamp             `json:"ua"`
	Loans        int               `json:"n,omitempty"`
	Token        jobs.Token        `json:"tk,omitempty"`
	Worker       string            `json:"w,omitempty"`
	Until        stamp             `json:"u,omitempty"`
	LeaseJob     jobs.ID           `json:"lj,omitempty"`
	CancelReason string            `json:"cr,omitempty"`
	CancelAsked  bool              `json:"ca,omitempty"`
	ParkedUntil  stamp             `json:"pu,omitempty"`
	Gate         string            `json:"gt,omitempty"`
	Reason       string            `json:"r,omitempty"`
	Tier         int               `json:"ti,omitempty"`
	Review       *jobs.Review      `json:"rv,omitempty"` // without candidates and draft
	Failure      *jobs.Failure     `json:"fl,omitempty"`
}

// heavy is what lists leave out.
type heavy struct {
	Result     *jobs.Result    `json:"r,omitempty"`
	Candidates []candidate     `json:"c,omitempty"`
	Draft      json.RawMessage `json:"d,omitempty"`
}

// candidate is a jobs.Candidate whose data may be missing.
type candidate struct {
	Tier    int                   `json:"tier"`
	Data    json.RawMessage       `json:"data,omitempty"`
	Fields  map[string]jobs.Field `json:"fields,omitempty"`
	Reasons []string              `json:"reasons,omitempty"`
}

// encodeRow is the row of a job.
func encodeRow(j *jobs.Job) (string, error) {
	r := row{
		ID: j.ID, Tenant: j.Tenant, Lane: uint8(j.Lane), State: j.State, Version: j.Version, Generation: j.Generation,
		Spec: j.Spec, Labels: j.Labels, Document: j.Document, Key: j.Key, Fingerprint: []byte(j.Fingerprint),
		Parent: j.Parent, Batch: j.Batch, Operation: j.Operation, Admission: j.Admission, Cost: j.Cost.Milliseconds(),
		AcceptedAt: stampOf(j.AcceptedAt), EnqueuedAt: stampOf(j.EnqueuedAt), StartedAt: stampOf(j.StartedAt),
		DeadlineAt: stampOf(j.DeadlineAt), EndedAt: stampOf(j.EndedAt), UpdatedAt: stampOf(j.UpdatedAt),
		Loans: j.Loans, Token: j.Lease.Token, Worker: j.Lease.Worker, Until: stampOf(j.Lease.Until), LeaseJob: j.Lease.Job,
		CancelReason: j.CancelReason, CancelAsked: j.CancelAsked, ParkedUntil: stampOf(j.ParkedUntil), Gate: j.Gate,
		Reason: j.Reason, Tier: j.Tier, Failure: j.Failure,
	}
	if j.Review != nil {
		review := *j.Review
		review.Candidates, review.Draft = nil, nil
		r.Review = &review
	}
	return encode(r)
}

// encodeHeavy is the heavy part of a job; empty when it has none.
func encodeHeavy(j *jobs.Job) (string, error) {
	h := heavy{Result: j.Result}
	if j.Review != nil {
		h.Draft = j.Review.Draft
		for _, c := range j.Review.Candidates {
			h.Candidates = append(h.Candidates, candidate(c))
		}
	}
	if h.Result == nil && h.Candidates == nil && h.Draft == nil {
		return "", nil
	}
	return encode(h)
}

// job is the job of a row.
func (r *row) job() jobs.Job {
	return jobs.Job{
		ID: r.ID, Tenant: r.Tenant, Lane: jobs.Lane(r.Lane), State: r.State, Version: r.Version, Generation: r.Generation,
		Spec: r.Spec, Labels: r.Labels, Document: r.Document, Key: r.Key, Fingerprint: string(r.Fingerprint),
		Parent: r.Parent, Batch: r.Batch, Operation: r.Operation, Admission: r.Admission,
		Cost: time.Duration(r.Cost) * time.Millisecond, AcceptedAt: r.AcceptedAt.time(), EnqueuedAt: r.EnqueuedAt.time(),
		StartedAt: r.StartedAt.time(), DeadlineAt: r.DeadlineAt.time(), EndedAt: r.EndedAt.time(),
		UpdatedAt: r.UpdatedAt.time(), Loans: r.Loans,
		Lease:        jobs.Lease{Job: r.LeaseJob, Token: r.Token, Worker: r.Worker, Until: r.Until.time()},
		CancelReason: r.CancelReason, CancelAsked: r.CancelAsked, ParkedUntil: r.ParkedUntil.time(), Gate: r.Gate,
		Reason: r.Reason, Tier: r.Tier, Review: r.Review, Failure: r.Failure,
	}
}

// fill writes the heavy parts into j.
func (h heavy) fill(j *jobs.Job) {
	j.Result = h.Result
	if j.Review == nil {
		return
	}
	j.Review.Draft = h.Draft
	for _, c := range h.Candidates {
		j.Review.Candidates = append(j.Review.Candidates, jobs.Candidate(c))
	}
}

// stored is a job as the server holds it: the fields that the script function
// view answers, in its order. An absent field is empty.
type stored struct {
	row, heavy             string
	version, state         string
	seq, token             string
	worker, startedAt, end string
}

// viewFields are the fields of a stored job.
func viewFields() []string { return []string{"d", "h", "v", "s", "q", "k", "w", "b", "u"} }

// listFields are viewFields without the heavy part, in whose place is a field
// that no job has.
func listFields() []string { return []string{"d", "-", "v", "s", "q", "k", "w", "b", "u"} }

// storedOf reads the answer of view or of HMGET; ok is false when there is no
// job.
func storedOf(reply any) (s stored, ok bool) {
	fields, _ := reply.([]any)
	at := func(i int) string {
		if i >= len(fields) {
			return ""
		}
		text, _ := fields[i].(string)
		return text
	}
	s = stored{
		row: at(0), heavy: at(1), version: at(2), state: at(3), seq: at(4), token: at(5), worker: at(6), startedAt: at(7), end: at(8),
	}
	return s, s.row != ""
}

// job decodes a stored job. One that was lent since its row was written is
// lent once more by the state machine.
func (s stored) job() (jobs.Job, error) {
	var r row
	if err := json.Unmarshal([]byte(s.row), &r); err != nil {
		return jobs.Job{}, damaged("row of a job", err)
	}
	j := r.job()
	seq, err := strconv.ParseInt(s.seq, 10, 64)
	if err != nil {
		return jobs.Job{}, damaged("seq of job "+string(j.ID), err)
	}
	j.Seq = seq
	if s.heavy != "" {
		var h heavy
		if err := json.Unmarshal([]byte(s.heavy), &h); err != nil {
			return jobs.Job{}, damaged("result of job "+string(j.ID), err)
		}
		h.fill(&j)
	}
	if s.state == letter(jobs.Running) && j.State == jobs.Queued {
		err = s.lend(&j)
	}
	return j, err
}

// lend gives j the loan that was written beside its row.
func (s stored) lend(j *jobs.Job) error {
	token, err := strconv.ParseInt(s.token, 10, 64)
	if err != nil {
		return damaged("token of job "+string(j.ID), err)
	}
	l := jobs.Lease{Job: j.ID, Token: jobs.Token(token), Worker: s.worker, Until: millis(s.end)}
	if _, err := j.Lend(l, notBefore(j, millis(s.startedAt))); err != nil {
		return damaged("loan of job "+string(j.ID), err)
	}
	return nil
}

// started is the event of the loan that j has, as the state machine made it.
func started(j *jobs.Job) jobs.Event {
	return jobs.Event{
		Job: j.ID, Tenant: j.Tenant, Version: j.Version, Type: jobs.EventStarted, At: j.UpdatedAt, State: j.State,
		Lane: j.Lane, Generation: j.Generation, Tier: j.Tier, Actor: j.Lease.Worker,
	}
}

// millis reads a time in unix ms as scripts write it.
func millis(text string) time.Time {
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// encode is v as JSON on one line, with < and > as they are: results are
// handed on unchanged.
func encode(v any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "", fmt.Errorf("%w: %w", jobs.ErrInvalid, err)
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// damaged is the error for what the server holds and no engine wrote.
func damaged(what string, err error) error {
	return fmt.Errorf("%w: the %s is damaged: %w", jobs.ErrUnavailable, what, err)
}
