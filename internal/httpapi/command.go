package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/strictjson"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// maxCommand bounds the body of a command, and the data that completes a job.
const maxCommand = 1 << 20

// order is what the body of every command may hold. Zero fields were not given.
type order struct {
	reason  string
	version int64
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
	o, cmd, p := s.rerun(c)
	if p != nil {
		return nil, p
	}
	j, err := s.deps.Engine.Get(ctx, c.scope(), c.id)
	if err != nil {
		return nil, err
	}
	cmd.Kind = jobs.Requeue
	if j.State == jobs.InReview {
		cmd.Kind = jobs.SendBack
	}
	if j, err = s.apply(ctx, c, o, cmd); err != nil {
		return nil, err
	}
	c.w.Header().Set("Location", path(j.ID))
	return s.answer(c, j, http.StatusAccepted), nil
}

// rerun reads the order for a new run, and makes a command of it whose kind is
// still to be set.
func (s *Server) rerun(c *call) (order, jobs.Command, *Problem) {
	var cmd jobs.Command
	var span time.Duration
	o, p := s.order(c, func(d *decoder) members {
		return members{"lane": d.lane(&cmd.Lane), "deadline": d.deadline(&span)}
	})
	if p == nil && cmd.Lane != nil && !c.mayUse(*cmd.Lane) {
		p = laneNotAllowed(c.Tenant)
	}
	if span > 0 {
		cmd.DeadlineAt = s.deps.Now().Add(span)
	}
	return o, cmd, p
}

// reject is POST /v1/jobs/{id}/reject: a person gives a job in review up.
func (s *Server) reject(ctx context.Context, c *call) (*reply[Job], error) {
	var class string
	o, p := s.order(c, func(d *decoder) members { return members{"class": d.id(&class)} })
	if p != nil {
		return nil, p
	}
	return s.commanded(ctx, c, o, jobs.Command{Kind: jobs.Reject, Class: jobs.Class(class)}, http.StatusOK)
}

// complete is POST /v1/jobs/{id}/complete: a person gives the result.
func (s *Server) complete(ctx context.Context, c *call) (*reply[Job], error) {
	var data *strictjson.Value
	o, p := s.order(c, func(*decoder) members {
		return members{"data": func(v strictjson.Value, _ string) { data = &v }}
	})
	switch {
	case p != nil:
		return nil, p
	case data == nil:
		return nil, problem(CodeInvalidRequest, "The body must hold the result as data.").at("/data", "is missing")
	}
	j, err := s.deps.Engine.Get(ctx, c.scope(), c.id)
	if err != nil {
		return nil, err
	}
	if !j.State.CanBecome(jobs.Succeeded) || j.State == jobs.Running {
		return nil, conflict(j)
	}
	result, err := s.humanResult(ctx, c, j, *data)
	if err != nil {
		return nil, err
	}
	return s.commanded(ctx, c, o, jobs.Command{Kind: jobs.Complete, Result: result}, http.StatusOK)
}

// humanResult makes a result of what a person gave, if it fits the schema.
func (s *Server) humanResult(ctx context.Context, c *call, j jobs.Job, data strictjson.Value) (*jobs.Result, error) {
	by := vouching{fields: map[string]jobs.Field{}, left: maxPointers}
	if by.vouch(data, ""); by.left < 0 {
		return nil, problem(CodeInvalidData, "The names of the values, with those of what they are in, have more than %d bytes.", maxPointers)
	}
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
		Fields:  by.fields,
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
	return result, nil
}

// maxPointers bounds the bytes of all pointers to the values that a person
// gave. Each value repeats the names of what it is in, so that a megabyte with
// one long name and many values under it would become gigabytes.
const maxPointers = 4 << 20

// vouching makes the fields of what a person gave.
type vouching struct {
	fields map[string]jobs.Field
	left   int // bytes that pointers may still have; below 0 there were too many
}

// vouch vouches for each single value of v.
func (by *vouching) vouch(v strictjson.Value, at string) {
	if by.left -= len(at); by.left < 0 {
		return
	}
	switch v.Kind() {
	case strictjson.Object:
		for _, m := range v.Members() {
			by.within(m.Value, at, strings.NewReplacer("~", "~0", "/", "~1").Replace(m.Name))
		}
	case strictjson.Array:
		for i, item := range v.Items() {
			by.within(item, at, strconv.Itoa(i))
		}
	case strictjson.Null:
	case strictjson.Bool, strictjson.Number, strictjson.String:
		by.fields[at] = jobs.Field{Confidence: 1, ValueFrom: jobs.FromHuman, Tier: 4}
	}
}

func (by *vouching) within(v strictjson.Value, at, name string) {
	if by.left >= 0 {
		by.vouch(v, at+"/"+name)
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

// commanded carries a command out and shows the job after it.
func (s *Server) commanded(ctx context.Context, c *call, o order, cmd jobs.Command, status int) (*reply[Job], error) {
	j, err := s.apply(ctx, c, o, cmd)
	if err != nil {
		return nil, err
	}
	return s.answer(c, j, status), nil
}

// order reads a command's body, which may be absent. more names the members
// beside reason and version; nil is none.
func (s *Server) order(c *call, more func(*decoder) members) (o order, p *Problem) {
	p = s.decodeBody(c, func(d *decoder) members {
		known := members{"reason": d.text(&o.reason), "version": d.version(&o.version)}
		if more != nil {
			maps.Copy(known, more(d))
		}
		return known
	})
	return o, p
}

// decodeBody reads a small JSON object, which may be absent.
func (s *Server) decodeBody(c *call, shape func(*decoder) members) *Problem {
	if p := refuseQuery(c.r); p != nil {
		return p
	}
	data, p := s.commandBody(c)
	if p != nil || len(data) == 0 {
		return p
	}
	v, p := parse(data)
	if p != nil {
		return p
	}
	d := &decoder{}
	d.object(v, "", shape(d))
	return d.problem()
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
