package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/pkg/client"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// opsCommand holds the commands on operations.
func (a *app) opsCommand() *cobra.Command {
	return family(&cobra.Command{
		Use:   "ops",
		Short: "See and steer operations: changes of many jobs",
		Long: `An operation changes the jobs that filters selected when it was made, each once.
The server works through it, also after a restart; requeue, cancel, reject,
erase and move make one when they are given filters.`,
		Example: "  dlqctl ops ls --state running",
	},
		a.opsLsCommand(), a.opsShowCommand(), a.opsWatchCommand(),
		a.opsTurnCommand("start", "Let a draft run", "Let a draft of --dry-run run, on the jobs that it selected.", (*client.Client).StartOperation),
		a.opsTurnCommand("pause", "Pause a running operation", "Pause a running operation, within a second.", (*client.Client).PauseOperation),
		a.opsTurnCommand("resume", "Let a paused or stopped operation go on", "Let a paused or stopped operation go on where it was.", (*client.Client).ResumeOperation),
		a.opsTurnCommand("cancel", "End an operation", "End an operation, or drop a draft. What was changed stays changed.", (*client.Client).CancelOperation),
		a.opsAuditCommand(),
	)
}

func (a *app) opsTurnCommand(verb, short, long string, turn operationCall) *cobra.Command {
	return &cobra.Command{
		Use: verb + " ID", Short: short, Long: long, Example: "  dlqctl ops " + verb + " op_01KB3F", Args: cobra.ExactArgs(1),
		ValidArgsFunction: a.completeOperations,
		RunE: a.begin(func(ctx context.Context, args []string) error {
			op, err := a.operationNamed(ctx, args[0], turn)
			if err != nil {
				return err
			}
			if err := a.showOperationLine(op); err != nil {
				return err
			}
			if op.State == client.OperationRunning {
				a.next("ops watch " + args[0])
			}
			return nil
		}),
	}
}

// operationID checks an ID before it goes anywhere.
func operationID(arg string) (jobs.ID, error) {
	id := jobs.ID(arg)
	if id.Validate() != nil {
		return "", usagef("%q is not the ID of an operation", arg)
	}
	return id, nil
}

// operationCall reads an operation, or brings it to another state.
type operationCall = func(*client.Client, context.Context, jobs.ID) (client.Operation, error)

// operationNamed makes the call for the ID of an argument.
func (a *app) operationNamed(ctx context.Context, arg string, call operationCall) (client.Operation, error) {
	id, err := operationID(arg)
	if err != nil {
		return client.Operation{}, err
	}
	return a.operation(ctx, id, call)
}

// operation makes the call, within --timeout.
func (a *app) operation(ctx context.Context, id jobs.ID, call operationCall) (client.Operation, error) {
	return request(ctx, a, func(ctx context.Context, c *client.Client) (client.Operation, error) { return call(c, ctx, id) })
}

func (a *app) opsLsCommand() *cobra.Command {
	var state string
	var p pageFlags
	cmd := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List operations, the newest first",
		Long: `List operations, the newest first. Counts may be a second old.

As TSV the columns are: id, state, action, total, done, applied, failed, tenant,
by, created_at, ended_at, reason.`,
		Example: "  dlqctl ops ls --state running",
		Args:    cobra.NoArgs,
	}
	cmd.Flags().StringVar(&state, "state", "", "keep one state: "+strings.Join(operationStates(), ", "))
	p.register(cmd, "operations")
	fixed(cmd, "state", operationStates()...)
	cmd.RunE = a.begin(func(ctx context.Context, _ []string) error {
		if state != "" && !slices.Contains(operationStates(), state) {
			return usagef("--state takes %s", strings.Join(operationStates(), ", "))
		}
		c, err := a.client()
		if err != nil {
			return err
		}
		all, next, err := gather(ctx, a, &p, func(ctx context.Context, page client.Page) ([]client.Operation, string, error) {
			list, err := c.Operations(ctx, client.OperationState(state), page)
			return list.Data, list.NextCursor, err
		})
		if err != nil {
			return err
		}
		return a.showOperations(all, next)
	})
	return cmd
}

func operationStates() []string {
	var names []string
	for _, s := range client.OperationStates() {
		names = append(names, string(s))
	}
	return names
}

func (a *app) showOperations(all []client.Operation, next string) error {
	switch a.as() {
	case asJSON:
		return a.json(envelope{Kind: "OperationList", Data: all, NextCursor: next})
	case asName:
		for _, op := range all {
			a.print("%s", string(op.ID))
		}
		return nil
	case asTSV:
		for _, op := range all {
			a.tsv(operationFields(op)...)
		}
		return nil
	case asTable, byTerminal:
	}
	if len(all) == 0 {
		a.note("There is no operation.")
		return nil
	}
	t := table{columns: []column{
		{title: "ID"}, {title: "STATE"}, {title: "ACTION"}, {title: "DONE", right: true}, {title: "OF", right: true}, {title: "FAILED", right: true},
		{title: "TENANT", drop: 4}, {title: "BY", least: 8, drop: 3}, {title: "AGE", right: true, drop: 1}, {title: "REASON", least: 16, drop: 2},
	}}
	for _, op := range all {
		t.add(cell{string(op.ID), bold}, cell{string(op.State), operationStyle(op.State)}, cell{string(op.Action), plain},
			cell{strconv.Itoa(op.Counts.Done), plain}, cell{strconv.Itoa(op.Counts.Total), plain}, cell{number(op.Counts.Failed), red},
			cell{op.Tenant, plain}, cell{op.By, plain}, cell{age(a.now().Sub(op.CreatedAt)), plain}, cell{op.Reason, dim})
	}
	if err := a.page(t, next); err != nil {
		return err
	}
	a.next("ops show " + string(all[0].ID))
	return nil
}

// note tells a person at a terminal something about a table.
func (a *app) note(format string, args ...any) {
	if a.as() != asTable || !a.stdoutTTY {
		return
	}
	_ = a.out.Flush() // messages come after the table; the last flush tells of errors
	a.say(format, args...)
}

func operationFields(op client.Operation) []string {
	n := op.Counts
	return []string{
		string(op.ID), string(op.State), string(op.Action), strconv.Itoa(n.Total), strconv.Itoa(n.Done), strconv.Itoa(n.Applied), strconv.Itoa(n.Failed),
		op.Tenant, op.By, stamp(op.CreatedAt), stamp(op.EndedAt), op.Reason,
	}
}

func operationStyle(s client.OperationState) style {
	switch s {
	case client.OperationRunning, client.OperationSelecting:
		return cyan
	case client.OperationDraft, client.OperationPaused:
		return yellow
	case client.OperationStopped, client.OperationFailed:
		return red
	case client.OperationSucceeded:
		return green
	case client.OperationCancelled:
		return plain
	default:
		return plain
	}
}

// showOperationLine says in a line how an operation stands.
func (a *app) showOperationLine(op client.Operation) error {
	switch a.as() {
	case asJSON:
		return a.json(envelope{Kind: "Operation", Data: op})
	case asName:
		a.print("%s", string(op.ID))
	case asTSV:
		a.tsv(operationFields(op)...)
	case asTable, byTerminal:
		a.print("%s  %s  %s", a.paint(bold, string(op.ID)), a.paint(operationStyle(op.State), string(op.State)), countsText(op))
	}
	return nil
}

// countsText says how far an operation is.
func countsText(op client.Operation) string {
	n := op.Counts
	text := fmt.Sprintf("%d of %s %s", n.Applied, counted(n.Total), pastOf(op.Action))
	if n.Failed > 0 {
		text += fmt.Sprintf(", %d failed", n.Failed)
		if why := tallies(n.FailedBy, maxWords); why != "" {
			text += " (" + why + ")"
		}
	}
	if left := n.Total - n.Done; left > 0 && n.Done > 0 {
		text += fmt.Sprintf(", %d left", left)
	}
	return text
}

// pastOf is what jobs are after an action.
func pastOf(action client.Action) string {
	switch action {
	case client.RequeueJobs:
		return "requeued"
	case client.CancelJobs:
		return "cancelled"
	case client.RejectJobs:
		return "rejected"
	case client.EraseJobs:
		return "erased"
	case client.MoveJobs:
		return "moved"
	default:
		return string(action)
	}
}

func (a *app) opsShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "Show an operation",
		Long: `Show an operation: what was asked, what was selected, and how far it is.

As TSV each line is a name and a value. -o json has everything.`,
		Example:           "  dlqctl ops show op_01KB3F",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeOperations,
		RunE: a.begin(func(ctx context.Context, args []string) error {
			op, err := a.operationNamed(ctx, args[0], (*client.Client).Operation)
			if err != nil {
				return err
			}
			return a.showOperation(op)
		}),
	}
}

func (a *app) showOperation(op client.Operation) error {
	switch a.as() {
	case asJSON, asName:
		return a.showOperationLine(op)
	case asTSV:
		a.tsv("id", string(op.ID))
		a.tsv("state", string(op.State))
		a.tsvFacts(operationFacts(op, stamp))
		return nil
	case asTable, byTerminal:
	}
	_ = a.showOperationLine(op) // as a table it cannot fail
	a.heading("Selection")
	a.print("  %s", a.wrapped(matchedText(op), "  "))
	a.printFacts(selectionFacts(op))
	a.heading("Operation")
	a.printFacts(operationFacts(op, a.ago))
	switch op.State {
	case client.OperationDraft:
		a.next("ops start "+string(op.ID), "ops cancel "+string(op.ID))
	case client.OperationRunning, client.OperationSelecting:
		a.next("ops watch "+string(op.ID), "ops pause "+string(op.ID))
	case client.OperationPaused, client.OperationStopped:
		a.next("ops resume "+string(op.ID), "ops audit "+string(op.ID)+" --failed")
	case client.OperationSucceeded, client.OperationFailed, client.OperationCancelled:
		a.next("ops audit " + string(op.ID))
	}
	return nil
}

// operationFacts are an operation's plain members beside its ID and state.
func operationFacts(op client.Operation, at func(time.Time) string) []fact {
	rate, stop := "", ""
	if op.Rate > 0 {
		rate = rateText(op.Rate)
	}
	if s := op.StopIf; s != nil {
		stop = fmt.Sprintf("%g%% of the last %d failed", s.FailureRate*100, s.Window)
	}
	return given([]fact{
		{"why", op.Why}, {"action", string(op.Action)}, {"filter", filterText(op.Filter)}, {"reason", op.Reason}, {"to lane", op.Lane},
		{"deadline", op.Deadline}, {"rate", rate}, {"max", number(op.Max)}, {"stops if", stop},
		{"total", strconv.Itoa(op.Counts.Total)}, {"done", strconv.Itoa(op.Counts.Done)}, {"applied", strconv.Itoa(op.Counts.Applied)},
		{"failed", strconv.Itoa(op.Counts.Failed)},
		{"asked by", op.By}, {"state by", op.StateBy}, {"tenant", op.Tenant}, {"driver", op.Driver},
		{"created", at(op.CreatedAt)}, {"expires", at(op.ExpiresAt)}, {"started", at(op.StartedAt)}, {"ended", at(op.EndedAt)},
	})
}

// filterText writes a filter as the flags that make it.
func filterText(f client.OperationFilter) string {
	var parts []string
	add := func(flag, value string) {
		if value != "" {
			parts = append(parts, "--"+flag+" "+value)
		}
	}
	add("state", strings.Join(words(f.State), ","))
	add("tenant", f.Tenant)
	add("lane", strings.Join(f.Lane, ","))
	add("schema", f.Schema)
	add("tier", number(f.Tier))
	var classes []string
	for _, c := range f.Class {
		classes = append(classes, string(c))
	}
	add("class", strings.Join(classes, ","))
	add("provider", f.Provider)
	add("wait-reason", strings.Join(f.Reason, ","))
	add("batch", string(f.Batch))
	for _, name := range sortedKeys(f.Labels) {
		add("label", name+"="+f.Labels[name])
	}
	add("since", stamp(f.AcceptedAfter))
	add("until", stamp(f.AcceptedBefore))
	add("changed-since", stamp(f.UpdatedAfter))
	add("changed-until", stamp(f.UpdatedBefore))
	return strings.Join(parts, " ")
}

func (a *app) opsWatchCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "watch ID",
		Short: "Watch an operation until it ends or stands still",
		Long: `Watch an operation until it ends, is paused or stops itself. Ctrl-C ends the
watching only. The exit code is 0 when all its jobs were changed, 6 when only
some were, and 5 when none could be.`,
		Example:           "  dlqctl ops watch op_01KB3F",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeOperations,
		RunE: a.begin(func(ctx context.Context, args []string) error {
			op, err := a.operationNamed(ctx, args[0], (*client.Client).Operation)
			if err != nil {
				return err
			}
			return a.toItsEnd(ctx, op)
		}),
	}
}
