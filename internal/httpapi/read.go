package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// getJob is GET /v1/jobs/{id}. With wait it answers when the job has settled,
// or, with If-None-Match, when it has changed.
func (s *Server) getJob(ctx context.Context, c *call) (*reply[Job], error) {
	q, p := readQuery(c.r, "wait")
	if p != nil {
		return nil, p
	}
	wait, p := waitParameter(q)
	if p != nil {
		return nil, p
	}
	j, err := s.deps.Engine.Get(ctx, c.scope(), c.id)
	if err != nil {
		return nil, err
	}
	known := c.r.Header.Values("If-None-Match")
	wanted := settled
	if len(known) > 0 {
		wanted = func(j jobs.Job) bool { return !matches(known, etag(j)) }
	}
	if j, err = s.await(ctx, c.scope(), j, wait, wanted); err != nil {
		return nil, err
	}
	if j.State == jobs.Erased {
		return nil, erased(j)
	}
	if len(known) > 0 && matches(known, etag(j)) {
		return s.answer(c, j, http.StatusNotModified), nil
	}
	return s.answer(c, j, http.StatusOK), nil
}

// matches compares weakly (RFC 9110): the same version is the same job,
// however the tag is marked.
func matches(values []string, tag string) bool {
	for _, value := range values {
		for part := range strings.SplitSeq(value, ",") {
			part = strings.TrimSpace(part)
			if part == "*" || strings.TrimPrefix(part, "W/") == strings.TrimPrefix(tag, "W/") {
				return true
			}
		}
	}
	return false
}

// getResult is GET /v1/jobs/{id}/result: the data and nothing around it.
func (s *Server) getResult(ctx context.Context, c *call) (*reply[json.RawMessage], error) {
	if p := refuseQuery(c.r); p != nil {
		return nil, p
	}
	j, err := s.deps.Engine.Get(ctx, c.scope(), c.id)
	if err != nil {
		return nil, err
	}
	switch {
	case j.Result != nil:
		c.w.Header().Set("ETag", etag(j))
		c.w.Header().Set("Job-Quality", qualityHeader(j.Result.Quality))
		return &reply[json.RawMessage]{Status: http.StatusOK, Body: j.Result.Data}, nil
	case j.State == jobs.Erased:
		return nil, erased(j)
	case j.State.Terminal():
		return nil, problem(CodeJobWithoutResult, "The job is %s.", j.State).in(j.State)
	default:
		wait := time.Duration(pollAfter(s.progress(j))) * time.Second
		return nil, problem(CodeJobNotFinished, "The job is %s.", j.State).in(j.State).after(wait)
	}
}

func erased(j jobs.Job) *Problem {
	return problem(CodeErased, "What is left is the job's history.").in(j.State).suggest("read GET /v1/dlq/{id}")
}

// Attempt is a row of a job's ledger as the API shows it.
type Attempt struct {
	jobs.Attempt
	MS int64 `json:"ms" doc:"How long it took; 0 while it is open"`
}

// AttemptList is a job's ledger with a summary in sentences.
type AttemptList struct {
	Data    []Attempt `json:"data"`
	Summary string    `json:"summary"`
}

// getAttempts is GET /v1/jobs/{id}/attempts.
func (s *Server) getAttempts(ctx context.Context, c *call) (*reply[AttemptList], error) {
	_, list, err := s.ledger(ctx, c)
	if err != nil {
		return nil, err
	}
	return &reply[AttemptList]{Status: http.StatusOK, Body: list}, nil
}

// ledger reads the job and what was tried for it.
func (s *Server) ledger(ctx context.Context, c *call) (jobs.Job, AttemptList, error) {
	if p := refuseQuery(c.r); p != nil {
		return jobs.Job{}, AttemptList{}, p
	}
	j, err := s.deps.Engine.Get(ctx, c.scope(), c.id)
	if err != nil {
		return jobs.Job{}, AttemptList{}, err
	}
	rows, err := s.deps.Engine.Attempts(ctx, c.scope(), c.id)
	if err != nil {
		return jobs.Job{}, AttemptList{}, err
	}
	list := AttemptList{Data: make([]Attempt, 0, len(rows)), Summary: s.deps.Explain(j, rows)}
	for _, a := range rows {
		list.Data = append(list.Data, Attempt{Attempt: a, MS: a.Took().Milliseconds()})
	}
	return j, list, nil
}

// DeadLetter is all that is known of a job, in one answer.
type DeadLetter struct {
	Job      Job          `json:"job"`
	Attempts []Attempt    `json:"attempts"`
	History  []jobs.Event `json:"history" doc:"Every change of the job, in order"`
	Summary  string       `json:"summary"`
}

// getDead is GET /v1/dlq/{id}. It answers for a job in any state, so that what
// was seen in the list can be looked at after it was requeued.
func (s *Server) getDead(ctx context.Context, c *call) (*reply[DeadLetter], error) {
	j, list, err := s.ledger(ctx, c)
	if err != nil {
		return nil, err
	}
	events, err := s.deps.Engine.History(ctx, c.scope(), c.id, 0)
	if err != nil {
		return nil, err
	}
	if events == nil {
		events = []jobs.Event{}
	}
	c.w.Header().Set("ETag", etag(j))
	return &reply[DeadLetter]{
		Status: http.StatusOK,
		Body:   DeadLetter{Job: s.view(j), Attempts: list.Data, History: events, Summary: list.Summary},
	}, nil
}
