package httpapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sluicehq/sluice/internal/operations"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// operationRoutes registers commands on many jobs.
func (s *Server) operationRoutes(api huma.API) {
	if s.deps.Operations == nil {
		return
	}
	const one = "/v1/operations/{id}"
	id := []*huma.Param{operationParam()}
	add(api, s, route{
		method: http.MethodPost, path: "/v1/operations", id: "create-operation", summary: "Requeue, cancel, reject, erase or move many jobs",
		detail: "The jobs that the filter selects now are frozen. With dry_run nothing happens to them until the operation is started (201); else it runs (202).",
		status: http.StatusAccepted, also: []int{http.StatusCreated}, body: operationBody(),
	}, s.createOperation)
	add(api, s, route{
		method: http.MethodGet, path: "/v1/operations", id: "list-operations", summary: "List operations, the newest first",
		status: http.StatusOK, params: append([]*huma.Param{query("state", "A state", operationStates())}, pageParams("Operations")...),
	}, s.listOperations)
	add(api, s, route{
		method: http.MethodGet, path: one, id: "get-operation", summary: "Read an operation", status: http.StatusOK, params: id,
	}, s.getOperation)
	for _, verb := range []struct {
		name, summary string
		do            turn
	}{
		{"start", "Let a draft run", (*operations.Operations).Start},
		{"pause", "Pause a running operation", (*operations.Operations).Pause},
		{"resume", "Let a paused or stopped operation go on", (*operations.Operations).Resume},
		{"cancel", "End an operation; what it has changed stays changed", (*operations.Operations).Cancel},
	} {
		add(api, s, route{
			method: http.MethodPost, path: one + "/" + verb.name, id: verb.name + "-operation", summary: verb.summary,
			status: http.StatusOK, params: id, body: jsonBody(closed(nil), false),
		}, s.turnOperation(verb.do))
	}
	add(api, s, route{
		method: http.MethodGet, path: one + "/audit", id: "audit-operation", summary: "Read what became of each job",
		detail: "Rows come in the order in which jobs are worked on. next_cursor is always there: it goes on where this answer ends.",
		status: http.StatusOK, params: append(id, query("limit", "Rows on a page", integer(1, operations.MaxAudit)),
			query("cursor", "next_cursor of the page before", &huma.Schema{Type: huma.TypeString})),
	}, s.auditOperation)
}

// turn brings an operation to another state.
type turn func(o *operations.Operations, ctx context.Context, tenant, by string, id jobs.ID) (operations.Operation, error)

// createTimeout bounds how long a selection may take to make.
const createTimeout = 10 * time.Minute

// createOperation is POST /v1/operations.
func (s *Server) createOperation(ctx context.Context, c *call) (*reply[OperationView], error) {
	order, dryRun, p := s.operationOrder(c)
	if p != nil {
		return nil, p
	}
	ctx, cancel := context.WithTimeout(ctx, createTimeout)
	defer cancel()
	op, err := s.deps.Operations.Create(ctx, c.scope(), c.actor(), order, !dryRun)
	if err != nil {
		return nil, operationProblem(err)
	}
	c.w.Header().Set("Location", "/v1/operations/"+string(op.ID))
	status := http.StatusAccepted
	if dryRun {
		status = http.StatusCreated
	}
	return &reply[OperationView]{Status: status, Body: viewOperation(op, c.caller)}, nil
}

// getOperation is GET /v1/operations/{id}.
func (s *Server) getOperation(ctx context.Context, c *call) (*reply[OperationView], error) {
	if p := refuseQuery(c.r); p != nil {
		return nil, p
	}
	op, err := s.deps.Operations.Get(ctx, c.scope(), c.id)
	if err != nil {
		return nil, operationProblem(err)
	}
	return &reply[OperationView]{Status: http.StatusOK, Body: viewOperation(op, c.caller)}, nil
}

// turnOperation is POST /v1/operations/{id}/start and the like.
func (s *Server) turnOperation(do turn) func(context.Context, *call) (*reply[OperationView], error) {
	return func(ctx context.Context, c *call) (*reply[OperationView], error) {
		if p := s.decodeBody(c, func(*decoder) members { return members{} }); p != nil {
			return nil, p
		}
		op, err := do(s.deps.Operations, ctx, c.scope(), c.actor(), c.id)
		if err != nil {
			if op.State != "" && errors.Is(err, jobs.ErrConflict) {
				return nil, problem(CodeOperationConflict, "The operation is %s.", op.State)
			}
			return nil, operationProblem(err)
		}
		return &reply[OperationView]{Status: http.StatusOK, Body: viewOperation(op, c.caller)}, nil
	}
}

// OperationList is a page of operations, the newest first.
type OperationList struct {
	Data       []OperationView `json:"data"`
	NextCursor string          `json:"next_cursor,omitempty" doc:"Ask for the next page with ?cursor="`
	HasMore    bool            `json:"has_more"`
}

const operationCursor = "o1:"

// listOperations is GET /v1/operations.
func (s *Server) listOperations(ctx context.Context, c *call) (*reply[OperationList], error) {
	q, p := readQuery(c.r, "state", "limit", "cursor")
	if p != nil {
		return nil, p
	}
	limit, after, p := readPage(q, operationCursor)
	if p != nil {
		return nil, p
	}
	state := operations.State(q.Get("state"))
	if q.Has("state") && !slices.Contains(operations.States(), state) {
		return nil, badParameter("state", "must be a state of operations")
	}
	all, next, err := s.deps.Operations.List(ctx, operations.Query{Tenant: c.scope(), State: state, After: jobs.ID(after), Limit: limit})
	if err != nil {
		return nil, err
	}
	out := OperationList{Data: make([]OperationView, 0, len(all)), HasMore: next != ""}
	for _, op := range all {
		out.Data = append(out.Data, viewOperation(op, c.caller))
	}
	if out.HasMore {
		out.NextCursor = cursor(operationCursor, string(next))
	}
	return &reply[OperationList]{Status: http.StatusOK, Body: out}, nil
}

// AuditView says what an operation did to one job.
type AuditView struct {
	N      int               `json:"n" doc:"The job's place in the selection, from 0"`
	Job    jobs.ID           `json:"job"`
	Result operations.Result `json:"result" enum:"applied,already,failed" doc:"already: a process that died had done it"`
	Why    string            `json:"why,omitempty" doc:"Why it failed: the state that the action does not fit, or another word"`
	State  jobs.State        `json:"state,omitempty" doc:"The job's state right after the change"`
	// Version leads to the change in the job's history.
	Version int64     `json:"version,omitempty" doc:"The job's version right after the change"`
	At      time.Time `json:"at"`
}

// AuditList is a part of an operation's rows.
type AuditList struct {
	Operation  jobs.ID           `json:"operation"`
	Action     operations.Action `json:"action"`
	By         string            `json:"by" doc:"Who asked for the operation"`
	Data       []AuditView       `json:"data"`
	NextCursor string            `json:"next_cursor" doc:"Goes on behind the last row, also when there is none yet"`
	HasMore    bool              `json:"has_more"`
}

const (
	auditCursor = "a1:"
	// usualAudit is how many rows an answer has without a limit.
	usualAudit = 200
)

// auditOperation is GET /v1/operations/{id}/audit.
func (s *Server) auditOperation(ctx context.Context, c *call) (*reply[AuditList], error) {
	q, p := readQuery(c.r, "limit", "cursor")
	if p != nil {
		return nil, p
	}
	from, limit, p := readAuditPage(q)
	if p != nil {
		return nil, p
	}
	op, err := s.deps.Operations.Get(ctx, c.scope(), c.id)
	if err != nil {
		return nil, operationProblem(err)
	}
	rows, next, more, err := s.deps.Operations.Audit(ctx, c.scope(), c.id, from, limit)
	if err != nil {
		return nil, operationProblem(err)
	}
	out := AuditList{
		Operation: op.ID, Action: op.Action, By: op.By, Data: make([]AuditView, 0, len(rows)), HasMore: more,
		NextCursor: cursor(auditCursor, strconv.Itoa(next)),
	}
	for _, r := range rows {
		out.Data = append(out.Data, AuditView(r))
	}
	return &reply[AuditList]{Status: http.StatusOK, Body: out}, nil
}

// readAuditPage reads the row to begin with, and how many to answer.
func readAuditPage(q url.Values) (from, limit int, p *Problem) {
	if limit, p = limitParameter(q, usualAudit, operations.MaxAudit); p != nil {
		return 0, 0, p
	}
	p = readCursor(q, auditCursor, func(last string) error {
		n, err := strconv.ParseUint(last, 10, 31)
		from = int(n)
		return err
	})
	return from, limit, p
}

// operationProblem turns what a call about operations met into a problem;
// another error stays.
func operationProblem(err error) error {
	switch {
	case errors.Is(err, operations.ErrTooLarge):
		return problem(CodeSelectionTooLarge, "An operation takes %d jobs; narrow the filter, or set max.", operations.MaxJobs)
	case errors.Is(err, operations.ErrTooMany):
		return problem(CodeTooManyOperations, "You have %d operations that have not ended; cancel drafts or wait.", operations.MaxOpen).after(time.Minute)
	case errors.Is(err, jobs.ErrNotFound):
		return problem(CodeOperationNotFound, "No operation with this id belongs to you.")
	case errors.Is(err, jobs.ErrConflict):
		return problem(CodeOperationConflict, "The operation changes at the same time; read it again.")
	default:
		return err
	}
}
