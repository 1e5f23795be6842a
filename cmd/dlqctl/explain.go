package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/pkg/client"
	"github.com/sluicehq/sluice/pkg/jobs"
)

func (a *app) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain ID",
		Short: "Show what was tried for a job, when, and why it stands where it does",
		Long: `Show what was tried for a job: each call, its outcome, and the time that was left
to the deadline when it began, one section a run.

As TSV the columns are: run, n, tier, kind, provider, model, outcome, class,
why, status, started_at, ms, backoff_ms, deadline_left_ms, billed and
cost_micro_usd; the summary goes to stderr.`,
		Example:           "  dlqctl explain job_01KA7QZ3",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeIDs(needing()...),
		RunE: a.begin(func(ctx context.Context, args []string) error {
			d, err := a.deadLetter(ctx, args[0])
			if err != nil {
				return err
			}
			switch a.as() {
			case asJSON:
				return a.json(envelope{Kind: "AttemptList", Data: d.Attempts, Summary: d.Summary})
			case asName:
				a.print("%s", string(d.Job.ID))
			case asTSV:
				for _, row := range d.Attempts {
					a.tsv(attemptFields(row)...)
				}
				a.say("%s", d.Summary)
			case asTable, byTerminal:
				a.showRuns(d)
				a.notices(d.Job.Notices)
				a.suggestFor(d.Job, "show")
			}
			return nil
		}),
	}
}

func attemptFields(row client.Attempt) []string {
	num := func(n int64) string { return strconv.FormatInt(n, 10) }
	return []string{
		strconv.Itoa(row.Generation), strconv.Itoa(row.N), strconv.Itoa(row.Tier), string(row.Kind), row.Provider, row.Model,
		string(row.Outcome), string(row.Class), row.Why, number(row.Status), stamp(row.StartedAt), num(row.MS), num(row.BackoffMS), num(row.DeadlineLeftMS),
		string(row.Billed), num(row.Usage.CostMicroUSD),
	}
}

// showRuns writes the waterfall of each run, and the summary.
func (a *app) showRuns(d client.DeadLetter) {
	j := d.Job
	a.print("%s  %s", a.paint(bold, string(j.ID)), a.paint(stateStyle(j.State), string(j.State)))
	for _, r := range runsOf(d) {
		a.heading(r.headline())
		if len(r.rows) == 0 {
			a.print("  Nothing was tried.")
		} else {
			t := r.table(a.width)
			_ = t.write(a.out, a.width, a.colour()) // the last flush tells of errors
		}
		if e := r.last; e.State != "" {
			a.print("  %s after %s  %s", a.paint(stateStyle(e.State), string(e.State)), span(max(0, e.At.Sub(r.began))), a.paint(dim, e.Reason))
		}
	}
	if d.Summary != "" {
		a.print("\n%s", a.wrapped(d.Summary, ""))
	}
}

// whatOf names what was done, or why nothing was.
func whatOf(row client.Attempt) string {
	route := strings.TrimSpace(row.Provider + " " + row.Model)
	switch row.Kind {
	case jobs.RulesAttempt:
		return "rule parser"
	case jobs.RepairAttempt:
		return strings.TrimSpace("repair " + route)
	case jobs.SkipAttempt:
		return row.Why
	case jobs.CallAttempt:
		return route
	default:
		return strings.TrimSpace(string(row.Kind) + " " + route)
	}
}

// outcomeOf says in a few words how an attempt ended.
func outcomeOf(row client.Attempt) (string, style) {
	switch row.Outcome {
	case jobs.AttemptOpen:
		return "under way", cyan
	case jobs.AttemptOK:
		return "ok", green
	case jobs.AttemptSkipped:
		return "skipped", dim
	case jobs.AttemptLost:
		return "lost with its worker", yellow
	case jobs.AttemptCancelled:
		return "cancelled", dim
	case jobs.AttemptError:
	}
	text := string(row.Class)
	if row.Status != 0 {
		text += " (" + strconv.Itoa(row.Status) + ")"
	}
	return strings.TrimSpace(text + " " + row.Why), red
}

// cost is an amount of millionths of a dollar; empty for none.
func cost(micro int64) string {
	if micro == 0 {
		return ""
	}
	return "$" + strings.TrimRight(fmt.Sprintf("%d.%06d", micro/1_000_000, micro%1_000_000), "0")
}
