package httpapi

import (
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sluicehq/sluice/internal/operations"
	"github.com/sluicehq/sluice/internal/strictjson"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// operationOrder reads what somebody wants done.
func (s *Server) operationOrder(c *call) (o operations.Order, dryRun bool, p *Problem) {
	given := map[string]bool{}
	var tier int64
	p = s.decodeBody(c, func(d *decoder) members {
		known := members{
			"action": d.action(&o.Action),
			"filter": func(v strictjson.Value, at string) {
				d.object(v, at, filterMembers(d, &o.Filter, &tier))
			},
			"rate": d.number(&o.Rate, 0.001, operations.MaxRate),
			"max":  d.count(&o.Max, 1, operations.MaxJobs),
			"stop_if": func(v strictjson.Value, at string) {
				d.object(v, at, members{
					"failure_rate": d.number(&o.StopIf.FailureRate, 0.001, 1), "window": d.count(&o.StopIf.Window, 1, operations.MaxWindow),
				})
				if o.StopIf.FailureRate == 0 && v.Kind() == strictjson.Object {
					d.refuse(at+"/failure_rate", "is missing")
				}
			},
			"reason": d.text(&o.Reason), "lane": d.lane(&o.Lane), "deadline": d.deadline(&o.Deadline),
			"dry_run": d.boolean(&dryRun),
		}
		for name, read := range known {
			known[name] = noted(given, name, read)
		}
		return known
	})
	if p == nil {
		o.Filter.Tier = int(tier)
		p = fitting(o, given, c.caller)
	}
	return o, dryRun, p
}

// fitting refuses members that do not fit the action, or the caller's rights.
func fitting(o operations.Order, given map[string]bool, who caller) *Problem {
	d := &decoder{}
	if !given["action"] {
		d.refuse("/action", "is missing")
	}
	if !given["filter"] {
		d.refuse("/filter", "is missing")
	}
	if len(d.violations) == 0 && len(o.Filter.States) == 0 && o.Action.States() == nil {
		d.refuse("/filter/state", "must name the states of the jobs to %s", o.Action)
	}
	if o.Action == operations.Move && o.Lane == nil {
		d.refuse("/lane", "is missing")
	}
	if given["lane"] && o.Action != operations.Move && o.Action != operations.Requeue {
		d.refuse("/lane", "is for move and requeue")
	}
	if given["deadline"] && o.Action != operations.Requeue {
		d.refuse("/deadline", "is for requeue")
	}
	switch p := d.problem(); {
	case p != nil:
		return p
	case o.Filter.Tenant != "" && !who.Operator && o.Filter.Tenant != who.Name:
		return problem(CodeOperatorOnly, "Your key works on its own tenant only.").at("/filter/tenant", "is not yours")
	case o.Lane != nil && !who.mayUse(*o.Lane):
		return laneNotAllowed(who.Tenant)
	default:
		return nil
	}
}

// action reads an action.
func (d *decoder) action(into *operations.Action) reader {
	return func(v strictjson.Value, at string) {
		action := operations.Action(v.Text())
		if !slices.Contains(operations.Actions(), action) {
			d.refuse(at, "must be requeue, cancel, reject, erase or move")
			return
		}
		*into = action
	}
}

// filterMembers reads a filter of jobs in the words of the list's parameters.
func filterMembers(d *decoder, f *jobs.Filter, tier *int64) members {
	return members{
		"state":           list(d, &f.States, "must be states", jobs.ParseState),
		"tenant":          d.id(&f.Tenant),
		"lane":            list(d, &f.Lanes, "must be critical, interactive, standard or batch", jobs.ParseLane),
		"schema":          d.text(&f.Schema),
		"tier":            d.integer(tier, 1, 4),
		"class":           list(d, &f.Classes, "must be error classes", parseClass),
		"provider":        d.text(&f.Provider),
		"reason":          list(d, &f.Reasons, "must be reasons", parseWord),
		"batch":           d.id((*string)(&f.Batch)),
		"labels":          d.labels(&f.Labels),
		"accepted_after":  d.moment(&f.AcceptedFrom),
		"accepted_before": d.moment(&f.AcceptedUntil),
		"updated_after":   d.moment(&f.UpdatedFrom),
		"updated_before":  d.moment(&f.UpdatedUntil),
	}
}

func operationParam() *huma.Param {
	p := idParam()
	p.Description = "The operation's id"
	return p
}

func operationStates() *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Enum: enum(operations.States())}
}

func operationBody() *huma.RequestBody {
	most := maxWords
	listOf := func(doc string, values []any) *huma.Schema {
		return &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString, Enum: values}, MaxItems: &most, Description: doc}
	}
	moment := func(doc string) *huma.Schema {
		return &huma.Schema{Type: huma.TypeString, Format: "date-time", Description: doc}
	}
	least, highest, rate := 0.001, 1.0, float64(operations.MaxRate)
	filter := closed(map[string]*huma.Schema{
		"state": listOf("By action: requeue failed and expired, reject in_review, move queued and parked; else needed", enum(jobs.States())),
		"lane":  listOf("Lanes", laneSchema().Enum), "class": listOf("Error classes of the failure", nil),
		"reason": listOf("Why jobs are parked, in review or back in their queue", nil),
		"tenant": text("A tenant; others than one's own for operators"), "schema": text("Name of the schema as the job has it"),
		"provider": text("Provider of the failure"), "batch": text("A batch"), "tier": integer(1, 4),
		"labels":         {Type: huma.TypeObject, AdditionalProperties: &huma.Schema{Type: huma.TypeString}},
		"accepted_after": moment("Accepted at this time or later"), "accepted_before": moment("Accepted before this time"),
		"updated_after": moment("Last changed at this time or later"), "updated_before": moment("Last changed before this time"),
	})
	return jsonBody(closed(map[string]*huma.Schema{
		"action": {Type: huma.TypeString, Enum: enum(operations.Actions())}, "filter": filter,
		"dry_run": {Type: huma.TypeBoolean, Default: false, Description: "Freeze the selection and wait for a start"},
		"rate":    {Type: huma.TypeNumber, Minimum: &least, Maximum: &rate, Description: "Most jobs a second; without, as fast as the store allows"},
		"max":     integer(1, operations.MaxJobs),
		"stop_if": closed(map[string]*huma.Schema{
			"failure_rate": {Type: huma.TypeNumber, Minimum: &least, Maximum: &highest, Description: "Stop when this share of the window could not be changed"},
			"window":       integer(1, operations.MaxWindow),
		}, "failure_rate"),
		"reason": text("Why, for each job's history; at most 512 bytes"), "lane": laneSchema(), "deadline": deadlineSchema(),
	}, "action", "filter"), true)
}
