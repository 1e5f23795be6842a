package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/strictjson"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// maxCommand bounds the body of a command, and the data that completes a job.
const maxCommand = 1 << 20

// order is the body of a command. Zero fields were not given.
type order struct {
	reason   string
	version  int64
	lane     *jobs.Lane
	deadline time.Duration
	data     *strictjson.Value
}

// cancel is POST /v1/jobs/{id}/cancel. A running job ends soon, others at once.
func (s *Server) cancel(ctx context.Context, c *call) (*reply[Job], error) {
	o, p := s.order(c, nil)
	if p != nil {
		return nil, p
	}
	j, err := s.apply(ctx, c, o, jobs.Command{Kind: jobs.Cancel})
	if err != nil {
		return nil, err
	}
	if j.State == jobs.Running {
		s.deps.Canceller.AskCancel(j.ID)
		return s.answer(c, j, http.StatusAccepted), nil
	}
	return s.answer(c, j, http.StatusOK), nil
}

// requeue is POST /v1/jobs/{id}/requeue: a new run of a job that ended without
// a result, or that waits for a person.
func (s *Server) requeue(ctx context.Context, c *call) (*reply[Job], error) {
	o, p := s.order(c, func(d *decoder, o *order) members {
		return members{"lane": d.lane(&o.lane), "deadline": d.deadline(&o.deadline)}
	})
	if p != nil {
		return nil, p
	}
	if o.lane != nil && !c.mayUse(*o.lane) {
		return nil, laneNotAllowed(c.Tenant)
	}
	j, err := s.deps.Engine.Get(ctx, c.scope(), c.id)
	if err != nil {
		return nil, err
	}
	cmd := jobs.Command{Kind: jobs.Requeue, Lane: o.lane}
	if j.State == jobs.InReview {
		cmd.Kind = jobs.SendBack
	}
	if o.deadline > 0 {
		cmd.DeadlineAt = s.deps.Now().Add(o.deadline)
	}
	if j, err = s.apply(ctx, c, o, cmd); err != nil {
		return nil, err
	}
	c.w.Header().Set("Location", path(j.ID))
	return s.answer(c, j, http.StatusAccepted), nil
}

// reject is POST /v1/jobs/{id}/reject: a person gives a job in review up.
func (s *Server) reject(ctx context.Context, c *call) (*reply[Job], error) {
	var class string
	o, p := s.order(c, func(d *decoder, _ *order) members { return members{"class": d.id(&class)} })
	if p != nil {
		return nil, p
	}
	j, err := s.apply(ctx, c, o, jobs.Command{Kind: jobs.Reject, Class: jobs.Class(class)})
	if err != nil {
		return nil, err
	}
	return s.answer(c, j, http.StatusOK), nil
}

// complete is POST /v1/jobs/{id}/complete: a person gives the result.
func (s *Server) complete(ctx context.Context, c *call) (*reply[Job], error) {
	o, p := s.order(c, func(_ *decoder, o *order) members {
		return members{"data": func(v strictjson.Value, _ string) { o.data = &v }}
	})
	if p != nil {
		return nil, p
	}
	if o.data == nil {
		return nil, problem(CodeInvalidRequest, "The body must hold the result as data.").at("/data", "is missing")
	}
	j, err := s.deps.Engine.Get(ctx, c.scope(), c.id)
	if err != nil {
		return nil, err
	}
	if !j.State.CanBecome(jobs.Succeeded) || j.State == jobs.Running {
		return nil, conflict(j)
	}
	result, err := s.humanResult(ctx, c, j, *o.data)
	if err != nil {
		return nil, err
	}
	if j, err = s.apply(ctx, c, o, jobs.Command{Kind: jobs.Complete, Result: result}); err != nil {
		return nil, err
	}
	return s.answer(c, j, http.StatusOK), nil
}

// humanResult makes a result of what a person gave, if it fits the schema.
func (s *Server) humanResult(ctx context.Context, c *call, j jobs.Job, data strictjson.Value) (*jobs.Result, error) {
	violations, err := s.deps.Schemas.Validate(j.Spec, data.Raw())
	if err != nil {
		return nil, err
	}
	if len(violations) > 0 {
		p := problem(CodeInvalidData, "The data does not fit the schema.")
		for _, v := range violations[:min(len(violations), maxViolations)] {
			p.at("/data"+v.Pointer, v.Reason)
		}
		return nil, p
	}
	rows, err := s.deps.Engine.Attempts(ctx, c.scope(), c.id)
	if err != nil {
		return nil, err
	}
	result := &jobs.Result{
		Fields:  map[string]jobs.Field{},
		Quality: jobs.Quality{Tier: 4, Degraded: true, Reasons: []string{"completed_by_person"}, Review: "done"},
	}
	for _, a := range rows {
		result.Usage = result.Usage.Add(a.Usage)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, data.Raw()); err != nil {
		return nil, err
	}
	result.Data = compact.Bytes()
	humanFields(data, "", result.Fields)
	return result, nil
}

// humanFields vouches for each single value of v.
func humanFields(v strictjson.Value, at string, fields map[string]jobs.Field) {
	switch v.Kind() {
	case strictjson.Object:
		for _, m := range v.Members() {
			humanFields(m.Value, at+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(m.Name), fields)
		}
	case strictjson.Array:
		for i, item := range v.Items() {
			humanFields(item, at+"/"+strconv.Itoa(i), fields)
		}
	case strictjson.Null:
	case strictjson.Bool, strictjson.Number, strictjson.String:
		fields[at] = jobs.Field{Confidence: 1, ValueFrom: jobs.FromHuman, Tier: 4}
	}
}

// apply carries a command out and names the state when it does not fit.
func (s *Server) apply(ctx context.Context, c *call, o order, cmd jobs.Command) (jobs.Job, error) {
	cmd.Job, cmd.Tenant, cmd.Actor, cmd.Reason, cmd.Version = c.id, c.scope(), c.actor(), o.reason, o.version
	j, err := s.deps.Engine.Apply(ctx, cmd)
	if !errors.Is(err, jobs.ErrConflict) {
		return j, err
	}
	now, readErr := s.deps.Engine.Get(ctx, c.scope(), c.id)
	if readErr != nil {
		return j, err
	}
	if r := now.Review; r != nil && r.ClaimedBy != "" && r.ClaimedBy != cmd.Actor && s.deps.Now().Before(r.ClaimedUntil) {
		return j, problem(CodeStateConflict, "Somebody else has claimed the job until %s.", r.ClaimedUntil.Format(time.RFC3339)).in(now.State)
	}
	return j, conflict(now)
}

func conflict(j jobs.Job) *Problem {
	return problem(CodeStateConflict, "The job is %s and has version %d.", j.State, j.Version).in(j.State)
}

// order reads a command's body, which may be absent. more names the members
// beside reason and version.
func (s *Server) order(c *call, more func(*decoder, *order) members) (order, *Problem) {
	if p := refuseQuery(c.r); p != nil {
		return order{}, p
	}
	data, p := s.commandBody(c)
	if p != nil || len(data) == 0 {
		return order{}, p
	}
	v, p := parse(data)
	if p != nil {
		return order{}, p
	}
	var o order
	d := &decoder{}
	known := members{"reason": d.text(&o.reason), "version": d.integer(&o.version, 1, math.MaxInt64)}
	if more != nil {
		maps.Copy(known, more(d, &o))
	}
	d.object(v, "", known)
	return o, d.problem()
}

// commandBody reads a small JSON body; none at all is fine.
func (s *Server) commandBody(c *call) ([]byte, *Problem) {
	if c.r.ContentLength == 0 {
		return nil, nil
	}
	media, params, p := mediaType(c.r.Header)
	if p != nil {
		return nil, p
	}
	if media != "application/json" {
		return nil, problem(CodeUnsupportedMedia, "Send application/json.")
	}
	l := s.budget.lease()
	defer l.release()
	return s.readJSON(c.w, c.r, params["charset"], maxCommand, l)
}
