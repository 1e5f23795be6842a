package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/pkg/client"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// aboutFilters is the part of the help of commands that take filters.
const aboutFilters = `
With filters instead of IDs the server selects the jobs and works through them
as an operation: first it says how many there are, and asks. Ctrl-C leaves the
operation running; dlqctl ops shows and steers it. --dry-run leaves it unstarted.
`

// rerunFlags are the flags of a new run.
type rerunFlags struct {
	lane     string
	deadline time.Duration
	reason   string
}

func (f *rerunFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.lane, "to-lane", "", "move to this lane: critical, interactive, standard or batch")
	cmd.Flags().DurationVar(&f.deadline, "deadline", 0, "how long the new run may take (default as long as the run before)")
	reasonFlag(cmd, &f.reason)
	fixed(cmd, "to-lane", laneNames()...)
}

func (f *rerunFlags) options(cmd *cobra.Command) (client.RequeueOptions, error) {
	if err := checkLane("to-lane", f.lane); err != nil {
		return client.RequeueOptions{}, err
	}
	if cmd.Flags().Changed("deadline") && f.deadline < time.Second {
		return client.RequeueOptions{}, usagef("--deadline takes a span of 1s or more")
	}
	return client.RequeueOptions{CommandOptions: client.CommandOptions{Reason: f.reason}, Lane: f.lane, Deadline: f.deadline}, nil
}

// rerun gives a command the flags of a new run, and its work: the order o, which
// run carries out on one job.
func (a *app) rerun(
	cmd *cobra.Command, b *bulkFlags, o order,
	run func(*client.Client, context.Context, jobs.ID, client.RequeueOptions) (client.Job, error),
) {
	var f rerunFlags
	f.register(cmd)
	cmd.RunE = a.begin(func(ctx context.Context, args []string) error {
		opts, err := f.options(cmd)
		if err != nil {
			return err
		}
		o.many = client.Order{Action: client.RequeueJobs, Lane: opts.Lane, Deadline: opts.Deadline, Reason: opts.Reason}
		o.do = func(ctx context.Context, c *client.Client, id jobs.ID) (client.Job, error) {
			return run(c, ctx, id, opts)
		}
		o.told = func(j client.Job) (string, string) {
			result := strings.ReplaceAll(o.done, " ", "_")
			return result, fmt.Sprintf("run %d in lane %s, deadline %s", j.Run, j.Lane, instant(j.DeadlineAt))
		}
		return a.several(ctx, cmd, b, args, o)
	})
}

func (a *app) requeueCommand() *cobra.Command {
	b := bulkFlags{filter: filterFlags{
		allowed: []jobs.State{jobs.Failed, jobs.Expired, jobs.Cancelled, jobs.InReview}, usual: []jobs.State{jobs.Failed, jobs.Expired},
	}}
	cmd := &cobra.Command{
		Use:   "requeue ID... | requeue FILTERS",
		Short: "Run jobs again",
		Long: `Run jobs again that failed, expired, were cancelled or wait for a person.
History and attempts are kept, and the new run gets attempts of its own.
` + aboutFilters + `
As TSV the columns are: id, result, detail. The result is requeued, or why not:
not_found, conflict, forbidden, throttled, unavailable, error, no_answer (it may
have happened) or not_tried. An operation is a line as of dlqctl ops ls.`,
		Example: `  dlqctl requeue job_01KA7QZ3 --reason "INC-42 provider is back"
  dlqctl requeue --class rate --changed-since 2h --rate 20/s --stop-on-failure 30% --reason INC-42
  dlqctl ls --class rate --label source=mail -o name | dlqctl requeue --ids-from - --to-lane batch -y`,
		ValidArgsFunction: a.completeIDs(jobs.Failed, jobs.Expired, jobs.InReview),
	}
	b.register(a, cmd)
	a.rerun(cmd, &b, order{verb: "Requeue", kind: "RequeueList", done: "requeued"}, (*client.Client).Requeue)
	return cmd
}

func (a *app) cancelCommand() *cobra.Command {
	b := bulkFlags{filter: filterFlags{allowed: []jobs.State{jobs.Queued, jobs.Parked, jobs.Running, jobs.InReview}}}
	var opts client.CommandOptions
	cmd := &cobra.Command{
		Use:   "cancel ID... | cancel --state STATE FILTERS",
		Short: "Cancel jobs that wait or run",
		Long: `Cancel jobs that wait, in a queue or for a person, and tell running ones to stop;
these end as soon as their worker hears of it, with the result cancelling.
` + aboutFilters,
		Example: `  dlqctl cancel job_01KA7QZ3 --reason "sent twice"
  dlqctl cancel --state queued,parked --batch bat_01KA7R --reason "wrong file"`,
		ValidArgsFunction: a.completeIDs(jobs.Queued, jobs.Running, jobs.Parked, jobs.InReview),
	}
	b.register(a, cmd, "class", "provider")
	reasonFlag(cmd, &opts.Reason)
	cmd.RunE = a.begin(func(ctx context.Context, args []string) error {
		return a.several(ctx, cmd, &b, args, order{
			verb: "Cancel", kind: "CancelList", done: "cancelled",
			many: client.Order{Action: client.CancelJobs, Reason: opts.Reason},
			do: func(ctx context.Context, c *client.Client, id jobs.ID) (client.Job, error) {
				return c.Cancel(ctx, id, opts)
			},
			told: func(j client.Job) (string, string) {
				if j.State == jobs.Cancelled {
					return "cancelled", ""
				}
				return "cancelling", "its worker was told to stop"
			},
		})
	})
	return cmd
}

func (a *app) moveCommand() *cobra.Command {
	waiting := []jobs.State{jobs.Queued, jobs.Parked}
	b := bulkFlags{filter: filterFlags{allowed: waiting, usual: waiting}}
	var lane string
	var opts client.CommandOptions
	cmd := &cobra.Command{
		Use:   "move --to-lane LANE ID... | move --to-lane LANE FILTERS",
		Short: "Move waiting jobs to another lane",
		Long: `Move queued and parked jobs to another lane. Each keeps its place by the time it
was queued, and its deadline.
` + aboutFilters,
		Example: `  dlqctl move job_01KA7QZ3 --to-lane interactive --reason "the customer waits"
  dlqctl move --tenant acme --lane standard --to-lane batch`,
		ValidArgsFunction: a.completeIDs(waiting...),
	}
	b.register(a, cmd, "class", "provider")
	cmd.Flags().StringVar(&lane, "to-lane", "", "the lane to move to: critical, interactive, standard or batch")
	reasonFlag(cmd, &opts.Reason)
	fixed(cmd, "to-lane", laneNames()...)
	cmd.RunE = a.begin(func(ctx context.Context, args []string) error {
		if lane == "" {
			return usagef("--to-lane says where to move to")
		}
		if err := checkLane("to-lane", lane); err != nil {
			return err
		}
		return a.several(ctx, cmd, &b, args, order{
			verb: "Move", kind: "MoveList", done: "moved", many: client.Order{Action: client.MoveJobs, Lane: lane, Reason: opts.Reason},
			do: func(ctx context.Context, c *client.Client, id jobs.ID) (client.Job, error) {
				return c.Move(ctx, id, lane, opts)
			},
			told: func(j client.Job) (string, string) { return "moved", "in lane " + j.Lane },
		})
	})
	return cmd
}

func (a *app) eraseCommand() *cobra.Command {
	b := bulkFlags{filter: filterFlags{allowed: []jobs.State{jobs.Succeeded, jobs.Failed, jobs.Cancelled, jobs.Expired}}}
	var reason string
	cmd := &cobra.Command{
		Use:   "erase ID... | erase --state STATE FILTERS",
		Short: "Erase the documents and results of jobs that have ended",
		Long: `Erase the documents and results of jobs that have ended. There is no way back.
History and attempts are left, and the API answers 410 for the job from then on.
A person is always asked.
` + aboutFilters,
		Example: `  dlqctl erase job_01KA7QZ3
  dlqctl erase --state succeeded,failed --label customer=4711 --reason "GDPR request 12"`,
		ValidArgsFunction: a.completeIDs(jobs.Succeeded, jobs.Failed, jobs.Cancelled, jobs.Expired),
	}
	b.register(a, cmd)
	cmd.Flags().StringVar(&reason, "reason", "", fmt.Sprintf("why, for the history of jobs selected by filters; at most %d bytes", jobs.MaxReasonBytes))
	cmd.RunE = a.begin(func(ctx context.Context, args []string) error {
		if reason != "" && !b.filter.given(cmd.Flags()) {
			return usagef("--reason goes with filters here")
		}
		return a.several(ctx, cmd, &b, args, order{
			verb: "Erase", kind: "EraseList", done: "erased", final: true, many: client.Order{Action: client.EraseJobs, Reason: reason},
			do: func(ctx context.Context, c *client.Client, id jobs.ID) (client.Job, error) {
				return client.Job{}, c.Erase(ctx, id)
			},
			told: func(client.Job) (string, string) { return "erased", "" },
		})
	})
	return cmd
}

func (a *app) rejectCommand() *cobra.Command {
	review := []jobs.State{jobs.InReview}
	b := bulkFlags{filter: filterFlags{allowed: review, usual: review}}
	var opts client.RejectOptions
	var class string
	cmd := &cobra.Command{
		Use:   "reject ID... | reject FILTERS",
		Short: "Give up jobs that wait for a person",
		Long: `Give up jobs that wait for a person: they fail with the class rejected, or with
the one of --class, which tells reasons apart in dlqctl groups.
` + aboutFilters,
		Example: `  dlqctl reject job_01KA7QZ3 --class not_an_invoice --reason "a delivery note"
  dlqctl reject --wait-reason all_tiers_failed --tenant acme --until 7d`,
		ValidArgsFunction: a.completeIDs(jobs.InReview),
	}
	b.register(a, cmd, "state", "class", "provider")
	cmd.Flags().StringVar(&class, "class", "", "the class of the failure, for jobs named by ID (default rejected)")
	reasonFlag(cmd, &opts.Reason)
	cmd.RunE = a.begin(func(ctx context.Context, args []string) error {
		opts.Class = jobs.Class(class)
		switch {
		case class != "" && jobs.ID(class).Validate() != nil:
			return usagef("--class takes 1 to %d of 0-9 A-Z a-z _ -", jobs.MaxIDLength)
		case class != "" && b.filter.given(cmd.Flags()):
			return usagef("--class is for jobs named by ID; with filters jobs fail as rejected")
		}
		return a.several(ctx, cmd, &b, args, order{
			verb: "Reject", kind: "RejectList", done: "rejected", many: client.Order{Action: client.RejectJobs, Reason: opts.Reason},
			do: func(ctx context.Context, c *client.Client, id jobs.ID) (client.Job, error) {
				return c.Reject(ctx, id, opts)
			},
			told: func(client.Job) (string, string) { return "rejected", class },
		})
	})
	return cmd
}

// maxData bounds the data that completes a job; the server takes a little
// less.
const maxData = 1 << 20

func (a *app) completeCommand() *cobra.Command {
	var file string
	var opts client.CommandOptions
	cmd := &cobra.Command{
		Use:   "complete ID -f FILE",
		Short: "Give a job its result by hand",
		Long: `Give a job its result by hand. The file holds the data alone, as JSON that fits
the job's schema. It works on jobs in review and on those that failed, expired
or were cancelled.`,
		Example: `  dlqctl complete job_01KA7QZ3 -f data.json
  jq -n '{invoice_number:"8812",invoice_date:"2026-11-22",total:120.5}' | dlqctl complete job_01KA7QZ3 -f -`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeIDs(needing()...),
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "the `FILE` with the data, - for stdin")
	reasonFlag(cmd, &opts.Reason)
	cmd.RunE = a.begin(func(ctx context.Context, args []string) error {
		return a.withData(ctx, args[0], file, order{kind: "CompleteList", done: "completed"},
			func(ctx context.Context, c *client.Client, id jobs.ID, data json.RawMessage) (client.Job, error) {
				return c.Complete(ctx, id, data, opts)
			})
	})
	return cmd
}

// withData reads JSON from a file and gives it to one job.
func (a *app) withData(
	ctx context.Context, arg, file string, o order, do func(context.Context, *client.Client, jobs.ID, json.RawMessage) (client.Job, error),
) error {
	id, err := jobID(arg)
	if err != nil {
		return err
	}
	a.invite("data", file)
	data, err := interruptible(ctx, func() (json.RawMessage, error) { return readData(file, a.stdin) })
	if err != nil {
		return err
	}
	o.do = func(ctx context.Context, c *client.Client, id jobs.ID) (client.Job, error) {
		return do(ctx, c, id, data)
	}
	o.told = func(client.Job) (string, string) { return o.done, "" }
	return a.carry(ctx, o, []jobs.ID{id})
}

// readData reads the JSON that completes a job.
func readData(file string, stdin io.Reader) (data json.RawMessage, err error) {
	switch file {
	case "":
		return nil, usagef("-f names the file with the data, - is stdin")
	case "-":
		data, err = readAll(stdin, maxData)
	default:
		data, err = readFile(file, maxData)
	}
	if err != nil {
		return nil, usagef("-f: %s", err)
	}
	if !json.Valid(data) {
		return nil, usagef("-f: the data is not JSON")
	}
	return data, nil
}

func reasonFlag(cmd *cobra.Command, into *string) {
	cmd.Flags().StringVar(into, "reason", "", fmt.Sprintf("why, for the job's history; at most %d bytes", jobs.MaxReasonBytes))
}
