package main

import (
	"context"
	"encoding/json"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/pkg/client"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// reviewCommand holds the commands on jobs that wait for a person.
func (a *app) reviewCommand() *cobra.Command {
	return family(&cobra.Command{
		Use:   "review",
		Short: "Work on jobs that wait for a person",
		Long: `Work on jobs that wait for a person. Claim one, so that nobody else does the same;
look at it with dlqctl show; complete it, reject it or send it back to the
machines. The claim ends by itself; what was saved as a draft stays.`,
		Example: "  dlqctl review claim job_01KA7QZ3 --for 1h",
	},
		a.reviewLsCommand(), a.claimCommand(), a.draftCommand(), a.unclaimCommand(),
		a.completeCommand(), a.rejectCommand(), a.sendBackCommand(),
	)
}

func (a *app) reviewLsCommand() *cobra.Command {
	review := []jobs.State{jobs.InReview}
	f := filterFlags{allowed: review, usual: review}
	cmd := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List jobs that wait for a person, the newest first",
		Long: `List jobs that wait for a person, the newest first, with who holds them.

As TSV the columns are: id, reason, lane, tenant, schema, since, due_at,
claimed_by, claimed_until (both empty when nobody holds it), and draft when there
is one.`,
		Example: "  dlqctl review ls --tenant acme --schema invoice@1",
		Args:    cobra.NoArgs,
	}
	a.lists(cmd, reviewView(), &f, "state", "class", "provider")
	return cmd
}

// reviewView is what review ls shows.
func reviewView() view {
	return view{
		kind: "ReviewList",
		columns: []column{
			{title: "ID"}, {title: "WHY", least: 12}, {title: "LANE", drop: 3}, {title: "TENANT", drop: 4}, {title: "SCHEMA", drop: 5},
			{title: "AGE", right: true, drop: 1}, {title: "DUE"}, {title: "HELD BY", least: 8}, {title: "FOR", right: true}, {title: "DRAFT", drop: 2},
		},
		cells: func(j client.Job, now time.Time) []cell {
			r := reviewOf(j, now)
			style, held := plain, ""
			if now.After(r.DueAt) {
				style = red
			}
			if r.ClaimedBy != "" {
				held = age(r.ClaimedUntil.Sub(now))
			}
			return []cell{
				{string(j.ID), bold}, {r.Reason, plain}, {j.Lane, plain}, {j.Tenant, plain}, {j.Schema, plain},
				{age(now.Sub(r.Since)), plain}, {due(&r, now), style}, {r.ClaimedBy, cyan}, {held, plain}, {drafted(r), plain},
			}
		},
		fields: func(j client.Job, now time.Time) []string {
			r := reviewOf(j, now)
			return []string{
				string(j.ID), r.Reason, j.Lane, j.Tenant, j.Schema, stamp(r.Since), stamp(r.DueAt), r.ClaimedBy, stamp(r.ClaimedUntil), drafted(r),
			}
		},
	}
}

// reviewOf is the job's review, without a claim that is over.
func reviewOf(j client.Job, now time.Time) jobs.Review {
	if j.Review == nil {
		return jobs.Review{}
	}
	r := *j.Review
	if !now.Before(r.ClaimedUntil) {
		r.ClaimedBy, r.ClaimedUntil = "", time.Time{}
	}
	return r
}

func drafted(r jobs.Review) string {
	if len(r.Draft) == 0 {
		return ""
	}
	return "draft"
}

func (a *app) claimCommand() *cobra.Command {
	var opts client.ClaimOptions
	cmd := &cobra.Command{
		Use:   "claim ID",
		Short: "Take a job, so that nobody else works on it",
		Long: `Take a job that waits for a person, or hold it for longer: claimed again by the same
key, the claim gets a new end. Somebody else's claim is left alone, with exit
code 5.`,
		Example:           "  dlqctl review claim job_01KA7QZ3 --for 1h",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeIDs(jobs.InReview),
	}
	cmd.Flags().DurationVar(&opts.For, "for", 15*time.Minute, "how long, 1m to 24h")
	reasonFlag(cmd, &opts.Reason)
	cmd.RunE = a.begin(func(ctx context.Context, args []string) error {
		if opts.For < time.Minute || opts.For > 24*time.Hour {
			return usagef("--for takes a span from 1m to 24h")
		}
		return a.one(ctx, args[0], order{
			kind: "ClaimList", done: "claimed",
			do: func(ctx context.Context, c *client.Client, id jobs.ID) (client.Job, error) {
				return c.Claim(ctx, id, opts)
			},
			told: func(j client.Job) (string, string) {
				r := reviewOf(j, time.Time{})
				return "claimed", "until " + instant(r.ClaimedUntil)
			},
		})
	})
	return cmd
}

// one carries an order out on one job.
func (a *app) one(ctx context.Context, arg string, o order) error {
	id, err := jobID(arg)
	if err != nil {
		return err
	}
	return a.carry(ctx, o, []jobs.ID{id})
}

func (a *app) draftCommand() *cobra.Command {
	var file string
	var opts client.CommandOptions
	cmd := &cobra.Command{
		Use:   "draft ID -f FILE",
		Short: "Save unfinished work on a claimed job",
		Long: `Save unfinished work, as any JSON, on a job that you hold. It stays when the claim
ends, for whoever is next: dlqctl show has it.`,
		Example:           "  dlqctl review draft job_01KA7QZ3 -f data.json",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeIDs(jobs.InReview),
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "the `FILE` with the work, - for stdin")
	cmd.RunE = a.begin(func(ctx context.Context, args []string) error {
		return a.withData(ctx, args[0], file, order{kind: "DraftList", done: "saved"},
			func(ctx context.Context, c *client.Client, id jobs.ID, data json.RawMessage) (client.Job, error) {
				return c.Draft(ctx, id, data, opts)
			})
	})
	return cmd
}

func (a *app) unclaimCommand() *cobra.Command {
	var opts client.CommandOptions
	cmd := &cobra.Command{
		Use:               "unclaim ID",
		Short:             "Give a claimed job back",
		Long:              "Give a job that you hold back, with its draft, so that others can claim it.",
		Example:           `  dlqctl review unclaim job_01KA7QZ3 --reason "needs somebody who reads Dutch"`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeIDs(jobs.InReview),
	}
	reasonFlag(cmd, &opts.Reason)
	cmd.RunE = a.begin(func(ctx context.Context, args []string) error {
		return a.one(ctx, args[0], order{
			kind: "UnclaimList", done: "given back",
			do: func(ctx context.Context, c *client.Client, id jobs.ID) (client.Job, error) {
				return c.Unclaim(ctx, id, opts)
			},
			told: func(client.Job) (string, string) { return "unclaimed", "" },
		})
	})
	return cmd
}

func (a *app) sendBackCommand() *cobra.Command {
	review := []jobs.State{jobs.InReview}
	b := bulkFlags{filter: filterFlags{allowed: review, usual: review}}
	cmd := &cobra.Command{
		Use:   "send-back ID... | send-back FILTERS",
		Short: "Return jobs to the machines",
		Long: `Return jobs that wait for a person to the machines: each gets a new run with
attempts of its own, in another lane if you like.
` + aboutFilters,
		Example: `  dlqctl review send-back job_01KA7QZ3 --to-lane interactive --reason "the model is back"
  dlqctl review send-back --wait-reason all_tiers_failed --since 1d --rate 100/m`,
		ValidArgsFunction: a.completeIDs(review...),
	}
	b.register(a, cmd, "state", "class", "provider")
	a.rerun(cmd, &b, order{verb: "Send back", kind: "SendBackList", done: "sent back"}, (*client.Client).SendBack)
	return cmd
}
