package main

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/pkg/client"
)

func (a *app) opsAuditCommand() *cobra.Command {
	var p pageFlags
	var failed bool
	cmd := &cobra.Command{
		Use:   "audit ID",
		Short: "Show what became of each job of an operation",
		Long: `Show what became of each job of an operation, in the order of its work. The
result is applied, failed, or already: then a server that died meanwhile had
changed the job, and it was not changed twice. The version leads to the change
in the job's history.

As TSV the columns are: n, job, result, why, state, version, at. As names the
IDs of the jobs are listed, for --ids-from.`,
		Example: `  dlqctl ops audit op_01KB3F --failed
  dlqctl ops audit op_01KB3F --failed -o name | dlqctl requeue --ids-from - -y`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeOperations,
	}
	cmd.Flags().BoolVar(&failed, "failed", false, "show only jobs that could not be changed")
	p.register(cmd, "rows")
	cmd.RunE = a.begin(func(ctx context.Context, args []string) error {
		id, err := operationID(args[0])
		if err != nil {
			return err
		}
		c, err := a.client()
		if err != nil {
			return err
		}
		p.page = client.MaxAuditPage
		if failed {
			p.keep = func(row any) bool { r, ok := row.(client.AuditRow); return ok && r.Result == "failed" }
		}
		rows, next, err := gather(ctx, a, &p, func(ctx context.Context, page client.Page) ([]client.AuditRow, string, error) {
			list, err := c.Audit(ctx, id, page)
			if !list.HasMore {
				list.NextCursor = "" // it would lead to rows that are still to come
			}
			return list.Data, list.NextCursor, err
		})
		if err != nil {
			return err
		}
		return a.showAudit(rows, next)
	})
	return cmd
}

func (a *app) showAudit(rows []client.AuditRow, next string) error {
	switch a.as() {
	case asJSON:
		return a.json(envelope{Kind: "AuditList", Data: rows, NextCursor: next})
	case asName:
		for _, r := range rows {
			a.print("%s", string(r.Job))
		}
		return nil
	case asTSV:
		for _, r := range rows {
			a.tsv(strconv.Itoa(r.N), string(r.Job), r.Result, r.Why, string(r.State), strconv.FormatInt(r.Version, 10), stamp(r.At))
		}
		return nil
	case asTable, byTerminal:
	}
	if len(rows) == 0 {
		a.note("There is no such row.")
		return nil
	}
	t := table{columns: []column{
		{title: "N", right: true, drop: 2}, {title: "JOB"}, {title: "RESULT"}, {title: "WHY"}, {title: "STATE"}, {title: "VERSION", right: true, drop: 1},
		{title: "AT", drop: 3},
	}}
	for _, r := range rows {
		s := green
		if r.Result == "failed" {
			s = red
		}
		t.add(cell{strconv.Itoa(r.N), dim}, cell{string(r.Job), bold}, cell{r.Result, s}, cell{r.Why, plain}, cell{string(r.State), stateStyle(r.State)},
			cell{strconv.FormatInt(r.Version, 10), plain}, cell{instant(r.At), dim})
	}
	return a.page(t, next)
}
